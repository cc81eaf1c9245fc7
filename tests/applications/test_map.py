"""Maps of codes."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from narrows.applications import code_rows, embed_2d, thumbnails, unit_weights
from narrows.applications.index import index
from narrows.applications.map import map
from narrows.errors import Unavailable
from narrows.images import Images, Preprocessing
from narrows.measures import neighbourhoods


@pytest.fixture(scope="module")
def codes() -> np.ndarray:
    """Three groups of 60 codes, (180, 8)."""
    draw = np.random.default_rng(0)
    middles = 6 * draw.normal(size=(3, 1, 8))
    return (middles + draw.normal(size=(3, 60, 8))).reshape(180, 8).astype(np.float32)


def test_pca_is_the_best_plane(codes: np.ndarray) -> None:
    found = embed_2d(codes, "pca")
    centred = codes - codes.mean(0)
    values = np.linalg.svd(centred, compute_uv=False)
    assert np.square(found.points).sum(0) == pytest.approx(np.square(values[:2]), rel=1e-4)
    assert np.allclose(found.transform(codes[:5]), found.points[:5], atol=1e-4)
    assert found.fitted_on == 180 and "of the variance" in found.note


def test_codes_of_equal_variance_are_laid_out_by_what_they_draw() -> None:
    """Eight white numbers, two of which draw: the plane is that of the two, wherever the noise goes."""
    codes = torch.randn(400, 8, generator=torch.Generator().manual_seed(3))
    codes = (codes - codes.mean(0)) / codes.std(0, correction=0)
    ways = torch.zeros(8, 16)
    ways[5, :8], ways[2, 8:] = 0.3, 0.2  # in pixels, for each deviation
    ways[[0, 1, 3, 4, 6, 7]] = 0.001

    def decode(z: torch.Tensor) -> torch.Tensor:
        return (0.5 + z @ ways).reshape(-1, 1, 4, 4)

    weights = unit_weights(decode, codes)
    assert weights[5] / weights[2] == pytest.approx(1.5, rel=1e-5)
    assert weights[0] < 0.01 * weights[2]

    def kept(points: np.ndarray) -> np.ndarray:
        return np.abs(np.corrcoef(points.T, codes[:, [5, 2]].T)[:2, 2:]).diagonal()

    found = embed_2d(codes, "pca", weights=weights)
    assert (kept(found.points) > 0.99).all() and "what it changes" in found.note
    assert np.allclose(found.transform(codes[:5]), found.points[:5], atol=1e-6)
    assert (kept(embed_2d(codes, "pca").points) < 0.9).all()  # without them it is chance
    with pytest.raises(ValueError, match="weights are 8 finite numbers"):
        embed_2d(codes, "pca", weights=[1, 2])


def test_tsne_keeps_groups_and_places_more(codes: np.ndarray) -> None:
    steps: list[tuple[int, int]] = []
    found = embed_2d(codes, "tsne", fit_size=120, progress=lambda *at: steps.append(at))
    assert found.points.shape == (180, 2) and np.isfinite(found.points).all()
    assert found.fitted_on == 120 and "the other 60 were placed" in found.note
    assert steps[-1] == (750, 750)
    names = np.repeat(np.arange(3), 60)
    assert neighbourhoods(codes, found.points, names, k=5).same_label > 0.97
    # a code that was not there comes to stand among those of its group
    new = found.transform(codes[[0, 70, 150]] + 0.1)
    near = np.square(found.points[None] - new[:, None]).sum(2).argmin(1)
    assert names[near].tolist() == [0, 1, 2]
    again = embed_2d(codes, "tsne", fit_size=120)
    assert np.array_equal(again.points, found.points)


def test_codes_of_any_shape_and_few_of_them() -> None:
    few = torch.randn(5, 2, 1, 1, generator=torch.Generator().manual_seed(0))
    assert embed_2d(few).points.shape == (5, 2)
    assert embed_2d(few[:, :1], "pca").points[:, 1].any() == False  # noqa: E712
    assert code_rows(few).shape == (5, 2)


@pytest.mark.parametrize(
    "change, options, words",
    [
        (lambda z: z[:4], {}, "at least 5 pictures; we got 4"),
        (lambda z: z[:0], {}, r"codes \(N, D\) were wanted"),
        (lambda z: np.where(np.arange(180)[:, None] == 3, np.nan, z), {}, "1 of 180 codes are NaN"),
        (lambda z: np.ones_like(z), {}, "all 180 codes are the same"),
        (lambda z: z, {"method": "umap"}, "one of pca, tsne"),
        (lambda z: z, {"perplexity": 0}, "perplexity is above 1"),
        (lambda z: z, {"fit_size": 2}, "fit_size at least 5"),
    ],
)
def test_what_is_refused(codes: np.ndarray, change, options, words) -> None:
    with pytest.raises(ValueError, match=words):
        embed_2d(change(codes), **options)


def test_another_width_is_not_placed(codes: np.ndarray) -> None:
    with pytest.raises(ValueError, match="codes of 8 numbers; we got 3"):
        embed_2d(codes, "pca").transform(codes[:, :3])


def test_without_opentsne(codes: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openTSNE", None)
    with pytest.raises(Unavailable, match=r"pip install 'narrows\[maps\]'"):
        embed_2d(codes)


def test_thumbnails() -> None:
    wide = np.random.default_rng(0).integers(0, 256, (3, 3, 40, 160), dtype=np.uint8)
    assert thumbnails(wide).shape == (3, 3, 16, 64)
    assert thumbnails(wide, 20).dtype == np.uint8
    small = wide[:, :, :8, :8]
    assert np.array_equal(thumbnails(small), small)


class Corner:
    """An encoder that is no autoencoder: eight pixels of a picture."""

    shape, code_shape = (1, 8, 8), (8,)
    preprocessing = Preprocessing((1, 8, 8), "stretch")

    def fingerprint(self) -> str:
        return "corner"

    def encode(self, images):
        return images.batch(torch.arange(len(images)))[:, 0, 3].numpy()


def test_the_verb_takes_an_encoder_arrays_and_labels(digits: Images, tmp_path) -> None:
    pixels, labels = digits.pixels[:120].numpy(), digits.label[:120]
    said: list[str] = []
    found = map(Corner(), pixels, labels=labels, project=pixels[:3], fit_size=80,
                progress=lambda title, done, total: said.append(title))  # fmt: skip
    assert found.codes.shape == (120, 8) and found.points["t-SNE"].shape == (120, 2)
    assert found.embeddings["t-SNE"].fitted_on == 80 and found.label_name == "label"
    assert np.allclose(found.projected["PCA"], found.points["PCA"][:3], atol=1e-4)
    assert {"encoding", "t-SNE"} <= set(said)
    assert "of the same label" in str(found) and len(found.table()) == 3
    written = found.save(tmp_path / "map")
    assert set(written) == {"map", "page", "document"} and "the model sees it" in found.page()


def test_a_limit_is_spread_over_all_and_labels_stay_with_their_pictures(digits: Images) -> None:
    images = digits.select(range(101))
    found = map(Corner(), images, limit=11, progress=False)
    assert list(found.ids) == [images.ids[i] for i in range(0, 101, 10)]
    assert found.labels.tolist() == digits.label[:101:10].tolist()
    given = map(Corner(), images, labels=np.arange(101) % 2, limit=11, progress=False)
    assert given.labels.tolist() == [0] * 11
    with pytest.raises(ValueError, match="a label for each of the 101 pictures"):
        map(Corner(), images, labels=np.arange(100))


def test_a_collection_of_an_array_is_shown_by_its_thumbnails(digits: Images, tmp_path) -> None:
    images = digits.select(range(40))
    collection = index(Corner(), images, tmp_path / "c", progress=False).collection
    found = map(collection, where="label < 5", progress=False)
    assert set(found.labels.tolist()) == {0, 1, 2, 3, 4} and len(found.ids) < 40
    rows = [images.ids.index(id_) for id_ in found.ids]
    assert np.allclose(found.codes, Corner().encode(images)[rows])
    assert found.labels.tolist() == images.label[rows].tolist()
