"""Figures of anomalous pictures: what stands on them, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from narrows.figures import anomaly_sheet, detection_curves, png, score_histograms
from narrows.measures.detection import detection


@pytest.fixture(scope="module")
def scores() -> np.ndarray:
    return np.random.default_rng(0).normal(size=500)


def test_histograms_of_two_groups_and_a_threshold(scores) -> None:
    figure = score_histograms({"normal": scores, "in question": scores[:80] + 3}, 2.0, x="error")
    (axes,) = figure.axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["normal, 500", "in question, 80"]
    assert axes.get_xlabel() == "error" and len(axes.lines) == 1
    assert axes.lines[0].get_xdata()[0] == 2
    assert png(figure).startswith(b"\x89PNG")


def test_a_histogram_bears_one_value_and_no_threshold() -> None:
    figure = score_histograms({"normal": [1.0] * 30, "one": [1.0]}, math.inf)
    assert not figure.axes[0].lines and len(png(figure)) > 1000


def test_far_scores_stand_in_the_last_bin(scores) -> None:
    figure = score_histograms({"normal": np.r_[scores, 1e9]})
    assert figure.axes[0].get_xlim()[1] < 1e9


def test_strange_pictures_stand_over_where_they_differ() -> None:
    x = np.random.default_rng(0).uniform(size=(3, 1, 8, 8))
    figure = anomaly_sheet(x, x * 0.5, ["a", "b", "c"])
    words = [text.get_text() for text in figure.texts]
    assert words == ["picture", "reconstruction", "absolute error", "a", "b", "c"]
    pictures, _ = figure.axes  # and a colour bar
    assert len(pictures.images) == 3 * 3
    with pytest.raises(ValueError, match=r"reconstructions of \(3, 1, 8, 8\) were wanted"):
        anomaly_sheet(x, x[:2])


def test_curves_name_their_areas_and_the_prevalence(scores) -> None:
    truth = np.arange(500) < 50
    curves = {"a": detection(scores + truth, truth), "b": detection(scores, truth)}
    figure = detection_curves(curves, 0.1)
    left, right = figure.axes
    assert left.get_legend().get_texts()[0].get_text() == f"a  {curves['a'].auroc:.3f}"
    assert right.get_legend().get_texts()[2].get_text() == "a coin  0.100"
    assert "10.0% are anomalies" in right.get_title(loc="left")
    with pytest.raises(ValueError, match="at least one score"):
        detection_curves({}, 0.1)


def test_no_group_too_many_and_an_empty_one(scores) -> None:
    for series in ({}, dict.fromkeys("abcd", scores), {"a": []}):
        with pytest.raises(ValueError, match="one to three groups of scores"):
            score_histograms(series)
