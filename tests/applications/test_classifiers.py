"""Classes and groups told from codes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from narrows.applications import (
    KINDS,
    agreement,
    baseline_features,
    class_names,
    cluster,
    evaluate_classifier,
    extract_features,
    fit_classifier,
    label_efficiency,
)


@pytest.fixture(scope="module")
def groups() -> tuple[np.ndarray, np.ndarray]:
    """Three groups of 50 codes that overlap a little, (150, 4), and their names."""
    draw = np.random.default_rng(0)
    middles = np.array([[4, 0, 0, 0], [0, 4, 0, 0], [0, 0, 4, 0]], np.float32)
    which = np.arange(150) % 3
    codes = middles[which] + draw.normal(size=(150, 4))
    return codes.astype(np.float32), np.array(["ape", "bee", "cat"])[which]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_learns(groups, kind: str) -> None:
    codes, names = groups
    fitted = fit_classifier(codes[:100], names[:100], kind)
    assert fitted.arguments in KINDS[kind] and fitted.held_out > 0.8
    found = evaluate_classifier(fitted, codes[100:], names[100:])
    assert found.accuracy > 0.88
    assert found.classes.tolist() == ["ape", "bee", "cat"] and found.confusion.sum() == 50
    assert found.accuracy == pytest.approx(np.trace(found.confusion) / 50)
    # neither the place nor the scale of the codes matters
    moved = fit_classifier(1000 * codes[:100] + 5, names[:100], kind)
    assert (moved(1000 * codes[100:] + 5) == found.predicted).mean() > 0.97


def test_a_class_that_was_not_learnt(groups) -> None:
    codes, names = groups
    fitted = fit_classifier(codes[names != "cat"], names[names != "cat"], "knn")
    found = evaluate_classifier(fitted, codes, names)
    assert found.classes.tolist() == ["ape", "bee", "cat"]
    assert found.confusion[2, 2] == 0 and found.confusion[2].sum() == 50


def test_the_test_chooses_nothing(groups) -> None:
    codes, names = groups
    scrambled = names[np.random.default_rng(0).permutation(150)]
    a, b = (fit_classifier(codes[:100], names[:100], "svm") for _ in range(2))
    assert evaluate_classifier(a, codes[100:], scrambled[100:]).accuracy < 0.6
    assert a.arguments == b.arguments and (a(codes) == b(codes)).all()


def test_the_svm_is_scikit_learns_however_its_kernel_is_computed(groups, monkeypatch) -> None:
    from sklearn.svm import SVC

    codes, names = groups
    ours = fit_classifier(codes[:100], names[:100], "svm", choose=False)
    even = (codes - ours.mean) / ours.scale
    theirs = SVC(C=1.0).fit(even[:100], names[:100])
    assert (ours(codes) == theirs.predict(even)).all()
    monkeypatch.setattr("narrows.applications.classifiers.GRAM", 99)
    monkeypatch.setattr("narrows.applications.classifiers.PART", 7)
    assert (
        fit_classifier(codes[:100], names[:100], "svm", choose=False)(codes) == ours(codes)
    ).all()


def test_more_labels_are_better(groups) -> None:
    codes, names = groups
    counts, found = label_efficiency(codes[:120], names[:120], codes[120:], names[120:], draws=4)
    assert counts.tolist() == [1, 2, 5, 10, 20] and found.shape == (5, 4)
    assert found[-1].mean() > found[0].mean() and found[-1].mean() > 0.85


def test_names() -> None:
    assert class_names([3.0, np.nan, 2.0]).tolist() == ["3", "", "2"]
    assert class_names(["a", "", " b", "nan"]).tolist() == ["a", "", "b", "nan"]
    assert class_names(np.array([1, 2])).tolist() == ["1", "2"]


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda z, y: (z, np.full(150, "cat")), "all 150 pictures are 'cat'"),
        (lambda z, y: (z, np.arange(150).astype(str)), "150 classes of 150 pictures are too many"),
        (lambda z, y: (np.full_like(z, np.nan), y), "150 of 150 codes are NaN"),
        (lambda z, y: (z, y[:3]), "a label for each code was wanted; we got 150 and 3"),
    ],
)
def test_what_is_refused(groups, change, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fit_classifier(*change(*groups))


def test_wrong_arguments(groups) -> None:
    codes, names = groups
    with pytest.raises(ValueError, match="one of knn, linear, svm, mlp; we got 'tree'"):
        fit_classifier(codes, names, "tree")
    with pytest.raises(ValueError, match="codes of 4 numbers; we got 2"):
        fit_classifier(codes, names)(codes[:, :2])
    with pytest.raises(ValueError, match="the smallest of 50"):
        label_efficiency(codes, names, codes, names, counts=[51])


def test_rivals_are_of_the_same_pictures() -> None:
    x = np.random.default_rng(0).integers(0, 256, (30, 1, 4, 5), dtype=np.uint8)
    found = baseline_features(x, 6, lambda x: x.mean(3))
    assert list(found) == ["PCA, 6 numbers", "raw pixels", "encoder, untrained"]
    widths = [extract_features(function, x, batch_size=7).shape for function in found.values()]
    assert widths == [(30, 6), (30, 20), (30, 4)]
    assert np.allclose(extract_features(found["raw pixels"], x), x.reshape(30, 20) / 255)
    assert list(baseline_features(x, 99, torch.flatten))[0] == "PCA, 20 numbers"


@pytest.mark.parametrize("kind", ["k-means", "mixture"])
def test_groups_are_found(groups, kind: str) -> None:
    codes, names = groups
    found = cluster(codes, 3, kind)
    assert found.sizes.sum() == 150 and (np.diff(found.sizes) <= 0).all()
    assert np.array_equal(np.bincount(found.which), found.sizes)
    agree = agreement(found.which, names)
    assert agree.accuracy > 0.85 and agree.adjusted_rand > 0.6
    typical = found.typical(0, 5)
    assert (found.which[typical] == 0).all() and len(set(names[typical])) == 1


def test_agreement_does_not_ask_for_names() -> None:
    assert vars(agreement([2, 2, 0, 0], ["a", "a", "b", "b"])) == {
        "accuracy": 1.0,
        "adjusted_rand": 1.0,
        "mutual_information": 1.0,
    }
    assert agreement([0, 0, 0, 0], [0, 0, 1, 1]).accuracy == 0.5
    assert agreement([0, 1, 2, 3], [0, 0, 1, 1]).accuracy == 0.5


def test_few_codes_and_equal_ones() -> None:
    with pytest.raises(ValueError, match="2 codes make 1 to 2 groups; we got 3"):
        cluster(np.eye(2), 3)
    assert len(cluster(np.ones((6, 2)), 3).sizes) == 1
    assert cluster(np.repeat(np.eye(2), 4, 0), 3, "mixture").sizes.sum() == 8
