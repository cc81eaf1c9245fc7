"""Rows, papers and which of their experiments are meant."""

import pytest

from narrows_studies import Document, Experiment, Finding, Row, experiment, verdict_of


@experiment("figure 4", "§3.2", title="curves", claim="they fall", data=("digits",))
def curves(lab):
    return Finding("shown", "they fall")


@experiment("table 1", title="numbers", claim="small", data=())
def numbers(lab):
    return Finding("shown", "small")


DOCUMENT = Document("x-2020", "X", "A", "B", (curves, numbers), {"figure 1": "a diagram"})


def test_a_row_has_a_mean_and_a_spread():
    row = Row("error", [1.0, 3.0])
    assert row.mean == 2.0
    assert row.spread == pytest.approx(2**0.5)
    assert Row("error", [1.0]).spread == 0.0
    with pytest.raises(ValueError, match="a row needs a number of ours; 'error' has none"):
        Row("error", [])


def test_a_verdict_is_of_the_facts():
    assert verdict_of(True, True) == "holds"
    assert verdict_of(True, False) == "holds in part"
    assert verdict_of(False) == "does not hold"
    with pytest.raises(ValueError, match="a verdict needs a fact"):
        verdict_of()


def test_experiments_are_chosen_by_any_of_their_labels():
    assert isinstance(curves, Experiment)
    assert curves.slug == "figure-4"
    assert DOCUMENT.chosen(["§3.2"]) == [curves]
    assert DOCUMENT.chosen([]) == [curves, numbers]
    assert DOCUMENT.chosen(["table 1", "figure 4"]) == [curves, numbers]


def test_a_figure_that_is_no_experiment_says_why():
    with pytest.raises(ValueError, match="figure 1 of x-2020 is no experiment: a diagram"):
        DOCUMENT.chosen(["figure 1"])
    with pytest.raises(ValueError, match="x-2020 has no figure 9; it has figure 4, §3.2, table 1"):
        DOCUMENT.chosen(["figure 9"])


def test_a_label_stands_once():
    with pytest.raises(ValueError, match="x-2020 has figure 4 more than once"):
        Document("x-2020", "X", "A", "B", (curves,), {"figure 4": "a diagram"})


def test_its_name_is_for_people_and_its_option_for_the_command_line():
    def one(*labels):
        return experiment(*labels, title="", claim="", data=())(lambda lab: Finding("shown", ""))

    assert one("figure 24", "figure 25", "figure 26").name == "figures 24–26"
    assert one("table 1", "figure 5", "figure 6").name == "table 1, figures 5–6"
    assert one("figure 4.4", "figure 4.5").name == "figure 4.4, figure 4.5"
    assert one("tied", "free").name == "tied, free"
    assert one("figure 24", "figure 25").option == "--figure 24"
    assert one("table 1").option == "--table 1"
    assert one("table 1 seeds").option == '--only "table 1 seeds"'
    assert one("PCA claim").option == '--only "PCA claim"'
    assert one("β-VAE").option == "--only β-VAE"
