"""MNIST and Fashion-MNIST told from 64 numbers: codes beside PCA, raw pixels, no training, random patches.

    python benchmarks/classification/run.py --choose           which training, on held-out training pictures
    python benchmarks/classification/run.py --seed 0 1 2       a row per set and seed in results.json
    python benchmarks/classification/run.py --few              100 labels and fine-tuning, of MNIST
    python benchmarks/classification/run.py --quick            a tiny run: does it work?

    encoder, 64 numbers ─┐
    the same, untrained ─┤
    PCA, 64 numbers ─────┼──► error of the nearest neighbours, accuracy of a linear probe
    raw pixels ──────────┤
    random patches ──────┘  6×6 patches of training pictures as filters, rectified, averaged in 2×2
                            windows; through PCA to 64 numbers for the neighbours

``--choose`` trains each candidate on 50,000 of the 60,000 training pictures (seed 100) and writes its
error on the other 10,000 beside the rows; the best one of each set is then trained with every seed. The
number of neighbours is chosen on 2,000 of them, the probe's decay by its own fifth of the 20,000
pictures that it is fitted to. The test pictures are looked at once. PCA, raw pixels and random patches
need no training and stand there once. A row that is there already is kept; what was trained lies in --to
and is not trained again.

A candidate is what spoils a picture before the encoder sees it; the decoder owes the picture itself, so
the code learns to leave out what was done to it.

``--few`` draws 10 pictures of each digit, ten times, and fine-tunes the encoder of seed 0 on them under a
softmax, with the spoiling of its training as augmentation; beside it the same from an encoder untrained,
and a linear probe on codes that stay as they are. Nothing is chosen: 200 steps of all pictures at once.
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
from narrows.applications import (
    evaluate_classifier,
    extract_features,
    fit_classifier,
    label_efficiency,
    untrained,
)
from narrows.measures import Pca
from narrows.parts import Part
from narrows.randomness import generator, permutation
from narrows.training import Phase, Recipe

RESULTS = Path(__file__).with_name("results.json")
SETS = ("mnist", "fashion_mnist")
SIZE = 64
WIDTHS = (16, 32, 64)
NEIGHBOURS = (1, 3, 5, 10)
PROBED = 20_000  # training pictures that the probes of all rows are fitted to
CHOSEN_ON = 2000  # of the pictures held out, for the number of neighbours
PATCHES, SIDE = 400, 6
LABELS, DRAWS = 10, 10  # of each class; of the pictures that have them
STEPS = 200  # of fine-tuning, each of all pictures that have a label
WARP = {"turn": 15, "zoom": 0.15, "shift": 0.1, "bend": 0.03}
MILD = {"turn": 5, "zoom": 0.1, "shift": 0.05, "bend": 0.02}
CORRUPTED: dict[str, Part | None] = {
    "nothing": None,
    "warped": Part("warp", WARP),
    "warped mildly": Part("warp", MILD),
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seed", type=int, nargs="*", default=[0, 1, 2])
    options.add_argument("--set", nargs="+", choices=SETS, default=list(SETS))
    options.add_argument("--choose", action="store_true")
    options.add_argument("--few", action="store_true")
    options.add_argument("--epochs", type=float, default=2)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--to", type=Path, default=Path("runs/classification"))
    options.add_argument("--results", type=Path, default=RESULTS)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    known: dict[str, Any] = {"choice": {}, "beside": {}, "rows": []}
    if given.results.exists() and not given.quick:
        known |= json.loads(given.results.read_text())
    given.epochs = 0.3 if given.quick else given.epochs
    for name in given.set:
        train, held, test = parts(name, given.quick)
        choice = known["choice"].setdefault(name, {})
        for candidate in CORRUPTED if given.choose or given.quick else []:
            if candidate not in choice:
                model, minutes = trained(given, name, candidate, train, 100)
                error = min(errors(codes(model), train, held).values())
                choice[candidate] = {"error": error, "minutes": minutes}
                print(
                    json.dumps({"set": name, "spoilt": candidate, **choice[candidate]}), flush=True
                )
                write(given, known)
        if name not in known["beside"] and not (given.choose or given.few):
            known["beside"][name] = beside(train, held, test)
            print(json.dumps({"set": name, **known["beside"][name]}), flush=True)
            write(given, known)
        if not choice and not given.seed:
            continue
        if not choice:
            raise SystemExit(f"nothing is chosen for {name} yet: run with --choose first")
        best = min(choice, key=lambda candidate: choice[candidate]["error"])
        if given.few or given.quick:
            if name == "mnist":
                known["few"] = tuned_rows(given, best, train, test)
                write(given, known)
        for seed in [] if given.choose or given.few else given.seed[: 1 if given.quick else None]:
            if any((r["set"], r["seed"]) == (name, seed) for r in known["rows"]):
                continue
            made = row(given, name, best, seed, train, held, test)
            print(json.dumps(made), flush=True)
            known["rows"].append(made)
            write(given, known)


def parts(name: str, quick: bool) -> tuple[Any, Any, Any]:
    """Training pictures, those held out of them, and the test's."""
    whole, test = (nw.images.named(name, split=part) for part in ("train", "test"))
    train, held = whole.select(slice(0, 50_000)), whole.select(slice(50_000, 60_000))
    if quick:
        return (part.select(slice(0, n)) for part, n in ((train, 300), (held, 100), (test, 100)))
    return train, held, test


