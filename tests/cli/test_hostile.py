"""Names and files that others made, on a terminal: one line each, and nothing that steers it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NARROWS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    where = tmp_path / "pictures"
    where.mkdir()
    for name, side in (("small.png", 10), ("large.png", 40)):
        Image.fromarray(np.full((side, side, 3), 99, np.uint8)).save(where / name)
    return where


def test_a_person_says_how_many_pixels_are_read(narrows, folder: Path) -> None:
    limited = narrows("data", "describe", folder, "--pixel-limit", "1599")
    assert limited.code == 0 and "too large: 40 x 40 is 1,600 pixels" in limited.out + limited.err
    assert "NARROWS_PIXEL_LIMIT" not in os.environ
    whole = narrows("data", "describe", folder, "--pixel-limit", "1.6e3")
    assert "2 gray pictures" in whole.out and "too large" not in whole.out + whole.err
    wrong = narrows("data", "describe", folder, "--pixel-limit", "lots")
    assert wrong.code == 2
    assert wrong.err.splitlines()[-1].startswith("narrows: a pixel limit is 1 to 2,147,483,647")
    for verb in ("train", "denoise", "index", "evaluate", "compress"):
        assert "--pixel-limit" in narrows(verb, "--help").out
    assert "--pixel-limit" not in narrows("info", "--help").out


def test_what_steers_a_terminal_is_written_out(narrows, trained: Path, folder: Path) -> None:
    for name in ("a\x1b[2Jb.png", "c\nnarrows: all is well.png", "d\x9b31me\u202e.png"):
        (folder / name).write_bytes(b"no picture")
    files = sorted(folder.iterdir())
    result = narrows("reconstruct", trained, *files, "-o", folder / "out")
    assert result.code == 0
    assert "a\\x1b[2Jb.png: not a picture" in result.err
    assert not set("\x1b\x9b\u202e") & set(result.out + result.err)
    assert all(line.startswith(("skipped", "note")) for line in result.err.splitlines())
    alone = narrows("reconstruct", trained, files[0], "-o", folder / "out")
    assert alone.code == 1 and len(alone.err.splitlines()) == 1 and "\x1b" not in alone.err


SAYS = """
import os, sys
from narrows.cli import main as module
from narrows.errors import BadFile

class App:
    registered_commands = registered_groups = ()

    def __call__(self, prog_name):
        os.write(2, b"thread 'worker' panicked at engine.rs\\n")
        print("said by Python", file=sys.stderr)
        raise BadFile("the collection is damaged")

module = sys.modules["narrows.cli.main"]
module.app = App()
module.main()
"""


def test_libraries_do_not_speak_past_the_command_line() -> None:
    done = subprocess.run([sys.executable, "-c", SAYS], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "said by Python\nnarrows: the collection is damaged\n"
    environment = os.environ | {"NARROWS_DEBUG": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SAYS], capture_output=True, text=True, env=environment
    )
    assert "panicked" in done.stderr and "Traceback" in done.stderr
