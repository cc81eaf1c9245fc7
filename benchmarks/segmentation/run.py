"""Street scenes segmented by a small SegNet, beside the most frequent class of each position.

    python benchmarks/segmentation/run.py --choose          weights and augmentation, on the validation part
    python benchmarks/segmentation/run.py --seed 0 1 2      the test part; rows in results.json
    python benchmarks/segmentation/run.py --quick           a tiny run: does it work?

CamVid in the split of Badrinarayanan et al. 2017, of which 74, 12 and 24 pictures are here, at 60×80
pixels. Intersection over union of the 11 classes; void is not judged, a class that is nowhere has 0.
The recipe is ``lingrand-2021-segmentation``. A candidate is how the classes are weighted (by median
frequency balancing, by the root of that, not at all) and how pictures are varied; the best of them after
12 epochs is trained with every seed. The curve against training time is of whole trainings of their own,
each with the learning rate's whole cycle. A row that is there already is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

import torch

from narrows.applications import segment_batch
from narrows.images import masked, stacked
from narrows.measures import (
    class_weights,
    intersection_over_union,
    pixel_confusion,
    position_prior,
)
from narrows.parts import Part
from narrows.recipes.lingrand import lingrand_2021_segmentation
from narrows.training import fit

RESULTS = Path(__file__).with_name("results.json")
NAMES = (
    "sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian",
    "bicyclist",
)  # fmt: skip
VOID, SIZE = 11, (60, 80)
POWERS = {"median": 1.0, "root of median": 0.5, "none": 0.0}
VARIED: dict[str, tuple[Part, ...]] = {
    "flip, shift": (Part("flip"), Part("shift")),
    "flip, warp": (Part("flip"), Part("warp", {"turn": 4, "zoom": 0.25, "shift": 0.1})),
}
CANDIDATES = (
    ("median", "flip, shift"),
    ("root of median", "flip, shift"),
    ("none", "flip, shift"),
    ("root of median", "flip, warp"),
)
EPOCHS, CHOICE = (4, 12, 40), 12


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    options.add_argument("--choose", action="store_true")
    options.add_argument("--quick", action="store_true")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--results", type=Path, default=RESULTS)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    root = Path(os.environ["NARROWS_DATA"]) / "camvid"
    train, held, test = (
        masked(root / part, root / f"{part}annot", SIZE, void=VOID, names=NAMES)
        for part in ("train", "val", "test")
    )
    known: dict[str, Any] = {"choice": [], "rows": []}
    if given.results.exists() and not given.quick:
        known |= json.loads(given.results.read_text())
    known["prior"] = judged(test, position_prior(train.masks, len(NAMES)).expand(test.masks.shape))
    if given.choose or given.quick:
        for weights, varied in CANDIDATES[: 1 if given.quick else None]:
            if any((r["weights"], r["varied"]) == (weights, varied) for r in known["choice"]):
                continue
            epochs = 0.5 if given.quick else CHOICE
            made = row(train, held, weights, varied, epochs, 100)
            print(json.dumps(made), flush=True)
            known["choice"].append(made)
            write(given, known)
    if not known["choice"]:
        raise SystemExit("nothing is chosen yet: run with --choose first")
    best = max(known["choice"], key=lambda one: one["mean_iou"])
    for seed in [] if given.choose else given.seed[: 1 if given.quick else None]:
        for epochs in (0.5,) if given.quick else EPOCHS[::-1]:
            if any((r["seed"], r["epochs"]) == (seed, epochs) for r in known["rows"]):
                continue
            made = row(train, test, best["weights"], best["varied"], epochs, seed)
            print(json.dumps(made), flush=True)
            known["rows"].append(made)
            write(given, known)


def row(
    train: Any, other: Any, weights: str, varied: str, epochs: float, seed: int
) -> dict[str, Any]:
    """One training and how it does on other pictures."""
    each = class_weights(train.masks, len(NAMES)) ** POWERS[weights]
    recipe = lingrand_2021_segmentation(train.images.shape, len(NAMES), weights=each.tolist())
    recipe = recipe.with_(augmentation=Part("chain", {"parts": VARIED[varied]}))
    began = time.process_time()
    model = fit(recipe, stacked(train), epochs=epochs, seed=seed, report="quiet")
    took = time.process_time() - began
    with model.evaluating():
        x = other.images.pixels.float() / 255
        found = segment_batch(model, x, len(NAMES), SIZE).classes
    return {
        "weights": weights,
        "varied": varied,
        "epochs": epochs,
        "seed": seed,
        "processor_seconds": round(took, 1),
        **judged(other, found),
    }


def judged(given: Any, found: Any) -> dict[str, Any]:
    """Intersection over union of masks found, of each class and on average."""
    each = intersection_over_union(pixel_confusion(given.masks, found, len(NAMES)))
    return {
        "mean_iou": round(float(each.mean()), 4),
        "iou": {name: round(float(one), 4) for name, one in zip(NAMES, each, strict=True)},
    }


def write(given: argparse.Namespace, known: dict[str, Any]) -> None:
    """The rows, and their means over the seeds."""
    if given.quick:
        return
    summary = []
    for epochs in EPOCHS:
        rows = [r for r in known["rows"] if r["epochs"] == epochs]
        if not rows:
            continue
        means = [r["mean_iou"] for r in rows]
        summary.append(
            {
                "epochs": epochs,
                "seeds": len(rows),
                "processor_seconds": round(statistics.fmean(r["processor_seconds"] for r in rows)),
                "mean_iou": round(statistics.fmean(means), 4),
                "deviation": round(statistics.pstdev(means), 4),
                "iou": {
                    name: round(statistics.fmean(r["iou"][name] for r in rows), 4) for name in NAMES
                },
            }
        )
    document = {
        "what": "intersection over union on 24 test pictures of CamVid at 60×80, trained on 74",
        "command": "python benchmarks/segmentation/run.py --choose, then --seed 0 1 2",
        "threads": given.threads,
        "prior": known["prior"],
        "summary": summary,
        "choice": known["choice"],
        "rows": known["rows"],
        "torch": torch.__version__,
    }
    given.results.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
