"""Captions to pictures (Canziani 2020, fig. 12), counted by a classifier that was trained apart.

    python benchmarks/captions/run.py --set sprites mnist --seed 0      rows in results.json
    python benchmarks/captions/run.py --sheet captions.png              only draw some, of the first seed
    python benchmarks/captions/run.py --quick                           does it work?

Of each set a model is trained, then a caption flow on its codes, and on other pictures the classifier
that judges. Every combination of attributes (36 of sprites: shape, size, position; ten digits) is asked
for in five wordings, and a picture counts when every attribute is right. Sprites: 100,000 train the
model and the flow, 80,000 others the classifier, and 10,000 of neither are held out. MNIST: 50,000
training pictures for the model (as in benchmarks/generation) and the flow; the classifier learns from
all 60,000 of the training set, and never sees a drawing; held out are the 10,000 test pictures.

A row that is there already is kept; what was trained lies in --to and is not trained again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import torch

import narrows as nw
from narrows import files
from narrows.applications import caption_to_image, decoder, fit_judge
from narrows.figures import picture_rows, save
from narrows.parts import Part
from narrows.priors import draw, fit_prior, load_prior, save_prior, stored
from narrows.training import records

RESULTS = Path(__file__).with_name("results.json")
FOLDER = Path("runs/captions")
TARGETS = {"sprites": 0.90, "mnist": 0.95}
# chosen on drawings of the first seed, which no picture held out has a part in
NUMBERS: dict[str, dict[str, Any]] = {
    "sprites": {
        "prior": {"steps": 6000},
        "judge": {"epochs": 5, "widths": (16, 32, 64, 128)},
        "each": 50,
    },
    "mnist": {"prior": {}, "judge": {"epochs": 3}, "each": 200},
}
SHOWN = {
    "sprites": (
        "a small heart at the top left",
        "a large square at the bottom right",
        "a medium ellipse in the top right",
        "a big heart",
        "small square, bottom left",
    ),
    "mnist": ("a seven", "the digit 3", "a handwritten 4", "zero", "a picture of an eight"),
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--set", nargs="+", choices=list(NUMBERS), default=list(NUMBERS))
    options.add_argument("--seed", type=int, nargs="+", default=[0])
    options.add_argument("--sheet", type=Path, help="only draw some of each set, of the first seed")
    options.add_argument("--quick", action="store_true")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--to", type=Path, default=FOLDER)
    options.add_argument("--results", type=Path, default=RESULTS)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    for name in given.set:
        if given.sheet:
            sheet(given, name)
            continue
        for seed in given.seed:
            known = [] if given.quick else _rows(given.results)
            if any((row["set"], row["seed"]) == (name, seed) for row in known):
                continue
            row = measured(given, name, seed)
            print(json.dumps(row, indent=1), flush=True)
            if not given.quick:
                write(given.results, [*_rows(given.results), row])


def recipe_of(name: str) -> Any:
    """How the model of a set is trained."""
    if name == "mnist":
        return nw.recipes.mlp_autoencoder((1, 28, 28), 16)
    recipe = nw.recipes.conv_vae((1, 64, 64), 16, widths=(16, 32, 64, 128))
    return recipe.with_(likelihood=Part("bernoulli"), epochs=8.0)


def pictures(name: str, quick: bool) -> tuple[Any, Any, Any]:
    """Those that train the model, those that train the judge, and those held out."""
    if name == "mnist":
        whole, held = (nw.images.named("mnist", part) for part in ("train", "test"))
        train, apart = whole.select(range(50_000)), whole
    else:
        whole = nw.images.Sprites().sample(5000 if quick else 190_000, seed=0)
        cuts = (0, 3000, 4000, 5000) if quick else (0, 100_000, 180_000, 190_000)
        train, apart, held = (
            whole.select(range(a, b)) for a, b in zip(cuts[:-1], cuts[1:], strict=True)
        )
    if quick:
        train, apart, held = (part.select(range(1000)) for part in (train, apart, held))
    return train, apart, held


def measured(given: argparse.Namespace, name: str, seed: int) -> dict[str, Any]:
    """One row: what was asked of one set with one seed, and how far it was heeded."""
    train, apart, held = pictures(name, given.quick)
    recipe, numbers = recipe_of(name), dict(NUMBERS[name])
    if given.quick:
        recipe, numbers = recipe.with_(epochs=0.2), {**numbers, "prior": {"steps": 20}, "each": 6}
    folder = _folder(given, name, seed)
    report: Any = "quiet" if given.quick else "lines"
    to = {part: folder / part for part in ("judge", "model")}
    judge = fit_judge(apart, to=to["judge"], seed=seed, report=report, **numbers["judge"])
    model = nw.fit(recipe, train, to=to["model"], resume=True, seed=seed, report=report)
    if "caption-flow" not in stored(to["model"]):
        began = time.perf_counter()
        fitted = fit_prior(model, train, "caption-flow", seed=seed, **numbers["prior"])
        about = {"fitted_to": len(train), "seed": seed, "seconds": time.perf_counter() - began}
        save_prior(fitted, model, to["model"], **about)
    flow: Any = load_prior(model, to["model"], "caption-flow")
    _, header = files.load_tensors(to["model"] / "prior-caption-flow.safetensors")
    seconds = {"prior": round(float(header["seconds"]), 1)}
    for part, where in to.items():
        seconds[part] = round(sum(float(line["seconds"]) for line in records(where)), 1)
    found = caption_to_image(model, flow, judge, train, held, each=numbers["each"], seed=seed)
    shown = {
        one.name: {
            "share": round(one.share, 4),
            "standard_error": round(one.error, 4),
            "each": {key: round(value, 4) for key, value in one.each.items()},
            "worst": [one.worst[0], round(one.worst[1], 4)],
            "variety": round(one.variety, 3),
            "pictures": one.pictures,
        }
        for one in found
    }
    return {
        "set": name,
        "seed": seed,
        "target": TARGETS[name],
        "reached": found[0].share >= TARGETS[name],
        "recipe": recipe.name,
        "code_size": torch.Size(model.code_shape).numel(),
        "words": len(flow.words),
        "reader_weights": sum(p.numel() for p in flow.network.reader.parameters()),
        "prior": {key: flow.part.arguments[key] for key in ("steps", "width", "guidance")},
        "seconds": seconds,
        "rows": shown,
    }


def sheet(given: argparse.Namespace, name: str, columns: int = 12) -> None:
    """Some drawings of some captions, in rows."""
    folder = _folder(given, name, given.seed[0]) / "model"
    model = nw.load(folder)
    flow = load_prior(model, folder, "caption-flow")
    rows = [
        (text, decoder(model)(draw(model, flow, columns, 0, caption=text))) for text in SHOWN[name]
    ]
    path = given.sheet.with_stem(f"{given.sheet.stem}-{name}")
    save(picture_rows(rows), path)
    print(f"wrote {path}")


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """All rows, and how they were made."""
    document = {
        "what": "pictures drawn for captions, judged by a classifier that was trained apart",
        "command": "python benchmarks/captions/run.py --set sprites mnist --seed 0",
        "rows": sorted(rows, key=lambda row: (list(NUMBERS).index(row["set"]), row["seed"])),
        "machine": f"{platform.machine()}, {os.environ.get('OMP_NUM_THREADS', 'all')} thread",
        "torch": torch.__version__,
    }
    path.write_text(json.dumps(document, indent=2) + "\n")


def _folder(given: argparse.Namespace, name: str, seed: int) -> Path:
    return given.to / f"{name}-seed{seed}{'-quick' if given.quick else ''}"


def _rows(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text())["rows"]) if path.exists() else []


if __name__ == "__main__":
    main()
