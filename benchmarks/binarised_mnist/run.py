"""Test log-likelihoods on dynamically binarised MNIST, in nats: IWAE by k, a hierarchy, its flat twin.

    python benchmarks/binarised_mnist/run.py --model iwae-1 iwae-5 iwae-50 flat ladder --seed 0
    python benchmarks/binarised_mnist/run.py --model iwae-1 --epochs 1 --limit 500    a quick look
    python benchmarks/binarised_mnist/run.py --model iwae-50 --paper --device cuda    3,280 passes
    python benchmarks/binarised_mnist/run.py --model iwae-50 iwae-50-dreg --seed 1 --device cuda


``iwae-k`` is the network of Burda et al. 2016 (784-200-200-50) with their bound, ``iwae-50-dreg`` the same with the doubly reparameterised gradient (Tucker et al. 2019);
``ladder`` has two
latents (Sønderby et al. 2016), ``flat`` as many weights and one. All 60,000 training pictures; the
numbers of a training (batch, rate, warm-up) were chosen with 10,000 of them held out and are the
same on both sides of a comparison. The test pictures are looked at once, at the end, binarised with
a fixed seed, in float32. A run that was stopped goes on where it was; each finished one adds its row.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import narrows as nw
from narrows.images.corruptions import Binarise
from narrows.measures import importance_log_likelihood
from narrows.recipes.burda import burda_2016_iwae, tucker_2019_dreg
from narrows.recipes.sonderby import sonderby_2016_flat_vae, sonderby_2016_ladder_vae
from narrows.training import history_of, select_device

RESULTS = Path(__file__).with_name("results.json")
MODELS: dict[str, Callable[[], nw.Recipe]] = {
    "iwae-1": lambda: burda_2016_iwae(samples=1),
    "iwae-5": lambda: burda_2016_iwae(samples=5),
    "iwae-50": lambda: burda_2016_iwae(samples=50),
    "iwae-50-dreg": lambda: tucker_2019_dreg(samples=50),
    "flat": sonderby_2016_flat_vae,
    "ladder": sonderby_2016_ladder_vae,
}
PUBLISHED = {"iwae-1": -86.76, "iwae-5": -85.54, "iwae-50": -84.78}
PAPER = {
    "epochs": 3280.0,
    "batch_size": 20,
    "learning_rate": 1e-3,
    "learning_rate_schedule": "burda",
    "precision": "float32",
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--model", nargs="+", choices=MODELS, default=list(MODELS))
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--epochs", type=float)
    options.add_argument("--paper", action="store_true", help="Burda's own schedule")
    options.add_argument("--limit", type=int, default=10_000, help="test pictures")
    options.add_argument("--samples", type=int, default=1000, help="of the estimate at the end")
    options.add_argument("--device", default="auto")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--to", type=Path, default=Path("runs/binarised-mnist"))
    options.add_argument("--results", type=Path, default=RESULTS)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    for name in given.model:
        write(given.results, [row(given, name)])


def row(given: argparse.Namespace, name: str) -> dict[str, Any]:
    """Train one model and look at the test pictures."""
    recipe = MODELS[name]()
    if given.paper:
        recipe = recipe.with_(**PAPER)
    if given.epochs:
        recipe = recipe.with_(epochs=given.epochs)
    phase = recipe.phases[0]
    folder = given.to / f"{name}-seed{given.seed}-{phase.epochs:g}"
    train = nw.images.named("mnist", split="train")
    test = nw.images.named("mnist", split="test").select(torch.arange(given.limit))
    options = {"seed": given.seed, "device": given.device, "report": "lines"}
    model = nw.fit(recipe, train, to=folder, resume=True, **options)
    began = time.monotonic()
    found = importance_log_likelihood(
        model, test, samples=given.samples, seed=1, augmentation=Binarise()
    )
    lines = history_of(folder)
    return {
        "model": name,
        "seed": given.seed,
        "passes": phase.epochs,
        "ours": round(float(found.mean()), 3),
        "standard_error": round(float(found.std() / len(found) ** 0.5), 3),
        "published": PUBLISHED.get(name),
        "weights": sum(p.numel() for p in model.parameters()),
        "test_pictures": len(test),
        "importance_samples": given.samples,
        "training_minutes": round(sum(line["seconds"] for line in lines) / 60, 1),
        "evaluation_minutes": round((time.monotonic() - began) / 60, 1),
        "last_training_loss": round(lines[-1]["loss"], 3),
        "precision": select_device(given.device, phase.precision).precision,
        "threads": given.threads,
        "torch": torch.__version__,
    }


def write(path: Path, made: list[dict[str, Any]]) -> None:
    """Put rows in the place of those with the same model, seed and passes."""
    document = json.loads(path.read_text()) if path.exists() else {}
    rows = {(r["model"], r["seed"], r["passes"]): r for r in [*document.get("rows", []), *made]}
    document = {
        "what": "test log-likelihood of dynamically binarised MNIST in nats, importance-sampled",
        "command": "python benchmarks/binarised_mnist/run.py --seed SEED",
        "published_source": "Burda et al. 2016, table 1 (IWAE, L = 1), after 3,280 passes",
        "rows": [rows[key] for key in sorted(rows)],
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
    print(json.dumps(made))


if __name__ == "__main__":
    main()
