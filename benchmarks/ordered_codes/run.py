"""One model with ordered codes beside models trained for each length: error against length on MNIST.

    python benchmarks/ordered_codes/run.py            minutes on one core
    python benchmarks/ordered_codes/run.py --pictures 500 --epochs 1       a quick look

``ordered`` is the recipe ordered-autoencoder with 32 numbers, shortened afterwards; beside it
mlp-autoencoder, which is the same network, trained for 8, 16 and 32 numbers. Squared error per test
picture, of all 10,000. Both are given as many passes, or the ordered one twice as many, as its recipe
has: both rows are written.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch

import narrows as nw

RESULTS = Path(__file__).with_name("results.json")
LENGTHS = (8, 16, 32)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--pictures", type=int, default=4_000, help="of the training")
    options.add_argument("--epochs", type=float, default=20.0)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--results", type=Path, default=RESULTS)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    train = nw.images.named("mnist", split="train").select(torch.arange(given.pictures))
    test = nw.images.named("mnist", split="test")
    rows = []
    for k in LENGTHS:
        recipe = nw.recipes.mlp_autoencoder(train.shape, k)
        model, seconds = trained(recipe, train, given.epochs, given.seed)
        rows.append(row(f"trained for {k}", given.epochs, {k: model}, test, seconds))
    for times in (1, 2):
        recipe = nw.recipes.ordered_autoencoder(train.shape, max(LENGTHS))
        epochs = times * given.epochs
        model, seconds = trained(recipe, train, epochs, given.seed)
        rows.append(row("ordered", epochs, dict.fromkeys(LENGTHS, model), test, seconds))
    command = f"python benchmarks/ordered_codes/run.py --pictures {given.pictures} --epochs {given.epochs:g}"
    document = {
        "what": "squared error per value of MNIST's test pictures by the numbers of a code",
        "command": command,
        "training_pictures": len(train),
        "test_pictures": len(test),
        "seed": given.seed,
        "threads": given.threads,
        "torch": torch.__version__,
        "rows": rows,
    }
    given.results.write_text(json.dumps(document, indent=2) + "\n")
    print(json.dumps(rows))


def trained(recipe: nw.Recipe, train: Any, epochs: float, seed: int) -> tuple[Any, float]:
    began = time.process_time()
    model = nw.fit(recipe, train, epochs=epochs, seed=seed, device="cpu", report="quiet")
    return model, time.process_time() - began


def row(
    name: str, epochs: float, models: dict[int, Any], test: Any, seconds: float
) -> dict[str, Any]:
    errors = {}
    for k, model in models.items():
        whole = model.code_shape == (k,)
        found = nw.reconstruct(model, test, numbers=None if whole else k, progress=False)
        errors[str(k)] = round(float(found.mse.double().mean()), 6)
    made = {"model": name, "epochs": epochs, "mse": errors, "processor_seconds": round(seconds)}
    print(json.dumps(made), flush=True)
    return made


if __name__ == "__main__":
    main()
