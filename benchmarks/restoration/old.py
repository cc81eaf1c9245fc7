"""Old photographs: made-old ones restored, beside our own denoising and inpainting in sequence.

    python benchmarks/restoration/old.py --set photographs --seed 0          8 minutes of processor time
    python benchmarks/restoration/old.py --set utkface --seed 0
    python benchmarks/restoration/old.py --set photographs --choose          judged on validation pictures
    python benchmarks/restoration/old.py --quick                             does it work?

Photographs: pieces of 128×128 of Kodak's 1 to 12 and of every sixth of CamVid's training pictures; weights are kept by
pieces of Kodak's 13 and 14, on which all else was chosen too; the test is Kodak's 15 to 24, whole. Faces:
64×64, a fifth held out by content. The model learns four fifths of all mixtures of up to five kinds of
ageing and is judged on the others. Real old pictures stand in for themselves: for photographs CamVid's
validation pictures, aged by those other mixtures, which only the adversary sees.

In sequence are a denoiser and an inpainter of the same pictures, which together are trained as long; the
second fills what our model found to be hidden. The linear restorer is the one that the map begins as, of
12×12 pixels in all colours, and for faces also ridge regression of whole pictures. PSNR is the mean over
pictures. Minutes are of this process's own time.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from run import through, write
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

import narrows as nw
import narrows.training.length as length
from narrows.applications import by_model, denoise_batch, inpaint_batch
from narrows.applications.restore import FOUND, OldPhotos, old_photo_baselines, with_real
from narrows.applications.restored import middle
from narrows.figures import methods, save
from narrows.images.ageing import KINDS, OldPhoto
from narrows.images.patches import patches
from narrows.measures import Ridge, psnr
from narrows.parts import Part
from narrows.randomness import Draws
from narrows.recipes.restoring import VARIANCE
from narrows.training import history_of, select_device

sys.path.append(str(Path(__file__).parents[1]))
from faces import by_lanczos  # noqa: E402

RESULTS = Path(__file__).with_name("results.json")
SETS = ("photographs", "utkface", "anime_faces")
SIDE, SMALL = 128, 64  # of pieces of photographs, and of those of the sequence
PIECES = 2048
NOISE = 0.08  # that the denoiser of the sequence learns to take out
UNSEEN = OldPhoto(mixtures="fifth")
SHOWN = 10
STRENGTHS = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
TASK = "old photographs"


@dataclasses.dataclass(frozen=True)
class Data:
    """What is trained on, what chooses, and what is judged: each picture of the last (1, C, H, W)."""

    train: Any
    held: Any
    small: tuple[Any, Any]  # the same two for the models of the sequence
    judged: dict[str, Tensor]
    real: Any


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", nargs="+", choices=SETS, default=["photographs"])
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--choose", action="store_true", help="judge on validation pictures")
    parser.add_argument("--middle", type=int, help="judge the middle square of photographs")
    parser.add_argument("--times", type=int, default=1, help="that each photograph is aged")
    parser.add_argument("--channels", type=int, default=48)
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--quick", action="store_true", help="few pictures, seconds, no results")
    parser.add_argument("--to", type=Path, default=Path("runs/old"))
    parser.add_argument("--sheet", type=Path, help="a picture of the first ten by every method")
    given = parser.parse_args()
    torch.set_num_threads(1)
    length.clock = time.process_time  # what a shared machine does meanwhile does not count
    if given.quick:
        given.minutes = 0.05
    for name in given.set:
        row = measured(given, name)
        print(json.dumps(row, indent=1), flush=True)
        if not given.quick and not given.choose:
            write(RESULTS, row)


def opened(path: Path) -> Tensor:
    pixels = np.array(Image.open(path).convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def data(given: argparse.Namespace, name: str) -> Data:
    root = Path(os.environ.get("NARROWS_DATA", ""))
    if name == "photographs":
        kodak = sorted((root / "kodak").glob("*.png"))
        streets = {
            part: sorted((root / "camvid" / part).glob("*.png")) for part in ("train", "val")
        }
        if not kodak or not streets["val"]:
            raise SystemExit("old.py needs kodak and camvid: set NARROWS_DATA")
        most = 100 if given.quick else PIECES
        learnt = [*kodak[:12], *streets["train"][::6]]  # as many of either
        train, held = (
            patches(files, SIDE, most=count, seed=given.seed)
            for files, count in ((learnt, most), (kodak[12:14], 24))
        )
        small = tuple(
            patches(files, SMALL, most=count, seed=given.seed)
            for files, count in ((learnt, 4 * most), (kodak[12:14], 64))
        )
        judged = kodak[12:14] if given.choose else kodak[14:]
        if given.quick:
            judged = judged[:1]
        real = patches(streets["val"], SIDE, most=most // 4, seed=given.seed)
        several = {
            f"{path.stem} {n}": middle(opened(path), given.middle or 10_000)
            for path in judged
            for n in range(1, 1 + given.times)
        }
        return Data(train, held, small, several, aged(real, given.seed))
    parts = nw.images.split(by_lanczos(name, 150 if given.quick else None), validation=0.2)
    inner = nw.images.split(parts.train, validation=0.2, seed=1)
    shown = inner.validation if given.choose else parts.validation
    x = shown.pixels.float() / 255
    halves = nw.images.split(inner.train, validation=0.25, seed=2)
    few = halves.validation
    both = (halves.train, inner.validation)
    return Data(
        *both, both, dict(zip(shown.ids, x[:, None], strict=True)),
        aged(nw.images.Images(few.pixels), given.seed),
    )  # fmt: skip


def aged(images: Any, seed: int) -> Any:
    """Pictures as real old ones: by mixtures that are never made in training."""
    rows = torch.split(torch.arange(len(images)), 64)
    made = [UNSEEN(images.batch(some), Draws(seed, n, 5)) for n, some in enumerate(rows)]
    return nw.images.Images((torch.cat(made) * 255).round().byte())


def measured(given: argparse.Namespace, name: str) -> dict[str, Any]:
    found = data(given, name)
    shape = found.train.shape
    size = {"channels": given.channels, "blocks": given.blocks}
    recipe = nw.recipes.old_photos(shape, mixtures="four-fifths", **size)
    folder = given.to / f"{name}-{given.minutes:g}-seed{given.seed}-{recipe.fingerprint}"
    source = with_real(found.train, found.real)
    model, spent = fitted(recipe, source, found.held, folder, given.minutes, given)
    begun = beginning(recipe, found.train, given.seed)
    small = found.small[0].shape
    others = {
        "denoise": nw.recipes.denoiser(small, NOISE, patches=True),
        "inpaint": nw.recipes.inpainter(small, patches=True),
    }
    each = given.minutes / len(others)
    helpers = {
        key: fitted(
            one, *found.small, given.to / f"{name}-{each:g}-seed{given.seed}-{key}", each, given
        )[0]
        for key, one in others.items()
    }  # fmt: skip
    rows, hidden, chances, shown = [], [], [], []
    ridge, strength = (None, None) if name == "photographs" else whole_ridge(found)
    change, linear = OldPhotos(model), OldPhotos(begun)
    for number, x in enumerate(found.judged.values()):
        old, mask = UNSEEN.damage(x, Draws(given.seed, number, 9))
        both = change(old)
        hole = both[:, -1:] > FOUND
        made = {
            "as given": old,
            "model": both[:, :-1],
            "denoise, then inpaint": in_sequence(helpers, old, hole, small[1:]),
            "linear, 12×12 pixels": linear(old)[:, :-1],
            "membrane, cosine threshold": next(iter(old_photo_baselines(hole).values()))(old),
        }
        if ridge is not None:
            made["ridge regression"] = ridge(old)
        if number < SHOWN:
            shown.append({"original": x, **made})
        rows.append({k: float(psnr(x, y.clamp(0, 1))) for k, y in made.items()})
        kinds = UNSEEN.chosen(1, Draws(given.seed, number, 9))[0].tolist()
        rows[-1]["kinds"] = [kind for kind, there in zip(KINDS, kinds, strict=True) if there]
        hidden.append(mask.flatten().numpy())
        chances.append(both[:, -1].flatten().numpy())
    if given.sheet is not None:
        draw(shown, rows, given.sheet)
    every = np.concatenate(hidden), np.concatenate(chances)
    names = [key for key in rows[0] if key != "kinds"]
    toned = [bool({"fading", "sepia"} & set(row["kinds"])) for row in rows]
    kept = np.array(toned), ~np.array(toned)

    said = "" if given.middle is None or name != "photographs" else f" --middle {given.middle}"
    said += f" --times {given.times}" if given.times != 1 else ""

    def mean(key: str, which: Any = slice(None)) -> float | None:
        values = np.array([row[key] for row in rows])[which]
        return round(float(values.mean()), 3) if len(values) else None

    return {
        "set": name,
        "task": TASK,
        "seed": given.seed,
        "command": f"python benchmarks/restoration/old.py --set {name} --minutes {given.minutes:g} "
        f"--seed {given.seed}{said}",
        "trained_on": len(found.train),
        "held_out": len(rows),
        "minutes": given.minutes,
        "processor_seconds": round(spent, 1),
        "weights": sum(p.numel() for p in model.parameters()),
        "methods": {
            key: {
                "psnr": mean(key),
                "deviation": round(float(np.std([row[key] for row in rows])), 3),
                "with_fading_or_sepia": mean(key, kept[0]),
                "without": mean(key, kept[1]),
            }
            for key in names
        },
        "curve": curve(folder, found.train.shape),
        "scratch_average_precision": round(float(average_precision_score(*every)), 4),
        "hidden_share": round(float(every[0].mean()), 4),
        "domains_told_apart": told_apart(model, found, given.seed),
        "ridge_strength": strength,
        "each": dict(zip(found.judged, rows, strict=True)) if name == "photographs" else {},
        "ladder": recipe.ladder.document(),
        "torch": torch.__version__,
    }


def curve(folder: Path, shape: Any) -> list[list[float]]:
    """Seconds of the map's training, and the PSNR of the pieces that choose (of their mean error)."""
    lines = [line for line in history_of(folder) if line["phase"] == 2]
    variance, numbers = VARIANCE, math.prod(shape)
    constant = 0.5 * numbers * math.log(2 * math.pi * variance)
    spent, points = 0.0, []
    for line in lines:
        spent += line["seconds"]
        error = 2 * variance * (line["validation_reconstruction"] - constant) / numbers
        points.append([round(spent, 1), round(-10 * math.log10(error), 3)])
    return points


