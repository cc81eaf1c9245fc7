"""IWAE with k = 1, 5, 50 on dynamically binarised MNIST: test log-likelihood in nats.

    python benchmarks/importance_weighted/run.py --k 1 5 50 --seed 0      a row each in results.json
    python benchmarks/importance_weighted/run.py --k 1 --epochs 1 --limit 500      a quick look
    python benchmarks/importance_weighted/run.py --k 50 --paper --device cuda      3,280 passes, a GPU

The network of Burda et al. 2016 (784-200-200-50), all 60,000 training pictures. The numbers of the
training (batch, rate) are those chosen for k = 1 on held-out training pictures, the same for every
k; the test pictures are looked at once, at the end, binarised with a fixed seed, in float32.
A run that was stopped goes on where it was; each finished one adds its row.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch

import narrows as nw
from narrows.images.corruptions import Binarise
from narrows.measures import importance_log_likelihood
from narrows.training import records
from narrows.training.machine import choose

RESULTS = Path(__file__).with_name("results.json")
PUBLISHED = {1: -86.76, 5: -85.54, 50: -84.78}  # Burda et al. 2016, table 1, IWAE, L = 1
PAPER = {
    "epochs": 3280.0,
    "batch_size": 20,
    "learning_rate": 1e-3,
    "learning_rate_schedule": "burda",
    "precision": "float32",
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--k", type=int, nargs="+", default=[1, 5, 50])
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--epochs", type=float)
    options.add_argument("--paper", action="store_true", help="the paper's own schedule")
    options.add_argument("--limit", type=int, default=10_000, help="test pictures")
    options.add_argument("--samples", type=int, default=1000, help="of the estimate at the end")
    options.add_argument("--device", default="auto")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--to", type=Path, default=Path("runs/importance-weighted"))
    options.add_argument("--results", type=Path, default=RESULTS)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    for k in given.k:
        written(given.results, row(given, k))


def row(given: argparse.Namespace, k: int) -> dict[str, Any]:
    """Train one model and look at the test pictures."""
    recipe = nw.recipes.burda_2016_iwae(samples=k)
    if given.paper:
        recipe = recipe.with_(**PAPER)
    if given.epochs:
        recipe = recipe.with_(epochs=given.epochs)
    passes = recipe.phases[0].epochs
    folder = given.to / f"k{k}-seed{given.seed}-{passes:g}"
    train = nw.images.named("mnist", split="train")
    test = nw.images.named("mnist", split="test").select(torch.arange(given.limit))
    options = {"seed": given.seed, "device": given.device, "report": "lines"}
    model = nw.fit(recipe, train, to=folder, resume=True, **options)
    began = time.monotonic()
    found = importance_log_likelihood(
        model, test, samples=given.samples, seed=1, augmentation=Binarise()
    )
    lines = records(folder)
    return {
        "model": "one layer, IWAE",
        "k": k,
        "seed": given.seed,
        "passes": passes,
        "ours": round(float(found.mean()), 3),
        "standard_error": round(float(found.std() / len(found) ** 0.5), 3),
        "published": PUBLISHED.get(k),
        "published_passes": 3280,
        "test_pictures": len(test),
        "importance_samples": given.samples,
        "training_minutes": round(sum(line["seconds"] for line in lines) / 60, 1),
        "evaluation_minutes": round((time.monotonic() - began) / 60, 1),
        "last_training_bound": round(-lines[-1]["loss"], 3),
        "weights": sum(p.numel() for p in model.parameters()),
        "precision": choose(given.device, recipe.phases[0].precision).precision,
        "threads": given.threads,
        "torch": torch.__version__,
    }


def written(path: Path, made: dict[str, Any]) -> None:
    """Put the row in the place of the one with the same model, k, seed and passes."""
    document = json.loads(path.read_text()) if path.exists() else {}
    names = ("model", "k", "seed", "passes")
    kept = [
        old for old in document.get("rows", []) if any(old.get(n) != made.get(n) for n in names)
    ]
    rows = sorted([*kept, made], key=lambda r: (r["model"], r["passes"], r["k"], r["seed"]))
    document = {
        "what": "test log-likelihood of dynamically binarised MNIST in nats, importance-sampled",
        "command": "python benchmarks/importance_weighted/run.py --k 1 5 50 --seed SEED",
        "rows": rows,
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
    print(json.dumps(made))


if __name__ == "__main__":
    main()
