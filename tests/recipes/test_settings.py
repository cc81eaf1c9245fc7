"""What ``narrows train --set`` takes: it is listed, it works, and what does not fit is a sentence."""

from __future__ import annotations

import numpy as np
import pytest

import narrows as nw
from narrows.parts import Part, listed
from narrows.recipes import adjusted
from narrows.recipes.named import settings

SHAPE = (1, 8, 8)


def test_all_parts_are_listed_with_their_numbers() -> None:
    kinds = settings()
    assert {"ladder", "bottleneck", "likelihood", "corruption", "penalty", "scheme"} < kinds.keys()
    for kind, known in list(kinds.items())[1:]:
        assert known.keys() == listed(kind).keys()
    assert kinds["numbers of a phase"]["batch_size"] == {"": 128}
    assert kinds["corruption"]["gaussian-noise"] == {"sigma": "needed", "clip": False}
    assert "shape" not in kinds["ladder"]["conv"]


def test_a_part_may_be_given_with_its_numbers_and_penalties_by_name() -> None:
    made = adjusted(
        "mlp-autoencoder",
        SHAPE,
        {
            "penalties": '["l1", {part="contractive", weight=0.5}]',
            "corruption": '{part="flip", p=1}',
        },
    )
    (phase,) = made.phases
    assert [one.name for one in phase.penalties] == ["l1", "contractive"]
    assert phase.penalties[1].arguments["weight"] == 0.5
    assert phase.corruption == Part("flip", {"p": 1})
    made.build()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"widths": "16"}, r"widths is a list, such as widths=\[16, 32\]; we got 16"),
        ({"ladder": "nope"}, "there is no ladder named 'nope', only conv, dense"),
        ({"bottleneck": "gausian"}, "only finite-scalar, gaussian.* did you mean 'gaussian'"),
        ({"penalties": "contractve"}, "there is no penalty named .* did you mean 'contractive'"),
        ({"corruption": "noise"}, "there is no corruption named 'noise', only bend"),
        ({"views": "nope"}, "there is no corruption named 'nope'"),
        ({"learning_rate": "fast"}, "learning_rate is a number; we got fast"),
        ({"epochs": "many"}, "epochs is a number; we got many"),
        ({"optimiser": "sgd"}, "no number 'optimiser'; did you mean 'optimizer'.*code_size"),
        ({"precision": "half"}, "precision must be one of auto, float32, bfloat16; we got 'half'"),
        ({"batch_size": "1", "ladder.norm": "batch"}, "batch_size is 1, and batch normalisation"),
    ],
)
def test_what_cannot_be_is_a_sentence_that_lists_what_fits_and_leaves_nothing(
    changes, sentence, tmp_path
) -> None:
    pictures = np.zeros((4, 1, 8, 8), np.uint8)
    with pytest.raises(ValueError, match=sentence):
        nw.train(pictures, "mlp-vae", changes=changes, to=tmp_path / "run", report="quiet")
    assert not (tmp_path / "run").exists()


def test_one_picture_has_no_batch_statistics(tmp_path) -> None:
    alone = np.zeros((1, 1, 16, 16), np.uint8)
    with pytest.raises(
        ValueError, match="there is one picture .* batch normalisation .* more pictures"
    ):
        nw.train(
            alone, "ray-2022-stacked-shared-norm", validation=0, to=tmp_path / "run", report="quiet"
        )
    assert not (tmp_path / "run").exists()