def draw(shown: list[dict[str, Tensor]], rows: list[dict[str, Any]], path: Path) -> None:
    """What was given, what denoising and inpainting make of it, what the model does, and the original."""
    names = {
        "as given": "made old",
        "denoise, then inpaint": "denoise, then inpaint",
        "model": "restore",
        "original": "original",
    }
    pictures = {
        title: torch.cat([one[name] for one in shown]).clamp(0, 1).numpy()
        for name, title in names.items()
    }
    decibels = {names[k]: [row[k] for row in rows[: len(shown)]] for k in names if k in rows[0]}
    save(methods(pictures, decibels), path)


def fitted(
    recipe: Any, source: Any, held: Any, folder: Path, minutes: float, given: argparse.Namespace
) -> tuple[Any, float]:
    """A model of that recipe, trained or read again, and the processor's seconds."""
    model = nw.fit(
        length.lasting(recipe, None, minutes), source, validation=held, to=folder, resume=True,
        seed=given.seed, report="lines", device="cpu",
    )  # fmt: skip
    select_device("cpu", "float32").place(model)
    return model.eval(), sum(line["seconds"] for line in history_of(folder))


def beginning(recipe: Any, source: Any, seed: int) -> Any:
    """The linear restorer: the model with none of its steps taken."""
    last = dataclasses.replace(recipe.phases[-1], begin=Part("ridge-codes", {"tones": False}))
    recipe = recipe.with_(phases=(*recipe.phases[:-1], last), steps=0)
    model = nw.fit(recipe, source, seed=seed, device="cpu", report="quiet")
    select_device("cpu", "float32").place(model)
    return model.eval()