def trained(
    given: argparse.Namespace, name: str, candidate: str, train: Any, seed: int
) -> tuple[Any, float]:
    """The model, and the minutes of the processor that its training took."""
    folder = given.to / f"{name}-{candidate.replace(' ', '-')}-{seed}"
    if (folder / "minutes.json").exists() and not given.quick:
        return nw.load(folder), json.loads((folder / "minutes.json").read_text())
    recipe = nw.recipes.conv_autoencoder(train.shape, SIZE, widths=WIDTHS)
    recipe = recipe.with_(batch_size=128, corruption=CORRUPTED[candidate])
    began = time.process_time()
    to = None if given.quick else folder
    model = nw.fit(
        recipe, train, to=to, epochs=given.epochs, seed=seed, resume=True, report="quiet"
    )
    minutes = round((time.process_time() - began) / 60, 2)
    if not given.quick:
        (folder / "minutes.json").write_text(json.dumps(minutes))
    return model, minutes


def codes(model: Any) -> Any:
    return lambda x: model.encode(x).z.flatten(1)


def row(
    given: argparse.Namespace, name: str, best: str, seed: int, train: Any, held: Any, test: Any
) -> dict[str, Any]:
    """One training, and the same encoder without it; errors and accuracies in per cent."""
    model, minutes = trained(given, name, best, train, seed)
    functions = {"codes": codes(model), "encoder, untrained": codes(untrained(model, seed))}
    return {
        "set": name,
        "seed": seed,
        "spoilt": best,
        "processor_minutes": minutes,
        "found": {
            title: judged(function, train, held, test) for title, function in functions.items()
        },
    }


def beside(train: Any, held: Any, test: Any) -> dict[str, Any]:
    """The rows that need no training."""
    functions = {
        "PCA": Pca.fit(train, SIZE).encode,
        "raw pixels": lambda x: x.flatten(1),
        "random patches": random_patches(train, 0),
    }
    return {
        title: judged(function, train, held, test, few=title == "random patches")
        for title, function in functions.items()
    }


def judged(function: Any, train: Any, held: Any, test: Any, few: bool = False) -> dict[str, Any]:
    """The nearest neighbours and a linear probe; ``few``: SIZE principal components for the former."""
    held = held.select(slice(0, CHOSEN_ON))
    rows = near = [extract_features(function, part) for part in (train, held, test)]
    if few:
        pca = PCA(SIZE, random_state=0).fit(rows[0][:PROBED])
        near = [pca.transform(part) for part in rows]
    chosen = knn_errors(near[0], train.label, near[1], held.label)
    k = min(chosen, key=chosen.__getitem__)
    probe = fit_classifier(rows[0][:PROBED], train.label[:PROBED], "linear")
    return {
        "neighbours": k,
        "knn_error": knn_errors(near[0], train.label, near[2], test.label, (k,))[k],
        "probe_accuracy": round(100 * evaluate_classifier(probe, rows[2], test.label).accuracy, 2),
    }


