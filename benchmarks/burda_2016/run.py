"""The VAE of Burda et al. 2016 on dynamically binarised MNIST: test log-likelihood in nats.

    python benchmarks/burda_2016/run.py            train (under an hour on one core), then evaluate
    python benchmarks/burda_2016/run.py --epochs 5 --limit 500      a quick look

Trains on all 60,000 training pictures with the recipe's numbers, which were chosen with 10,000 of
them held out; the test pictures are looked at once, at the end, binarised with a fixed seed.
Writes results.json beside this file. A run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path

import torch

import narrows as nw
from narrows.images.corruptions import Binarise
from narrows.measures import importance_log_likelihood
from narrows.training import history_of

HERE = Path(__file__).parent
PUBLISHED = -86.76  # Burda et al. 2016, table 1: VAE, one stochastic layer, k = 1


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--epochs", type=float)
    options.add_argument("--limit", type=int, default=10_000, help="test pictures")
    options.add_argument("--samples", type=int, default=5000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--to", type=Path, default=Path("runs/burda-2016-vae"))
    options.add_argument("--results", type=Path, default=HERE / "results.json")
    given = options.parse_args()
    torch.set_num_threads(given.threads)

    recipe = nw.recipes.burda_2016_vae()
    if given.epochs:
        recipe = recipe.with_(epochs=given.epochs)
    train = nw.images.named("mnist", split="train")
    test = nw.images.named("mnist", split="test").select(torch.arange(given.limit))
    model = nw.fit(recipe, train, to=given.to, resume=True, seed=given.seed, report="lines")

    began = time.monotonic()
    log_likelihood = importance_log_likelihood(
        model, test, samples=given.samples, seed=1, augmentation=Binarise()
    )
    lines = history_of(given.to)
    result = {
        "what": "test log-likelihood of binarised MNIST in nats, importance-sampled",
        "command": "python benchmarks/burda_2016/run.py"
        + (f" --epochs {given.epochs:g}" if given.epochs else ""),
        "ours": round(float(log_likelihood.mean()), 3),
        "standard_error": round(float(log_likelihood.std() / len(log_likelihood) ** 0.5), 3),
        "published": PUBLISHED,
        "published_source": "Burda et al. 2016, table 1 (VAE, L = 1, k = 1), 3,280 passes",
        "test_pictures": len(test),
        "importance_samples": given.samples,
        "test_binarisation_seed": 1,
        "training_pictures": len(train),
        "epochs": lines[-1]["epoch"],
        "batch_size": recipe.phases[0].batch_size,
        "seed": given.seed,
        "threads": given.threads,
        "training_minutes": round(sum(line["seconds"] for line in lines) / 60, 1),
        "evaluation_minutes": round((time.monotonic() - began) / 60, 1),
        "last_training_loss": round(lines[-1]["loss"], 3),
        "recipe": recipe.document(),
        "machine": f"{platform.machine()}, {given.threads} thread(s), torch {torch.__version__}",
    }
    given.results.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({key: result[key] for key in ("ours", "published", "training_minutes")}))


if __name__ == "__main__":
    main()