@torch.no_grad()
def in_sequence(models: dict[str, Any], old: Tensor, hole: Tensor, size: Any) -> Tensor:
    """Noise out, then holes filled, as ``narrows denoise`` and ``narrows inpaint`` do it."""
    quiet = denoise_batch(through(models["denoise"]), old, tuple(size))[0].output
    if not bool(hole.any()):
        return quiet
    fill = by_model(through(models["inpaint"]))
    return inpaint_batch(fill, quiet, hole, tuple(size), tiles=True)[0].output


def whole_ridge(found: Data) -> tuple[Any, float]:
    """Ridge regression of whole pictures, its strength chosen on the validation pictures."""
    seen = OldPhoto(mixtures="four-fifths")
    train, held = found.train.pixels.float() / 255, found.held.pixels.float() / 255
    old, other = seen(train, Draws(0, 0, 7)), UNSEEN(held, Draws(0, 1, 7))
    scores = {}
    for strength in STRENGTHS:
        scores[strength] = float(
            psnr(held, Ridge.fit(old, train, strength)(other).clamp(0, 1)).mean()
        )
    best = max(scores, key=lambda one: scores[one])
    return Ridge.fit(old, train, best), best


def told_apart(model: Any, found: Data, seed: int) -> dict[str, float]:
    """How often a linear classifier tells real old pictures from made-old ones by their codes.

    Codes are means and deviations over places; before is the space as it began, that of clean
    pictures. Both kinds are as many; five folds.
    """
    count = min(len(found.real), len(found.train), 500)
    real = found.real.batch(torch.arange(count))
    made = OldPhoto(mixtures="four-fifths")(
        found.train.batch(torch.arange(-count, 0) % len(found.train)), Draws(seed, 3, 5)
    )
    rung, scores = model.ladder.rung(0), {}
    kinds = np.repeat([0, 1], count)
    for when, space in (("before", rung.clean), ("after", rung.old)):
        with torch.no_grad():
            codes = torch.cat([rung.encoded(x, space) for x in (made, real)])
        rows = torch.cat([codes.mean((2, 3)), codes.std((2, 3)).log()], 1).numpy()
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        scores[when] = round(float(cross_val_score(classifier, rows, kinds, cv=5).mean()), 4)
    return scores


if __name__ == "__main__":
    main()
