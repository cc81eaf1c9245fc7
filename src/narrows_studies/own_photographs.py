"""Photographs restored by models of patches: noise out of Set12, Set5 four times larger; published numbers beside."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from narrows.applications import MODEL, denoise_batch, denoising_baselines, upscale_batch
from narrows.figures import methods
from narrows.images.corruptions import GaussianNoise
from narrows.images.patches import patches
from narrows.images.resizing import reduced
from narrows.measures import psnr
from narrows.randomness import Draws
from narrows.recipes import denoiser, upscaler
from narrows.training import Recipe

from .experiment import Finding, Row, by_name, experiment
from .lab import Lab, through
from .own_restoration import FACTOR, MARGIN, NETWORK, STEPS, Change, sized
from .verdicts import Verdict, verdict_of

__all__ = [
    "EXPERIMENTS",
    "judge_enlarged",
    "judge_noise",
    "opened_photograph",
    "photographs_in",
]

PATCH, MOST = 64, 8192
SIGMA, BORDER = 25 / 255, 4
MINUTES = 25.0
SOURCES = ("kodak", "camvid", "restoration")
BM3D, DNCNN, FSRCNN = 29.97, 30.44, 30.71  # dB, as published
NOISE, ENLARGED = "Set12: PSNR", "Set5: PSNR"


def judge_noise(rows: Sequence[Row]) -> Verdict:
    """At least what BM3D has, and half a decibel above the best filter beside it."""
    return _as_published(by_name(rows)[NOISE], BM3D)


def judge_enlarged(rows: Sequence[Row]) -> Verdict:
    """At least what FSRCNN has, and half a decibel above the best filter beside it."""
    return _as_published(by_name(rows)[ENLARGED], FSRCNN)


def _as_published(row: Row, published: float) -> Verdict:
    return verdict_of(row.mean >= published, row.mean >= max(row.baselines.values()) + MARGIN)


@experiment(
    "noise in photographs",
    title="Photographs under noise of σ = 25/255",
    claim="Noise of σ = 25/255 is taken out of Set12's photographs as well as by BM3D (29.97 dB), and nearer to the "
    "truth by at least 0.5 dB than by any filter beside it.",
    data=SOURCES,
    judge=judge_noise,
)
def photographs_denoised(lab: Lab) -> Finding:
    """PSNR of whole pictures; the noise is not clipped."""
    recipe = denoiser((1, PATCH, PATCH), SIGMA, patches=True)
    published = f"{BM3D} (BM3D), {DNCNN} (DnCNN)"
    return _photographs(lab, recipe, "set12", _photograph_denoised, NOISE, published, judge_noise)


@experiment(
    "photographs enlarged",
    title="Photographs made four times larger",
    claim="Set5's photographs are made four times larger as well as by FSRCNN (30.71 dB), and nearer to the truth by at "
    "least 0.5 dB than by Lanczos and bicubic filters.",
    data=SOURCES,
    judge=judge_enlarged,
)
def photographs_enlarged(lab: Lab) -> Finding:
    """PSNR of luminance in 16…235 without a border of 4 pixels, as Dong et al. 2016 (FSRCNN) report it."""
    recipe = upscaler((1, PATCH, PATCH), float(FACTOR), patches=True)
    published = f"{FSRCNN} (FSRCNN), 28.42 (bicubic)"
    return _photographs(
        lab, recipe, "set5", _photograph_enlarged, ENLARGED, published, judge_enlarged
    )


Scores = dict[str, float]
Scored = tuple[Scores, dict[str, Tensor]]


def _photographs(
    lab: Lab,
    recipe: Recipe,
    folder: str,
    restored: Callable[[Change, Tensor], Scored],
    what: str,
    published: str,
    judge: Callable[[Sequence[Row]], Verdict],
) -> Finding:
    """Trained on patches of some photographs, kept by patches of others, judged on a third set."""
    kodak = photographs_in(lab, "kodak")
    most = 64 if lab.tiny else lab.of(small=MOST // 8, paper=MOST)
    train = patches(
        [*kodak[:20], *photographs_in(lab, "camvid", "train")], PATCH, "gray", most=most
    )
    held = patches(kodak[20:], PATCH, "gray", most=max(8, most // 32))
    files = photographs_in(lab, "restoration", folder)
    judged = [opened_photograph(file) for file in files[: 2 if lab.tiny else None]]
    minutes = lab.of(small=None, paper=MINUTES)
    ours, sheet = [], {}
    others: dict[str, list[float]] = {}
    for seed in lab.seeds:
        model = lab.model(
            sized(lab, recipe), train, validation=held, minutes=minutes, seed=seed
        ).model
        found = [restored(partial(through, model), x) for x in judged]
        ours.append(statistics.fmean(scores[MODEL] for scores, _ in found))
        if seed == lab.seeds[0]:
            for scores, _ in found:
                for method, value in scores.items():
                    others.setdefault(method, []).append(value)
            sheet = found[0][1]
    del others[MODEL]
    beside = {name: statistics.fmean(values) for name, values in others.items()}
    rows = [Row(what, ours, published, beside, "dB", "higher")]
    best = max(beside, key=lambda name: beside[name])
    words = f"{len(judged)} photographs: {statistics.fmean(ours):.2f} dB, {best} {beside[best]:.2f}; published: {published}."
    small = f"At the small scale {len(train):,} patches, a network of {NETWORK['channels']} channels and {STEPS} steps."
    return Finding(
        judge(rows),
        words,
        {f"{files[0].stem} by each method": methods(sheet)},
        rows,
        (
            *lab.of(small=(small,), paper=(f"{MINUTES:g} minutes of training.",)),
            "Learnt from patches of 64×64 of Kodak's photographs 1 to 20 and of CamVid's training pictures, and kept by "
            "patches of Kodak's 21 to 24; nothing was chosen on the test pictures.",
        ),
    )


def photographs_in(lab: Lab, name: str, below: str = "") -> list[Path]:
    """The files of a named set, or of a folder of it, by name.

    Raises:
        Unavailable: it is not on this machine: which, where it was looked for, how to get it.
    """
    files = (lab.folder_of(name) / below).iterdir()
    return sorted(file for file in files if file.suffix in (".png", ".bmp"))


def opened_photograph(file: Path) -> Tensor:
    """(1, 3, H, W) in [0, 1]."""
    pixels = np.array(Image.open(file).convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def _photograph_denoised(change: Change, rgb: Tensor) -> Scored:
    """By each method where noise was added to a gray picture."""
    clean = _gray(rgb)
    noisy = GaussianNoise(SIGMA)(clean, Draws(0, 0))
    beside = denoising_baselines(SIGMA)
    found = denoise_batch(change, noisy, (PATCH, PATCH), clean=clean, baselines=beside)[0]
    shown = {"original": clean, "as given": noisy, MODEL: found.output, **found.others}
    scores = {name: float(each["psnr"]) for name, each in found.scores().items()}
    return scores, {name: x.clamp(0, 1) for name, x in shown.items()}


def _gray(rgb: Tensor) -> Tensor:
    """(1, 1, H, W), rounded as Pillow rounds it."""
    pixels = (rgb[0] * 255).round().byte().permute(1, 2, 0).numpy()
    return (
        torch.from_numpy(np.array(Image.fromarray(pixels).convert("L")))[None, None].float() / 255
    )


def _photograph_enlarged(change: Change, rgb: Tensor) -> Scored:
    """By each method where a picture's luminance was made smaller."""
    high, wide = (length // FACTOR * FACTOR for length in rgb.shape[2:])
    pixels = (rgb[0, :, :high, :wide] * 255).round().double()
    weights = torch.tensor([65.481, 128.553, 24.966], dtype=torch.float64)
    luminance = (16 + torch.tensordot(weights, pixels, 1) / 255).round()
    clean = ((luminance - 16) / 219).float()[None, None]
    small = reduced(clean, (high // FACTOR, wide // FACTOR))
    found = upscale_batch(
        change, small, FACTOR, (PATCH, PATCH), clean=clean, back_projection=20
    ).restored
    image = Image.fromarray(small[0, 0].numpy()).resize((wide, high), Image.Resampling.BICUBIC)
    made = {
        MODEL: found.output,
        "bicubic": torch.from_numpy(np.array(image))[None, None],
        "Lanczos": found.others["Lanczos"],
    }

    def shown(y: Tensor) -> Tensor:
        """In 0…255 as a file has it, without the border."""
        inside = (..., slice(BORDER, -BORDER), slice(BORDER, -BORDER))
        return ((16 + 219 * y.double()).round().clamp(0, 255) / 255)[inside]

    scores = {name: float(psnr(shown(clean), shown(y))) for name, y in made.items()}
    return scores, {"original": clean, **made}


EXPERIMENTS = (photographs_denoised, photographs_enlarged)
