"""Faces drawn by models of 64 numbers, in three feature spaces that none of them made.

    python benchmarks/generation/faces/run.py --data DATA/anime_faces          rows in results.json
    python benchmarks/generation/faces/run.py --data … --choose               on training pictures held out
    python benchmarks/generation/faces/run.py --data … --sheet sheet.png      draws of what is trained, to look at

A quarter of ``anime_faces`` is held out by content, and only looked at at the end; a tenth of the rest is
for validation. Held-out faces are halved: every row is judged beside each half with as many pictures as it
has, draws of three seeds, and the means stand in the table. ``real`` is one half beside the other, the
floor. The numbers are 100 × Fréchet / total variance of the real features; edges and variance are shares
of the real ones. PCA is fitted to what the models may see, those that choose their weights too.

``--choose`` holds out a quarter of the training pictures instead; the recipe's numbers were chosen so.
Models get their minutes of the process's own time on one thread.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import narrows as nw
from narrows.figures import picture_rows, save
from narrows.files import load_tensors
from narrows.images import split
from narrows.measures import Pca
from narrows.priors import fit_prior
from narrows.training import history_of, length
from narrows.training.reporting import Quiet
from narrows_studies.judges import (
    FEATURES,
    Judges,
    accuracy,
    classifier_recipe,
    judged,
    judges,
    pixels_of,
)

sys.path.append(str(Path(__file__).parents[2]))

from measuring import machine  # noqa: E402

RESULTS = Path(__file__).with_name("results.json")
SIZE, CODE = 64, 64
COMPONENTS = (64, 256)  # of PCA
HELD_OUT, VALIDATION = 0.25, 0.1
DRAWN = 3  # sets of draws beside each half
MINUTES = {"classifier": 0.6, "fitted": 1.2}
POINTS = 4  # of the curve


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--data", type=Path, required=True, help="the folder of anime_faces")
    options.add_argument("--seed", type=int, nargs="+", default=[0])
    options.add_argument("--minutes", type=float, default=3.5, help="of the second phase")
    options.add_argument("--choose", action="store_true")
    options.add_argument("--sheet", type=Path, help="only draw some of each, of the first seed")
    options.add_argument("--to", type=Path, default=Path("runs/faces-drawn"))
    options.add_argument("--results", type=Path, default=RESULTS)
    given = options.parse_args()
    torch.set_num_threads(1)
    length.clock = time.process_time

    whole = nw.images.folder(given.data, size=SIZE, mode="rgb")
    parts = split(whole, (1 - HELD_OUT, 0.0, HELD_OUT))
    if given.choose:
        given.to = given.to / "choose"
        parts = split(parts.train, (1 - HELD_OUT, 0.0, HELD_OUT), seed=1)
    seen, held = parts.train, parts.test
    if given.sheet:
        return sheet(given, seen, held)
    judge = nw.fit(
        classifier_recipe(seen),
        seen,
        minutes=MINUTES["classifier"],
        to=given.to / "classifier",
        resume=True,
        report="quiet",
    )
    by = judges(seen, judge)
    about = {
        "pictures": {"seen": len(seen), "held_out": len(held), "of_a_row": len(held) // 2},
        "features": FEATURES,
        "classifier": {"accuracy": round(accuracy(judge, held), 3), "labels": "hair"},
        "command": f"python benchmarks/generation/faces/run.py --data DATA/anime_faces --minutes {given.minutes:g} "
        f"--seed {' '.join(map(str, given.seed))}",
        "machine": machine(),
    }
    rows = lines(by, held, alone(seen))
    for seed in given.seed:
        rows += of_models(given, seen, held, by, seed)
    if not given.choose:
        given.results.write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n")


def alone(seen: Any) -> dict[str, Any]:
    """Draws (n, C, H, W) of one Gaussian, by name: functions of n and a seed."""
    return {f"PCA-{k}, one Gaussian": gaussian(Pca.fit(seen, k)) for k in COMPONENTS}


def gaussian(pca: Pca) -> Any:
    return lambda n, seed: pca.sample(n, seed).clamp(0, 1)


def halves(held: Any) -> tuple[Tensor, Tensor]:
    x = pixels_of(held)
    return x[0::2][: len(x) // 2], x[1::2][: len(x) // 2]


def lines(by: Judges, held: Any, draws: dict[str, Any], **about: Any) -> list[dict[str, Any]]:
    """A row for each way to draw; of none, the floor too."""
    one, other = halves(held)
    found = []
    if not about:
        found.append(line("real, the other half", [judged(by, one, other), judged(by, other, one)]))
    for name, draw in draws.items():
        marks = [
            judged(by, half, draw(len(half), 2 * number + place))
            for number in range(DRAWN)
            for place, half in enumerate((one, other))
        ]
        found.append(line(name, marks, **about))
    return found


def line(name: str, marks: list[dict[str, float]], **about: Any) -> dict[str, Any]:
    row = {"drawn": name, **about}
    row |= {key: round(statistics.fmean(m[key] for m in marks), 3) for key in marks[0]}
    row["deviations"] = {key: round(statistics.stdev(m[key] for m in marks), 3) for key in marks[0]}
    print(json.dumps(row), flush=True)
    return row


class Kept(Quiet):
    """Keeps the weights at every line of metrics."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def epoch(self, record: dict[str, Any]) -> None:
        weights = self.folder / "model.safetensors"
        shutil.copy(
            weights, self.folder.with_name(f"{self.folder.name}-step{record['step']}.weights")
        )


