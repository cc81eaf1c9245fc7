"""Faces restored: a hole in the middle filled, 16×16 made 64×64, noise taken out; baselines beside.

    python benchmarks/restoration/run.py --set utkface anime_faces --seed 0
    python benchmarks/restoration/run.py --set utkface --task inpainting --choose
    python benchmarks/restoration/run.py --quick                 a minute or two: does it work?
    python benchmarks/restoration/run.py --epochs 400 --device cuda

Pictures are cut to a square and resized to 64×64 by Lanczos; a fifth is held out by content and only
looked at at the end. What there was to choose (networks, lengths, and the baselines' own numbers) was
chosen on a fifth of the training part (``--choose``). Each model is that of its recipe, ``inpainter``,
``upscaler`` or ``denoiser``: it begins as a guess and the best linear restorer, and convolutions mend
that, trained with the corruption that is to be undone. Views of the few pictures stand in for those that
a small set lacks. It is used as ``narrows inpaint``, ``upscale`` and ``denoise`` use it.

PSNR is the mean over held-out pictures, in the hole for inpainting, with the deviation over pictures;
noise leaves [0, 1] and is not clipped. Sheets go where the runs are: these faces are not published.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.kernel_ridge import KernelRidge
from torch import Tensor

import narrows as nw
from narrows.applications import (
    MODEL,
    Restored,
    by_model,
    denoise_batch,
    denoising_baselines,
    inpaint_batch,
    inpainting_baselines,
    upscale_batch,
)
from narrows.figures import methods, save
from narrows.images.corruptions import GaussianNoise, Rectangle
from narrows.measures import Pca, Ridge, conditional_mean, psnr, wiener
from narrows.parts import Part, build
from narrows.randomness import Draws
from narrows.training import Recipe, history_of, select_device

sys.path.append(str(Path(__file__).parents[1]))
from faces import SIZE, by_lanczos, joined, mirrored, views  # noqa: E402

RESULTS = Path(__file__).with_name("results.json")
SETS = ("utkface", "anime_faces")
FACTOR, SIGMA = 4, 0.3
HOLE = Rectangle()
COMPONENTS = 600  # of the baselines
SHRINKAGES = (3e-4, 1e-3, 3e-3, 1e-2, 2e-2, 4e-2)  # added to every variance of a fitted Gaussian
STRENGTHS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
SHOWN = 8

Through = Callable[[Tensor], Tensor]


SHAPE = (3, SIZE, SIZE)
TASKS: dict[str, Callable[[], Recipe]] = {
    "inpainting": lambda: nw.recipes.inpainter(SHAPE),
    "upscaling": lambda: nw.recipes.upscaler(SHAPE, float(FACTOR)),
    "denoising": lambda: nw.recipes.denoiser(SHAPE, SIGMA),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--task", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=float, help="default: the recipe's length")
    parser.add_argument(
        "--choose", action="store_true", help="judge on a fifth of the training part"
    )
    parser.add_argument(
        "--no-views", dest="alone", action="store_true", help="without views of the large originals"
    )
    parser.add_argument("--ladder", type=json.loads, default={}, help="JSON: other numbers of it")
    parser.add_argument("--phase", type=json.loads, default={}, help="JSON: other numbers of it")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="few pictures, a step or two")
    parser.add_argument("--to", type=Path, default=Path("runs/restoration"))
    parser.add_argument("--results", type=Path, help="default: results.json here, none if quick")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    path = given.results or (None if given.quick or given.choose else RESULTS)
    for name in given.set:
        parts = nw.images.split(by_lanczos(name, 150 if given.quick else None), validation=0.2)
        if given.choose:
            parts = nw.images.split(parts.train, validation=0.2, seed=1)
        for task in given.task:
            row = measured(given, name, task, parts.train, parts.validation)
            print(json.dumps(row, indent=1), flush=True)
            if path is not None:
                write(path, row)


def recipe(given: argparse.Namespace, name: str) -> Recipe:
    """The recipe of a task, with small shifts: they keep a small set from being learnt by heart."""
    made = TASKS[name]()
    assert isinstance(made.ladder, Part)
    views = Part("chain", {"parts": (Part("flip"), Part("shift", {"reach": 2 / SIZE}))})
    made = dataclasses.replace(made, ladder=made.ladder.with_(**given.ladder))
    made = made.with_(augmentation=views, views=None, **given.phase)
    if given.quick:
        return made.with_(steps=2, ema_decay=0.9)
    return made if given.epochs is None else made.with_(epochs=given.epochs)


def begun(given: argparse.Namespace, chosen: Recipe, whole: Any) -> nw.Autoencoder:
    """The model before its first step."""
    with torch.random.fork_rng():
        torch.manual_seed(given.seed)
        model = chosen.build()
    phase = chosen.phases[0]
    print(build("begin", phase.begin)(model, whole, phase, given.seed), flush=True)
    return model


def measured(
    given: argparse.Namespace, name: str, task: str, train: Any, held: Any
) -> dict[str, Any]:
    """A row of the results: the model trained, and every method on the held-out pictures."""
    whole = train if given.alone else joined(train, views(name, train.ids, given.seed))
    groups = np.tile(train.ids, len(whole) // len(train))  # views of a picture stay together
    whole = nw.images.Images(whole.pixels, groups=groups)
    chosen = recipe(given, task)
    model = begun(given, chosen, whole)
    kind = "quick-" if given.quick else "choose-" if given.choose else ""
    kind += "alone-" if given.alone else ""
    folder = given.to / f"{kind}{name}-{task}-seed{given.seed}-{chosen.fingerprint}"
    x = held.pixels.float() / 255
    beginning = deepcopy(model)
    model = nw.fit(
        model, whole, to=folder, resume=True, seed=given.seed, device=given.device, report="lines"
    )
    for one in (beginning, model):
        select_device("cpu", "float32").place(one)
    found, notes, numbers = JUDGES[task](through(model), train, x, given.seed)
    before = JUDGES[task](through(beginning), None, x, given.seed)[0].output
    found = dataclasses.replace(found, others={**found.others, "its linear beginning": before})
    save(sheet(found), folder / "methods.png")
    lines = history_of(folder)
    epochs = lines[-1]["epoch"]
    length = {} if given.epochs is None else {"epochs": given.epochs}
    said = "".join(f" --{name} {value:g}" for name, value in length.items())
    said += " --no-views" if given.alone else ""
    return {
        "set": name,
        "task": task,
        "seed": given.seed,
        "command": f"python benchmarks/restoration/run.py --set {name} --task {task}{said} "
        f"--seed {given.seed}",
        "trained_on": len(train),
        "views": len(whole),
        "held_out": len(held),
        "epochs": epochs,
        "training_minutes": round(sum(line["seconds"] for line in lines) / 60, 2),
        "weights": sum(p.numel() for p in model.parameters()),
        "methods": compared(found),
        "baselines_chosen": numbers,
        "left_out": notes,
        "ladder": chosen.ladder.document(),
        "device": given.device,
        "threads": given.threads,
        "torch": torch.__version__,
    }


def through(model: nw.Autoencoder) -> Through:
    """A model as a function of pictures, without gradients."""

    def call(x: Tensor) -> Tensor:
        with torch.no_grad():
            out: Tensor = model(x)
        return out

    return call


Judged = tuple[Restored, list[str], dict[str, float]]


def inpainting(model: Through, train: Any, x: Tensor, seed: int) -> Judged:
    """The middle of each picture, which is hidden."""
    size, hidden = (SIZE, SIZE), hole()
    if train is None:
        return *inpaint_batch(by_model(model), x, hidden, size, clean=x, baselines={}), {}

    def score(pca: Pca, clean: Tensor) -> float:
        filled = conditional_mean(pca, clean, ~hidden).clamp(0, 1)
        return float(psnr(*(p[:, :, 16:48, 16:48] for p in (clean, filled))).mean())

    pca, symmetric, numbers = chosen_gaussian(train, score)
    baselines = inpainting_baselines(pca)
    baselines[f"conditional Gaussian{MIRRORED}"] = lambda p, known: conditional_mean(
        symmetric, p, known
    )
    kernel, chosen = chosen_kernel(train, hidden)
    baselines[f"kernel ridge{MIRRORED}"] = lambda p, known: kernel(p)
    numbers |= chosen
    found, notes = inpaint_batch(by_model(model), x, hidden, size, clean=x, baselines=baselines)
    return found, notes, numbers


def chosen_kernel(train: Any, hidden: Tensor) -> tuple[Through, dict[str, float]]:
    """Kernel ridge regression from what is known to what is hidden, with a Gaussian kernel.

    It is what a smooth map that need not be linear makes of so many pictures. Its width, as a
    share of the mean squared distance of two pictures, and its strength are chosen on a fifth of
    the training pictures.
    """
    mask = hidden.expand(1, *train.shape).flatten()

    def fitted(pictures: Any, width: float, strength: float) -> Through:
        flat = mirrored(pictures).pixels.flatten(1).numpy() / 255
        known = flat[:, ~mask]
        mean = known.mean(0)
        gamma = width / (2 * np.square(known - mean).sum(1).mean())
        ridge = KernelRidge(kernel="rbf", alpha=strength, gamma=gamma)
        ridge.fit(known - mean, flat[:, mask] - flat[:, mask].mean(0))

        def fill(x: Tensor) -> Tensor:
            out = x.flatten(1).clone()
            made = ridge.predict(out[:, ~mask].numpy() - mean) + flat[:, mask].mean(0)
            out[:, mask] = torch.from_numpy(made).to(out)
            return out.reshape(x.shape).clamp(0, 1)

        return fill

    inner = nw.images.split(train, validation=0.2, seed=1)
    clean = inner.validation.pixels.float() / 255
    scores = {}
    for width in (0.01, 0.03, 0.1, 0.3):
        for strength in (1e-3, 3e-3, 1e-2, 3e-2):
            filled = fitted(inner.train, width, strength)(clean)
            pair = (p[:, :, 16:48, 16:48] for p in (clean, filled))
            scores[width, strength] = float(psnr(*pair).mean())
    best = max(scores, key=lambda each: scores[each])
    return fitted(train, *best), {"kernel_width": best[0], "kernel_strength": best[1]}


def upscaling(model: Through, train: Any, x: Tensor, seed: int) -> Judged:
    """16×16, by Pillow's bicubic filter, to 64×64."""
    small = reduced(x)
    if train is None:
        return upscale_batch(model, small, FACTOR, (SIZE, SIZE), clean=x).restored, [], {}
    inner = nw.images.split(train, validation=0.2, seed=1)
    a, b = (part.pixels.float() / 255 for part in (inner.train, inner.validation))
    scores = {
        strength: float(psnr(b, Ridge.fit(reduced(a), a, strength)(reduced(b)).clamp(0, 1)).mean())
        for strength in STRENGTHS
    }
    best = max(scores, key=lambda strength: scores[strength])
    known = train.pixels.float() / 255
    ridge = Ridge.fit(reduced(known), known, best)
    found = upscale_batch(model, small, FACTOR, (SIZE, SIZE), clean=x).restored
    others = {
        **found.others,
        "bicubic, Pillow": resized(small, SIZE),
        "ridge regression": ridge(small).clamp(0, 1),
    }
    return dataclasses.replace(found, others=others), [], {"ridge_strength": best}


