"""Flaws of magnetic tiles by ``narrows.flaws``, whose choices are made on painted flaws.

    python benchmarks/outliers/flaws.py            three seeds; needs NARROWS_DATA/magnetic_tile
    python benchmarks/outliers/flaws.py --quick    few pictures: does it work?

The training tiles are the normal pictures (divided by the seed: a bank, those that choose, those held
out), the test tiles are those in question. Beside it, of the same tiles: the residual of PCA of whole
tiles at 64x64, and what PCA of patches and codes of patches have (``run.py --part tiles``).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import narrows as nw
from narrows import files
from narrows.measures import Pca
from narrows.measures.detection import detection

sys.path.append(str(Path(__file__).parents[1]))
from measuring import machine  # noqa: E402

RESULTS = Path(__file__).with_name("flaws.json")
SIDE, NUMBERS = 64, 64  # of PCA's tiles


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    options.add_argument("--quick", action="store_true")
    given = options.parse_args()
    torch.set_num_threads(1)
    folder = Path(os.environ["NARROWS_DATA"]) / "magnetic_tile"
    with open(folder / "split.csv", newline="") as opened:
        rows = list(csv.DictReader(opened))
    normal = [folder / row["image"] for row in rows if row["split"] != "test"]
    asked = [row for row in rows if row["split"] == "test"]
    if given.quick:
        normal, asked, given.seed = normal[:12], asked[::20], [0]
    kinds = np.array([row["class"] for row in asked])
    truth = kinds != "good"
    masks = [mask_of(folder, row) for row in asked]
    paths = [folder / row["image"] for row in asked]
    found = []
    for seed in given.seed:
        began = time.process_time()
        result = nw.flaws(
            paths, normal=normal, anomalies=truth, masks=masks, seed=seed, progress=False
        )
        assert result.detection is not None and len(result.ids) == len(asked)
        score = result.scores["patches"]
        found.append(
            {
                "seed": seed,
                "pictures": round(result.detection["pictures"].auroc, 4),
                "pixels": round(result.detection["pixels"].auroc, 4),
                "by_kind": {
                    str(kind): round(
                        detection(score[~truth | (kinds == kind)], truth[~truth | (kinds == kind)]).auroc,
                        4,
                    )
                    for kind in sorted(set(kinds[truth]))
                },
                "flawed_called_anomalous": round(float(result.is_outlier[truth].mean()), 4),
                "good_called_anomalous": round(float(result.is_outlier[~truth].mean()), 4),
                "rule": result.rule,
                "how": dict(result.how),
                "best_on_painted": {
                    key: round(max(one[key] for one in result.choices), 4)
                    for key in ("pictures", "pixels")
                },
                "processor_seconds": round(time.process_time() - began, 1),
            }
        )  # fmt: skip
        print(json.dumps(found[-1], indent=1), flush=True)
    document: dict[str, Any] = {
        "what": f"{len(asked)} test tiles, {truth.mean():.1%} flawed; {len(normal)} normal ones",
        "command": "python benchmarks/outliers/flaws.py",
        "flaws": found,
        "mean": {
            key: round(statistics.mean(row[key] for row in found), 4)
            for key in ("pictures", "pixels")
        },
        "PCA residual of whole tiles": round(residual(normal, paths, truth), 4),
        "machine": machine(),
    }
    print({key: document[key] for key in ("mean", "PCA residual of whole tiles")})
    if not given.quick:
        files.write_text(RESULTS, json.dumps(document, indent=1) + "\n")


def mask_of(folder: Path, row: dict[str, str]) -> Any:
    """Where a tile is flawed; None where its mask is empty though it is."""
    with Image.open(folder / row["image"]) as opened:
        wide, high = opened.size
    if row["class"] == "good":
        return np.zeros((high, wide), bool)
    with Image.open(folder / row["mask"]) as opened:
        mask = np.asarray(opened.convert("L").resize((wide, high), Image.Resampling.NEAREST)) > 127
    return mask if mask.any() else None


def residual(normal: list[Path], asked: list[Path], truth: Any) -> float:
    """AUROC of the squared error of PCA's reconstructions."""
    known, others = (
        nw.images.inputs.pictures(paths, nw.images.Preprocessing((1, SIDE, SIDE), "stretch"))
        for paths in (normal, asked)
    )
    pca = Pca.fit(known, min(NUMBERS, len(known) - 1))
    x = others.batch(torch.arange(len(others)))
    return detection((pca.reconstruct(x) - x).square().mean((1, 2, 3)).numpy(), truth).auroc


if __name__ == "__main__":
    main()
