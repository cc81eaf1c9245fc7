"""``narrows classify``: which class a picture is of, or which groups there are, told from codes."""

from __future__ import annotations

import csv
import io
import math
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .app import app, printed
from .collection import ModelOrCollection, OfModel, Where, given
from .prior import divided, some

if TYPE_CHECKING:
    from ..applications import Comparison

__all__ = ["classify"]

TITLES = {"knn": "kNN", "linear": "linear", "svm": "SVM", "mlp": "MLP"}
TUNED = "fine-tuned"
TUNED_COUNTS = (1, 5, 10, 50)  # labelled pictures of each class
TYPICAL = 12  # pictures of a group that are shown
MOST_GROUPS = 24  # groups on the sheet


@app.command()
def classify(
    model: ModelOrCollection,
    pictures: OfModel = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="What to learn: a column of the pictures' labels, FILE.csv, FILE.csv:COLUMN or "
            "FILE.npy. Default: the main label."
        ),
    ] = None,
    kinds: Annotated[
        str,
        typer.Option(
            "--by",
            help="knn, linear, svm, mlp on codes; fine-tuned: the encoder goes on learning under a "
            "softmax (minutes). Several with commas.",
        ),
    ] = "knn,linear,svm,mlp",
    predict: Annotated[
        str | None, typer.Option(help="More pictures, whose classes are told as well.")
    ] = None,
    clusters: Annotated[
        int | None,
        typer.Option(help="Find so many groups without labels. Default: as many as classes."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")] = Path(
        "classified"
    ),
    limit: Annotated[
        int, typer.Option(help="Learn from at most so many pictures, and test on as many.")
    ] = 5000,
    where: Where = None,
    fit: options.Fit = "crop",
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Learn classes from codes and labels, and say how well, compared with baselines.

    Tested on pictures that neither the model nor the classifier learnt from. Raw pixels, PCA with as
    many numbers as a code, and the same encoder untrained stand beside. Pictures without a label,
    and those of --predict, get the classes of the classifier that was best on held-out pictures.
    Pictures of another size or of other channels are made what the model takes, so that a set that
    it never saw can be told by its codes. With --by fine-tuned the tuned model is kept in
    OUT/fine-tuned; given as MODEL, it tells the classes of pictures without labels.

    Of a collection, the pictures that pass --where are learnt from and told.

    Example: [bold]narrows classify runs/conv-vae-holiday holiday/ --labels folder -o classified/[/]
    """
    from ..applications import KINDS, class_names, fine_tuned
    from ..images.labels import known_labels

    chosen = [kind.strip() for kind in kinds.split(",") if kind.strip()]
    if not chosen or set(chosen) - {*KINDS, TUNED}:
        raise ValueError(f"--by takes {', '.join((*KINDS, TUNED))}; we got {kinds!r}")
    if clusters is not None and clusters < 1:
        raise ValueError(f"--clusters is at least 1; we got {clusters}")
    named = given(model, pictures, where, fit, device)
    loaded, images = named.model, named.images
    more = None if predict is None else options.gathered(loaded, [predict], None, fit)
    document: dict[str, Any]
    found = known_labels(images, labels)
    own = fine_tuned(loaded)
    if found is None and own is not None and clusters is None:
        document = {"folder": str(out), "labels": "class", "classes": own.classes.tolist()}
        with _Folder(out) as folder:
            asked = [images] if more is None else [images, more]
            _told(own, asked, folder, document)
        _end(out, images, more, document, [_counted(document["predictions"])], as_json)
        return
    if found is None and (clusters is None or more is not None):
        raise ValueError(
            "these pictures have no labels: name some with --labels (a .csv or .npy file), or find "
            "groups without any, with --clusters 10"
        )
    document = {"folder": str(out), "labels": None if found is None else found[0]}
    lines: list[str] = []
    with _Folder(out) as folder:
        if found is None:
            sample, classes = some(images, limit, seed), None
        else:
            names = class_names(found[1])
            train, test = _divided(named.folder, images, names, found[0], limit, seed)
            best, lines = _judged(
                loaded, train, test, chosen, found[0], seed, device, folder, document
            )
            asked = [images.select(names == "")] if (names == "").any() else []
            asked += [] if more is None else [more]
            lines += _told(best, asked, folder, document)
            sample, classes = train, train.labels["class"]
        lines += _groups(loaded, sample, classes, clusters, seed, folder, document)
    _end(out, images, more, document, lines, as_json)


def _end(
    out: Path, images: Any, more: Any, document: dict[str, Any], lines: list[str], as_json: bool
) -> None:
    """Say what was found and where it lies."""
    document["files"] = sorted(
        str(file.relative_to(out)) for file in out.rglob("*") if file.suffix in (".png", ".csv")
    )
    skipped = [list(item) for given in (images, more) for item in getattr(given, "skipped", ())]
    document["skipped"] = skipped
    for file, reason in skipped:
        print(f"skipped {file}: {reason}", file=sys.stderr)
    looked = [str(out / name) for name in document["files"]]
    lines.append(f"look at {', '.join(looked)}")
    printed(document, as_json, "\n".join(lines))


class _Folder:
    """Files that are made beside their folder and moved into it when all are there."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def __enter__(self) -> Path:
        self.out.absolute().parent.mkdir(parents=True, exist_ok=True)
        self._made = Path(tempfile.mkdtemp(dir=self.out.absolute().parent, prefix=".classify-"))
        return self._made

    def __exit__(self, failed: object, *_: object) -> None:
        try:
            if failed is None:
                self.out.mkdir(exist_ok=True)
                for file in sorted(path for path in self._made.rglob("*") if path.is_file()):
                    target = self.out / file.relative_to(self._made)
                    target.parent.mkdir(exist_ok=True)
                    file.replace(target)
        finally:
            shutil.rmtree(self._made, ignore_errors=True)


def _divided(
    where: Path, images: Any, names: Any, what: str, limit: int, seed: int
) -> tuple[Any, Any]:
    """The pictures whose class is known: to learn from, and those held out."""
    if not (names != "").any():
        raise ValueError(f"no picture has a {what}; choose other labels")
    known = images.select(names != "")
    known.labels = {"class": names[names != ""]}
    parts = divided(where, known)
    test = parts.test if parts.test is not None else parts.validation
    if test is None:
        raise ValueError(
            f"{len(known)} pictures with a label are too few to learn from some and test on others"
        )
    chosen = []
    for part in (parts.train, test):
        at = some(part, limit, seed)
        chosen.append(part if at is part else part.select(at.indices))
    return chosen[0], chosen[1]


def _judged(
    model: Any,
    train: Any,
    test: Any,
    kinds: list[str],
    what: str,
    seed: int,
    device: str,
    folder: Path,
    document: dict[str, Any],
) -> tuple[Any, list[str]]:
    """What tells classes best (pictures → names), and all that was tried, in words and pictures."""
    from ..figures import confusion_matrix, label_curves, save

    on_codes = [kind for kind in kinds if kind != TUNED]
    y, truth = train.labels["class"], test.labels["class"]
    shape = "×".join(map(str, model.shape[1:]))
    print(
        f"learning {what} from {len(train):,} pictures, taken as {shape} in "
        f"{'gray' if model.shape[0] == 1 else f'{model.shape[0]} channels'}",
        file=sys.stderr,
    )
    document |= {"fitted_on": len(train), "tested_on": len(test), "classes": len(set(y.tolist()))}
    document |= {"accuracies": {}, "label_efficiency": {}}
    tried, few = {}, {}
    best: Any = None
    held_out, lines = -1.0, []
    if on_codes:
        compared = _compared(model, train, test, on_codes, seed, document)
        lines = _table(compared, on_codes, document)
        tried[compared.best.kind] = next(iter(compared.tested.values()))[compared.best.kind]
        few = dict(compared.few)
        made = compared.best

        def best(images: Any) -> Any:
            return made(model.encode(images).z)

        best_kind, held_out = made.kind, made.held_out or 0.0
        document["best"] = {"by": made.kind, **made.arguments}
    if TUNED in kinds:
        tuned, tried[TUNED], own, curves = _tuned(model, train, test, seed, device, document)
        few |= curves
        lines += _tuned_table(document)
        from ..training import save as keep

        keep(tuned.model, folder / TUNED)
        document["tuned_model"] = str(Path(document["folder"]) / TUNED)
        if own > held_out:
            best, best_kind = tuned, TUNED
            document["best"] = {"by": TUNED}
    ours = tried[best_kind]
    names = ours.classes.tolist()
    document["confusion"] = {"classes": names, "counts": ours.confusion.tolist()}
    by = TUNED if best_kind == TUNED else f"{TITLES[best_kind]} on codes"
    title = f"{what} by {by}: {ours.accuracy:.1%} of {len(truth):,} test pictures"
    save(confusion_matrix(ours.confusion, names, title=title), folder / "confusion.png")
    title = f"Test accuracy by labels of {what}" if TUNED in kinds else ""
    drawn = label_curves(few, title=title or f"Test accuracy of a linear probe of {what}")
    save(drawn, folder / "few-labels.png")
    document["label_efficiency"] = {
        name: {int(c): float(a) for c, a in zip(x, at.mean(1), strict=True)}
        for name, (x, at) in few.items()
    }
    return best, lines


def _tuned(
    model: Any, train: Any, test: Any, seed: int, device: str, document: dict[str, Any]
) -> tuple[Any, Any, float, dict[str, Any]]:
    """The tuned encoder, how it does on test, on a fifth held out, and by the number of labels."""
    from ..applications import evaluate_classifier, fine_tune, label_efficiency_tuned, untrained
    from ..applications.classify import HELD
    from ..randomness import permutation

    y, truth = train.labels["class"], test.labels["class"]
    order = permutation(seed, "classify/held-out", len(y)).numpy()
    held, kept = order[: int(HELD * len(order))], order[int(HELD * len(order)) :]
    starts = {TUNED: model, f"{TUNED}, begun untrained": untrained(model, seed)}
    tested, curves, own = {}, {}, 0.0
    for title, start in starts.items():
        with options.counting(title) as progress:
            made = fine_tune(start, train, y, seed=seed, device=device, progress=progress)
        tested[title] = evaluate_classifier(made, test, truth)
        if start is model:
            tuned = made
            if len(held) and len(set(y[kept].tolist())) > 1:
                with options.counting("without a fifth") as progress:
                    part = fine_tune(
                        model, train.select(kept), y[kept], seed=seed, device=device,
                        progress=progress,
                    )  # fmt: skip
                own = evaluate_classifier(part, train.select(held), y[held]).accuracy
        with options.counting("from few labels") as progress:
            curves[title] = label_efficiency_tuned(
                start, train, y, test, truth, counts=TUNED_COUNTS, seed=seed, device=device,
                progress=progress,
            )  # fmt: skip
    document["accuracies"] |= {
        name: {TUNED: {"accuracy": each.accuracy, "standard_error": each.error}}
        for name, each in tested.items()
    }
    return tuned, tested[TUNED], own, {name: at for name, at in curves.items() if len(at[0])}


def _tuned_table(document: dict[str, Any]) -> list[str]:
    rows = {name: row for name, row in document["accuracies"].items() if TUNED in row}
    wide = max(map(len, rows))
    return [f"{name:<{wide}}{row[TUNED]['accuracy']:>9.1%}" for name, row in rows.items()]


def _compared(
    model: Any, train: Any, test: Any, kinds: list[str], seed: int, document: dict[str, Any]
) -> Comparison:
    from ..applications import baseline_features, compare, extract_features, untrained

    def by(model: Any) -> Any:
        return lambda x: model.encode(x).z.flatten(1)

    size = math.prod(model.code_shape)
    functions = {f"codes, {size} numbers": by(model)}
    functions |= baseline_features(train, size, by(untrained(model, seed)), seed=seed)
    rows = {}
    with options.counting("encoding") as progress:
        for place, (name, function) in enumerate(functions.items()):
            rows[name] = extract_features(function, train), extract_features(function, test)
            progress(place + 1, len(functions))
    y, truth = train.labels["class"], test.labels["class"]
    with options.counting("classifying") as progress:
        found = compare(rows, y, truth, kinds, seed=seed, progress=progress)
    document["accuracies"] |= {
        name: {
            kind: {"accuracy": each.accuracy, "standard_error": each.error}
            for kind, each in row.items()
        }
        for name, row in found.tested.items()
    }
    document["most_frequent_class"] = found.majority_class
    return found


def _table(found: Comparison, kinds: list[str], document: dict[str, Any]) -> list[str]:
    majority_class = "most frequent class"
    wide = max(len(name) for name in (*found.tested, majority_class))
    lines = [f"{'test accuracy':<{wide}}" + "".join(f"{TITLES[kind]:>9}" for kind in kinds)]
    for name, row in found.tested.items():
        cells = "".join(f"{row[kind].accuracy:>9.1%}" for kind in kinds)
        lines.append(f"{name:<{wide}}{cells}")
    lines.append(f"{majority_class:<{wide}}{found.majority_class:>9.1%}")
    lines.append(
        f"(of {document['tested_on']:,} pictures of {document['classes']} classes, learnt from "
        f"{document['fitted_on']:,}; the classifiers' numbers were chosen on a fifth of these)"
    )
    return lines


def _told(best: Any, asked: list[Any], folder: Path, document: dict[str, Any]) -> list[str]:
    """The classes of pictures that have none, as a table."""
    from ..files import write_text

    told: list[tuple[str, str]] = []
    for images in asked:
        told += zip(images.ids, best(images).tolist(), strict=True)
    if not told:
        return []
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("file", document["labels"]), *told])
    write_text(folder / "predictions.csv", text.getvalue())
    document["predictions"] = dict(told)
    return [f"{len(told):,} pictures without a label were given one"]


