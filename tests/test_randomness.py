"""Draws are a function of (seed, purpose, step, stream), and of nothing else."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from narrows.randomness import Draws, generator, permutation

KINDS = ["normal", "uniform", "integers"]


def drawn(kind: str, draws: Draws, purpose: str = "noise") -> torch.Tensor:
    below = (1 << 40,) if kind == "integers" else ()
    return getattr(draws, kind)(purpose, *below, (64,))


@pytest.mark.parametrize("kind", KINDS)
def test_asking_twice_gives_the_same_numbers(kind: str) -> None:
    draws = Draws(seed=3, step=17, stream=1)
    first = drawn(kind, draws)
    torch.randn(5)  # the global generator has no part in it
    assert torch.equal(first, drawn(kind, draws))
    assert torch.equal(first, drawn(kind, Draws(3, 17, 1)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", [Draws(1, 0, 0), Draws(0, 1, 0), Draws(0, 0, 1), Draws(-1)])
def test_another_seed_step_or_stream_gives_others(kind: str, other: Draws) -> None:
    assert not torch.equal(drawn(kind, Draws()), drawn(kind, other))


@pytest.mark.parametrize("kind", KINDS)
def test_another_purpose_gives_others(kind: str) -> None:
    assert not torch.equal(drawn(kind, Draws(), "posterior"), drawn(kind, Draws(), "corruption"))


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    Draws().normal("noise", (3,))
    permutation(0, "order", 10)
    assert torch.equal(before, torch.get_rng_state())


def test_moments_and_ranges() -> None:
    draws = Draws(seed=5)
    normal = draws.normal("a", (100_000,))
    assert abs(float(normal.mean())) < 0.02 and abs(float(normal.std()) - 1) < 0.02
    uniform = draws.uniform("b", (100_000,))
    assert 0 <= float(uniform.min()) and float(uniform.max()) < 1
    assert abs(float(uniform.mean()) - 0.5) < 0.01
    assert set(draws.integers("c", 4, (1000,)).tolist()) == {0, 1, 2, 3}
    assert (normal.dtype, uniform.dtype) == (torch.float32, torch.float32)


@given(n=st.integers(0, 200), seed=st.integers(-(2**70), 2**70), epoch=st.integers(0, 10**9))
def test_a_permutation_holds_every_position_once(n: int, seed: int, epoch: int) -> None:
    order = permutation(seed, "order", n, epoch)
    assert sorted(order.tolist()) == list(range(n))
    assert torch.equal(order, permutation(seed, "order", n, epoch))


def test_numbers_do_not_run_together() -> None:
    """(1, 23) and (12, 3) are two keys, and so are (1,) and (1, 0)."""
    keys = {
        generator(0, "a", *numbers).initial_seed() for numbers in [(1, 23), (12, 3), (1,), (1, 0)]
    }
    assert len(keys) == 4


def test_consecutive_steps_are_uncorrelated() -> None:
    rows = torch.stack([Draws(0, step).normal("noise", (2000,)) for step in range(20)])
    off_diagonal = torch.corrcoef(rows) - torch.eye(20)
    assert float(off_diagonal.abs().max()) < 0.12  # 5 standard errors of 1/√2000
