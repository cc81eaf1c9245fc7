"""``narrows outliers`` on digits: table, pictures, JSON, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import narrows as nw


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty digits and six negatives of digits, with a table that says so."""
    pixels = nw.images.named("digits").pixels[:66, 0].numpy().copy()
    pixels[60:] = 255 - pixels[60:]
    folder = tmp_path_factory.mktemp("mixed")
    lines = ["file,odd,kind"]
    for i, picture in enumerate(pixels):
        Image.fromarray(picture).save(folder / f"{i:02}.png")
        lines.append(f"{i:02}.png,{int(i >= 60)},{'xy'[i // 33]}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_labels_give_curves_and_all_scores_are_kept(narrows, trained, mixed, tmp_path) -> None:
    result = narrows(
        *("outliers", trained, mixed, "--normal", "digits", "-o", tmp_path, "--labels", "odd"),
        *("--score", "reconstruction", "--score", "kl", "--score", "lof", "--json"),
    )
    assert result.code == 0, result.err
    document = json.loads(result.out)
    files = document.pop("files")
    kept = json.loads((tmp_path / "outliers.json").read_text())
    assert kept.pop("files") == {name: files[name] for name in files if name != "document"}
    assert document == kept
    assert document["by"] == "mean-rank" and document["rule"] == "a false-alarm rate of 0.01"
    assert document["judged_on"] == "validation" and document["fitted_on"] == 1620
    assert document["normal"] == 177 == len(document["normal_scores"]["lof"])
    assert document["detection"]["reconstruction"]["auroc"] > 0.95
    assert document["detection"]["lof"]["prevalence"] == pytest.approx(6 / 66)
    rows = document["pictures"]
    assert len(rows) == 66 and set(rows[0]["scores"]) == {
        "reconstruction",
        "kl",
        "lof",
        "mean-rank",
    }
    assert sum(row["anomaly"] for row in rows) == 6
    assert document["is_outlier"] == sum(row["is_outlier"] for row in rows)
    assert files.pop("document") == str(tmp_path / "outliers.json")
    assert set(files) == {"histogram", "anomalies", "detection"}
    for path in files.values():
        with Image.open(path) as picture:
            assert picture.width > 400 and len(np.unique(np.asarray(picture.convert("L")))) > 30


def test_without_labels_the_strangest_are_listed(narrows, trained, mixed, tmp_path) -> None:
    result = narrows(
        *("outliers", trained, mixed, "--normal", "digits", "-o", tmp_path),
        *("--score", "reconstruction", "--false-alarms", 0.05),
    )
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert lines[0].split() == ["picture", "p", "reconstruction"]
    assert {line.split()[0] for line in lines[1:7]} == {f"{i}.png" for i in range(60, 66)}
    assert "pictures are anomalous by reconstruction, at a false-alarm rate of 0.05" in result.out
    assert "of 177 normal pictures (validation)" in result.out and "AUROC" not in result.out
    assert {path.name for path in tmp_path.iterdir()} == {
        *("outliers.json", "histogram.png", "anomalies.png"),
    }


def test_strangers_of_another_set_and_a_lone_file(narrows, trained, mixed, tmp_path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 9), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    result = narrows(
        *("outliers", trained, "digits", tmp_path / "noise.png", tmp_path / "broken.png"),
        *("--normal", "digits", "--anomalies", mixed, "--limit", 150, "--score", "reconstruction"),
        *("--quantile", 0.9, "-o", tmp_path / "out"),
    )
    assert result.code == 0, result.err
    assert "of 216 are anomalies" in result.out and "of the anomalies" in result.out
    assert "skipped" in result.err and "broken.png" in result.err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--score", "beauty"), "the scores of this model are reconstruction"),
        (("--median", "--fdr", 0.1), "one of --false-alarms, --quantile, --median and --fdr"),
        (("--false-alarms", 0.001), "needs at least 999 held-out normal pictures; there are 177"),
        (("--labels", "age"), "have no column 'age'; they have odd, kind"),
        (("--labels", "kind"), "which values of kind are anomalies? say so with --positive"),
        (("--labels", "kind", "--positive", "z"), "no picture has kind 'z'; there are x, y"),
        (("--positive", "z"), "say which one with --labels"),
        (("--labels", "odd", "--anomalies", "digits"), "give one of them"),
        (("--split", "test"), "have no official test part"),
        (("--score", "likelihood-ratio", "--background", "blur"), "compression or the folder"),
        (("--score", "lof", "--neighbours", 5000), "more than 5000 normal codes"),
        (("--limit", 0), "limit is at least 1"),
    ],
)
def test_what_cannot_be_asked(narrows, trained, mixed, tmp_path, more, words) -> None:
    result = narrows(
        "outliers", trained, mixed, "--normal", "digits", "-o", tmp_path / "out", *more
    )
    assert result.code == 2
    assert words in result.err and result.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_column_of_one_kind_measures_nothing_and_says_so(
    narrows, trained, mixed, tmp_path
) -> None:
    result = narrows(
        *("outliers", trained, mixed, "--normal", "digits", "-o", tmp_path / "out"),
        *("--labels", "kind", "--positive", "x", "--positive", "y", "--score", "reconstruction"),
    )
    assert result.code == 0 and "each of the 66 pictures is an anomaly: AUROC" in result.err
    assert (tmp_path / "out" / "outliers.json").exists() and "detection" not in json.loads(
        (tmp_path / "out" / "outliers.json").read_text()
    )


def test_few_normal_pictures_promise_what_they_can(narrows, trained, mixed, tmp_path) -> None:
    """Twenty of them: the default rule is the least rate that they can promise, and it is said."""
    few = tmp_path / "few.npy"
    np.save(few, nw.images.named("digits").pixels[:20].numpy() // 2)  # no picture of the training
    result = narrows("outliers", trained, mixed, "--normal", few, "-o", tmp_path / "out", "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    rate = 1 / (document["normal"] + 1)
    assert document["normal"] >= 9 and document["rule"] == f"a false-alarm rate of {rate:.3g}"
    scores = {"cosine-knn", "local-excess", "pca-residual", "mean-rank"}
    assert set(document["normal_scores"]) == scores
    assert "at best, which is taken; 0.01 needs 99" in result.err
    assert document["false_positive_rate"] == 0


def test_the_residual_of_pca_is_measured_beside(narrows, trained, mixed, tmp_path) -> None:
    """A score that PCA beats says so."""
    given = ("--labels", "odd", "--score", "features", "-o", tmp_path / "out")
    result = narrows("outliers", trained, mixed, "--normal", "digits", *given)
    lines = [line.split() for line in result.out.splitlines()]
    ours, plain = (
        next(float(words[-2]) for words in lines if words and words[0].startswith(name))
        for name in ("features", "pca-residual,")
    )
    assert ("the residual of PCA alone finds them better" in result.err) == (ours < plain)
