"""What our own experiments are made of: faces with views, sizes at a PSNR, who is held against whom."""

import numpy as np
import pytest
import torch

from narrows_studies.own_beginnings import AUTOENCODER, BEFORE, row_of
from narrows_studies.own_compression import at_psnr, rows_of
from narrows_studies.own_faces import SIZE, VIEWS, faces, mirrored
from narrows_studies.verdicts import behind

CURVE = [(100.0, 20.0), (200.0, 24.0), (400.0, 26.0)]


def test_faces_are_in_parts_and_views_stay_with_their_face(lab):
    of = faces(lab, "utkface", 40)
    inner = of.inner()
    parts = [set(of.held.ids), set(inner.held.ids), set(inner.train.ids)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 40
    seen = inner.viewed(seed=3)
    assert seen.shape == (3, SIZE, SIZE) and len(seen) == (VIEWS + 1) * len(inner.train)
    first = seen.groups == inner.train.ids[0]
    assert first.sum() == VIEWS + 1
    face, *views = seen.pixels[torch.from_numpy(first)].float()
    assert torch.equal(face, inner.train.pixels[0].float())
    near = [float((face - view).square().mean()) for view in views]
    assert min(near) > 0  # a view is not the picture again
    assert max(near) < float((face - seen.pixels[5].float()).square().mean())  # nor another face
    assert torch.equal(seen.pixels, inner.viewed(seed=3).pixels)
    both = mirrored(of.held)
    assert torch.equal(both.pixels[len(of.held)], of.held.pixels[0].flip(2))


def test_bytes_at_a_psnr_are_between_two_points_or_at_an_end():
    size, reached = at_psnr(CURVE, 22.0)
    assert size == pytest.approx(np.sqrt(100 * 200)) and reached == 22.0
    assert at_psnr(CURVE, 24.0)[0] == pytest.approx(200)
    assert at_psnr(CURVE, 30.0) == (pytest.approx(400), 26.0)


def test_a_curve_that_falls_short_says_so_and_claims_no_bytes():
    beside = {"JPEG": [(300.0, 18.0), (900.0, 32.0)], "PCA": [(90.0, 21.0), (300.0, 23.0)]}
    psnr, size = rows_of("faces", [CURVE], beside, 24.0, 555.0)
    assert psnr.ours == [24.0] and size.ours == [pytest.approx(200)]
    assert size.baselines["JPEG"] == 555.0 and psnr.baselines["PCA"] == 23.0
    assert size.better == "lower"
    psnr, size, *ends = rows_of("faces", [CURVE], beside, 28.0, 700.0)
    assert psnr.ours == [26.0] and size.ours == [pytest.approx(400)] and size.better == ""
    assert [row.ours for row in ends] == [[value] for point in CURVE for value in point]
    assert ends[0].baselines == {"JPEG": 300.0}


def test_the_default_before_is_no_alternative_of_ours():
    short = [row_of(f"mnist, 32 numbers, 5 minutes: {model}", [-0.1], 0.0) for model in (AUTOENCODER, BEFORE)]  # fmt: skip
    assert behind(short).count("ours") == 1 and AUTOENCODER in behind(short)
