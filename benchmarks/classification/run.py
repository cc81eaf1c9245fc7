"""MNIST and Fashion-MNIST told from 64 numbers: codes beside PCA, raw pixels, no training, random patches.

    python benchmarks/classification/run.py --choose           which training, on held-out training pictures
    python benchmarks/classification/run.py --seed 0 1 2       a row per set and seed in results.json
    python benchmarks/classification/run.py --quick            a tiny run: does it work?

    encoder, 64 numbers ─┐
    the same, untrained ─┤
    PCA, 64 numbers ─────┼──► error of the nearest neighbours, accuracy of a linear probe
    raw pixels ──────────┤
    random patches ──────┘  6×6 patches of training pictures as filters, rectified, averaged in 2×2
                            windows; through PCA to 64 numbers for the neighbours

``--choose`` trains each candidate on 50,000 of the 60,000 training pictures (seed 100) and writes its
error on the other 10,000 beside the rows; the best one of each set is then trained with every seed. The
number of neighbours is chosen on the same 10,000. The test pictures are looked at once. A row that is
there already is kept.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch.nn import functional as F

import narrows as nw
from narrows.applications import assess, fit_classifier, rows_by, untrained
from narrows.measures import Pca
from narrows.parts import Part
from narrows.randomness import generator

RESULTS = Path(__file__).with_name("results.json")
SETS = ("mnist", "fashion_mnist")
SIZE = 64
NEIGHBOURS = (1, 3, 5, 10)
PATCHES, SIDE = 400, 6
CANDIDATES: dict[str, dict[str, Any]] = {
    "plain": {},
    "noise 0.3": {"corruption": Part("gaussian-noise", {"sigma": 0.3})},
    "mask 0.4": {"corruption": Part("dropout-mask", {"p": 0.4})},
    "shift 2": {"corruption": Part("shift", {"reach": 2 / 28})},
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    options.add_argument("--set", nargs="+", choices=SETS, default=list(SETS))
    options.add_argument("--choose", action="store_true")
    options.add_argument("--epochs", type=float, default=10)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--results", type=Path, default=RESULTS)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    known: dict[str, Any] = {"choice": {}, "rows": []}
    if given.results.exists():
        known = json.loads(given.results.read_text())
    for name in given.set:
        train, held, test = parts(name, given.quick)
        epochs = 0.3 if given.quick else given.epochs
        choice = known["choice"].setdefault(name, {})
        candidates = ["plain"] if given.quick else list(CANDIDATES)
        for candidate in candidates if given.choose or given.quick else []:
            if candidate not in choice:
                model = trained(candidate, train, 100, epochs)
                error = min(errors(codes(model), train, held).values())
                choice[candidate] = error
                print(json.dumps({"set": name, "candidate": candidate, "error": error}), flush=True)
                if not given.quick:
                    write(given.results, known)
        if not choice:
            raise SystemExit(f"nothing is chosen for {name} yet: run with --choose first")
        for seed in [] if given.choose else given.seed[: 1 if given.quick else None]:
            if any((r["set"], r["seed"]) == (name, seed) for r in known["rows"]):
                continue
            best = min(choice, key=choice.__getitem__)
            made = row(name, best, seed, train, held, test, epochs)
            print(json.dumps(made), flush=True)
            known["rows"].append(made)
            if not given.quick:
                write(given.results, known)


def parts(name: str, quick: bool) -> tuple[Any, Any, Any]:
    """Training pictures, those held out of them, and the test's."""
    whole, test = (nw.images.named(name, split=part) for part in ("train", "test"))
    train, held = whole.select(slice(0, 50_000)), whole.select(slice(50_000, 60_000))
    if quick:
        return (part.select(slice(0, n)) for part, n in ((train, 300), (held, 100), (test, 100)))
    return train, held, test


def trained(candidate: str, train: Any, seed: int, epochs: float) -> Any:
    recipe = nw.recipes.conv_autoencoder(train.shape, SIZE)
    recipe = recipe.with_(batch_size=128, **CANDIDATES[candidate])
    return nw.fit(recipe, train, epochs=epochs, seed=seed, report="quiet")


def codes(model: Any) -> Any:
    return lambda x: model.encode(x).z.flatten(1)


