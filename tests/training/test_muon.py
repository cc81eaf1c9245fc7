"""Muon moves matrices by their nearest orthogonal matrix, and leaves the rest to AdamW."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from narrows.training.muon import Muon, orthogonalised


@pytest.mark.parametrize("shape", [(6, 6), (4, 30), (30, 4), (1, 5)])
def test_singular_values_come_near_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    found = orthogonalised(1e-4 * matrix)
    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    values = torch.linalg.svdvals(found)
    assert 0.6 < float(values.min()) and float(values.max()) < 1.3
    alike = torch.nn.functional.cosine_similarity(found.flatten(), (u @ vh).flatten(), dim=0)
    assert float(alike) > 0.95


def test_nothing_is_orthogonal_to_nothing() -> None:
    assert torch.equal(orthogonalised(torch.zeros(3, 4)), torch.zeros(3, 4))


def test_a_matrix_moves_as_by_torch() -> None:
    """Torch's own takes matrices only, and multiplies in bfloat16."""
    weight = torch.randn(8, 20, generator=torch.Generator().manual_seed(0))
    ours, theirs = (nn.Parameter(weight.clone()) for _ in range(2))
    both = (
        (ours, Muon([ours], lr=0.01, weight_decay=0.1)),
        (
            theirs,
            torch.optim.Muon([theirs], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
        ),
    )
    draw = torch.Generator().manual_seed(1)
    for _ in range(5):
        gradient = torch.randn(8, 20, generator=draw)
        for one, optimizer in both:
            one.grad = gradient.clone()
            optimizer.step()
    moved, wanted = ours.detach() - weight, theirs.detach() - weight
    assert float((moved - wanted).norm() / wanted.norm()) < 0.05


def test_all_else_moves_as_by_adamw() -> None:
    bias = torch.arange(5.0)
    ours, theirs = (nn.Parameter(bias.clone()) for _ in range(2))
    both = (
        (ours, Muon([ours], lr=0.01, weight_decay=0.3)),
        (theirs, torch.optim.AdamW([theirs], lr=0.01, betas=(0.9, 0.99), weight_decay=0.0)),
    )
    for step in range(4):
        for one, optimizer in both:
            one.grad = torch.sin(bias + step)
            optimizer.step()
    torch.testing.assert_close(ours, theirs)


def test_a_kernel_is_a_matrix_of_its_outputs() -> None:
    kernel = nn.Parameter(torch.zeros(4, 3, 2, 2).contiguous(memory_format=torch.channels_last))
    gradient = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    kernel.grad = gradient
    Muon([kernel], lr=0.1).step()
    wanted = -0.1 * 0.2 * math.sqrt(12) * orthogonalised(gradient.flatten(1))
    torch.testing.assert_close(kernel.detach().flatten(1), wanted)