def denoising(model: Through, train: Any, x: Tensor, seed: int) -> Judged:
    """Normal noise of σ = 0.3."""
    noise = GaussianNoise(SIGMA)
    noisy = noise(x, Draws(seed, 2))
    if train is None:
        return *denoise_batch(model, noisy, (SIZE, SIZE), clean=x, baselines={}), {}

    def score(pca: Pca, clean: Tensor) -> float:
        restored = wiener(pca, noise(clean, Draws(seed, 1)), SIGMA).clamp(0, 1)
        return float(psnr(clean, restored).mean())

    pca, symmetric, numbers = chosen_gaussian(train, score)
    baselines = denoising_baselines(SIGMA, pca)
    baselines[f"PCA-Wiener{MIRRORED}"] = lambda p: wiener(symmetric, p, SIGMA)
    found, notes = denoise_batch(model, noisy, (SIZE, SIZE), clean=x, baselines=baselines)
    return found, notes, numbers


JUDGES: dict[str, Callable[[Through, Any, Tensor, int], Judged]] = {
    "inpainting": inpainting,
    "upscaling": upscaling,
    "denoising": denoising,
}
MIRRORED = ", mirrored pictures too"


def chosen_gaussian(
    train: Any, score: Callable[[Pca, Tensor], float]
) -> tuple[Pca, Pca, dict[str, float]]:
    """Normal distributions of pictures, with the shrinkage that does best on a fifth of the training
    pictures: one fitted to the pictures, one also to their mirror images, as our models see them.
    """
    inner = nw.images.split(train, validation=0.2, seed=1)
    held = inner.validation.pixels.float() / 255
    found, numbers = [], {}
    for name, change in (("shrinkage", as_they_are), ("shrinkage_mirrored", mirrored)):
        fitted = gaussian(change(inner.train).pixels)
        scores = {amount: score(shrunk(fitted, amount), held) for amount in SHRINKAGES}
        numbers[name] = max(scores, key=lambda amount: scores[amount])
        found.append(shrunk(gaussian(change(train).pixels), numbers[name]))
    return found[0], found[1], numbers


