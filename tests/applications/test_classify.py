"""The verb classify: what it is fitted to and judged by, what it tells, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import narrows as nw
from narrows.applications.classify import classify
from narrows.images.contents import content_keys


@pytest.fixture(scope="module")
def model(digits) -> nw.Autoencoder:
    """Trained on 1,000 digits, of which a fifth chose the weights; the others are new to it."""
    recipe = nw.recipes.mlp_autoencoder((1, 8, 8), 8, widths=(32,))
    return nw.fit(recipe, digits.select(range(1000)), epochs=2, validation=0.2, report="quiet")


def test_it_is_judged_by_pictures_that_nothing_was_fitted_to(model, digits) -> None:
    found = classify(model, digits, by="knn", fit_size=300, progress=False)
    fitted, judged = content_keys(found.fitted), content_keys(found.judged.images)
    assert found.judged.name == "held-out" and len(fitted) == len(judged) == 300
    assert not np.isin(judged, np.concatenate([*model.run.seen.values(), fitted])).any()
    assert np.isin(fitted, model.run.seen["train"]).all()
    assert found.document()["judged_on"] == "held-out" and "held-out pictures" in str(found)


def test_without_new_pictures_those_of_validation_judge(model, digits) -> None:
    found = classify(model, digits.select(range(1000)), by="knn", progress=False)
    judged = content_keys(found.judged.images)
    assert found.judged.name == "validation"
    assert np.isin(judged, model.run.seen["validation"]).all()
    assert not np.isin(judged, content_keys(found.fitted)).any()
    assert any("the model has seen them" in note for note in found.notes)


def test_a_model_that_does_not_know_what_it_saw_has_nothing_held_out(digits) -> None:
    model = nw.recipes.mlp_autoencoder((1, 8, 8), 4).build().eval()
    found = classify(model, digits.select(range(300)), by="knn", progress=False)
    assert found.judged.name == "seen" and any("all count as seen" in n for n in found.notes)
    assert not np.isin(content_keys(found.judged.images), content_keys(found.fitted)).any()
    assert len(found.fitted) + len(found.judged) == 300


def test_the_best_on_a_fifth_tells_the_others(model, digits, tmp_path: Path) -> None:
    names = digits.label[:600].astype(object)
    names[::10] = ""
    few = digits.select(range(600))
    found = classify(model, few, labels=names, by=["knn", "linear"], progress=False)
    kinds = next(iter(found.tested.values()))
    assert set(kinds) == {"knn", "linear"} and found.best is kinds[found.by]
    told = np.array([name for _, name in found.predictions])
    assert [id_ for id_, _ in found.predictions] == [few.ids[i] for i in range(0, 600, 10)]
    assert (told == digits.label[:600:10].astype(str)).mean() > 0.6
    assert (found.predictor(few.select(range(0, 600, 10))) == told).all()
    written = found.save(tmp_path)
    assert Path(written["predictions"]).read_text().splitlines()[0] == "file,label"
    document = json.loads(Path(written["document"]).read_text())
    assert len(document["predictions"]) == 60 and document["best"]["by"] == found.by


def test_groups_without_labels(model, digits) -> None:
    bare = digits.pixels[:90].numpy()
    found = classify(model, bare, clusters=3, progress=False)
    assert found.judged is None and not found.agreements and len(found.typical) == 3
    assert {kind: int(each.sizes.sum()) for kind, each in found.groups.items()} == {
        "k-means": 90, "mixture": 90,
    }  # fmt: skip
    with pytest.raises(ValueError, match="these pictures have no labels"):
        classify(model, bare, progress=False)


def test_another_encoder_than_an_autoencoder_will_do(digits) -> None:
    class Half:
        """The upper half of a picture as its code."""

        shape, code_shape = (1, 8, 8), (32,)
        preprocessing = nw.images.Preprocessing((1, 8, 8))

        def fingerprint(self) -> str:
            return "half"

        def encode(self, images):
            return np.asarray(images)[:, 0, :4].reshape(len(images), 32)

    found = classify(Half(), digits, by="knn", fit_size=300, progress=False)
    assert found.best.accuracy > 0.7
    assert [name.split(",")[0] for name in found.tested] == [
        "codes",
        "PCA",
        "raw pixels",
        "colour histograms",
        "k-means patches",
    ]
    with pytest.raises(ValueError, match="fine-tuned trains an autoencoder; we got Half"):
        classify(Half(), digits, by="fine-tuned", progress=False)


def test_many_numbers_are_read_off_and_not_taken_for_classes(model, digits, tmp_path) -> None:
    """How much ink a digit has is told by its code; thirty classes of it would be none."""
    ink = digits.pixels.float().mean((1, 2, 3)).round().numpy()[:600]
    ink[5] = np.nan
    few = digits.select(range(600))
    found = classify(model, few, labels=ink, clusters=4, progress=False)
    assert any("taken as a number" in note for note in found.notes)
    ours, pca, raw = found.tested.values()
    assert 0.3 < ours.r2 <= 1 and raw.r2 > 0.9 and pca.error < found.mean_error
    residual = np.square(ours.predicted - found.truth).mean() / found.truth.var()
    assert ours.r2 == pytest.approx(1 - residual)
    assert [id_ for id_, _ in found.predictions] == [few.ids[5]]
    assert float(found.predictor(few.select([5]))[0]) == pytest.approx(found.predictions[0][1])
    written = found.save(tmp_path)
    lines = Path(written["clusters"]).read_text().splitlines()
    assert lines[0] == "file,cluster" and len(lines) == 601
    assert {line.split(",")[1] for line in lines[1:]} == {"1", "2", "3", "4"}
    known = classify(model, few, labels=np.nan_to_num(ink) // 8, by="knn", progress=False)
    assert known.best is not None and len(known.classes) < 20


def test_rare_ones_of_many_classes_are_joined(model, digits, recwarn) -> None:
    names = np.array([f"{i % 19}" for i in range(400)] + [f"rare {i}" for i in range(30)])
    found = classify(
        model, digits.select(range(430)), labels=names, by="knn,linear", progress=False
    )
    assert len(found.classes) == 20 and "other" in found.classes
    assert any(
        "the 30 classes of fewer than 5 pictures (30 pictures together)" in n for n in found.notes
    )
    assert not list(recwarn)


@pytest.mark.parametrize(
    "given, words",
    [
        ({"kind": "names"}, "kind is classes or numbers; we got 'names'"),
        ({"by": "tree"}, "by takes knn, linear, svm, mlp, fine-tuned; we got 'tree'"),
        ({"by": []}, "by takes knn"),
        ({"clusters": 0}, "clusters is at least 1; we got 0"),
        ({"fit_size": 0}, "fit_size is at least 1; we got 0"),
        ({"labels": [1, 2]}, "a label for each of the 1,797 pictures was wanted"),
        ({"labels": [""] * 1797}, "no picture has a label"),
    ],
)
def test_what_is_refused(model, digits, given, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        classify(model, digits, progress=False, **given)
