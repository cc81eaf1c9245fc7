"""The README's commands and its Python are run as they stand, on pictures that the test makes."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from narrows.cli import main

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README.read_text(encoding="utf-8"), re.S | re.M)


@pytest.fixture
def holiday(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the names that the README uses, as the current one."""
    draw = np.random.default_rng(0)
    (tmp_path / "holiday").mkdir()
    names = [f"holiday/{i}.jpg" for i in range(12)] + ["a.jpg", "b.jpg"]
    for name in names:
        colours = draw.integers(0, 256, (2, 2, 3), dtype=np.uint8)
        Image.fromarray(colours).resize((96, 80)).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands() -> list[list[str]]:
    lines = [line for kind, block in BLOCKS if not kind for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.startswith("narrows ")]


def test_the_commands(holiday: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = commands()
    assert [command[1] for command in found] == [
        "duplicates",
        "train",
        "evaluate",
        "inpaint",
        "map",
        "index",
        "search",
        "recipes",
        "train",
    ]
    for command in found:
        if command[1] == "train":  # five minutes are for people
            if "--minutes" in command:
                at = command.index("--minutes")
                del command[at : at + 2]
            command += ["--epochs", "1"]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code in (0, None), command
    assert (holiday / "mended" / "comparison.png").exists()
    assert (holiday / "map" / "map.html").exists()


def test_the_python(holiday: Path) -> None:
    (snippet,) = (block for kind, block in BLOCKS if kind == "python")
    check = "assert tuple(pictures.shape) == (8, 1, 8, 8)"
    done = subprocess.run(
        [sys.executable, "-c", f"{snippet}\n{check}"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (holiday / "runs" / "digits" / "model.safetensors").exists()


def test_every_file_it_links_to_is_there() -> None:
    text = README.read_text(encoding="utf-8")
    targets = [t for t in re.findall(r"\]\(([^)]+)\)", text) if "://" not in t]
    assert targets
    assert not [t for t in targets if not (README.parent / t).exists()]
