"""A code that tells nothing of its picture is said to."""

from __future__ import annotations

import pytest
import torch

import narrows as nw
from narrows.applications.evaluate import evaluate
from narrows.measures.collapse import collapse_note


@pytest.fixture(scope="module")
def digits() -> nw.images.Images:
    return nw.images.named("digits")


def test_a_posterior_at_the_prior_is_said_and_one_that_tells_a_bit_is_not(narrow, digits) -> None:
    model = narrow("mlp-vae", digits.shape)
    with torch.no_grad():
        for weight in model.bottleneck.head.parameters():
            weight.zero_()
    note = collapse_note(model, digits)
    assert note.startswith("the posterior has collapsed onto the prior (KL 0.00 nats")
    assert "search" in note and "outliers" in note and "generate" in note
    result = evaluate(model, digits, limit=32, progress=False)
    assert note in result.notes and note in result.whole_document()["notes"]
    assert collapse_note(model, digits, kl=0.7) == ""


def test_points_that_are_all_one_are_said_and_others_are_not(narrow, digits) -> None:
    model = narrow("mlp-autoencoder", digits.shape)
    assert collapse_note(model, digits) == ""
    assert collapse_note(model, digits.select([3])) == ""  # one picture has nobody to be told from
    with torch.no_grad():
        for weight in model.ladder.parameters():
            weight.zero_()
    assert collapse_note(model, digits).startswith("the codes have collapsed")


def test_training_says_it_at_its_end_and_on_the_card(tmp_path, digits) -> None:
    result = nw.train(
        digits.select(range(64)), "higgins-2017-beta-vae", changes={"beta": 1e4}, epochs=6,
        to=tmp_path / "run", report="quiet",
    )  # fmt: skip
    (note,) = [note for note in result.notes if "collapsed" in note]
    assert note in (tmp_path / "run" / "card.md").read_text(encoding="utf-8")
