"""Angles between spaces, and how a code answers to steps: laws with known answers."""

import math

import pytest
import torch

from narrows.measures import principal_angles, sensitivity


def test_a_space_has_no_angle_to_itself_by_whatever_vectors():
    rows = torch.randn(3, 9, generator=torch.Generator().manual_seed(0))
    mixed = torch.randn(3, 3, generator=torch.Generator().manual_seed(1)) @ rows
    assert principal_angles(rows, mixed).max() < 1e-2
    assert principal_angles(rows, torch.cat([mixed, torch.randn(2, 9)])).max() < 1e-2


def test_angles_of_lines_and_planes_that_are_known():
    line = torch.tensor([[1.0, 0.0, 0.0]])
    turned = torch.tensor([[math.cos(0.3), math.sin(0.3), 0.0]])
    assert principal_angles(line, 5 * turned).item() == pytest.approx(math.degrees(0.3), abs=1e-3)
    plane = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 2.0]])
    other = torch.tensor([[1.0, 0.0, 0.0], [0.0, 3.0, 0.0]])
    assert principal_angles(plane, other).tolist() == pytest.approx([0, 90], abs=1e-3)


def test_spaces_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match=r"two sets of rows of one length were wanted; we got"):
        principal_angles(torch.ones(1, 3), torch.ones(1, 4))
    with pytest.raises(ValueError, match="4 rows of 3 numbers are more than they can span"):
        principal_angles(torch.ones(4, 3), torch.ones(1, 3))


def test_a_linear_code_answers_by_its_own_matrix():
    draws = torch.Generator().manual_seed(2)
    weight = torch.randn(4, 12, generator=draws)
    x, d = (torch.rand(5, 3, 2, 2, generator=draws) for _ in range(2))
    unit = d.flatten(1) / d.flatten(1).norm(dim=1, keepdim=True)
    found = sensitivity(lambda some: some.flatten(1) @ weight.T, x, 7 * d)
    assert torch.allclose(found, (unit @ weight.T).norm(dim=1), atol=1e-4)


def test_what_a_code_does_not_look_at_it_does_not_answer_to():
    x = torch.rand(3, 1, 2, 2)
    corner = torch.zeros_like(x)
    corner[:, :, 1, 1] = 1
    assert sensitivity(lambda some: some[:, :, 0].flatten(1), x, corner).max() == 0
