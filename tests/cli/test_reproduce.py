"""``narrows reproduce``: the list, one experiment, and what is refused."""

import json
import os
import re
import subprocess
import sys

import pytest

import narrows_studies as studies
from narrows.cli.reproduce import THREADS, _Order, _shared
from narrows.errors import Interrupted
from narrows_studies import Document, Finding, Row, experiment


@experiment("figure 4", title="Digits by their mean", claim="Digits are gray.", data=("digits",))
def means(lab):
    x = lab.images("digits").pixels.float() / 255
    values = [float(x.mean()) + 0 * seed for seed in lab.seeds]
    rows = [Row("mean value", values, "0.3", {"black": 0.0})]
    return Finding(
        "holds", f"Their mean is {values[0]:.2f}.", {"Digits": x[:4, 0].numpy()[0]}, rows
    )


@experiment(
    "§5", title="What is not here", claim="Nothing.", data=("utkface",), paper_data=("lfw",)
)
def missing(lab):
    lab.images("utkface", size=64)
    raise AssertionError("the set was found")


@pytest.fixture(autouse=True)
def one_document(monkeypatch):
    paper = Document(
        "x-2020", "A document", "A. Author", "1", (means, missing), {"figure 1": "a diagram"}
    )
    monkeypatch.setattr(studies, "DOCUMENTS", {paper.key: paper})
    monkeypatch.delenv("NARROWS_DATA", raising=False)


def test_without_a_document_all_are_listed(narrows):
    done = narrows("reproduce", "--to", "r")
    assert done.code == 0
    assert "x-2020: A document" in done.out
    assert "figure 4" in done.out
    assert "not here: utkface" in done.out
    larger = narrows("reproduce", "--to", "r", "--scale", "paper")
    assert "(lfw)" in larger.out and "utkface" not in larger.out
    assert "narrows reproduce --all --scale paper" in larger.out


