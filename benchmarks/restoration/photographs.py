"""Photographs: noise of σ = 25/255 out of Set12, Set5 four times larger; published numbers beside.

    python benchmarks/restoration/photographs.py --task denoising --minutes 60       an hour
    python benchmarks/restoration/photographs.py --task upscaling --minutes 60
    python benchmarks/restoration/photographs.py --quick                             does it work?

The models are those of ``narrows train --for denoise --patches`` and ``--for upscale``, gray, as they are
by default but for noise and length. They learn from patches of 64×64 of Kodak's photographs 1 to 20 and of
CamVid's training pictures, and are kept by patches of Kodak's 21 to 24. The test pictures are looked at
once, at the end; nothing was chosen on them. Minutes are of this process's own time.

Set12: noise is not clipped, PSNR of the whole picture. Set5: luminance of BT.601 in 16…235, reduced as
Pillow's bicubic filter does it, PSNR without a border of 4 pixels, as Dong et al. 2016 (FSRCNN) report it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from run import through, write
from torch import Tensor

import narrows as nw
import narrows.training.length as length
from narrows.applications import denoise_batch, denoising_baselines, upscale_batch
from narrows.images.corruptions import GaussianNoise
from narrows.images.patches import patches
from narrows.images.resizing import reduced
from narrows.measures import psnr
from narrows.randomness import Draws
from narrows.training import history_of, select_device

RESULTS = Path(__file__).with_name("results.json")
SIDE, FACTOR, SIGMA, BORDER = 64, 4, 25 / 255, 4
NAMES = {
    "denoising": ("set12", "denoising, photographs"),
    "upscaling": ("set5", "upscaling, photographs"),
}
PUBLISHED = {
    "denoising": {"BM3D (published)": 29.97, "DnCNN (published)": 30.44},
    "upscaling": {"FSRCNN (published)": 30.71, "bicubic (published)": 28.42},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", nargs="+", choices=list(NAMES), default=list(NAMES))
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quick", action="store_true", help="few patches, seconds, no results")
    parser.add_argument("--to", type=Path, default=Path("runs/photographs"))
    given = parser.parse_args()
    length.clock = time.process_time  # what a shared machine does meanwhile does not count
    for task in given.task:
        row = measured(given, task)
        print(json.dumps(row, indent=1), flush=True)
        if not given.quick:
            write(RESULTS, row)


def measured(given: argparse.Namespace, task: str) -> dict[str, Any]:
    """Train, restore the test pictures by every method, and a row of that."""
    root = Path(os.environ.get("NARROWS_DATA", ""))
    kodak = sorted((root / "kodak").glob("*.png"))
    if not kodak:
        raise SystemExit("photographs.py needs kodak, camvid and restoration: set NARROWS_DATA")
    camvid = sorted((root / "camvid" / "train").glob("*.png"))
    most = 200 if given.quick else 8192
    train = patches([*kodak[:20], *camvid], SIDE, "gray", most=most, seed=given.seed)
    held = patches(kodak[20:], SIDE, "gray", most=most // 32, seed=given.seed)
    make, numbers = {
        "denoising": (nw.recipes.denoiser, {"sigma": SIGMA}),
        "upscaling": (nw.recipes.upscaler, {"factor": float(FACTOR)}),
    }[task]
    recipe = make((1, SIDE, SIDE), patches=True, **numbers)
    minutes = 0.05 if given.quick else given.minutes
    folder = given.to / f"{task}-{minutes:g}-seed{given.seed}{'-quick' if given.quick else ''}"
    model = nw.fit(
        recipe, train, validation=held, minutes=minutes, to=folder, resume=True, seed=given.seed,
        device=given.device, report="lines",
    )  # fmt: skip
    select_device("cpu", "float32").place(model)
    name, called = NAMES[task]
    paths = sorted((root / "restoration" / name).glob("*.*"))
    found = [JUDGES[task](through(model), Image.open(path)) for path in paths]
    curve, spent = [], 0.0
    for line in history_of(folder):
        spent += line["seconds"]
        error = (line["validation_reconstruction"] - _constant()) / SIDE**2
        curve.append([round(line["step"]), round(-10 * math.log10(error), 3)])
    return {
        "set": name,
        "task": called,
        "seed": given.seed,
        "command": f"python benchmarks/restoration/photographs.py --task {task} "
        f"--minutes {given.minutes:g} --seed {given.seed}",
        "trained_on": len(train),
        "held_out": len(paths),
        "minutes": minutes,
        "weights": sum(p.numel() for p in model.parameters()),
        "methods": {
            method: {
                "psnr": round(float(np.mean([one[method] for one in found])), 3),
                "deviation": round(float(np.std([one[method] for one in found])), 3),
            }
            for method in found[0]
        },
        "published": PUBLISHED[task],
        "each": {
            path.stem: {k: round(v, 2) for k, v in one.items()}
            for path, one in zip(paths, found, strict=True)
        },
        "curve": curve,  # steps, PSNR of validation patches (of the mean error, in dB)
        "ladder": recipe.ladder.document(),
        "device": given.device,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def _constant() -> float:
    """Nats of a patch that is met exactly: a normal distribution of variance ½."""
    return SIDE**2 * math.log(math.pi) / 2


def denoising(model: Callable[[Tensor], Tensor], image: Image.Image) -> dict[str, float]:
    """PSNR of each method where noise was added to a gray picture."""
    x = torch.from_numpy(np.array(image.convert("L"))).float()[None, None] / 255
    noisy = GaussianNoise(SIGMA)(x, Draws(0, 0))
    beside = denoising_baselines(SIGMA)
    found = denoise_batch(model, noisy, (SIDE, SIDE), clean=x, baselines=beside)[0]
    return {name: float(each["psnr"]) for name, each in found.scores().items()}


def upscaling(model: Callable[[Tensor], Tensor], image: Image.Image) -> dict[str, float]:
    """PSNR of each method where a picture's luminance was made smaller."""
    rgb = np.asarray(image.convert("RGB"), np.float64)
    rgb = rgb[: rgb.shape[0] // FACTOR * FACTOR, : rgb.shape[1] // FACTOR * FACTOR]
    luminance = np.round(16 + rgb @ np.array([65.481, 128.553, 24.966]) / 255)
    x = torch.from_numpy((luminance - 16) / 219).float()[None, None]
    small = reduced(x, (x.shape[2] // FACTOR, x.shape[3] // FACTOR))
    found = upscale_batch(model, small, FACTOR, (SIDE, SIDE), clean=x, back_projection=20).restored
    bicubic = Image.fromarray(small[0, 0].numpy()).resize(
        (x.shape[3], x.shape[2]), Image.Resampling.BICUBIC
    )
    made = {
        "model": found.output,
        "bicubic": torch.from_numpy(np.array(bicubic))[None, None],
        "Lanczos": found.others["Lanczos"],
    }

    def shown(y: Tensor) -> Tensor:
        """In 0…255 as a file has it, without the border."""
        inside = (..., slice(BORDER, -BORDER), slice(BORDER, -BORDER))
        return ((16 + 219 * y.double()).round().clamp(0, 255) / 255)[inside]

    return {name: float(psnr(shown(x), shown(y))) for name, y in made.items()}


JUDGES: dict[str, Callable[[Callable[[Tensor], Tensor], Image.Image], dict[str, float]]] = {
    "denoising": denoising,
    "upscaling": upscaling,
}

if __name__ == "__main__":
    main()
