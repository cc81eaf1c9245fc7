"""Error maps: coloured where a reconstruction errs more than normal pictures' do."""

from __future__ import annotations

import numpy as np
import torch

import narrows as nw
from narrows.applications import ErrorMaps
from narrows.figures import heat


def test_colour_begins_where_normal_pictures_end(digits: nw.images.Images) -> None:
    model = nw.fit(nw.recipes.pca_vae((1, 8, 8), 6).with_(steps=0), digits, report="quiet")
    normal = digits.select(range(50))
    maps = ErrorMaps.of(model, normal)
    x = normal.batch(torch.arange(50))
    errors = (x - model.reconstruct(x).clamp(0, 1)).abs().mean(1).numpy()
    assert maps.usual == np.float64(np.quantile(errors, 0.99))
    flawed = x[:1].clone()
    flawed[0, 0, 3:5, 3:5] = 1 - flawed[0, 0, 3:5, 3:5].round()
    made, hot = maps(flawed)
    x_hat = model.reconstruct(flawed).clamp(0, 1)
    assert np.array_equal(made[0], (x_hat[0] * 255).round().byte().numpy())
    wrong = (flawed - x_hat).abs().mean(1)[0].numpy()
    under = (flawed[0] * 255).round().byte().numpy()
    assert np.array_equal(hot[0], heat(under, wrong, maps.usual))
    coloured = (hot[0].max(0) != hot[0].min(0)) & (wrong > maps.usual)
    assert (
        coloured[3:5, 3:5].any() and not (hot[0].max(0) != hot[0].min(0))[wrong < maps.usual].any()
    )