def of_models(
    given: argparse.Namespace, seen: Any, held: Any, by: Judges, seed: int
) -> list[dict[str, Any]]:
    """Rows of the model after its first phase, and after its second, with the curve between."""
    parts = split(seen, validation=VALIDATION, seed=2)
    whole = nw.recipes.pca_vae_gan(tuple(seen.shape), CODE)
    fitted, model = first(given, whole, parts, seed), nw.load(given.to / f"fitted-{seed}")
    # the codes are the same after the second phase, and so is their prior
    prior = fit_prior(fitted, seen, "mixture", seed=seed)
    rows = lines(by, held, ways(fitted, prior, held), model="pca-vae", seed=seed)
    folder = given.to / f"gan-{seed}"
    for weight in model.parameters():
        weight.requires_grad_(True)
    model.recipe = dataclasses.replace(whole, phases=whole.phases[1:]).with_(minutes=given.minutes)
    model = nw.fit(
        model,
        parts.train,
        validation=parts.validation,
        to=folder,
        resume=True,
        seed=seed,
        report=Kept(folder),
    )
    rows += lines(by, held, ways(model, prior, held), model="pca-vae-gan", seed=seed)
    steps = [record["step"] for record in history_of(folder)]
    curve = []
    for number in range(len(steps) // POINTS, len(steps) + 1, len(steps) // POINTS):
        step, seconds = steps[number - 1], 60 * given.minutes * number / len(steps)
        kept, _ = load_tensors(folder.with_name(f"{folder.name}-step{step}.weights"))
        model.load_state_dict(kept)
        drawn = {"mixture": ways(model, prior, held)["mixture"]}
        (found,) = lines(by, held, drawn, step=step, processor_seconds=round(seconds))
        curve.append({key: value for key, value in found.items() if key != "drawn"})
    rows[-1] |= {"curve": curve}
    return rows


def ways(model: nw.Autoencoder, prior: Any, held: Any) -> dict[str, Any]:
    """Pictures of a model by name: functions of how many and a seed, whose parity is the half's."""
    one, other = halves(held)
    return {
        "reconstructions": lambda n, seed: model.reconstruct((one, other)[seed % 2]).clamp(0, 1),
        "mixture": lambda n, seed: model.sample(n, seed=seed, prior=prior),
    }


def first(given: argparse.Namespace, whole: nw.Recipe, parts: Any, seed: int) -> nw.Autoencoder:
    """The model after its first phase, trained here unless it lies there."""
    recipe = dataclasses.replace(whole, phases=whole.phases[:1]).with_(minutes=MINUTES["fitted"])
    folder = given.to / f"fitted-{seed}"
    return nw.fit(
        recipe,
        parts.train,
        validation=parts.validation,
        to=folder,
        resume=True,
        seed=seed,
        report="quiet",
    )


def sheet(given: argparse.Namespace, seen: Any, held: Any, columns: int = 14) -> None:
    """Held-out faces, what each model makes of them, and draws."""
    x, seed = held.batch(torch.arange(columns)), given.seed[0]
    shown = [("held-out faces", x)]
    for name, draw in alone(seen).items():
        shown.append((name, draw(columns, seed)))
    for name in ("fitted", "gan"):
        model = nw.load(given.to / f"{name}-{seed}")
        prior = fit_prior(model, seen, "mixture", seed=seed)
        shown.append((f"{name}: reconstructions", model.reconstruct(x).clamp(0, 1)))
        shown += [(f"{name}: mixture", model.sample(columns, seed=s, prior=prior)) for s in (0, 1)]
    save(given.sheet, picture_rows(shown))


if __name__ == "__main__":
    main()
