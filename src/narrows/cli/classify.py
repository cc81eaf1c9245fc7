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
from .prior import divided, some

if TYPE_CHECKING:
    from ..applications import Comparison

__all__ = ["classify"]

TITLES = {"knn": "kNN", "linear": "linear", "svm": "SVM", "mlp": "MLP"}
TYPICAL = 12  # pictures of a group that are shown
MOST_GROUPS = 24  # groups on the sheet


@app.command()
def classify(
    model: options.Model,
    pictures: options.Pictures,
    labels: Annotated[
        str | None,
        typer.Option(
            help="What to learn: a column of the pictures' labels, FILE.csv, FILE.csv:COLUMN or "
            "FILE.npy. Default: the main label."
        ),
    ] = None,
    kinds: Annotated[
        str, typer.Option("--by", help="knn, linear, svm, mlp; several with commas.")
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
    fit: options.Fit = "crop",
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Learn classes from codes and labels, and say how well, beside what codes have to beat.

    Tested on pictures that neither the model nor the classifier learnt from. Raw pixels, PCA with as
    many numbers as a code, and the same encoder untrained stand beside. Pictures without a label,
    and those of --predict, get the classes of the classifier that was best on held-out pictures.

    Example: [bold]narrows classify runs/conv-vae-holiday holiday/ --labels folder -o classified/[/]
    """
    from ..applications import KINDS, class_names
    from ..images.labels import known_labels
    from ..training import load

    chosen = [kind.strip() for kind in kinds.split(",") if kind.strip()]
    if not chosen or set(chosen) - set(KINDS):
        raise ValueError(f"--by takes {', '.join(KINDS)}; we got {kinds!r}")
    if clusters is not None and clusters < 1:
        raise ValueError(f"--clusters is at least 1; we got {clusters}")
    loaded = load(model)
    options.place(loaded, device)
    images = options.pictures_like(loaded, pictures, fit)
    more = None if predict is None else options.gathered(loaded, [predict], None, fit)
    found = known_labels(images, labels)
    if found is None and (clusters is None or more is not None):
        raise ValueError(
            "these pictures have no labels: name some with --labels (a .csv or .npy file), or find "
            "groups without any, with --clusters 10"
        )
    document: dict[str, Any] = {"folder": str(out), "labels": None if found is None else found[0]}
    lines: list[str] = []
    with _Folder(out) as folder:
        if found is None:
            sample, classes = some(images, limit, seed), None
        else:
            names = class_names(found[1])
            train, test = _divided(model, images, names, found[0], limit, seed)
            compared, lines = _compared(loaded, train, test, chosen, found[0], seed, document)
            _draw(compared, found[0], len(test), folder, document)
            asked = [images.select(names == "")] if (names == "").any() else []
            asked += [] if more is None else [more]
            lines += _told(loaded, compared.best, asked, folder, document)
            sample, classes = train, train.labels["class"]
        lines += _groups(loaded, sample, classes, clusters, seed, folder, document)
        document["files"] = sorted(file.name for file in folder.iterdir())
    skipped = [list(item) for given in (images, more) for item in getattr(given, "skipped", ())]
    document["skipped"] = skipped
    for file, reason in skipped:
        print(f"skipped {file}: {reason}", file=sys.stderr)
    lines.append(f"look at {', '.join(str(out / name) for name in document['files'])}")
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
                for file in sorted(self._made.iterdir()):
                    file.replace(self.out / file.name)
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


def _compared(
    model: Any,
    train: Any,
    test: Any,
    kinds: list[str],
    what: str,
    seed: int,
    document: dict[str, Any],
) -> tuple[Comparison, list[str]]:
    from ..applications import compare, rivals, rows_by, untrained

    def by(model: Any) -> Any:
        return lambda x: model.encode(x).z.flatten(1)

    size = math.prod(model.code_shape)
    functions = {f"codes, {size} numbers": by(model)}
    functions |= rivals(train, size, by(untrained(model, seed)), seed=seed)
    print(f"learning {what} from {len(train):,} pictures", file=sys.stderr)
    rows = {}
    with options.counting("encoding") as progress:
        for place, (name, function) in enumerate(functions.items()):
            rows[name] = rows_by(function, train), rows_by(function, test)
            progress(place + 1, len(functions))
    y, truth = train.labels["class"], test.labels["class"]
    with options.counting("classifying") as progress:
        found = compare(rows, y, truth, kinds, seed=seed, progress=progress)
    document |= {
        "learnt_from": len(train),
        "tested_on": len(test),
        "classes": len(set(y.tolist())),
        "accuracies": {
            name: {
                kind: {"accuracy": each.accuracy, "standard_error": each.error}
                for kind, each in row.items()
            }
            for name, row in found.tested.items()
        },
        "most_frequent_class": found.guess,
        "few_labels": {
            name: {int(c): float(a) for c, a in zip(x, at.mean(1), strict=True)}
            for name, (x, at) in found.few.items()
        },
        "best": {"by": found.best.kind, **found.best.arguments},
    }
    return found, _table(found, kinds, document)


def _table(found: Comparison, kinds: list[str], document: dict[str, Any]) -> list[str]:
    guess = "most frequent class"
    wide = max(len(name) for name in (*found.tested, guess))
    lines = [f"{'test accuracy':<{wide}}" + "".join(f"{TITLES[kind]:>9}" for kind in kinds)]
    for name, row in found.tested.items():
        cells = "".join(f"{row[kind].accuracy:>9.1%}" for kind in kinds)
        lines.append(f"{name:<{wide}}{cells}")
    lines.append(f"{guess:<{wide}}{found.guess:>9.1%}")
    lines.append(
        f"(of {document['tested_on']:,} pictures of {document['classes']} classes, learnt from "
        f"{document['learnt_from']:,}; the classifiers' numbers were chosen on a fifth of these)"
    )
    return lines


def _draw(found: Comparison, what: str, n: int, folder: Path, document: dict[str, Any]) -> None:
    from ..figures import confusion_matrix, label_curves, save

    ours = next(iter(found.tested.values()))[found.best.kind]
    names = ours.classes.tolist()
    document["confusion"] = {"classes": names, "counts": ours.confusion.tolist()}
    by = TITLES[found.best.kind]
    title = f"{what} by {by} on codes: {ours.accuracy:.1%} of {n:,} test pictures"
    save(confusion_matrix(ours.confusion, names, title=title), folder / "confusion.png")
    curves = label_curves(found.few, title=f"Test accuracy of a linear probe of {what}")
    save(curves, folder / "few-labels.png")


def _told(
    model: Any, classifier: Any, asked: list[Any], folder: Path, document: dict[str, Any]
) -> list[str]:
    """The classes of pictures that have none, as a table."""
    from ..files import write_text

    told: list[tuple[str, str]] = []
    for images in asked:
        told += zip(images.ids, classifier(model.encode(images).z).tolist(), strict=True)
    if not told:
        return []
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("file", document["labels"]), *told])
    write_text(folder / "predictions.csv", text.getvalue())
    document["predictions"] = dict(told)
    return [f"{len(told):,} pictures without a label were given one"]


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
