"""MNIST classified by three hidden layers, after no, plain stacked and stacked denoising pre-training.

    python benchmarks/stacked_denoising/run.py --seed 0 1 2 3 4     a row per seed and kind in results.json
    python benchmarks/stacked_denoising/run.py --choose             errors on held-out training pictures
    python benchmarks/stacked_denoising/run.py --quick              a tiny run: does it work?

Vincent et al. 2010, table 3. The numbers of the training were chosen with ``--choose`` (10,000 of the
60,000 training pictures held out, seed 100); then all 50,000 others train, and the test pictures are
looked at once. The three kinds take turns, seed by seed; a row that is there already is kept.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch

import narrows as nw
from narrows.recipes.vincent import (
    vincent_2010_classifier,
    vincent_2010_stacked,
    vincent_2010_stacked_denoising,
)

RESULTS = Path(__file__).with_name("results.json")
KINDS = {
    "none": vincent_2010_classifier,
    "stacked": vincent_2010_stacked,
    "stacked denoising": vincent_2010_stacked_denoising,
}
PUBLISHED = {"none": None, "stacked": 1.40, "stacked denoising": 1.28}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    options.add_argument("--kind", nargs="+", choices=KINDS, default=list(KINDS))
    options.add_argument("--choose", action="store_true")
    options.add_argument("--quick", action="store_true")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--results", type=Path, default=RESULTS)
    given = options.parse_args()
    torch.set_num_threads(given.threads)

    whole = nw.images.named("mnist", split="train")
    train = whole.select(torch.arange(50_000))  # the paper's split
    judged = nw.images.named("mnist", split="test")
    if given.choose:
        judged = whole.select(torch.arange(50_000, 60_000))
    if given.quick:
        train, judged = train.select(torch.arange(1000)), judged.select(torch.arange(500))
    for seed in [100] if given.choose else given.seed:
        for kind in given.kind:
            known = _rows(given.results)
            if any((r["kind"], r["seed"]) == (kind, seed) for r in known) and not given.quick:
                continue
            made = row(kind, seed, train, judged, given.quick)
            print(json.dumps(made), flush=True)
            if not (given.choose or given.quick):
                write(given.results, [*known, made])


def row(kind: str, seed: int, train: Any, judged: Any, quick: bool) -> dict[str, Any]:
    """Train one classifier; its error in per cent."""
    recipe = KINDS[kind]()
    if quick:
        recipe = recipe.with_(epochs=1)
    began = time.monotonic()
    model = nw.fit(recipe, train, seed=seed, report="quiet")
    took = time.monotonic() - began
    softmax = model.auxiliary["softmax"]
    with torch.no_grad():
        chosen = softmax(model.encode(judged).z).argmax(1)
    names = [softmax.labels[i] for i in chosen.tolist()]
    wrong = sum(name != str(label) for name, label in zip(names, judged.label, strict=True))
    return {
        "kind": kind,
        "seed": seed,
        "error_percent": round(100 * wrong / len(judged), 3),
        "training_minutes": round(took / 60, 1),
    }


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """The rows, and their means beside the published errors."""
    kinds = list(KINDS)
    rows = sorted(rows, key=lambda r: (kinds.index(r["kind"]), r["seed"]))
    summary = []
    for kind in kinds:
        errors = [r["error_percent"] for r in rows if r["kind"] == kind]
        if errors:
            summary.append(
                {
                    "kind": kind,
                    "published": PUBLISHED[kind],
                    "mean": round(statistics.fmean(errors), 3),
                    "standard_deviation": round(statistics.pstdev(errors), 3),
                    "seeds": len(errors),
                }
            )
    document = {
        "what": "test error on MNIST in per cent: 784-1000-1000-1000-10, sigmoid, 50,000 pictures",
        "command": "python benchmarks/stacked_denoising/run.py --seed 0 1 2 3 4",
        "published_source": "Vincent et al. 2010, table 3 (SAE-3, SdA-3)",
        "summary": summary,
        "rows": rows,
        "torch": torch.__version__,
    }
    path.write_text(json.dumps(document, indent=2) + "\n")


def _rows(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text())["rows"]) if path.exists() else []


if __name__ == "__main__":
    main()