def errors(function: Any, train: Any, other: Any) -> dict[int, float]:
    return knn_errors(
        extract_features(function, train),
        train.label,
        extract_features(function, other),
        other.label,
    )


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


def tuned_rows(given: argparse.Namespace, best: str, train: Any, test: Any) -> dict[str, Any]:
    """Accuracies in per cent from LABELS pictures of each class, of every draw, by how it was learnt."""
    model, _ = trained(given, "mnist", best, train, 0)
    fresh = untrained(model, 0)
    ways = {"fine-tuned": model, "the same, untrained": fresh}
    warp, steps = Part("warp", WARP), 2 if given.quick else STEPS
    draws = range(1 if given.quick else DRAWS)
    found: dict[str, list[float]] = {
        title: [told(start, warp, balanced(train, draw), test, steps, draw) for draw in draws]
        for title, start in ways.items()
    }
    rows, others = (extract_features(codes(model), part) for part in (train, test))
    _, probes = label_efficiency(
        rows, train.label, others, test.label, counts=(LABELS,), draws=len(draws)
    )
    found["linear probe on codes"] = [100 * float(one) for one in probes[0]]
    table = [
        {
            "how": title,
            "mean": round(statistics.fmean(values), 2),
            "deviation": round(statistics.pstdev(values), 2),
            "least": round(min(values), 2),
            "draws": [round(value, 2) for value in values],
        }
        for title, values in found.items()
    ]
    print(json.dumps({"few": table}), flush=True)
    return {"set": "mnist", "labels": 10 * LABELS, "spoilt": best, "table": table}


def balanced(train: Any, draw: int) -> Any:
    """LABELS pictures of each class, drawn as ``label_efficiency`` draws them."""
    order = permutation(0, "classify/few", len(train), draw).numpy()
    names = np.asarray(train.label)
    return train.select(
        np.concatenate([order[names[order] == name][:LABELS] for name in np.unique(names)])
    )


def told(start: Any, warp: Part, few: Any, judged: Any, epochs: int, seed: int) -> float:
    """Accuracy in per cent of an encoder that went on learning under a softmax; ``start`` stays."""
    model = nw.Autoencoder(**start.parts())
    model.load_state_dict(start.state_dict())
    phase = Phase(
        epochs=epochs,
        batch_size=len(few),
        learning_rate=1e-3,
        scheme=Part("encoder"),
        bound=Part("softmax"),
        augmentation=warp,
    )
    model.recipe = Recipe.of(start).with_(phases=(phase,))
    nw.fit(model, few, seed=seed, report="quiet")
    softmax = model.auxiliary["softmax"]
    logits = torch.from_numpy(extract_features(lambda x: softmax(model.encode(x).z), judged))
    names = np.array(softmax.labels)[logits.argmax(1).numpy()]
    return 100 * float((names == np.asarray(judged.label).astype(str)).mean())


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


def write(given: argparse.Namespace, known: dict[str, Any]) -> None:
    """The rows, and their means over the seeds."""
    if given.quick:
        return
    summary = []
    for name in SETS:
        found = [r["found"] for r in known["rows"] if r["set"] == name]
        found += [known["beside"][name]] if name in known["beside"] else []
        for title in dict.fromkeys(title for one in found for title in one):
            values = [one[title] for one in found if title in one]
            entry: dict[str, Any] = {"set": name, "rows": title, "seeds": len(values)}
            for measure in ("knn_error", "probe_accuracy"):
                each = [one[measure] for one in values]
                entry[measure] = round(statistics.fmean(each), 3)
                entry[f"{measure}_deviation"] = round(statistics.pstdev(each), 3)
            summary.append(entry)
    document = {
        "what": "per cent, on the 10,000 test pictures; 64 numbers a picture but for raw pixels and "
        "the probe of random patches",
        "command": "python benchmarks/classification/run.py --choose, then --seed 0 1 2, then --few",
        "epochs": given.epochs,
        "summary": summary,
        **{key: known[key] for key in ("choice", "few", "beside", "rows") if key in known},
        "torch": torch.__version__,
    }
    given.results.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
