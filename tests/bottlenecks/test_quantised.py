"""Quantised codes: their indices, their book, and how that follows the training."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
import torch

import narrows as nw
from narrows.bottlenecks import Code, FiniteScalar, VectorQuantised
from narrows.bottlenecks.quantised import IDLE, perplexity, straight_through
from narrows.networks import Descent, Ladder, conv_ladder
from narrows.parts import Part
from narrows.randomness import Draws

LAYOUTS = ["flat", "map"]


@pytest.fixture
def ladder() -> Ladder:
    """It ends in maps of (4, 5, 3)."""
    torch.manual_seed(0)
    return conv_ladder((1, 9, 6), (4,), activation="tanh")


@pytest.fixture
def descent(ladder: Ladder) -> Descent:
    return ladder.descend(torch.rand(8, 1, 9, 6, generator=torch.Generator().manual_seed(1)))


def stepped(bottleneck: VectorQuantised, code: Code, number: int = 0) -> None:
    bottleneck.after_step(SimpleNamespace(code=code, draws=Draws(0, number)))


@pytest.mark.parametrize(
    "kind, layout, given, shape",
    [
        (VectorQuantised, "flat", {"groups": 2}, (8, 2)),
        (VectorQuantised, "map", {}, (8, 5, 3)),
        (FiniteScalar, "flat", {}, (8, 6)),
        (FiniteScalar, "flat", {"levels": (4, 3, 2)}, (8, 2)),
        (FiniteScalar, "map", {"levels": (4, 3, 2, 5, 2, 3)}, (8, 5, 3)),
    ],
)
def test_a_code_is_what_its_indices_stand_for(
    ladder, descent, kind, layout: str, given, shape: tuple[int, ...]
) -> None:
    bottleneck = kind(ladder.narrowest, 6, layout, **given)
    code = bottleneck.encode(descent, ladder, 3, Draws())
    assert code.indices.shape == shape and code.indices.dtype == torch.int64
    assert torch.equal(bottleneck.lookup(code.indices), code.z[0])
    assert torch.equal(bottleneck.nearest(code.z), code.indices.expand(3, *shape))
    assert 1 <= float(code.metrics["perplexity"]) <= code.indices.numel()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_vector_goes_through_its_own_place(ladder, layout: str) -> None:
    """One entry changed in the indices changes one vector of the code."""
    bottleneck = VectorQuantised(ladder.narrowest, 6, layout, entries=4)
    indices = torch.zeros((1, 3) if layout == "flat" else (1, 5, 3), dtype=torch.int64)
    before = bottleneck.lookup(indices)
    indices[0, 1] = 3
    changed = (bottleneck.lookup(indices) != before)[0]
    if layout == "flat":
        assert changed.tolist() == [False, False, True, True, False, False]
    else:
        assert changed.any(0).any(1).tolist() == [False, True, False, False, False]


@pytest.mark.parametrize("size, groups", [(3, 3), (6, 3), (64, 16)])
def test_flat_codes_are_cut_into_small_vectors(size: int, groups: int) -> None:
    bottleneck = VectorQuantised((5,), size)
    assert bottleneck.lookup(torch.zeros(2, groups, dtype=torch.int64)).shape == (2, size)


def test_encoding_changes_nothing(ladder, descent) -> None:
    bottleneck = VectorQuantised(ladder.narrowest, 6).train()
    held = {name: buffer.clone() for name, buffer in bottleneck.named_buffers()}
    one, other = (bottleneck.encode(descent, ladder, 1, Draws(i)) for i in range(2))
    assert torch.equal(one.z, other.z)
    assert all(torch.equal(held[name], now) for name, now in bottleneck.named_buffers())


def test_the_book_begins_on_vectors_of_the_batch(ladder, descent) -> None:
    bottleneck = VectorQuantised(ladder.narrowest, 6, groups=2, entries=10).train()
    code = bottleneck.encode(descent, ladder, 1, Draws())
    stepped(bottleneck, code)
    vectors = code.unquantised.reshape(-1, 3)
    chosen = code.indices.unique()
    for i, entry in enumerate(bottleneck.book):
        if i in chosen:  # the mean of those that chose it
            assert torch.allclose(entry, vectors[code.indices.flatten() == i].mean(0), atol=1e-6)
        else:
            assert bool((vectors == entry).all(1).any())
    assert len(bottleneck.book.unique(dim=0)) == 10
    assert int(bottleneck.idle.max()) == 0


def test_more_entries_than_vectors_wait_for_the_next_batch(ladder, descent) -> None:
    bottleneck = VectorQuantised(ladder.narrowest, 6, groups=2, entries=40).train()
    code = bottleneck.encode(descent, ladder, 1, Draws())
    used = len(code.indices.unique())
    stepped(bottleneck, code)
    assert int((bottleneck.idle == 0).sum()) == used + 16
    stepped(bottleneck, code, 1)
    assert int((bottleneck.idle > IDLE).sum()) == 40 - used - 32


def test_an_entry_that_nobody_chooses_is_put_elsewhere(ladder, descent) -> None:
    bottleneck = VectorQuantised(ladder.narrowest, 6, groups=2, entries=3).train()
    code = bottleneck.encode(descent, ladder, 1, Draws())
    stepped(bottleneck, code)
    with torch.no_grad():
        bottleneck.book[2] = 100.0
    for number in range(IDLE):
        stepped(bottleneck, bottleneck.encode(descent, ladder, 1, Draws()), number)
        assert float(bottleneck.book[2, 0]) == 100.0
    stepped(bottleneck, bottleneck.encode(descent, ladder, 1, Draws()), IDLE)
    assert float(bottleneck.book[2].abs().max()) < 10


def test_the_same_draws_revive_the_same_entries(ladder, descent) -> None:
    books = []
    for number in (0, 0, 1):
        torch.manual_seed(2)
        bottleneck = VectorQuantised(ladder.narrowest, 6, groups=2, entries=9).train()
        stepped(bottleneck, bottleneck.encode(descent, ladder, 1, Draws()), number)
        books.append(bottleneck.book)
    assert torch.equal(books[0], books[1]) and not torch.equal(books[0], books[2])


def test_the_book_rests_in_evaluation_and_above_the_bottleneck(ladder, descent) -> None:
    bottleneck = VectorQuantised(ladder.narrowest, 6)
    code = bottleneck.encode(descent, ladder, 1, Draws())
    before = bottleneck.book.clone()
    stepped(bottleneck.train(), Code(torch.ones(1, 8, 4), sampled=True))
    stepped(bottleneck.eval(), code)
    assert torch.equal(bottleneck.book, before)


def test_nothing_of_the_training_is_stored(ladder, descent) -> None:
    code = VectorQuantised(ladder.narrowest, 6).encode(descent, ladder, None, Draws())
    for kept in (Code.joined([code, code]), code.to("cpu")):
        assert kept.unquantised is None and kept.aux_loss is None and kept.indices is not None


def test_training_writes_the_perplexity_and_the_commitment_down(tiny, tmp_path) -> None:
    recipe = nw.Recipe(
        "vq",
        Part("conv", {"shape": tiny.shape, "widths": (4,)}),
        Part("vector-quantised", {"size": 4, "layout": "map", "entries": 8}),
        Part("gaussian", {"variance": 0.01}),
        phases=(nw.Phase(learning_rate=5e-3),),
    )
    nw.fit(recipe, tiny, epochs=3, to=tmp_path / "run", report="quiet", device="cpu")
    line = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1]
    assert '"perplexity": ' in line and '"aux_loss": ' in line


def test_perplexity_is_the_effective_number_of_entries() -> None:
    assert float(perplexity(torch.full((6, 2), 7))) == pytest.approx(1)
    assert float(perplexity(torch.tensor([[0, 5], [9, 2**60]]))) == pytest.approx(4)
    assert float(perplexity(torch.tensor([0, 0, 0, 1]))) == pytest.approx(4 / 3**0.75)


def test_straight_through_is_exact_and_lets_the_gradient_pass() -> None:
    hard, soft = torch.tensor([1.0, -1 / 3]), torch.tensor([0.1, 1e6], requires_grad=True)
    out = straight_through(hard, soft)
    (out * torch.tensor([2.0, 3.0])).sum().backward()
    assert torch.equal(out, hard) and soft.grad.tolist() == [2, 3]


@pytest.mark.parametrize(
    "layout, given, sentence",
    [
        ("map", {"groups": 2}, "in a map every position is one vector: leave groups out; we got 2"),
        ("flat", {"groups": 4}, "groups must divide the size of the code, 6; we got 4"),
        ("flat", {"groups": 0}, "groups must divide the size of the code, 6; we got 0"),
        ("flat", {"entries": 1}, "a code book needs at least 2 entries; we got 1"),
        ("flat", {"decay": 1.0}, "a decay is at least 0 and below 1; we got 1.0"),
        ("flat", {"commitment": -1.0}, "a commitment is at least 0; we got -1.0"),
    ],
)
def test_a_book_that_cannot_work_is_refused(layout: str, given, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        VectorQuantised((4, 5, 3), 6, layout, **given)


@pytest.mark.parametrize(
    "layout, levels, sentence",
    [
        ("flat", 1, "each unit needs at least 2 levels; we got 1"),
        ("flat", (), "each unit needs at least 2 levels; we got ()"),
        ("flat", (3, 3, 3, 3), "must divide the 6 units of the code; we got (3, 3, 3, 3)"),
        ("map", (3, 3, 3), "must be as many as the 6 units of the code; we got (3, 3, 3)"),
        ("map", 2**12, "a vector of 6 units has 4.7e+21 entries, too many to be counted"),
    ],
)
def test_levels_that_cannot_work_are_refused(layout: str, levels, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        FiniteScalar((4, 5, 3), 6, layout, levels=levels)
