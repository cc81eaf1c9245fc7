"""All that is on the pages of applications and of collections runs, on digits for minutes' sets.

Whether it is understood, the commands' options and the names and arguments of calls, takes no time.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import importlib.util
import inspect
import re
import struct
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from sklearn.datasets import load_digits

import narrows as nw
from narrows.cli.app import app

ROOT = Path(__file__).parents[2]
NO_APPLICATIONS = {
    "export",
    "check",
    "demo",
    "edit",
    "evaluate",
    "flaws",
    "info",
    "pull",
    "push",
    "recipes",
    "reproduce",
    "restore",
    "size",
    "studio",
    "train",
    "tune",
}
GROUPS = {"collection", "segment"}


@pytest.fixture(scope="module")
def gallery() -> types.ModuleType:
    """The script that makes the page."""
    spec = importlib.util.spec_from_file_location("gallery", ROOT / "docs" / "gallery.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", autouse=True)
def verbs_are_known(gallery: types.ModuleType) -> None:
    """The command line imports its verbs when it is first used."""
    assert gallery.said_by(["narrows", "--version"]).startswith("narrows ")


@pytest.fixture(scope="module", params=["applications", "collections"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def page(gallery: types.ModuleType, name: str) -> str:
    return str(gallery.PAGES[name].read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sets of the names and sizes that the page uses, made of scikit-learn's digits."""
    folder = tmp_path_factory.mktemp("sets")
    found = load_digits()
    pictures = [
        np.asarray(Image.fromarray((d * 15.9).astype(np.uint8)).resize((28, 28), 2))
        for d in found.images[:540]
    ]
    for name, stack in (("mnist", np.stack(pictures)), ("fashion_mnist", np.stack(pictures[::-1]))):
        (folder / name).mkdir()
        for part, rows in (("train", slice(0, 480)), ("t10k", slice(480, 540))):
            labels = found.target[rows].astype(np.uint8)
            _idx(folder / name / f"{part}-images-idx3-ubyte", stack[rows])
            _idx(folder / name / f"{part}-labels-idx1-ubyte", labels)
    (folder / "kodak").mkdir()
    for i in range(24):
        colours = np.stack([found.images[3 * i + c] for c in range(3)], 2) * 15.9
        photo = Image.fromarray(colours.astype(np.uint8)).resize((96, 64), 2)
        photo.save(folder / "kodak" / f"kodim{i + 1:02d}.png")
    return folder


def _idx(path: Path, array: np.ndarray) -> None:
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(head + array.tobytes())


def shortened(page: str) -> str:
    """The page with trainings of seconds."""
    return re.sub(r"steps=\d+", "steps=20", re.sub(r"--epochs \S+", "--epochs 0.3", page))


@pytest.fixture(scope="module")
def made(
    gallery: types.ModuleType,
    page: str,
    stored: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, str, list[list[str]]]:
    """The folder where all of the page was run, the page as it is then, and the commands."""
    folder = tmp_path_factory.mktemp("gallery")
    shorter = shortened(page).replace("(512, 768)", "(128, 192)")
    ran: list[list[str]] = []

    def run(arguments: list[str]) -> str:
        ran.append(arguments)
        return str(gallery.said_by(arguments))

    with pytest.MonkeyPatch.context() as patched, contextlib.chdir(folder):
        patched.setenv("NARROWS_DATA", str(stored))
        patched.setenv("NARROWS_CACHE", str(folder / "cache"))
        patched.setattr(importlib.import_module("narrows.applications.fine_tune"), "STEPS", 3)
        written = gallery.played(shorter, run)
    return folder, written, ran


def test_every_command_is_understood(gallery: types.ModuleType, page: str) -> None:
    group: Any = typer.main.get_command(app)
    lines = [
        arguments
        for kind, text in gallery.BLOCK.findall(page)
        if kind == "console"
        for _, arguments in gallery.commands(text)
    ]
    assert len(lines) > 5
    for _, *words in lines:
        command = group
        while hasattr(command, "commands"):
            command, words = command.commands[words[0]], words[1:]
        command.make_context("narrows", list(words))  # raises what a wrong option gives
    with pytest.raises(Exception, match="No such option"):
        group.commands["morph"].make_context("narrows", ["model", "a.png", "--backwards"])


def test_every_call_is_understood(gallery: types.ModuleType, page: str) -> None:
    calls = [
        node
        for kind, text in gallery.BLOCK.findall(page)
        if kind == "python"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("nw.")
    ]
    assert len(calls) > 5
    for node in calls:
        function = functools.reduce(getattr, ast.unparse(node.func).split(".")[1:], nw)
        known = inspect.signature(function).parameters
        if not any(one.kind is one.VAR_KEYWORD for one in known.values()):
            assert {one.arg for one in node.keywords} <= {*known}, ast.unparse(node)


@pytest.mark.slow
def test_every_command_runs(
    gallery: types.ModuleType, page: str, made: tuple[Path, str, list[list[str]]]
) -> None:
    _, written, ran = made
    blocks = [text for kind, text in gallery.BLOCK.findall(page) if kind == "console"]
    assert len(ran) == sum(line.startswith("$ ") for text in blocks for line in text.splitlines())
    assert all(arguments[0] == "narrows" for arguments in ran)
    assert [line for line in written.splitlines() if line.startswith("$ ")] == [
        line for line in shortened(page).splitlines() if line.startswith("$ ")
    ]


def test_every_application_has_its_command(gallery: types.ModuleType) -> None:
    verbs = {str(c.name or c.callback.__name__) for c in app.registered_commands if c.callback}
    blocks = [
        text
        for path in gallery.PAGES.values()
        for kind, text in gallery.BLOCK.findall(path.read_text(encoding="utf-8"))
        if kind == "console"
    ]
    used = {arguments[1] for text in blocks for _, arguments in gallery.commands(text)}
    assert (verbs | GROUPS) - NO_APPLICATIONS == used - NO_APPLICATIONS


@pytest.mark.slow
def test_every_picture_is_written_by_a_command(
    gallery: types.ModuleType, page: str, made: tuple[Path, str, list[list[str]]]
) -> None:
    sources = gallery.pictures(page).values()
    assert sources and [file for file in sources if not (made[0] / file).is_file()] == []


def test_the_pictures_are_there_and_small(gallery: types.ModuleType, page: str, name: str) -> None:
    shown = re.findall(r"!\[[^\]]+\]\((pictures/[^ )]+)", page)
    assert sorted(shown) == sorted(gallery.pictures(page))
    folder = ROOT / "docs" / "pictures" / name
    there = {str(path.relative_to(ROOT / "docs")) for path in folder.iterdir()}
    assert there == set(shown), "make them again: make gallery"
    sizes = [path.stat().st_size for path in folder.iterdir()]
    assert max(sizes) <= gallery.LARGEST and sum(sizes) <= gallery.LARGEST_IN_ALL