def test_an_experiment_is_run_once_and_shown_on_a_page(narrows, tmp_path):
    done = narrows("reproduce", "x-2020", "--figure", "4", "--to", tmp_path, "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    (result,) = document["results"]
    assert result["rows"][0]["published"] == "0.3"
    assert result["rows"][0]["ours"] == [pytest.approx(0.305, abs=0.01)] * 2
    assert result["rows"][0]["baseline"] == {"black": 0.0}
    page = (tmp_path / "x-2020" / "index.html").read_text()
    assert "Digits are gray." in page
    assert "a diagram" in page
    assert (tmp_path / "index.html").exists()
    again = narrows("reproduce", "x-2020", "--figure", "4", "--to", tmp_path)
    assert "was run before" in again.err
    assert "figure 4: holds. Their mean is 0.3" in again.out
    told = narrows("reproduce", "--to", tmp_path)
    assert re.search(r"Digits by their mean \(digits\) · holds, \d\.\d min\n", told.out)


def test_a_set_that_is_missing_is_named_and_the_rest_is_done(narrows, tmp_path):
    done = narrows("reproduce", "--all", "--to", tmp_path)
    assert done.code == 1
    assert "figure 4: holds" in done.out
    assert "§5: left out: the set utkface is not on this machine" in done.out
    results = json.loads((tmp_path / "x-2020" / "results.json").read_text())
    assert results["not_run"] == ["§5"]


def test_experiments_beside_each_other(narrows, tmp_path, monkeypatch):
    """The same as one after the other, in the order of the list; threads stand for the processes."""
    import concurrent.futures

    asked = []

    class Threads(concurrent.futures.ThreadPoolExecutor):
        def __init__(self, jobs, mp_context, initializer, initargs):
            assert mp_context.get_start_method() == "spawn"
            super().__init__(jobs)

        def submit(self, *what):
            asked.append(what[1:3])
            return super().submit(*what)

    two = [
        Document(f"{key}-2020", key, "A. Author", "1", of)
        for key, of in (("x", (means, missing)), ("y", (counted(2), counted(3), counted(4))))
    ]
    monkeypatch.setattr(studies, "DOCUMENTS", {paper.key: paper for paper in two})
    monkeypatch.setattr(
        studies, "measured_seconds", lambda paper, _: 9.0 if paper.key == "y-2020" else None
    )
    monkeypatch.setattr(concurrent.futures, "ProcessPoolExecutor", Threads)
    done = narrows("reproduce", "--all", "--jobs", "2", "--to", tmp_path, "--json")
    document = json.loads(done.out)
    assert done.code == 1 and len(asked) == 5
    assert asked[:2] == [("y-2020", "figure-2"), ("x-2020", "figure-4")]  # the longest first
    found = [(one["paper"], *one["experiment"]) for one in document["results"]]
    assert found == [("x-2020", "figure 4"), *(("y-2020", f"figure {n}") for n in (2, 3, 4))]
    assert [one["paper"] for one in document["missing"]] == ["x-2020"]
    assert (tmp_path / "y-2020" / "index.html").exists() and (tmp_path / "index.html").exists()
    assert "x-2020, figure 4: holds (" in done.err and "y-2020, figure 2: shown (" in done.err
    again = narrows("reproduce", "--all", "--to", tmp_path, "--json")
    assert json.loads(again.out)["results"] == document["results"]


def counted(number):
    @experiment(f"figure {number}", title="None", claim="None.", data=("digits",))
    def other(lab):
        return Finding("shown", f"{len(lab.images('digits')):,} digits.")

    return other


def test_the_last_document_is_worked_on_from_both_ends(monkeypatch):
    monkeypatch.setattr(studies, "measured_seconds", lambda paper, _: float(len(paper.title)))
    long = Document("long", "a long one", "", "", tuple(counted(n) for n in range(4)))
    short = Document("short", "short", "", "", (counted(1),))
    order = _Order([(one, each) for one in (short, long) for each in one.experiments])
    first, second = order.next(), order.next()
    assert (first, second) == ((1, False), (0, False))
    order.ended(*second)
    third = order.next()
    assert third == (4, True)  # nothing is left of the short one
    order.ended(*first)
    assert order.next() == (2, False)  # it goes on where it was
    order.ended(*third)
    assert order.next() == (3, True) and not order.rest


def test_an_experiment_that_fails_is_named_and_the_others_go_on(narrows, tmp_path, monkeypatch):
    @experiment("figure 2", title="Fails", claim="None.", data=("digits",))
    def failing(lab):
        raise ValueError("classes are told apart from two on")

    paper = Document("x-2020", "", "", "", (failing, counted(3)))
    monkeypatch.setattr(studies, "DOCUMENTS", {"x-2020": paper})
    done = narrows("reproduce", "--all", "--to", tmp_path, "--json")
    document = json.loads(done.out)
    assert done.code == 1
    assert [one["experiment"] for one in document["results"]] == [["figure 3"]]
    assert [one["reason"] for one in document["missing"]] == ["classes are told apart from two on"]


def test_linear_algebra_has_its_share_of_the_cores_too(monkeypatch):
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    told = "import sklearn.cluster, threadpoolctl; print({each['num_threads'] for each in threadpoolctl.threadpool_info()})"
    with _shared(1):
        done = subprocess.run(
            [sys.executable, "-c", told], capture_output=True, text=True, check=True
        )
    assert done.stdout == "{1}\n"
    assert not {*THREADS} & {*os.environ}
    monkeypatch.setenv("OMP_NUM_THREADS", "3")  # the user's word
    with _shared(1):
        assert os.environ["OMP_NUM_THREADS"] == "3"


def test_a_run_that_is_stopped_says_how_it_goes_on(narrows, tmp_path, monkeypatch):
    @experiment("figure 2", title="Stopped", claim="None.", data=("digits",))
    def stopped(lab):
        raise Interrupted("stopped in epoch 1.00; a/b is up to date; --resume goes on")

    monkeypatch.setattr(
        studies, "DOCUMENTS", {"x-2020": Document("x-2020", "", "", "", (stopped,))}
    )
    done = narrows("reproduce", "--all", "--to", tmp_path)
    assert done.code != 0
    assert "stopped in epoch 1.00; the same command goes on from here" in done.err
    assert "--resume" not in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["y-2021"], "there is no document 'y-2021'; there are x-2020"),
        (["x-2020", "--figure", "9"], "x-2020 has no figure 9; it has figure 4, §5"),
        (["x-2020", "--figure", "1"], "figure 1 of x-2020 is no experiment: a diagram"),
        (["x-2020", "--scale", "huge"], "--scale is small or paper; we got 'huge'"),
        (["--figure", "4"], "figures and tables belong to a document: name it first"),
        (["x-2020", "--all"], "--all runs everything"),
    ],
)
def test_what_is_refused_is_one_sentence(narrows, arguments, said):
    done = narrows("reproduce", *arguments)
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1


def test_a_claim_of_ones_own(narrows, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'claim = "PCA is beaten."\npictures = "digits"\nmodels = ["pca-autoencoder"]\nmeasure = "psnr"\n'
        "epochs = 0.2\ncode_size = 2\n"
    )
    refused = narrows("reproduce", "--claim", path, "--jobs", "2")
    assert refused.code == 2 and "and a claim is one" in refused.err
    done = narrows("reproduce", "--claim", path, "--seeds", "1", "--to", tmp_path / "out")
    assert done.code == 0 and "(one seed)" in (tmp_path / "out/mine/index.html").read_text()
    assert "psnr of 359 held-out pictures: pca-autoencoder" in done.out
    refused = narrows("reproduce", "x-2020", "--claim", path)
    assert refused.code != 0 and "--claim runs one file" in refused.err
    missing = narrows("reproduce", "--claim", tmp_path / "none.toml")
    assert missing.code != 0 and "none.toml" in missing.err
