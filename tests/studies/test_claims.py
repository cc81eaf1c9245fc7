"""A claim of one's own: read, run, judged as a document's is, and refused in a sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from narrows.errors import BadFile
from narrows_studies import Lab, Row, kept, reproduce
from narrows_studies.claims import BASELINES, MEASURES, document_of, judge_best, read_claim

MINE = {
    "claim": "The default reconstructs digits better than PCA.",
    "pictures": "digits",
    "models": ["pca-autoencoder"],
    "measure": "psnr",
    "code_size": 4,
    "epochs": 1,
}


def written(tmp_path: Path, **changed: Any) -> Path:
    said = {key: value for key, value in (MINE | changed).items() if value is not None}
    path = tmp_path / "mine.toml"
    path.write_text("\n".join(f"{key} = {json.dumps(value)}" for key, value in said.items()))
    return path


@pytest.mark.parametrize(
    "measure",
    [
        name if name in ("psnr", "knn-accuracy") else pytest.param(name, marks=pytest.mark.slow)
        for name in MEASURES
    ],
)
def test_every_measure_has_a_row_for_each_model_and_its_baselines(
    measure: str, tmp_path: Path, lab: Lab
) -> None:
    beside = ["pca", "pixels" if "accuracy" in measure else "mean-picture"]
    path = written(tmp_path, measure=measure, baselines=beside, models=[*MINE["models"], "mlp-vae"])
    paper = document_of(read_claim(path), "mine")
    document = reproduce(paper, paper.experiments[0], lab, tmp_path).document
    ours, other = document["rows"]
    assert (ours["what"], other["what"]) == ("pca-autoencoder", "mlp-vae")
    assert list(ours["baseline"]) == beside and other["baseline"] == {}
    assert len(ours["ours"]) == len(lab.seeds) and set(document["curves"]) == {
        "pca-autoencoder",
        "mlp-vae",
    }
    worse = beside[1] if measure != "linear-accuracy" else "pca"
    better = MEASURES[measure].better
    assert ours["better"] == better
    if "accuracy" not in measure:  # a model that begins as PCA is better than a mean
        value = ours["baseline"][worse]
        assert ours["mean"] < value if better == "lower" else ours["mean"] > value
    assert document["command"] == "narrows reproduce --claim mine.toml --scale small"


def test_the_verdict_is_of_the_first_model() -> None:
    first, other = Row("a", [3.0], "", {"pca": 2.0}, "dB", "higher"), Row("b", [1.0])
    assert judge_best([first, other]) == "holds"
    assert judge_best([replace(first, better="lower"), other]) == "does not hold"
    assert judge_best([first, replace(other, ours=[4.0])]) == "holds in part"
    assert judge_best([replace(first, baselines={"pca": 5.0})]) == "does not hold"


def test_what_was_found_is_kept_until_the_claim_changes(tmp_path: Path, lab: Lab) -> None:
    paper = document_of(read_claim(written(tmp_path)), "mine")
    reproduce(paper, paper.experiments[0], lab, tmp_path)
    assert kept(paper, paper.experiments[0], lab, tmp_path) is not None
    other = document_of(read_claim(written(tmp_path, measure="ssim")), "mine")
    assert kept(other, other.experiments[0], lab, tmp_path) is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"measure": "psrn"}, r"no measure 'psrn'; did you mean 'psnr'\?"),
        ({"measure": "beauty"}, "no measure 'beauty'; there are psnr, ssim"),
        ({"baselines": ["mirrored"]}, r"no baseline 'mirrored'; did you mean 'mirrored-pca'\?"),
        ({"measurs": 1}, r"'measurs' is nothing that a claim says; did you mean 'measure'\?"),
        ({"claim": None}, "a claim needs 'claim'"),
        ({"claim": " "}, "'claim' is a text"),
        ({"models": []}, "a claim needs a model"),
        ({"models": "conv-vae"}, "'models' is a list of names"),
        ({"baselines": []}, "another model or a baseline"),
        ({"baselines": ["pixels"]}, "'pixels' is no baseline of psnr"),
        ({"measure": "knn-accuracy", "baselines": ["mean-picture"]}, "no baseline of knn-accuracy"),
        ({"minutes": 1.0}, "minutes or epochs, not both"),
        ({"epochs": -1}, "'epochs' is a number above 0"),
        ({"code_size": 2.5}, "'code_size' is a number above 0"),
    ],
)
def test_a_claim_that_is_none_is_refused(
    changed: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(BadFile, match=said):
        read_claim(written(tmp_path, **changed))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"models": ["conv-vea"]}, "conv-vae"),
        ({"pictures": "digit"}, "digits"),
    ],
)
def test_an_unknown_model_or_set_names_what_is_near(
    changed: dict[str, Any], said: str, tmp_path: Path, lab: Lab
) -> None:
    paper = document_of(read_claim(written(tmp_path, **changed)), "mine")
    with pytest.raises(ValueError, match=said):
        reproduce(paper, paper.experiments[0], lab, tmp_path)


def test_every_baseline_is_of_some_measure() -> None:
    assert set(BASELINES) == {"pca", "mirrored-pca", "pixels", "mean-picture"}
