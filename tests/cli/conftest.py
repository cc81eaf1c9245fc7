"""The command line as a person meets it: arguments in, exit code and text out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import narrows as nw
from narrows.cli import main
from narrows.images import Images, Preprocessing


class Result(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def narrows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Result]:
    """narrows("info", folder) → exit code, standard output, standard error."""

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["narrows", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else int(bool(left.code))
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model of digits, trained through the command line."""
    folder = tmp_path_factory.mktemp("cli") / "model"
    before = sys.argv
    sys.argv = [
        *("narrows", "train", "digits", "--recipe", "mlp-vae", "--epochs", "2", "--to"),
        str(folder),
    ]
    try:
        main()
    except SystemExit as left:
        assert not left.code
    finally:
        sys.argv = before
    return folder


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of patches of 8×8, as it is built: a cosine threshold against noise of σ = 0.1."""
    images = Images(
        np.zeros((2, 1, 8, 8), np.uint8), preprocessing=Preprocessing((1, 8, 8), patches=True)
    )
    folder = tmp_path_factory.mktemp("cli") / "local"
    recipe = nw.recipes.denoiser((1, 8, 8), patches=True).with_(steps=0)
    nw.fit(recipe, images, to=folder, report="quiet")
    return folder
