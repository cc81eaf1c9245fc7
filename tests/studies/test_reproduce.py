"""Every experiment runs on few pictures, by the networks of both scales; its page is written."""

import json

import pytest

from narrows_studies import (
    DOCUMENTS,
    Found,
    Row,
    found_in,
    kept,
    reproduce,
    write_document,
    write_index,
)
from narrows_studies.pages import markdown_page
from narrows_studies.verdicts import VERDICTS, at_scale

ALL = [(paper, one) for paper in DOCUMENTS.values() for one in paper.experiments]
# those that take seconds even so; the others show that what they are made of works
LONG = {
    "canziani-2020-figure-12",
    "canziani-2020-figure-21",
    "canziani-2020-figure-5",
    "canziani-2020-figure-9",
    "kovenko-2020-figure-14",
    "lingrand-2021-beta-vae",
    "lingrand-2021-compression-against-jpeg",
    "lingrand-2021-disentanglement",
    "narrows-clothes-left-out",
    "narrows-copies-of-photographs",
    "narrows-digits-left-out",
    "narrows-flaws-of-tiles",
    "narrows-one-set-for-another",
    "narrows-streets",
    "narrows-usual-scores",
    "narrows-classes-of-digits",
    "narrows-digits-drawn",
    "narrows-faces-drawn",
    "narrows-features-of-faces",
    "narrows-likeness-of-digits",
    "narrows-choices-of-the-default",
    "narrows-digits-without-loss",
    "narrows-faces-as-files",
    "narrows-holes-in-faces",
    "narrows-models-that-begin-as-pca",
    "narrows-noise-in-faces",
    "narrows-noise-in-photographs",
    "narrows-old-faces",
    "narrows-old-photographs",
    "narrows-photographs-by-a-codec-of-faces",
    "narrows-photographs-enlarged",
    "narrows-small-faces-enlarged",
    "ray-2022-section-5",
    "ray-2022-section-5-search",
    "ray-2022-table-1-on-other-faces",
    "theivaprakasham-2021-section-2-1",
}


def cases():
    """(scale, paper, experiment) of every experiment at both scales; `make test` takes every third."""
    for number, (paper, one) in enumerate(ALL):
        for scale in ("small", "paper"):
            name = f"{paper.key}-{one.slug}"
            marks = [pytest.mark.slow] if scale == "paper" or name in LONG or number % 3 else []
            yield pytest.param(paper, one, scale, marks=marks, id=f"{name}-{scale}")


@pytest.mark.parametrize(("paper", "one", "scale"), list(cases()))
def test_every_experiment_runs(paper, one, scale, lab, tmp_path):
    lab.scale = scale
    found = reproduce(paper, one, lab, tmp_path)
    document = found.document
    assert document["verdict"] in VERDICTS
    assert len(document["words"]) > 20
    assert document["rows"] or document["pictures"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in found.pictures.values())
    assert all(len(row["ours"]) in (1, len(lab.seeds)) for row in document["rows"])
    if one.judge is not None:
        rows = [Row(row["what"], row["ours"], "", row["baseline"]) for row in document["rows"]]
        assert document["verdict"] == at_scale(one.judge(rows), lab.curves)
    page = write_document(paper, tmp_path).read_text()
    assert one.title in page.replace("&#x27;", "'").replace("&amp;", "&")


def test_what_was_found_is_kept_until_what_is_asked_or_the_version_changes(lab, tmp_path):
    paper, one = ALL[0]
    assert kept(paper, one, lab, tmp_path) is None
    reproduce(paper, one, lab, tmp_path)
    found = kept(paper, one, lab, tmp_path)
    assert found is not None
    lab.seeds = (0, 1)
    assert kept(paper, one, lab, tmp_path) is None
    lab.seeds = (0,)
    written = tmp_path / paper.key / one.slug / "finding.json"
    document = json.loads(written.read_text())
    written.write_text(json.dumps(document | {"narrows": "0.0.1"}))
    assert kept(paper, one, lab, tmp_path) is None
    written.write_text(json.dumps(document))
    assert kept(paper, one, lab, tmp_path) is not None
    next(iter(found.pictures.values())).unlink()
    assert kept(paper, one, lab, tmp_path) is None


def test_the_pages_say_what_was_not_run_and_what_is_no_experiment(lab, tmp_path):
    paper, one = ALL[0]
    index = write_index(DOCUMENTS.values(), tmp_path).read_text()
    for each in DOCUMENTS.values():
        assert each.key in index
        assert all(reason in index.replace("&#x27;", "'") for reason in each.explained.values())
    assert "not run yet" in index
    write_document(paper, tmp_path)
    results = json.loads((tmp_path / paper.key / "results.json").read_text())
    assert results["not_run"] == [each.labels[0] for each in paper.experiments]
    assert found_in(paper, tmp_path) == {}


@pytest.mark.parametrize(
    ("verdict", "scale", "named"),
    [
        ("not reached at this scale", "small", True),
        ("does not hold", "small", True),
        ("holds in part", "small", True),
        ("holds in part", "paper", False),
        ("holds", "small", False),
        ("shown", "small", False),
    ],
)
def test_what_fell_short_names_the_command_of_full_size(verdict, scale, named, tmp_path):
    paper = DOCUMENTS["ray-2022"]
    one = paper.experiments[0]
    said = {"verdict": verdict, "scale": scale, "words": "", "command": "", "seeds": [0]}
    found = Found({**said, "rows": [], "deviations": []}, {})
    page = markdown_page(paper, {one.slug: found}, tmp_path, "")
    assert ("`narrows reproduce ray-2022 --table 1 --scale paper`" in page) == named


def test_the_index_shows_a_picture_of_each_experiment_and_leads_to_it(lab, tmp_path):
    paper = DOCUMENTS["canziani-2020"]
    (one,) = paper.chosen(["figure 14"])
    found = reproduce(paper, one, lab, tmp_path)
    index = write_index([paper], tmp_path).read_text()
    assert index.count(f'href="{paper.key}/index.html#{one.slug}"') == 2  # its name, its picture
    assert index.count("<img") == 1 and f'alt="{one.title}"' in index
    assert f'id="{one.slug}"' in write_document(paper, tmp_path).read_text()
    next(iter(found.pictures.values())).unlink()
    assert "<img" not in write_index([paper], tmp_path).read_text()
