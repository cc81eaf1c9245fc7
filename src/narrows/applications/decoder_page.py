"""A page that runs a decoder in the browser: what it shows, gathered from the model.

traversals ──► sliders   codes of pictures ──► a morph   draws of generate ──► samples
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..autoencoder import Autoencoder
from ..errors import NarrowsError
from ..figures import decoder_page
from .generate import generate, traversals

__all__ = ["MOST", "decoder_page_of"]

Array = np.ndarray[Any, Any]

MOST = 16  # pictures that it morphs between
DRAWN = 48  # samples, a dozen at a time
REACH = 3.0  # deviations to either side of a slider


def decoder_page_of(
    model: Autoencoder,
    onnx: bytes,
    images: Any,
    about: dict[str, Any],
    seed: int = 0,
    codes: torch.Tensor | None = None,
    axes: torch.Tensor | None = None,
) -> str:
    """The page as text.

    Args:
        model: whose decoder it is.
        onnx: the decoder, from ``code`` to ``picture``.
        images: pictures to morph between, a source in the model's shape; None: none.
        about: what the file says of itself.
        seed: of the samples.
        codes: (N, *code) of these pictures, where they are known.
        axes: (M, *code) that the sliders are of; None: those of the training.

    Raises:
        ValueError: too many pictures to morph between.
    """
    told: dict[str, Any] = {"about": about, "reach": REACH, "sliders": {}, "why": "", "names": []}
    arrays: dict[str, Array] = {}
    known = None
    if images is not None:
        if len(images) > MOST:
            raise ValueError(
                f"a page morphs between at most {MOST} pictures; we got {len(images):,}: "
                f"--limit {MOST}"
            )
        x = images.batch(torch.arange(len(images))).cpu()
        known = model.encode(images).z.cpu() if codes is None else codes
        told["names"] = [str(each) for each in getattr(images, "ids", range(len(x)))]
        arrays |= {"known": _flat(known), "pictures": _bytes(x)}
    start = known[0] if known is not None else None
    for kind in ("axes", "units"):
        try:
            found = traversals(
                model, start=start, codes=axes, reach=REACH, steps=3,
                units="effect" if kind == "units" else None, seed=seed, progress=False,
            )  # fmt: skip
        except (NarrowsError, ValueError) as error:
            told["why"] = str(error)
            break
        assert found.start is not None and found.steps is not None
        told["sliders"][kind] = [unit + (kind == "axes") for unit in found.units.tolist()]
        arrays |= {"start": _flat(found.start[None])[0], kind: _flat(found.steps)}
    try:
        made = generate(model, DRAWN, seed=seed, progress=False)
    except (NarrowsError, ValueError) as error:
        told["no_samples"] = str(error)
    else:
        told["prior"] = made.prior
        arrays["samples"] = _flat(made.codes)
        if "start" not in arrays:
            arrays["start"] = arrays["samples"][0]
    if "start" not in arrays:
        arrays["start"] = _flat(model.encode(torch.full((1, *model.shape), 0.5)).z.cpu())[0]
    if known is not None:
        arrays["start"] = arrays["known"][0]
    name = str((about.get("recipe") or {}).get("name") or "an autoencoder")
    return decoder_page(f"The decoder of {name}", onnx, told, arrays)


def _flat(codes: torch.Tensor) -> Array:
    return np.asarray(codes.flatten(1).float().cpu().numpy(), np.float32)


def _bytes(x: torch.Tensor) -> Array:
    pixels: Array = (x * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
    return pixels
