"""Ray & Hannon 2022, table 1: every model on faces, error and sharpness, beside PCA.

    python benchmarks/ray_2022/run.py --set anime_faces lfw_gray --seed 0 1      64×64, every model
    python benchmarks/ray_2022/run.py --set anime_faces --size 128 --seed 0 --model stacked recursive
    python benchmarks/ray_2022/run.py --quick                                    does it work?

Every model of one set and seed is trained in turn on the same nine tenths of the pictures with the
same numbers (none of them tuned), and judged on the other tenth: squared error summed over a
picture, which is the scale that fits theirs, and the energy of the Laplacian beside the original's
(1 is as sharp). Their faces are LFW in colour at 128×128, so only ratios compare. A row that is
there already is kept.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import narrows as nw
from narrows.measures import Pca, sharpness
from narrows.recipes import ray
from narrows_studies.ray import TABLE

RESULTS = Path(__file__).with_name("results.json")
MODELS: dict[str, tuple[Callable[..., nw.Recipe], int | None]] = {
    **TABLE,
    "deeply supervised": (ray.ray_2022_deeply_supervised, None),
    "recursive, max-pooling": (ray.ray_2022_max_pooling, None),
    "recursive, upsampling": (ray.ray_2022_upsampling, None),
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--set", nargs="+", default=["anime_faces", "lfw_gray"])
    options.add_argument("--size", type=int, default=64)
    options.add_argument("--seed", type=int, nargs="+", default=[0, 1])
    options.add_argument("--model", nargs="+", choices=MODELS, default=list(MODELS))
    options.add_argument("--epochs", type=float)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--results", type=Path, default=RESULTS)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    for seed in given.seed:
        for name in given.set:
            one_set(given, name, seed)


def one_set(given: argparse.Namespace, name: str, seed: int) -> None:
    """Every model on one set with one seed."""
    images = nw.images.named(name, size=given.size)
    if given.quick:
        images = images.select(torch.arange(300))
    parts = nw.images.split(images, validation=0.1, seed=0)
    x = parts.validation.batch(torch.arange(len(parts.validation)))
    about = {"set": name, "size": given.size, "seed": seed, "held_out": len(x)}
    for model in given.model:
        known = _rows(given.results)
        wanted = {**about, "model": model}
        if any(all(r[k] == v for k, v in wanted.items()) for r in known) and not given.quick:
            continue
        made, rows = row(given, parts.train, x, model, seed), [*known]
        width = int(made["code_size"])
        pca = {**about, "model": "PCA", "seed": 0}
        if not any(all(r[k] == v for k, v in pca.items()) for r in rows) and not given.quick:
            k = min(width, Pca.most(parts.train))
            back = Pca.fit(parts.train, k).reconstruct(x)
            rows.append({**pca, **judged(x, back), "code_size": k})
        print(json.dumps({**wanted, **made}), flush=True)
        if not given.quick:
            write(given.results, [*rows, {**wanted, **made}])


def row(
    given: argparse.Namespace, train: Any, x: torch.Tensor, name: str, seed: int
) -> dict[str, Any]:
    """Train one model; what it makes of the held-out pictures."""
    recipe = MODELS[name][0](train.shape)
    if given.quick or given.epochs:
        recipe = recipe.with_(epochs=given.epochs or 1)
    began = time.monotonic()
    model = nw.fit(recipe, train, seed=seed, report="quiet")
    return {
        **judged(x, model.reconstruct(x)),
        "code_size": torch.Size(model.code_shape).numel(),
        "weights": sum(p.numel() for p in model.parameters()),
        "epochs": recipe.phases[0].epochs,
        "training_minutes": round((time.monotonic() - began) / 60, 1),
    }


def judged(x: torch.Tensor, back: torch.Tensor) -> dict[str, float]:
    """Summed squared error per picture (mean), sharpness (median)."""
    error = (back - x).square().flatten(1).sum(1)
    return {
        "error": round(float(error.mean()), 2),
        "sharpness": round(float(sharpness(x, back).nanmedian()), 3),
    }


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """The rows, and the ratios to the stacked model of the same set, size and seed."""
    order = ["PCA", *MODELS]
    rows = sorted(rows, key=lambda r: (r["size"], r["set"], order.index(r["model"]), r["seed"]))
    stacked = {
        (r["set"], r["size"], r["seed"]): r["error"] for r in rows if r["model"] == "stacked"
    }
    table = []
    for key in dict.fromkeys((r["set"], r["size"], r["model"]) for r in rows):
        mine = [r for r in rows if (r["set"], r["size"], r["model"]) == key]
        ratios = [
            r["error"] / stacked[(r["set"], r["size"], r["seed"])]
            for r in mine
            if (r["set"], r["size"], r["seed"]) in stacked
        ]
        published = MODELS.get(key[2], (None, None))[1]
        table.append(
            {
                "set": key[0],
                "size": key[1],
                "model": key[2],
                "error": round(statistics.fmean(r["error"] for r in mine), 2),
                "ratio_to_stacked": round(statistics.fmean(ratios), 3) if ratios else None,
                "published_ratio": round(published / 258, 2) if published else None,
                "sharpness": round(statistics.fmean(r["sharpness"] for r in mine), 3),
                "seeds": len(mine),
            }
        )
    document = {
        "what": "reconstruction of held-out faces: squared error per picture, sharpness (1: original)",
        "command": "python benchmarks/ray_2022/run.py --set anime_faces lfw_gray --seed 0 1",
        "published_source": "Ray & Hannon 2022, table 1; ratios to their stacked model's 258",
        "table": table,
        "rows": rows,
        "torch": torch.__version__,
    }
    path.write_text(json.dumps(document, indent=2) + "\n")


def _rows(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text())["rows"]) if path.exists() else []


if __name__ == "__main__":
    main()
