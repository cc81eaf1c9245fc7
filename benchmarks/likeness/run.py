"""Codes for likeness beside what they have to beat: two views that agree, and features without a network.

    python benchmarks/likeness/run.py --digits --seed 0 1 2     MNIST and Fashion-MNIST, 64 numbers
    python benchmarks/likeness/run.py --faces                   hair and eyes of drawn faces, gender of others
    python benchmarks/likeness/run.py --digits --quick          a tiny run: does it work?

    views, 64 numbers ──────────────┐
    PCA, 64 numbers ────────────────┼──► accuracy of 5 nearest neighbours (by the cosine) and of a linear probe
    random patches, 64 of 1,600 ────┘

``--digits`` trains the recipe ``views`` on 50,000 of the 60,000 training pictures; the other 10,000 give
the learning curve, the loss against seconds of one processor. Neighbours are the 50,000, the probe is fitted
to 20,000 and its decay chosen on a fifth of them, as in benchmarks/classification, where the codes of a
convolutional autoencoder stand that were trained on the same 50,000. The test pictures are looked at once.

The recipe's numbers (optimiser, batch, temperature, widths, how far views are apart) were chosen on the
10,000 held-out training pictures of either set, in runs of 40 to 190 processor seconds, one seed each.
``tried`` in results.json has them all.

``--faces`` compares the kinds of ``--features`` on pictures at 64 × 64. A thousand pictures of either set were
looked at when these kinds were made; the others are tested in three parts, each told from all the rest.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

import narrows as nw
from narrows.applications import evaluate_classifier, extract_features, fit_classifier
from narrows.applications.features import Features
from narrows.images import Subset
from narrows.measures import Pca

sys.path.insert(0, str(Path(__file__).parents[1] / "classification"))
from run import PROBED, SIZE, knn_errors, parts, random_patches  # noqa: E402

RESULTS = Path(__file__).with_name("results.json")
SETS = ("mnist", "fashion_mnist")
NEIGHBOURS = 5
LOOKED_AT = 1_000
FACES = {"anime_faces": ("hair", "eyes"), "utkface": ("gender",)}
KINDS = ("pca", "pixels", "colours", "patches", "joined")


class Curve(nw.training.reporting.Quiet):
    """The loss of validation by seconds of the processor, without the time of validating."""

    def __init__(self) -> None:
        self.began, self.points = time.process_time(), []

    def epoch(self, record: dict[str, Any]) -> None:
        spent = round(time.process_time() - self.began, 1)
        point = {"seconds": spent, "step": record["step"], "loss": record["validation_loss"]}
        self.points.append(point)
        print(json.dumps(point), flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--digits", action="store_true")
    options.add_argument("--faces", action="store_true")
    options.add_argument("--seed", type=int, nargs="*", default=[0, 1, 2])
    options.add_argument("--set", nargs="+", choices=SETS, default=list(SETS))
    options.add_argument("--recipe", default="views")
    options.add_argument("--steps", type=int, help="default: the recipe's")
    options.add_argument("--data", type=Path, default=Path("../shared/data"))
    options.add_argument("--quick", action="store_true")
    options.add_argument("--to", type=Path, default=Path("runs/likeness"))
    options.add_argument("--results", type=Path, default=RESULTS)
    given = options.parse_args()
    torch.set_num_threads(1)
    for name in FACES if given.faces else ():
        write(given, "faces", name, faces(given, name))
    for name in given.set if given.digits else ():
        train, held, test = parts(name, given.quick)
        for seed in given.seed:
            key = f"{name}, {given.recipe}, seed {seed}"
            if key not in known(given).get("digits", {}) or given.quick:
                write(given, "digits", key, digits(given, name, seed, train, held, test))
        if name not in known(given).get("beside", {}):
            write(given, "beside", name, beside(train, test))


def digits(
    given: argparse.Namespace, name: str, seed: int, train: Any, held: Any, test: Any
) -> dict[str, Any]:
    """One training, and how well its codes do; accuracies in per cent."""
    make = nw.recipes.recipe(given.recipe)
    recipe = make(train.shape, SIZE, mirror=name == "fashion_mnist")
    if given.steps or given.quick:
        recipe = recipe.with_(steps=5 if given.quick else given.steps)
    curve = Curve()
    folder = None if given.quick else given.to / f"{name}-{given.recipe}-{seed}"
    model = nw.fit(recipe, train, validation=held, seed=seed, to=folder, report=curve)
    seconds = round(time.process_time() - curve.began)

    def codes(x: torch.Tensor) -> torch.Tensor:
        return F.normalize(model.encode(x).z.flatten(1), dim=1)

    steps = recipe.phases[0].steps
    return {"steps": steps, "processor_seconds": seconds, **judged(codes, train, test)} | {
        "curve": curve.points
    }


def beside(train: Any, test: Any) -> dict[str, Any]:
    """The rows that need no training."""
    patches = random_patches(train, 0)
    pca = Pca.fit(train, SIZE)
    fitted = Pca.fit(extract_features(patches, train)[:PROBED, :, None, None], SIZE)
    return {
        "PCA": judged(pca.encode, train, test),
        "random patches, all 1,600": judged(patches, train, test, near=False),
        "random patches, PCA to 64": judged(
            lambda x: fitted.encode(patches(x)[:, :, None, None]), train, test
        ),
    }


def judged(function: Any, train: Any, test: Any, near: bool = True) -> dict[str, Any]:
    """Five nearest neighbours by the cosine, and a linear probe."""
    rows, others = (extract_features(function, part) for part in (train, test))
    probe = fit_classifier(rows[:PROBED], train.label[:PROBED], "linear")
    found = {"probe": round(100 * evaluate_classifier(probe, others, test.label).accuracy, 2)}
    if near:
        one, two = (F.normalize(torch.from_numpy(x), dim=1).numpy() for x in (rows, others))
        wrong = knn_errors(one, train.label, two, test.label, (NEIGHBOURS,))[NEIGHBOURS]
        found["neighbours"] = round(100 - wrong, 2)
    return found


def faces(given: argparse.Namespace, name: str) -> dict[str, Any]:
    """Accuracies in per cent, the mean over three parts, by label, kind of features and classifier."""
    images = nw.images.open_source(str(given.data / name), size=(64, 64))
    order = np.random.default_rng(0).permutation(len(images))
    tested = np.array_split(order[LOOKED_AT:], 3)
    found: dict[str, Any] = {}
    for part in tested[: 1 if given.quick else None]:
        rest = np.setdiff1d(order, part)[: 200 if given.quick else None]
        train, test = Subset(images, rest), Subset(images, part)
        pca = Features.fit("pca", train, Sixty(images.preprocessing))
        rows = {}
        for kind in KINDS:
            made = pca if kind == "pca" else Features.fit(kind, train, pca)
            rows[kind] = [made.encode(each).numpy() for each in (train, test)]
        for label in FACES[name]:
            names = np.array([str(value) for value in images.labels[label]])
            known_, asked = (names[where] for where in (rest, part))
            fits, counts = (~np.isin(which, ("", "nan", "None")) for which in (known_, asked))
            for kind, (a, b) in rows.items():
                for by in ("linear", "knn"):
                    made = fit_classifier(a[fits], known_[fits], by)
                    right = evaluate_classifier(made, b[counts], asked[counts]).accuracy
                    place = found.setdefault(label, {}).setdefault(kind, {}).setdefault(by, [])
                    place.append(round(100 * right, 2))
    return {
        label: {
            kind: {by: {"mean": round(float(np.mean(v)), 2), "parts": v} for by, v in row.items()}
            for kind, row in kinds.items()
        }
        for label, kinds in found.items()
    }


class Sixty:
    """What says how many numbers PCA has; it stands where a model would."""

    code_shape = (SIZE,)

    def __init__(self, preprocessing: Any) -> None:
        self.preprocessing = preprocessing


def known(given: argparse.Namespace) -> dict[str, Any]:
    return json.loads(given.results.read_text()) if given.results.exists() else {}


def write(given: argparse.Namespace, section: str, key: str, value: Any) -> None:
    print(json.dumps({section: {key: value}}), flush=True)
    if given.quick:
        return
    now = known(given)
    now.setdefault(section, {})[key] = value
    now["command"] = "python benchmarks/likeness/run.py --digits --faces --seed 0 1 2"
    now["torch"] = torch.__version__
    given.results.write_text(json.dumps(now, indent=2) + "\n")


if __name__ == "__main__":
    main()
