"""What every verb promises: a model or its folder, pictures of any kind, no flag of training, a result.

A verb is added by one line of ``VERBS``.
"""

from __future__ import annotations

import functools
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakehub import hub_here
from PIL import Image

import narrows as nw
from narrows.applications.classify import classify
from narrows.applications.compress import compress
from narrows.applications.denoise import denoise
from narrows.applications.duplicates import duplicates
from narrows.applications.edit import edit
from narrows.applications.evaluate import evaluate
from narrows.applications.export import export
from narrows.applications.hub import pull, push
from narrows.applications.index import index
from narrows.applications.inpaint import inpaint
from narrows.applications.kernels import kernels
from narrows.applications.map import map as map_codes
from narrows.applications.morph import morph, sample_posterior
from narrows.applications.outliers import outliers
from narrows.applications.prior import prior
from narrows.applications.reconstruct import reconstruct
from narrows.applications.restore import restore
from narrows.applications.search import search
from narrows.applications.steer import steer
from narrows.applications.train import train
from narrows.applications.upscale import upscale
from narrows.images.sizes import sized
from narrows.results import Result

SHAPE = (1, 12, 8)


def indexed(m: Any, p: Any) -> Any:
    """Pictures as a collection in a new folder."""
    return index(m, p, Path(tempfile.mkdtemp()) / "codes", progress=False)


def pushed(m: Any, then: Callable[[str], Any] | None = None) -> Any:
    """A model on a hub of this machine, and what is done with it there."""
    with hub_here(Path(tempfile.mkdtemp())):
        result = push(m, "jane/a", progress=False)
        return result if then is None else then("jane/a")


@functools.cache
def of_old_photos() -> nw.Autoencoder:
    """A model of gray old photographs, untrained."""
    return nw.recipes.old_photos(SHAPE, channels=4, blocks=1).build().eval()


def painted(m: Any, p: Any) -> Any:
    """The pictures as files, a block of each painted over."""
    folder = Path(tempfile.mkdtemp())
    read = sized(p, nw.images.Preprocessing(SHAPE))
    for number, one in enumerate(read.pixels):
        pixels = one[0].numpy().copy()
        pixels[2:6, 2:5] = 255 - pixels[2:6, 2:5]
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    return folder


