"""Held-out error of models that begin as PCA, beside PCA three ways and the model that was the default.

    python benchmarks/beginnings/run.py --data DATA --set anime_faces utkface mnist lfw_gray --seed 0
    python benchmarks/beginnings/run.py --set utkface --code 16 256 --model pca-autoencoder --minutes 3
    python benchmarks/beginnings/run.py --quick                       a minute: does it work?

DATA holds a folder for each set; ``mnist`` and ``digits`` are found by name (``NARROWS_DATA``). A fifth of the pictures is
held out by content, of ``mnist`` the official test, and only looked at at the end; a tenth of the rest
chooses the weights and stops the training. What there was to choose was chosen on that tenth of
anime_faces (the recipe's own numbers), for all sets alike.

Every model gets ``--minutes`` of the process's own time on one thread, so that other work on the
machine does not shorten it; the old default gets as much as the new one took with its PCA. Errors are
means over held-out pictures and values, of reconstructions cut to [0, 1], times 1,000; dB is
10 log10(PCA's error / the model's). PCA is fitted on all pictures that the model may see, those that
choose its weights too; rows from before the library had PCA of views drew other views. Whether pictures are mirrored is PCA's choice on the validation pictures.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import narrows as nw
from narrows.images import split
from narrows.images.views import Mirrored
from narrows.measures import Pca
from narrows.measures.baselines import to_fit_pca
from narrows.parts import build
from narrows.training import length
from narrows.training.reporting import Quiet

sys.path.append(str(Path(__file__).parents[1]))
from measuring import machine  # noqa: E402

RESULTS = Path(__file__).with_name("results.json")
CODE = {"mnist": 32, "fashion_mnist": 32, "digits": 16}
SIZE = 64
MODELS = {  # the old default is last: it has as much time as its successor with its PCA
    "pca-autoencoder": nw.recipes.pca_autoencoder,
    "pca-vae": nw.recipes.pca_vae,
    "conv-vae": nw.recipes.conv_vae,
}
SHARE = 0.1  # of the pictures that are not held out, which choose the weights


def main() -> None:
    given = arguments()
    torch.set_num_threads(1)
    length.clock = time.process_time
    for seed in given.seed:
        for name in given.set:
            for code in given.code or [CODE.get(name, 64)]:
                row = measured(name, code, seed, given)
                shown = {k: v for k, v in row.items() if k != "curves"}
                print(json.dumps(shown, indent=1), flush=True)
                if not given.quick:
                    write(given.results, row)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--set", nargs="+", default=["anime_faces", "utkface", "lfw_gray", "mnist"])
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--minutes", type=float, default=0.8)
    parser.add_argument(
        "--code", type=int, nargs="+", help="numbers of a code; default: by the set"
    )
    parser.add_argument("--model", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    if given.quick:
        given.set, given.minutes = ["digits"], 0.1
    return given


def pictures(name: str, data: Path) -> tuple[Any, Any]:
    """What may be seen, and what is held out."""
    if name == "mnist" or name == "fashion_mnist":
        seen, held = (nw.images.named(name, split=part) for part in ("train", "test"))
        return seen, held
    if name == "digits":
        whole = nw.images.named(name)
    else:
        mode: Any = "gray" if name.endswith("gray") else "rgb"
        whole = nw.images.folder(data / name / "images", size=SIZE, mode=mode)
    parts = split(whole, (0.8, 0.0, 0.2))
    return parts.train, parts.test


def measured(name: str, code: int, seed: int, given: argparse.Namespace) -> dict[str, Any]:
    """Errors on the held-out pictures, times 1,000."""
    seen, held = pictures(name, given.data)
    # another seed than the one that held pictures out: a picture's hash would fall on one side again
    parts = split(seen, validation=SHARE, seed=seed + 1)
    errors: dict[str, float] = {}
    seconds: dict[str, float] = {}
    curves: dict[str, list[list[float]]] = {}
    for kind, source in linear(seen, seed).items():
        began = time.process_time()
        pca = Pca.fit(source, code, seed=seed)
        seconds[kind] = time.process_time() - began
        errors[kind] = error(pca.reconstruct, held)
    minutes, mirror = given.minutes, mirrors(parts.train, parts.validation, code)
    for named in given.model:
        begun = {} if named == "conv-vae" else {"mirror": mirror}
        recipe = MODELS[named](tuple(seen.shape), code, **begun)
        noted = Noted()
        began = time.process_time()
        model = nw.fit(
            recipe,
            parts.train,
            validation=parts.validation,
            minutes=minutes,
            seed=seed,
            report=noted,
        )
        seconds[recipe.name] = time.process_time() - began
        errors[recipe.name] = error(model, held)
        curves[recipe.name] = noted.lines
        print(name, seed, recipe.name, errors[recipe.name], seconds[recipe.name], flush=True)
        if recipe.name == "pca-vae":
            minutes = seconds[recipe.name] / 60
    best = min(errors[kind] for kind in errors if kind.startswith("PCA"))
    return {
        "set": name,
        "code": code,
        "seed": seed,
        "trained_on": len(parts.train),
        "validation": len(parts.validation),
        "held_out": len(held),
        "mirror": mirror,
        "minutes": given.minutes,
        "errors_x1000": {kind: round(value, 4) for kind, value in errors.items()},
        "dB_over_mirrored_PCA": over(errors, errors["PCA, mirrored"]),
        "dB_over_the_best_PCA": over(errors, best),
        "processor_seconds": {kind: round(value, 1) for kind, value in seconds.items()},
        "curves": curves,
        "command": f"python benchmarks/beginnings/run.py --set {name} --code {code} --seed {seed} "
        f"--minutes {given.minutes:g} --model {' '.join(given.model)}",
        "machine": machine(),
    }


def mirrors(train: Any, validation: Any, code: int) -> bool:
    """Whether mirrored pictures are pictures too: what PCA says on the validation pictures."""
    plain, both = (Pca.fit(source, code).reconstruct for source in (train, Mirrored(train)))
    return error(both, validation) < error(plain, validation)


def over(errors: dict[str, float], base: float) -> dict[str, float]:
    return {kind: round(10 * math.log10(base / value), 3) for kind, value in errors.items()}


def linear(seen: Any, seed: int) -> dict[str, Any]:
    """What the library's own baselines are fitted on, with views as the recipe draws them."""
    views = build("corruption", nw.recipes.pca_autoencoder(tuple(seen.shape)).phases[0].views)
    names = ("PCA", "PCA, mirrored", "PCA, views")
    return dict(zip(names, to_fit_pca(seen, views, seed).values(), strict=True))


class Noted(Quiet):
    """Passes, validation loss and processor seconds of each line of metrics."""

    def __init__(self) -> None:
        self.began = time.process_time()
        self.lines: list[list[float]] = []

    def epoch(self, record: dict[str, Any]) -> None:
        spent = time.process_time() - self.began
        found = (record["epoch"], record["loss"], record["validation_loss"], spent)
        self.lines.append([round(float(value), 3) for value in found])


def error(reconstruct: Callable[[Tensor], Tensor], source: Any) -> float:
    total = 0.0
    with torch.no_grad():
        for rows in torch.split(torch.arange(len(source)), 256):
            x = source.batch(rows)
            total += float((reconstruct(x).clamp(0, 1) - x).square().mean((1, 2, 3)).sum())
    return 1000 * total / len(source)


def write(path: Path, row: dict[str, Any]) -> None:
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    key = ("set", "code", "seed", "minutes")
    rows = [old for old in rows if any(old[k] != row[k] for k in key)] + [row]
    rows.sort(key=lambda one: [str(one[k]) for k in key])
    found = {"command": "python benchmarks/beginnings/run.py --set SET --seed SEED", "rows": rows}
    path.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
