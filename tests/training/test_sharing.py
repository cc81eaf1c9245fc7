"""What a model tells of the machine it was trained on: nothing, but for one file that is named so."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import narrows as nw
from narrows.cli import main
from narrows.training import facts_of

FOLDER, MAKER, AUTHOR = "Aunt-Hildegards-Album", "Canarycam", "Erna Musterfrau"


def run(*arguments: object) -> None:
    before, sys.argv = sys.argv, ["narrows", *map(str, arguments)]
    try:
        main()
    except SystemExit as left:
        assert not left.code
    finally:
        sys.argv = before


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a folder with a telling name, of pictures with a telling header, with a prior and tables."""
    place = tmp_path_factory.mktemp("sharing")
    pictures, draws = place / FOLDER, np.random.default_rng(0)
    pictures.mkdir()
    exif = Image.Exif()
    exif[271], exif[315] = MAKER, AUTHOR
    for number in range(24):
        picture = Image.fromarray(draws.integers(0, 256, (16, 16, 3), np.uint8))
        picture.save(pictures / f"{AUTHOR}-{number}.jpg", exif=exif)
    model = place / f"of-{FOLDER}"
    given = ("--size", 8, "--recipe", "mlp-vae", "--epochs", 1, "--code-size", 2)
    run("train", pictures, *given, "--to", model)
    run("prior", model, pictures, "--kind", "gaussian")
    run("compress", model, "--fit-on", pictures)
    return model


def telling(folder: Path) -> list[str]:
    """The files that hold a canary, as it is or in UTF-16."""
    words = [FOLDER, MAKER, AUTHOR, str(Path.home()), str(folder.parent)]
    bytes_of = [w.encode(e) for w in words for e in ("utf-8", "utf-16-le") if len(w) > 5]
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [p.name for p in files if any(word in p.read_bytes() for word in bytes_of)]


def test_only_one_file_of_a_run_is_of_this_machine(trained: Path) -> None:
    assert telling(trained) == ["local.toml"]
    facts = facts_of(trained)
    assert facts["pictures"].endswith(FOLDER) and FOLDER in facts["command"]
    assert "narrows train … --size 8" in (trained / "card.md").read_text(encoding="utf-8")
    assert (trained / "local.toml").read_text(encoding="utf-8").startswith("# Of this machine only")


def test_a_saved_model_carries_none_of_it(trained: Path, tmp_path: Path) -> None:
    model = nw.load(trained)
    assert model.run.facts["pictures"].endswith(FOLDER)
    nw.save(model, tmp_path / "shared")
    assert telling(tmp_path / "shared") == [] and not (tmp_path / "shared" / "local.toml").exists()
    assert "pictures" not in nw.load(tmp_path / "shared").run.facts
    (trained / "local.toml").rename(tmp_path / "kept.toml")
    try:
        assert nw.load(trained).fingerprint() == model.fingerprint()
    finally:
        (tmp_path / "kept.toml").rename(trained / "local.toml")


def test_a_damaged_local_file_is_no_reason_to_refuse_a_model(trained: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(trained, tmp_path / "copy"))
    (folder / "local.toml").write_bytes(b"\xff = [")
    assert "pictures" not in nw.load(folder).run.facts