def _counted(predictions: dict[str, str]) -> str:
    """How many pictures each class was given."""
    from collections import Counter

    named = ", ".join(f"{name} {n:,}" for name, n in Counter(predictions.values()).most_common(12))
    return f"{len(predictions):,} pictures told: {named}"


def _groups(
    model: Any,
    images: Any,
    labels: Any,
    groups: int | None,
    seed: int,
    folder: Path,
    document: dict[str, Any],
) -> list[str]:
    import torch

    from ..applications import CLUSTERINGS, agreement, cluster
    from ..figures import picture_rows, save

    codes = model.encode(images).z
    wanted = groups or document["classes"]
    found = {kind: cluster(codes, wanted, kind, seed=seed) for kind in CLUSTERINGS}
    document["clusters"] = {}
    lines = [f"groups of {len(images):,} codes, found without labels:"]
    for kind, each in found.items():
        entry: dict[str, Any] = {"groups": len(each.sizes), "sizes": each.sizes.tolist()}
        line = f"  {kind:<8} {len(each.sizes)} of {each.sizes.min():,} to {each.sizes.max():,}"
        if labels is not None:
            agree = agreement(each.which, labels)
            entry |= vars(agree)
            line += (
                f"; {agree.accuracy:.1%} right if matched with classes, adjusted Rand "
                f"{agree.adjusted_rand:.3f}, mutual information {agree.mutual_information:.3f}"
            )
        document["clusters"][kind] = entry
        lines.append(line)
    shown = found["k-means"]
    rows = []
    for group, size in enumerate(shown.sizes.tolist()[:MOST_GROUPS]):
        at = torch.from_numpy(shown.typical(group, TYPICAL))
        rows.append((f"{size:,} pictures", images.batch(at).cpu().numpy()))
    save(picture_rows(rows), folder / "groups.png")
    return lines