def row(
    name: str, candidate: str, seed: int, train: Any, held: Any, test: Any, epochs: float
) -> dict[str, Any]:
    """One training and all rows beside it; errors and accuracies in per cent."""
    began = time.monotonic()
    model = trained(candidate, train, seed, epochs)
    took = time.monotonic() - began
    pca = Pca.fit(train, SIZE)
    patches = random_patches(train, seed)
    functions = {
        "codes": codes(model),
        "encoder, untrained": codes(untrained(model, seed)),
        "PCA": pca.encode,
        "raw pixels": lambda x: x.flatten(1),
        "random patches": patches,
    }
    found = {}
    for title, function in functions.items():
        rows = [rows_by(function, part) for part in (train, held, test)]
        near = rows
        if title == "random patches":
            few = PCA(SIZE, random_state=seed).fit(rows[0])
            near = [few.transform(part) for part in rows]
        chosen = knn_errors(near[0], train.label, near[1], held.label)
        k = min(chosen, key=chosen.__getitem__)
        probe = fit_classifier(rows[0], train.label, "linear", seed=seed)
        found[title] = {
            "neighbours": k,
            "knn_error": knn_errors(near[0], train.label, near[2], test.label, (k,))[k],
            "probe_accuracy": round(100 * assess(probe, rows[2], test.label).accuracy, 2),
        }
    return {
        "set": name,
        "seed": seed,
        "candidate": candidate,
        "training_minutes": round(took / 60, 1),
        "found": found,
    }


def errors(function: Any, train: Any, other: Any) -> dict[int, float]:
    return knn_errors(rows_by(function, train), train.label, rows_by(function, other), other.label)


def knn_errors(
    rows: Any, labels: Any, others: Any, truth: Any, counts: tuple[int, ...] = NEIGHBOURS
) -> dict[int, float]:
    """Error in per cent by the number of neighbours, from one search for the most of them."""
    known, asked = torch.from_numpy(rows), torch.from_numpy(others)
    names = torch.from_numpy(np.ascontiguousarray(labels))
    nearest = torch.cat(
        [
            torch.cdist(part, known).topk(max(counts), largest=False).indices
            for part in asked.split(500)
        ]
    )
    votes = F.one_hot(names[nearest])
    told = {k: votes[:, :k].sum(1).argmax(1).numpy() for k in counts}
    return {k: round(100 * float((found != truth).mean()), 3) for k, found in told.items()}


def random_patches(train: Any, seed: int) -> Any:
    """Features that learn nothing: filters are patches of training pictures at random places."""
    draws = generator(seed, "patches")
    x = train.batch(torch.randint(len(train), (PATCHES,), generator=draws))
    windows = F.unfold(x, SIDE)  # (PATCHES, side², places)
    place = torch.randint(windows.shape[2], (PATCHES,), generator=draws)
    filters = windows[torch.arange(PATCHES), :, place]
    filters = filters - filters.mean(1, keepdim=True)
    filters = filters / filters.norm(dim=1, keepdim=True).clamp_min(0.1)
    kernels = filters.reshape(PATCHES, 1, SIDE, SIDE)

    def features(x: torch.Tensor) -> torch.Tensor:
        return F.adaptive_avg_pool2d(F.relu(F.conv2d(x, kernels)), 2).flatten(1)

    return features


def write(path: Path, known: dict[str, Any]) -> None:
    """The rows, and their means over the seeds."""
    summary = []
    for name in SETS:
        rows = [r["found"] for r in known["rows"] if r["set"] == name]
        for title in rows[0] if rows else ():
            entry: dict[str, Any] = {"set": name, "rows": title, "seeds": len(rows)}
            for measure in ("knn_error", "probe_accuracy"):
                values = [r[title][measure] for r in rows]
                entry[measure] = round(statistics.fmean(values), 3)
                entry[f"{measure}_deviation"] = round(statistics.pstdev(values), 3)
            summary.append(entry)
    document = {
        "what": "per cent, on the 10,000 test pictures; 64 numbers a picture but for raw pixels and "
        "the probe of random patches",
        "command": "python benchmarks/classification/run.py --choose, then --seed 0 1 2",
        "summary": summary,
        "choice": known["choice"],
        "rows": known["rows"],
        "torch": torch.__version__,
    }
    path.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