# name → a call of (model, pictures) with no other choice than the verb itself needs
VERBS: dict[str, Callable[[Any, Any], Any]] = {
    "reconstruct": lambda m, p: reconstruct(m, p, progress=False),
    "evaluate": lambda m, p: evaluate(m, p, progress=False),
    "outliers": lambda m, p: outliers(m, p, normal=p, quantile=0.8, neighbours=2, progress=False),
    "prior": lambda m, p: prior(m, p, "gaussian", progress=False),
    "denoise": lambda m, p: denoise(
        m, p, noise="gaussian 0.1", resize="pad", baselines=False, progress=False
    ),
    "restore": lambda m, p: restore(p, of_old_photos(), made_old=True, progress=False),
    "upscale": lambda m, p: upscale(m, p, factor=2, by="lanczos", progress=False),
    "inpaint": lambda m, p: inpaint(
        m, p, rectangle=(1, 1, 3, 3), starts=1, evaluations=2, baselines=False, progress=False
    ),
    "morph": lambda m, p: morph(m, p, frames=3, limit=3, progress=False),
    "sample_posterior": lambda m, p: sample_posterior(m, p, samples=2, limit=3, progress=False),
    "steer": lambda m, p: steer(m, p, by="brightness", fit_on=p, limit=2, progress=False),
    "edit": lambda m, p: edit(m, p, painted(m, p), evaluations=2, progress=False),
    "kernels": lambda m, p: kernels(m, p, limit=2, progress=False),
    "classify": lambda m, p: classify(
        m, p, labels=np.arange(24) // 12, by="knn", predict=p, progress=False
    ),
    "index": indexed,
    "search": lambda m, p: search(indexed(m, p).collection, p, model=m, k=3, progress=False),
    "duplicates": lambda m, p: duplicates(p, model=m, progress=False),
    "duplicates of a collection": lambda m, p: duplicates(
        indexed(m, p).collection, by="codes", model=m, progress=False
    ),
    "map": lambda m, p: map_codes(m, p, progress=False),
    "map of a collection": lambda m, p: map_codes(indexed(m, p).collection, progress=False),
    "collection info": lambda m, p: indexed(m, p).collection.info(),
    "export": lambda m, p: export(
        m, "pt2", Path(tempfile.mkdtemp()) / "a.pt2", part="score", pictures=p, progress=False
    ),
    "push": lambda m, p: pushed(m),
    "pull": lambda m, p: pushed(m, lambda name: pull(name, progress=False)),
}


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 24 pictures in two classes, 20 wide and 14 high."""
    folder, rng = tmp_path_factory.mktemp("verbs") / "pictures", np.random.default_rng(0)
    for number in range(24):
        path = folder / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        bright = 60 + 120 * (number % 2) + rng.integers(-40, 40, (14, 20))
        Image.fromarray(bright.clip(0, 255).astype(np.uint8)).save(path)
    return folder


@pytest.fixture(scope="module")
def model(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of them, whose pictures were padded to an odd size."""
    images = nw.images.folder(pictures, (12, 8), "gray", "pad")
    to = tmp_path_factory.mktemp("verbs") / "model"
    recipe = nw.recipes.mlp_vae(SHAPE, code_size=3).with_(epochs=1)
    nw.fit(recipe, images, validation=0.2, to=to, report="quiet")
    return to


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_takes_a_model_or_its_folder_and_pictures_of_any_kind(
    verb: str, model: Path, pictures: Path, tmp_path: Path
) -> None:
    loaded = nw.load(model)
    array = nw.images.folder(pictures, (12, 8), "gray", "pad").pixels.numpy()
    for number, (m, p) in enumerate([(model, pictures), (loaded, str(pictures)), (loaded, array)]):
        result = VERBS[verb](m, p)
        assert isinstance(result, Result)
        json.dumps(result.document())
        assert str(result).strip() and repr(result) == str(result)
        assert all(hasattr(f, "savefig") or np.ndim(f) >= 2 for f in result.figures().values())
        assert "<" in result._repr_html_()
        written = result.save(tmp_path / str(number))
        assert json.loads(Path(written["document"]).read_text(encoding="utf-8"))


def test_a_verb_reads_pictures_as_the_training_did(model: Path, pictures: Path) -> None:
    result = reconstruct(model, pictures, progress=False)
    padded = nw.images.folder(pictures, (12, 8), "gray", "pad")
    assert (result.pictures.numpy() * 255).round().astype(np.uint8).tolist() == (
        padded.pixels.tolist()
    )


READS_NO_FILE = {
    "duplicates of a collection", "map of a collection", "collection info", "push", "pull",
}  # fmt: skip
OTHERS: dict[str, Callable[[Any, Any], Any]] = {
    "train": lambda m, p: train(p, "mlp-vae", size=(12, 8), mode="gray", epochs=1, report="quiet"),
    "compress": lambda m, p: compress(m, p, fit_on=p, resize="pad", progress=False),
    "duplicates": lambda m, p: duplicates(p, model=m, threshold=0.01, progress=False),
}


@pytest.mark.parametrize("verb", sorted({*VERBS, *OTHERS} - READS_NO_FILE))
def test_a_verb_says_what_reading_changed(
    verb: str, model: Path, pictures: Path, tmp_path: Path
) -> None:
    there = tmp_path / "pictures"
    shutil.copytree(pictures, there)
    half = Image.open(there / "a" / "0.png").convert("LA")
    half.putpixel((3, 3), (0, 100))
    half.save(there / "a" / "0.png")
    deep = np.linspace(0, 4095, 280).reshape(14, 20).astype(np.uint16)
    Image.fromarray(deep).save(there / "b" / "1.png")
    if verb in ("duplicates", "search"):  # all are queries, or compared with all
        for file in {*there.rglob("*.png")} - {there / "a" / "0.png", there / "b" / "1.png"}:
            file.unlink()
    result = {**VERBS, **OTHERS}[verb](nw.load(model), there)
    for told in ("a/0.png: transparent: laid on white", "holds whole numbers from 0 to 4,095"):
        assert [told in note for note in result.whole_document()["notes"]].count(True) == 1, told
        assert any(told in note for note in result.notes)
