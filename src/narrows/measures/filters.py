"""Baselines of restoration without training: filters and in-filling of one picture.

Each takes pictures (N, C, H, W) in [0, 1], noisy ones may leave it, and gives as many. Median and
the cosine transform are always there; the others need scikit-image or OpenCV.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import Unavailable
from ..images.cosine import cosine_threshold

__all__ = [
    "cosine_threshold", "estimated_sigma", "median", "navier_stokes", "non_local_means", "telea",
    "total_variation",
]  # fmt: skip

Array = np.ndarray[Any, Any]
RADIUS = 3  # pixels around each one that OpenCV's in-filling looks at


def median(x: Tensor, side: int = 3) -> Tensor:
    """Each pixel becomes the median of the ``side`` × ``side`` around it; reflected at the borders."""
    ndimage: Any = importlib.import_module("scipy.ndimage")
    filtered = ndimage.median_filter(x.cpu().numpy(), size=(1, 1, side, side), mode="mirror")
    return torch.from_numpy(filtered).to(x)


def estimated_sigma(x: Tensor) -> float:
    """The noise's standard deviation, from the finest differences (Immerkær 1996), over all pictures.

    Robust: a median instead of his mean, so that edges count little. A picture smaller than 3×3 has 0.
    """
    if min(x.shape[2:]) < 3:
        return 0.0
    mask = x.new_tensor([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])[None, None]
    rough = F.conv2d(x.reshape(-1, 1, *x.shape[2:]), mask).abs() / 6
    return float(rough.median()) / 0.6745


def non_local_means(x: Tensor, sigma: float) -> Tensor:
    """Non-local means (Buades et al. 2005) by scikit-image: patches of 5, searched 6 pixels around."""
    restoration = _optional("skimage.restoration", "scikit-image")
    how = {"patch_size": 5, "patch_distance": 6, "h": 0.8 * sigma, "sigma": sigma}
    return _each(
        x, lambda p: restoration.denoise_nl_means(p, fast_mode=True, channel_axis=-1, **how)
    )


def total_variation(x: Tensor, sigma: float) -> Tensor:
    """Total variation (Chambolle 2004) by scikit-image, as strong as the noise."""
    restoration = _optional("skimage.restoration", "scikit-image")
    return _each(x, lambda p: restoration.denoise_tv_chambolle(p, weight=sigma, channel_axis=-1))


def telea(x: Tensor, hole: Tensor) -> Tensor:
    """x with its hole (N or 1, 1, H, W; true is unknown) filled by fast marching (Telea 2004), OpenCV."""
    return _inpainted(x, hole, "INPAINT_TELEA")


def navier_stokes(x: Tensor, hole: Tensor) -> Tensor:
    """x with its hole (N or 1, 1, H, W) filled along lines of equal light (Bertalmio 2001), OpenCV."""
    return _inpainted(x, hole, "INPAINT_NS")


def _inpainted(x: Tensor, hole: Tensor, method: str) -> Tensor:
    cv2 = _optional("cv2", "opencv-python-headless")
    masks = hole.expand(len(x), 1, *x.shape[2:])[:, 0].cpu().numpy().astype(np.uint8)
    pixels = (x.clamp(0, 1) * 255).round().to("cpu", torch.uint8).permute(0, 2, 3, 1).numpy()
    filled = [
        cv2.inpaint(np.ascontiguousarray(p), m, RADIUS, getattr(cv2, method)).reshape(p.shape)
        for p, m in zip(pixels, masks, strict=True)
    ]
    out = torch.from_numpy(np.stack(filled)).permute(0, 3, 1, 2).to(x) / 255
    return torch.where(hole.to(x.device), out, x)


def _each(x: Tensor, change: Callable[[Array], Array]) -> Tensor:
    """A function of one (H, W, C) over all pictures."""
    pixels = x.cpu().permute(0, 2, 3, 1).numpy()
    done = np.stack([np.asarray(change(p), np.float32).reshape(p.shape) for p in pixels])
    return torch.from_numpy(done).permute(0, 3, 1, 2).to(x)


def _optional(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Unavailable(
            f"this baseline needs {package}, which is not installed: pip install 'narrows[restore]'"
        ) from error