def as_they_are(pictures: Any) -> Any:
    return pictures


def gaussian(pixels: Tensor, components: int = COMPONENTS) -> Pca:
    limit = len(pixels)
    return Pca.fit(pixels, min(components, Pca.most(pixels, limit=limit)), limit=limit)


def hole() -> Tensor:
    """Where the middle is hidden, (1, 1, 64, 64)."""
    return HOLE(torch.ones(1, 1, SIZE, SIZE), Draws()) != 1


def shrunk(pca: Pca, amount: float) -> Pca:
    """The covariance with ``amount`` added to its diagonal."""
    return dataclasses.replace(pca, variances=pca.variances + amount, rest=pca.rest + amount)


def reduced(x: Tensor) -> Tensor:
    """16×16 pixels of each picture, by Pillow's bicubic filter, as a file of them would be."""
    return resized(x, SIZE // FACTOR)


def resized(x: Tensor, side: int) -> Tensor:
    """By Pillow's bicubic filter, uint8 as files are: (N, 3, H, W) in [0, 1] → (N, 3, side, side)."""
    pixels = (x.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    made = [
        np.asarray(Image.fromarray(one).resize((side, side), Image.Resampling.BICUBIC))
        for one in pixels
    ]
    return torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2).float() / 255


def compared(found: Restored) -> dict[str, dict[str, float]]:
    """Each method's PSNR with its deviation over pictures, and how far ours is above it."""
    scores = {name: each["psnr"] for name, each in found.scores().items()}
    ours = scores[MODEL]
    rows = {}
    for name, each in scores.items():
        row = {"psnr": float(each.mean()), "deviation": float(each.std(correction=0))}
        if name != MODEL:
            row |= {
                "margin": float((ours - each).mean()),
                "margin_deviation": float((ours - each).std(correction=0)),
                "better_on": float((ours > each).float().mean()),
            }
        rows[name] = {key: round(value, 3) for key, value in row.items()}
    return rows


def sheet(found: Restored) -> Any:
    """Some held-out pictures and what each method makes of them."""
    assert found.clean is not None
    rows = {"original": found.clean, "as given": found.given, MODEL: found.output, **found.others}
    scores = {name: each["psnr"][:SHOWN].tolist() for name, each in found.scores().items()}
    return methods({name: x[:SHOWN].numpy() for name, x in rows.items()}, scores)


def write(path: Path, row: dict[str, Any]) -> None:
    """Put a row in the place of that with the same set, task and seed."""
    document = json.loads(path.read_text()) if path.exists() else {}
    keys: Sequence[str] = ("set", "task", "seed")
    rows = {tuple(one[k] for k in keys): one for one in [*document.get("rows", []), row]}
    document = {
        "what": "PSNR in dB of restored 64×64 faces, held-out pictures",
        "command": "python benchmarks/restoration/run.py --set SET --task TASK --seed SEED",
        "rows": [rows[key] for key in sorted(rows)],
    }
    path.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
