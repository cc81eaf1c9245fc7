"""Theivaprakasham 2021: all its figures and the related work, and what its measures rest on."""

import numpy as np
import torch

from narrows_studies import DOCUMENTS
from narrows_studies.theivaprakasham_anomalies import _own_neighbours
from narrows_studies.theivaprakasham_related import _energy

DOCUMENT = DOCUMENTS["theivaprakasham-2021"]
EXPERIMENTS = {f"figure 4.{i}" for i in range(1, 9)} | {"§2.1", "§2.1 ControlVAE"}
DIAGRAMS = {"figure 3.1", "figure 3.2", "figure 3.3"}


def test_every_figure_is_an_experiment_or_says_why_not():
    labels = [label for one in DOCUMENT.experiments for label in one.labels]
    assert set(labels) == EXPERIMENTS
    assert set(DOCUMENT.explained) == DIAGRAMS


def test_nines_apart_have_nines_for_neighbours_and_mixed_ones_their_share():
    nine = np.arange(200) % 10 == 9
    noise = np.random.default_rng(0).normal(size=(200, 3))
    assert _own_neighbours(noise + 100 * nine[:, None], nine) == 1.0
    assert abs(_own_neighbours(noise, nine) - 0.1) < 0.05


def test_drawings_as_sharp_as_the_real_ones_have_the_energy_1():
    x = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert abs(_energy(x, x) - 1) < 1e-6
    assert _energy(x, 0.5 * x) < 0.3


def test_the_model_is_shared_and_the_anomaly_is_left_out(lab):
    from narrows_studies import theivaprakasham_digits as digits

    images = digits.train(lab)
    known = digits.known_digits(images)
    assert 9 in images.label
    assert 9 not in known.label
    one, other = (digits.vae(lab, known, digits.PLANE, 0) for _ in range(2))
    assert one.folder == other.folder
    assert one.model.code_shape == (2,)
