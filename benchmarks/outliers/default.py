"""Which scores `narrows outliers` takes by default, chosen where no test picture is looked at.

    python benchmarks/outliers/default.py            needs NARROWS_DATA (mnist, fashion_mnist, magnetic_tile, utkface)
    python benchmarks/outliers/default.py --quick    few pictures: does it work?

Three families of problems, each counting as much as the others:

- left out: one class of the training part of digits, MNIST or Fashion-MNIST is anomalous, all others normal;
- one class: one of them is normal, all others anomalous;
- painted flaws (`narrows.images.painted`) on normal pictures: magnetic tiles of the training part, made
  parts, faces.

For each a model is trained as `narrows train` does it; normal pictures that it has not seen rank, and half
of them are asked about beside the anomalies. Of every set of up to four scores the AUROC of the mean rank
is taken; the default is the set with the best mean over the families whose worst family is not below that
of the residual of PCA alone by more than 0.02, of equal ones the smaller.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import narrows as nw
from narrows import files
from narrows.applications import mean_rank
from narrows.images.painted import painted
from narrows.measures.detection import detection
from narrows.measures.scoring import RESIDUAL, scorer

sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "tests")]
import narrows.training.length as length  # noqa: E402
from measuring import machine  # noqa: E402
from verbs.folders import made  # noqa: E402

RESULTS = Path(__file__).with_name("default.json")
SCORES = (
    "lof", "cosine-knn", "knn", "mahalanobis", "local-excess", "reconstruction", "features", RESIDUAL,
)  # fmt: skip
LARGEST = 4  # scores of a set
NORMALS, HELD, ANOMALIES = 2000, 600, 300
MINUTES = 0.1
CLASSES = (1, 8)
Problem = tuple[str, str, Any, Any, Any]  # family, name, normal pictures, held-out ones, anomalies


def classes(name: str, quick: bool) -> Iterator[Problem]:
    whole = nw.images.named(name, **({} if name == "digits" else {"split": "train"}))
    kinds = np.unique(next(iter(whole.labels.values())), return_inverse=True)[1]
    draw = np.random.default_rng(0)
    for left in CLASSES[: 1 if quick else None]:
        for family, own in (("left out", kinds != left), ("one class", kinds == left)):
            rows, others = (draw.permutation(np.flatnonzero(each)) for each in (own, ~own))
            held = min(HELD, len(rows) // 4)
            yield (
                family, f"{name}, {left}",
                nw.images.Images(whole.pixels[rows[held : held + NORMALS]]),
                whole.pixels[rows[:held]], whole.pixels[others[:ANOMALIES]],
            )  # fmt: skip


def flaws(name: str, pixels: torch.Tensor) -> Problem:
    rows = np.random.default_rng(0).permutation(len(pixels))
    held = min(HELD, len(pixels) // 4)
    odd = [painted(pixels[i], seed)[0] for seed, i in enumerate(rows[held // 2 : held][:ANOMALIES])]
    # a picture that a flaw is painted on ranks no other
    left = np.r_[rows[: held // 2], rows[held // 2 + ANOMALIES : held]]
    return (
        "painted flaws",
        name,
        nw.images.Images(pixels[rows[held:]]),
        pixels[left],
        torch.stack(odd),
    )


def tiles() -> torch.Tensor:
    folder = Path(os.environ["NARROWS_DATA"]) / "magnetic_tile"
    with open(folder / "split.csv", newline="") as opened:
        rows = [r for r in csv.DictReader(opened) if r["split"] != "test" and r["class"] == "good"]
    how = nw.images.Preprocessing((1, 64, 64), "stretch")
    return nw.images.inputs.pictures([folder / r["image"] for r in rows], how).pixels


def problems(quick: bool) -> Iterator[Problem]:
    for name in ("digits", "mnist", "fashion_mnist"):
        yield from classes(name, quick)
    yield flaws("made parts", torch.from_numpy(made("parts", 200 if quick else 900, 64, seed=5)[0]))
    yield flaws("magnetic tiles", tiles())
    faces = nw.images.named("utkface", size=64)
    yield flaws("faces", faces.pixels[: 200 if quick else 1500])


def row(problem: Problem, minutes: float) -> dict[str, Any]:
    """The AUROC of every set of scores on one problem."""
    family, name, normal, held, odd = problem
    began = time.process_time()
    model = nw.train(normal, minutes=minutes, report="quiet", progress=False).model
    trained = time.process_time() - began
    half = len(held) // 2
    ask = scorer(model, SCORES, normal)
    ranking, asked = (
        ask(nw.images.Images(held[:half])),
        ask(nw.images.Images(torch.cat([held[half:], odd]))),
    )
    truth = np.r_[np.zeros(len(held) - half, bool), np.ones(len(odd), bool)]
    found = {}
    for number in range(1, LARGEST + 1):
        for names in itertools.combinations(SCORES, number):
            score = asked[names[0]] if number == 1 else mean_rank(
                {each: ranking[each] for each in names}, {each: asked[each] for each in names}
            )  # fmt: skip
            found[" + ".join(names)] = round(detection(score, truth).auroc, 4)
    print(
        f"{family:14}{name:18}{len(normal):5} normal, {half} rank, trained {trained:.0f} s:",
        ", ".join(f"{each} {found[each]:.3f}" for each in SCORES), flush=True,
    )  # fmt: skip
    return {"family": family, "problem": name, "normal": len(normal), "auroc": found}


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--quick", action="store_true")
    given = options.parse_args()
    torch.set_num_threads(1)
    length.clock = time.process_time  # a shared machine must not train less
    rows = [row(one, 0.01 if given.quick else MINUTES) for one in problems(given.quick)]
    families = sorted({one["family"] for one in rows})
    means = {
        names: {
            family: float(np.mean([r["auroc"][names] for r in rows if r["family"] == family]))
            for family in families
        }
        for names in rows[0]["auroc"]
    }
    plain = means[RESIDUAL]
    bearable = [n for n in means if all(means[n][f] >= plain[f] - 0.02 for f in families)]
    order = sorted(means, key=lambda n: (-round(np.mean(list(means[n].values())), 3), n.count("+")))
    for names in order[:12] + [
        "cosine-knn + pca-residual",
        "lof + cosine-knn + pca-residual",
        RESIDUAL,
    ]:
        cells = ", ".join(f"{family} {value:.3f}" for family, value in means[names].items())
        mark = "" if names in bearable else "  (below the residual of PCA)"
        print(f"{np.mean(list(means[names].values())):.4f} {names}: {cells}{mark}")
    if not given.quick:
        document = {
            "what": f"AUROC of mean ranks, models of {MINUTES} minutes, one seed; no test picture",
            "command": "python benchmarks/outliers/default.py",
            "chosen": next(names for names in order if names in bearable),
            "families": {n: {f: round(v, 4) for f, v in means[n].items()} for n in order},
            "problems": [{**one, "auroc": {n: one["auroc"][n] for n in SCORES}} for one in rows],
            "machine": machine(),
        }
        files.write_text(RESULTS, json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
