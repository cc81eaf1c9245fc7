"""Imports go one way, ``import narrows`` is light, and what is public is chosen by hand."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

import narrows as nw

ROOT = Path(nw.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
MODULES = [
    ".".join(["narrows", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__")
    for path in FILES
    if path.name != "__main__.py"
]
PACKAGES = [name for name in MODULES if name.count(".") == 1 and (ROOT / name[8:]).is_dir()]

LEVELS = [
    ["errors", "memory", "near"],
    ["processes"],
    ["defaults", "parts", "randomness", "files", "progress", "tables"],
    ["locks"],
    ["figures"],
    ["results"],
    ["images"],
    ["networks"],
    ["bottlenecks"],
    ["objectives"],
    ["autoencoder", "encoders"],
    ["measures"],
    ["training"],
    ["recipes"],
    ["priors"],
    ["collection"],
    ["applications"],
    ["sklearn"],
    ["studio"],
    ["cli"],
    ["__main__"],
]
LEVEL = {name: level for level, names in enumerate(LEVELS) for name in names}


def imports(path: Path, package: str) -> Iterator[tuple[str, int]]:
    """The absolute names that a file imports, wherever it does, and their lines."""

    def visit(node: ast.AST) -> Iterator[tuple[str, int]]:
        if isinstance(node, ast.If) and ast.unparse(node.test) in (
            "TYPE_CHECKING",
            "typing.TYPE_CHECKING",
        ):
            children: list[ast.AST] = list(node.orelse)
        else:
            children = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*(above if node.level else []), *filter(None, [node.module])])
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)
        for child in children:
            yield from visit(child)

    yield from visit(ast.parse(path.read_text(encoding="utf-8")))


def home(name: str) -> str | None:
    """The package of ours that an absolute name belongs to."""
    pieces = name.split(".")
    if pieces[0] != "narrows" or len(pieces) == 1:
        return None
    # "from .. import fit" comes through the front door, from where that keeps it
    return nw._HOMES.get(pieces[1], f".{pieces[1]}")[1:].split(".")[0]


def package_of(path: Path) -> str:
    return ".".join(["narrows", *path.parent.relative_to(ROOT).parts])


def wrong_way(path: Path) -> list[str]:
    own = path.relative_to(ROOT).with_suffix("").parts[0]
    if own == "__init__":  # the front door, whose names are loaded when they are used
        return []
    found = []
    for name, line in imports(path, package_of(path)):
        other = home(name)
        if other is None or other == own:
            continue
        assert other in LEVEL or other == "__version__", f"{path}:{line} imports {name}: no level"
        if LEVEL.get(other, -1) >= LEVEL[own]:
            found.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    return found


def test_a_package_imports_only_from_those_above_it() -> None:
    assert [found for path in FILES for found in wrong_way(path)] == []


def test_only_the_command_that_reproduces_knows_of_the_studies() -> None:
    found = {
        str(path.relative_to(ROOT))
        for path in FILES
        for name, _ in imports(path, package_of(path))
        if name.split(".")[0] == "narrows_studies"
    }
    assert found == {"cli/reproduce.py"}


def graph() -> dict[str, set[str]]:
    """Each module and those of ours that it imports, wherever it does."""
    found: dict[str, set[str]] = {}
    for path in FILES:
        name = ".".join(["narrows", *path.relative_to(ROOT).with_suffix("").parts])
        name = name.removesuffix(".__init__")
        used = set()
        for imported, _ in imports(path, package_of(path)):
            holder = imported.rpartition(".")[0]
            used.add(imported if imported in MODULES else holder)
        found[name] = {each for each in used if each in MODULES} - {name, "narrows"}
    return found


def test_no_files_import_one_another_in_a_circle() -> None:
    left = graph()
    while free := [name for name, used in left.items() if not used & left.keys()]:
        for name in free:
            del left[name]
    # what is left leads into a circle; those that nothing of it needs are not part of one
    while ends := [n for n in left if not any(n in used for m, used in left.items() if m != n)]:
        for name in ends:
            del left[name]
    assert sorted(left) == []


def test_every_package_has_its_level() -> None:
    own = {path.relative_to(ROOT).with_suffix("").parts[0] for path in FILES} - {"__init__"}
    assert own <= LEVEL.keys()


def test_the_front_door_loads_nothing_of_ours() -> None:
    assert [name for name, _ in imports(ROOT / "__init__.py", "narrows") if home(name)] == []


@pytest.mark.parametrize(
    "source, wanted",
    [
        ("from ..files import load_toml", ["narrows.files.load_toml"]),
        ("from .. import files", ["narrows.files"]),
        ("from . import heads", ["narrows.bottlenecks.heads"]),
        ("def f():\n    from narrows.cli import main", ["narrows.cli.main"]),
        ("import narrows.cli", ["narrows.cli"]),
        ("if TYPE_CHECKING:\n    from ..cli import main\nelse:\n    import os", ["os"]),
    ],
)
def test_the_reader_of_imports_reads(tmp_path: Path, source: str, wanted: list[str]) -> None:
    path = tmp_path / "some.py"
    path.write_text(source)
    assert [name for name, _ in imports(path, "narrows.bottlenecks")] == wanted


@pytest.mark.parametrize(
    "statement, absent",
    [
        ("import narrows", ["torch", "numpy", "sklearn", "PIL", "matplotlib"]),
        ("import narrows; dir(narrows); narrows.__version__", ["torch", "numpy"]),
        ("import narrows.cli", ["torch", "sklearn", "matplotlib"]),
    ],
)
def test_an_import_is_light(statement: str, absent: list[str]) -> None:
    show = f"{statement}; import sys; print([m for m in {absent} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there_and_says_what_it_is() -> None:
    assert list(nw.__all__) == sorted(nw.__all__)
    for name in nw.__all__:
        assert (getattr(nw, name).__doc__ or "").strip(), f"narrows.{name} has no docstring"
    assert set(nw.__all__) <= set(dir(nw))


@pytest.mark.parametrize(
    "use",
    [
        "collection.Collection.open",
        pytest.param("parts.listed('bottleneck')", marks=pytest.mark.slow),
        pytest.param("randomness.Draws(0)", marks=pytest.mark.slow),
        "sklearn.AutoencoderTransformer",
        "training.Phase()",
    ],
)
def test_a_module_is_reached_by_attribute_in_a_fresh_interpreter(use: str) -> None:
    command = [sys.executable, "-c", f"import narrows as nw; nw.{use}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'narrows' has no attribute 'nothing'"):
        _ = nw.nothing


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_offers_what_its_list_says(name: str) -> None:
    package = importlib.import_module(name)
    assert package.__doc__, f"{name} has no docstring"
    assert [key for key in package.__all__ if not hasattr(package, key)] == []  # and loads them
    there = {
        key
        for key, value in vars(package).items()
        if not key.startswith("_")
        and not isinstance(value, types.ModuleType)
        and key != "annotations"
    }
    listed = {
        key for key in package.__all__ if not isinstance(vars(package)[key], types.ModuleType)
    }
    assert listed == there
    assert len(package.__all__) == len(set(package.__all__))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_has_what_its_list_says(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} has no docstring"
    assert [key for key in getattr(module, "__all__", []) if not hasattr(module, key)] == []


@pytest.mark.parametrize("name", MODULES)
def test_public_functions_and_classes_have_docstrings(name: str) -> None:
    module = importlib.import_module(name)
    bare = [
        key
        for key in getattr(module, "__all__", [])
        if callable(value := getattr(module, key))
        and getattr(value, "__module__", "").startswith("narrows")
        and not value.__doc__
    ]
    assert bare == []


def unsafe(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            yield from (
                n for n in names if n.split(".")[0] in ("pickle", "dill", "joblib", "shelve")
            )
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in ("eval", "exec", "torch.load", "torch.save", "marshal.loads"):
                yield called
            for keyword in node.keywords:
                if keyword.arg == "allow_pickle" and ast.unparse(keyword.value) != "False":
                    yield "allow_pickle"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_that_is_read_is_executed(path: Path) -> None:
    assert list(unsafe(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_the_search_for_execution_finds_it() -> None:
    found = unsafe(ast.parse("import pickle\nnp.load(p, allow_pickle=True)\neval('1')\nm.eval()"))
    assert list(found) == ["pickle", "allow_pickle", "eval"]
