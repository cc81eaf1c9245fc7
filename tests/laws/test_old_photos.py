"""Two code spaces and a map: with nothing spoiled the map changes nothing; what is linear is met at once."""

from __future__ import annotations

import pytest
import torch

import narrows as nw
from narrows.applications.restore import OldPhotos, with_real
from narrows.images.ageing import Fading, OldPhoto
from narrows.images.tiles import in_tiles
from narrows.measures import psnr
from narrows.networks import TranslationRung
from narrows.parts import Part
from narrows.randomness import Draws

SHAPE = (3, 16, 16)


def smooth(count: int, seed: int = 0, side: int = 16) -> nw.images.Images:
    """Pictures of a few soft blobs, uint8 (N, 3, side, side)."""
    source = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 5, 5, generator=source)
    x = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic").clamp(0, 1)
    return nw.images.Images((255 * x).round().byte())


def recipe(corruption: Part | None, steps: int) -> nw.Recipe:
    made = nw.recipes.old_photos(SHAPE, channels=8, blocks=2)
    first, second, last = (
        nw.Phase.read({**phase.document(), "steps": steps}) for phase in made.phases
    )
    scheme = Part("translation", {"damage": corruption} if corruption else {})
    second = nw.Phase(**{**vars(second), "corruption": corruption})
    begin = Part("ridge-codes", {"patchworks": 512})
    last = nw.Phase(**{**vars(last), "corruption": corruption, "scheme": scheme, "begin": begin})
    return made.with_(phases=(first, second, last))


def fitted(corruption: Part | None, steps: int, images: nw.images.Images) -> nw.Autoencoder:
    held = smooth(16, 1)
    options = {"report": "quiet", "device": "cpu", "precision": "float32"}
    return nw.fit(recipe(corruption, steps), images, validation=held, **options)


@pytest.mark.parametrize("steps", [0, 6])
def test_where_nothing_is_spoiled_the_map_is_the_identity(steps):
    model = fitted(None, steps, smooth(64))
    rung = model.ladder.rung(0)
    assert isinstance(rung, TranslationRung)
    x = smooth(8, 2).pixels.float() / 255
    with torch.no_grad():
        g = OldPhotos(model).codes(x)
        apart = (rung.translation(g) - g).square().mean() / g.var()
        assert float(apart) < 1e-3
        assert float(psnr(x, model(x)).min()) > 40


def test_it_begins_better_than_what_was_given_and_is_never_kept_below():
    fading = Part("fading")
    begun, trained = (fitted(fading, steps, smooth(256)) for steps in (0, 8))
    x = smooth(64, 3).pixels.float() / 255
    old = Fading()(x, Draws(5))
    with torch.no_grad():
        given, first, last = (float(psnr(x, y).mean()) for y in (old, begun(old), trained(old)))
    assert first > given + 1.5 and last > first - 0.3


@torch.no_grad()
def test_any_size_passes_and_tiles_have_the_tones_of_the_whole(monkeypatch):
    model = fitted(Part("old-photo"), 0, smooth(64))
    change = OldPhotos(model)
    x = smooth(2, 4, side=64).pixels.float()[..., :61, :50] / 255
    whole = change(x)
    assert whole.shape == (2, 4, 61, 50) and bool(((whole >= 0) & (whole <= 1)).all())
    monkeypatch.setattr("narrows.applications.restore.LARGE", 500)
    monkeypatch.setattr("narrows.applications.restore.TILE", 32)
    shared = (change(x) - whole)[:, :3].abs().mean()
    tile = in_tiles(lambda t: change._whole(t, None), x, (32, 32), batch_size=1)
    alone = (tile - whole)[:, :3].abs().mean()
    assert float(shared) < float(alone)


def test_real_old_pictures_are_told_by_their_label_and_matched():
    clean, old = smooth(24), smooth(8, 5)
    aged = OldPhoto()(old.pixels.float() / 255, Draws(1))
    source = with_real(clean, nw.images.Images((255 * aged).round().byte()))
    model = nw.fit(recipe(Part("old-photo"), 2), source, report="quiet", device="cpu")
    names = {key for record in model.history for key in record}
    assert "adversarial_domains_loss" in names
    before = nw.fit(recipe(Part("old-photo"), 2), clean, report="quiet", device="cpu")
    losses = [
        r["adversarial_domains_loss"] for r in before.history if "adversarial_domains_loss" in r
    ]
    assert losses and set(losses) == {0.0}  # without labels nothing is matched
