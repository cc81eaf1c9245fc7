"""Pictures of MNIST drawn from priors that were fitted after training, beside what they have to beat.

    python benchmarks/generation/run.py --seed 0 1                 every model; rows in results.json
    python benchmarks/generation/run.py --choose --model plain     on held-out training pictures
    python benchmarks/generation/run.py --sheet docs/pictures/mnist-priors.png
    python benchmarks/generation/run.py --quick                    does it work?

Of the 60,000 training pictures 50,000 train everything; 10,000 drawings of each prior stand beside the
10,000 test pictures. The measures are of features: the 64 numbers before the softmax of a small
convolutional classifier, trained here once, so the Fréchet distance is no FID and compares with no
other page's. Two floors say how far it can fall: the 10,000 training pictures held out (that of the
measure), and their reconstructions, which is what a perfect prior of the codes would draw (that of
the decoder). The single Gaussian of the issue's target is ``gaussian``: mean and full covariance of
the codes. Priors are fitted to 20,000 codes, as ``narrows prior`` does by itself. The quantised
model's flow and aggregate draw vectors, each of which becomes its nearest entry.

A row that is there already is kept; what was trained lies in --to and is not trained again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import narrows as nw
from narrows.applications import decoder, generate
from narrows.figures import picture_rows, save
from narrows.measures import Pca, density_coverage, frechet_distance, precision_recall
from narrows.parts import Part
from narrows.priors import fit_prior, load_prior, prior_for, sample_codes, save_prior, stored_priors
from narrows.recipes import ray
from narrows.training import Phase, Recipe, history_of

RESULTS = Path(__file__).with_name("results.json")
SHAPE = (1, 28, 28)
TRAIN, FITTED = 50_000, 20_000
WIDTHS = (16, 32, 64)
MEASURES = ("frechet", "precision", "recall", "density", "coverage")
MODELS = ("real", "pixels", "plain", "mlp-vae", "conv-vae", "recursive", "quantised")
PRIORS: dict[str, dict[str, dict[str, Any]]] = {
    "plain": {"gaussian": {}, "mixture": {}, "flow": {}},
    "mlp-vae": {"normal": {}},
    "conv-vae": {"normal": {}},
    "recursive": {"gaussian": {}, "mixture": {"components": 10}, "flow": {}},
    "quantised": {"gaussian": {}, "autoregressive": {"width": 96, "steps": 1200}},
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seed", type=int, nargs="+", default=[0, 1])
    options.add_argument("--model", nargs="+", choices=MODELS, default=list(MODELS))
    options.add_argument("--plain", default="mlp-autoencoder", help="the recipe of `plain`")
    options.add_argument("--code-size", type=int, default=16, help="of plain and both VAEs")
    options.add_argument("--choose", action="store_true")
    options.add_argument("--sheet", type=Path, help="only draw some of each, of the first seed")
    options.add_argument("--quick", action="store_true")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--to", type=Path, default=Path("runs/generation"))
    options.add_argument("--results", type=Path, default=RESULTS)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    if given.sheet:
        return sheet(given)

    whole = nw.images.named("mnist", split="train")
    train, held = whole.select(torch.arange(TRAIN)), whole.select(torch.arange(TRAIN, len(whole)))
    test = nw.images.named("mnist", split="test")
    if given.choose:  # one half of what was held out is the test, the other the floor
        test, held = held.select(torch.arange(5000)), held.select(torch.arange(5000, 10_000))
    if given.quick:
        train, held, test = (
            s.select(torch.arange(n)) for s, n in ((train, 999), (held, 200), (test, 200))
        )
    ruler, classifier = classified(given, train, test)
    real = ruler(test)
    for seed in given.seed:
        for name in given.model:
            if name in ("real", "pixels") and seed != given.seed[0]:
                continue
            known = [] if given.quick or given.choose else _rows(given.results)
            there = {r["prior"] for r in known if (r["model"], r["seed"]) == (name, seed)}
            for prior, about, pictures in drawings(given, name, seed, train, held, there):
                row = {"model": name, "prior": prior, "seed": seed, **about}
                row |= judged(real, ruler(pictures))
                print(json.dumps(row), flush=True)
                if not (given.quick or given.choose):
                    write(given.results, [*_rows(given.results), row], classifier, len(test))


def classified(
    given: argparse.Namespace, train: Any, test: Any
) -> tuple[Callable[[Any], Tensor], dict[str, Any]]:
    """Pictures to the features of the classifier; and what it is."""
    phase = Phase(
        epochs=3,
        batch_size=128,
        learning_rate=2e-3,
        scheme=Part("encoder"),
        bound=Part("softmax"),
    )
    ladder = Part("conv", {"shape": SHAPE, "widths": WIDTHS, "activation": "silu", "norm": "batch"})
    recipe = Recipe("classifier", ladder, Part("point", {"size": 64}), Part("mse"), (phase,))
    model, minutes = trained(given, recipe, train, "classifier", 0)
    softmax = model.auxiliary["softmax"]
    with torch.no_grad():
        chosen = softmax(model.encode(test).z).argmax(1).tolist()
    wrong = sum(softmax.labels[i] != str(y) for i, y in zip(chosen, test.label, strict=True))
    about = {"features": 64, "test_error_percent": round(100 * wrong / len(test), 2)}
    print(json.dumps({"classifier": about}), flush=True)
    return lambda x: model.encode(x).z, {**about, "seed": 0, "training_minutes": minutes}


def recipe_of(given: argparse.Namespace, name: str) -> Recipe:
    """How each model is trained."""
    if name == "plain":
        recipe = nw.recipes.recipe(given.plain)(SHAPE, given.code_size)
        if given.plain.startswith("conv"):
            recipe = nw.recipes.conv_autoencoder(SHAPE, given.code_size, widths=WIDTHS)
            recipe = recipe.with_(epochs=5)
    elif name == "mlp-vae":
        recipe = nw.recipes.mlp_vae(SHAPE, given.code_size)
    elif name == "conv-vae":
        recipe = nw.recipes.conv_vae(SHAPE, given.code_size, widths=WIDTHS).with_(epochs=4)
    elif name == "recursive":
        recipe = ray.ray_2022_recursive(SHAPE, filters=8).with_(epochs=3, batch_size=64)
    else:
        recipe = nw.recipes.oord_2017_vq_vae(SHAPE, 32, widths=(16, 32), entries=128)
        recipe = recipe.with_(epochs=3, learning_rate=1e-3)
    return recipe


def trained(
    given: argparse.Namespace, recipe: Recipe, train: Any, name: str, seed: int
) -> tuple[Any, float]:
    """The model, and the minutes that its training took."""
    folder = _folder(given, name, seed)
    recipe = recipe.with_(epochs=0.5) if given.quick else recipe
    model = nw.fit(recipe, train, to=folder, resume=True, seed=seed, report="quiet")
    return model, round(sum(line["seconds"] for line in history_of(folder)) / 60, 1)


def drawings(
    given: argparse.Namespace, name: str, seed: int, train: Any, held: Any, there: set[str]
) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """The name of each prior that is not there yet, how it was fitted, and its drawings."""
    n, alone = len(held), {"real": "held-out pictures", "pixels": "one Gaussian"}
    if name in alone:
        if alone[name] not in there:
            yield alone[name], {}, held if name == "real" else of_pixels(train, n, seed)
        return
    if there >= {"reconstructions", *PRIORS[name]}:
        return
    model, minutes = trained(given, recipe_of(given, name), train, name, seed)
    size = torch.Size(model.code_shape).numel()
    about = {"recipe": model.recipe.name, "code_size": size, "training_minutes": minutes}
    if "reconstructions" not in there:
        yield "reconstructions", about, model.reconstruct(held).clamp(0, 1)
    few = train.select(torch.arange(min(FITTED, len(train))))
    for kind, arguments in PRIORS[name].items():
        if kind in there:
            continue
        if given.quick and kind in ("flow", "autoregressive"):
            arguments = {**arguments, "steps": 20}
        began = time.process_time()
        if kind == "normal":
            prior = prior_for(model, kind)
        else:
            prior = fit_prior(model, few, kind, seed=seed, **arguments)
            save_prior(prior, model, _folder(given, name, seed), fitted_on=len(few), seed=seed)
        took = round((time.process_time() - began) / 60, 2)
        yield kind, {**about, "fitting_minutes": took}, drawn(model, prior, n, seed)


def drawn(model: Any, prior: Any, n: int, seed: int) -> Tensor:
    """n pictures (n, 1, 28, 28) out of a prior."""
    return generate(
        decoder(model), lambda n, s: sample_codes(model, prior, n, s), n, seed=seed
    ).pictures


def of_pixels(train: Any, n: int, seed: int) -> Tensor:
    """n draws of one Gaussian of all pixels, cut to [0, 1]."""
    return Pca.fit(train, Pca.most(train)).sample(n, seed).clamp(0, 1)


def judged(real: Tensor, features: Tensor) -> dict[str, float]:
    """All measures of features beside those of the test pictures."""
    precision, recall = precision_recall(real, features)
    density, coverage = density_coverage(real, features)
    found = (frechet_distance(real, features), precision, recall, density, coverage)
    return {name: round(value, 4) for name, value in zip(MEASURES, found, strict=True)}


def sheet(given: argparse.Namespace, columns: int = 12) -> None:
    """Some drawings of every prior that was fitted, in rows."""
    seed = given.seed[0]
    held = nw.images.named("mnist", split="train").select(torch.arange(TRAIN, TRAIN + columns))
    x = held.batch(torch.arange(columns))
    shown: list[tuple[str, Tensor]] = [("held-out pictures", x)]
    for name in given.model:
        folder = _folder(given, name, seed)
        if not (folder / "recipe.toml").exists():
            continue
        model = nw.load(folder)
        shown.append((f"{name}: reconstructions", model.reconstruct(x).clamp(0, 1)))
        for kind in PRIORS[name]:
            if kind == "normal" or kind in stored_priors(folder):
                prior = (
                    prior_for(model, kind) if kind == "normal" else load_prior(model, folder, kind)
                )
                shown.append((f"{name}: {kind}", drawn(model, prior, columns, seed)))
    save(picture_rows(shown), given.sheet)
    print(f"wrote {given.sheet}")


def write(path: Path, rows: list[dict[str, Any]], classifier: dict[str, Any], n: int) -> None:
    """The rows, and their means over the seeds beside the aggregate's."""
    rows = sorted(rows, key=lambda r: (MODELS.index(r["model"]), r["seed"]))
    aggregate = {(r["model"], r["seed"]): r["frechet"] for r in rows if r["prior"] == "gaussian"}
    table = []
    for key in dict.fromkeys((r["model"], r["prior"]) for r in rows):
        mine = [r for r in rows if (r["model"], r["prior"]) == key]
        ratios = [
            r["frechet"] / aggregate[r["model"], r["seed"]]
            for r in mine
            if (r["model"], r["seed"]) in aggregate
        ]
        table.append(
            {
                "model": key[0],
                "prior": key[1],
                **{name: [r[name] for r in mine] for name in MEASURES},
                "to_gaussian": round(statistics.fmean(ratios), 3) if ratios else None,
                "seeds": len(mine),
            }
        )
    document = {
        "what": f"{n:,} drawings of MNIST beside {n:,} test pictures, in features of a classifier",
        "command": "python benchmarks/generation/run.py --seed 0 1",
        "classifier": classifier,
        "pictures": n,
        "fitted_on": FITTED,
        "table": table,
        "rows": rows,
        "torch": torch.__version__,
    }
    path.write_text(json.dumps(document, indent=2) + "\n")


def _folder(given: argparse.Namespace, name: str, seed: int) -> Path:
    changed = f"-{given.plain}-{given.code_size}" if name == "plain" else ""
    return given.to / f"{name}{changed}-seed{seed}{'-quick' if given.quick else ''}"


def _rows(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text())["rows"]) if path.exists() else []


if __name__ == "__main__":
    main()
