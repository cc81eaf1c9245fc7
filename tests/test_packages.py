"""What an index, a citation manager and an engine for containers read of the project."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

import narrows as nw

ROOT = Path(__file__).parents[1]
# what extras bring; the last line is used where it is there
OPTIONAL = {
    *("cv2", "skimage", "constriction", "openTSNE", "lancedb", "lance", "pyarrow", "tensorboard"),
    *("fastapi", "starlette", "uvicorn", "onnx", "onnxruntime", "onnxscript"),
    *("pydantic", "pandas", "IPython", "pillow_heif", "huggingface_hub", "httpx2"),
}
OWN_NAMES = {"pillow": "PIL", "scikit-learn": "sklearn", "tomli-w": "tomli_w"}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def name_of(requirement: str) -> str:
    return re.split(r"[\[<>=;! ]", requirement, maxsplit=1)[0]


def test_the_version_stands_in_one_place(project: dict[str, Any]) -> None:
    assert "version" in project["project"]["dynamic"] and "version" not in project["project"]
    home = ROOT / project["tool"]["hatch"]["version"]["path"]
    assert f'__version__ = "{nw.__version__}"' in home.read_text(encoding="utf-8")
    assert nw.__version__ not in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_what_is_declared_is_imported_and_the_other_way_round(project: dict[str, Any]) -> None:
    imported = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            if isinstance(node, ast.ImportFrom) and not node.level and node.module:
                imported.add(node.module.split(".")[0])
    declared = {
        OWN_NAMES.get(name_of(each), name_of(each)) for each in project["project"]["dependencies"]
    }
    assert declared - imported == set()
    foreign = imported - set(sys.stdlib_module_names) - {"narrows", "narrows_studies"} - declared
    assert foreign <= OPTIONAL, "declare it in pyproject.toml"


def test_the_extra_all_brings_every_extra_for_users(project: dict[str, Any]) -> None:
    extras = project["project"]["optional-dependencies"]

    def brought(name: str) -> set[str]:
        inner = [re.fullmatch(r"narrows\[(.+)\]", each) for each in extras[name]]
        below = [found[1].split(",") for found in inner if found]
        return {name}.union(*(brought(each) for names in below for each in names))

    assert brought("all") == set(extras) - {"bench", "dev", "docs"}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {name for name in brought("all") if f"| `{name}` |" not in readme} == set()


def test_every_requirement_is_pinned(project: dict[str, Any]) -> None:
    pinned = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    }
    groups = [
        project["project"]["dependencies"],
        *project["project"]["optional-dependencies"].values(),
    ]
    wanted = {name_of(each).lower() for group in groups for each in group} - {"narrows"}
    assert wanted - pinned == set()


def test_classifiers_are_those_of_an_index(project: dict[str, Any]) -> None:
    known = pytest.importorskip("trove_classifiers").classifiers
    assert set(project["project"]["classifiers"]) <= known


def test_the_container_runs_without_rights() -> None:
    """The rules that a linter of such files has and that matter here."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [
        line.strip()
        for line in re.sub(r"\\\n\s*", "", text).splitlines()
        if line.strip() and not line.startswith("#")
    ]
    words = [line.split(maxsplit=1) for line in lines]
    images = [rest for word, rest in words if word == "FROM"]
    assert all(re.match(r"[a-z]+:\d+\.\d+\.\d+-\w+", image) for image in images)  # pinned
    users = [number for number, (word, _) in enumerate(words) if word == "USER"]
    assert words[users[-1]][1] not in ("root", "0")
    assert not any(word in ("RUN", "ADD", "COPY") for word, _ in words[users[-1] :])
    installs = [rest for word, rest in words if word == "RUN" and "pip install" in rest]
    assert all("--no-cache" in each for each in installs) and installs
    assert [word for word, _ in words if word in ("ADD", "MAINTAINER")] == []
    assert [rest[0] for word, rest in words if word in ("ENTRYPOINT", "CMD")] == ["[", "["]
    copied = " ".join(rest for word, rest in words if word == "COPY" and "--from" not in rest)
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    for name in copied.replace("./", "").split():
        assert (ROOT / name).exists() and f"!{name}\n" in kept, name


@pytest.mark.slow
def test_the_wheel_alone_runs_the_demo(tmp_path: Path) -> None:
    """Built, installed into an environment that sees the libraries of this one, and run from it."""
    pytest.importorskip("hatchling")
    build = f"from hatchling.build import build_wheel; print(build_wheel({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", build], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    wheel = tmp_path / done.stdout.split()[-1]
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.endswith("share/man/man1/narrows.1") for name in names)
    assert {"narrows/py.typed", "narrows/studio/static/index.html"} <= {*names}
    print(f"{wheel.name}: {wheel.stat().st_size / 1000:,.0f} kB, {len(names)} files")
    assert wheel.stat().st_size < 25e6

    venv.create(tmp_path / "fresh", with_pip=True)
    scripts = tmp_path / "fresh" / "bin"
    libraries = next((tmp_path / "fresh").glob("lib/python*/site-packages"))
    pip = [scripts / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, wheel], check=True)
    # after the installation, and last on the path: what is installed here is found first
    (libraries / "seen.pth").write_text(sysconfig.get_path("purelib") + "\n")
    clean = {"PATH": str(scripts), "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    where = [scripts / "python", "-c", "import narrows; print(narrows.__file__)"]
    found = subprocess.run(where, env=clean, capture_output=True, text=True, check=True).stdout
    assert Path(found.strip()).is_relative_to(libraries)
    demo = [scripts / "narrows", "demo", "--to", tmp_path / "demo", "--epochs", "0.2"]
    shown = subprocess.run(demo, env=clean, cwd=tmp_path, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    assert list((tmp_path / "demo").glob("*.html"))
