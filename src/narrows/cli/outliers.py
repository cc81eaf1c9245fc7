"""``narrows outliers``: pictures that do not belong."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .app import app, printed
from .collection import ModelOrCollection, Where, given

if TYPE_CHECKING:
    import numpy as np

    from ..applications import Outliers
    from ..images import Images
    from ..measures.detection import Detection
    from .collection import Given

__all__ = ["outliers"]

SHOWN = 8  # pictures of the sheet
LISTED = 10  # rows of the table
NORMAL = {"normal", "good", "ok", "fine", "none", "inlier"}  # what a column calls no anomaly


@app.command()
def outliers(
    model: ModelOrCollection,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            help="With a model: picture files, folders, arrays or named sets. A collection has its own."
        ),
    ] = None,
    normal: Annotated[
        str | None,
        typer.Option(
            metavar="PICTURES",
            help="Normal pictures: best those of the training. Of a collection a filter, such as "
            "\"split = 'train'\".",
        ),
    ] = None,
    where: Where = None,
    score: Annotated[
        list[str] | None,
        typer.Option(
            help="reconstruction, features, kl, elbo, likelihood, ratio, regret, hierarchy, "
            "neighbours, lof, directions, mahalanobis or excess; or all. Repeatable; several are mixed by "
            "rank. Default: reconstruction, features and lof."
        ),
    ] = None,
    false_alarms: Annotated[
        float | None,
        typer.Option(help="Call at most this share of normal pictures anomalous. Default: 0.01."),
    ] = None,
    quantile: Annotated[
        float | None, typer.Option(help="The threshold is this quantile of normal scores.")
    ] = None,
    median: Annotated[
        bool, typer.Option("--median", help="The threshold is the median of 10,000 normal scores.")
    ] = False,
    fdr: Annotated[
        float | None,
        typer.Option(help="At most this share of the pictures called anomalous is normal."),
    ] = None,
    labels: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="A column that says which are outliers.")
    ] = None,
    positive: Annotated[
        list[str] | None,
        typer.Option(metavar="VALUE", help="A value of that column of anomalies. Repeatable."),
    ] = None,
    anomalies: Annotated[
        str | None,
        typer.Option(metavar="PICTURES", help="Known anomalies to mix in; the others are normal."),
    ] = None,
    background: Annotated[
        str,
        typer.Option(
            help="For ratio: compression, or the folder of a model of pictures in general."
        ),
    ] = "compression",
    neighbours: Annotated[
        int | None,
        typer.Option(help="k of neighbours, directions, excess and lof. Default: 5, 5, 10, 20."),
    ] = None,
    samples: Annotated[
        int, typer.Option(help="Codes drawn for the scores in nats but kl.", show_default=True)
    ] = 16,
    split: options.Split = None,
    limit: Annotated[
        int | None, typer.Option(help="At most so many pictures of each, evenly chosen.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")] = Path(
        "outliers"
    ),
    fit: options.Fit = "crop",
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Find the pictures that do not belong among normal ones.

    Normal pictures that the model was not trained on set the threshold and give each picture a
    p-value; the others are what distances among codes are fitted to. Which score decides is settled
    without labels: the one that is named, else the mean rank over all of them. In a collection both
    are filters of its rows, and the scores are kept as columns, score_lof and so on.

    Example: [bold]narrows outliers runs/pca-vae-holiday new/ --normal holiday/ -o out/[/]
    """
    from ..applications import detections
    from ..applications import outliers as decide
    from ..figures import anomaly_sheet, detection_curves, save, score_histograms
    from ..measures.anomaly_scores import supported
    from ..measures.scoring import FITTED, USUAL, needs_normals, scorer
    from ..training import load

    rule = _rule(false_alarms, quantile, median, fdr)
    if labels is not None and anomalies is not None:
        raise ValueError("--labels and --anomalies both say which are outliers; give one of them")
    if positive and labels is None:
        raise ValueError("--positive names values of a column; say which one with --labels")
    if normal is None:
        raise ValueError(
            "say what is normal: --normal PICTURES, or of a collection a filter of its rows"
        )
    named = _in_collection(model, files, split, normal, where, fit, device)
    loaded = load(model) if named is None else named[0].model
    options.place(loaded, device)
    names = tuple(score or USUAL)
    if names == ("all",):
        names = (*supported(loaded), *FITTED)
    density = (
        _background(background, loaded, samples, seed, device)
        if "likelihood-ratio" in names
        else None
    )
    if named is None:
        if not files:
            raise ValueError(f"say which pictures are in question: {model} is no collection")
        fitting, held_out, notes = _divided(
            model, loaded, normal, files, fit, limit, seed, needs_normals(names)
        )
        asked = _asked(loaded, files, split, limit, fit)
    else:
        known_normal, asked = named[0].images, _evenly(named[1].images, limit)
        fitting, held_out = _halves(known_normal, normal, needs_normals(names), seed)
        fitting, held_out = (_evenly(each, limit) if each else None for each in (fitting, held_out))
        notes = ["p-values hold for normal pictures that the model has not seen"]
    truth = None if labels is None else _truth(asked, labels, positive or [])
    if anomalies is not None:
        asked, truth = _mixed(asked, _asked(loaded, [anomalies], None, limit, fit))
    with options.counting("looking at normal pictures") as progress:
        ask = scorer(
            loaded, names, fitting, background=density, neighbours=neighbours, samples=samples,
            seed=seed, progress=progress,
        )  # fmt: skip
    with options.counting("scoring normal pictures") as progress:
        known = ask(held_out, progress)
    with options.counting("scoring") as progress:
        found = decide(known, ask(asked, progress), rule)
    measured = None if truth is None else detections(found.scores, truth)

    first = found.order[:SHOWN]
    some = asked.pixels[first.tolist()]
    sheet = anomaly_sheet(
        some.numpy(), loaded.reconstruct(some).clamp(0, 1).numpy(), _captions(found, first, asked)
    )
    groups = {"normal, held out": found.normal[found.by], "in question": found.scores[found.by]}
    if truth is not None:
        values = found.scores[found.by]
        groups = {
            "normal, held out": found.normal[found.by],
            "anomalies": values[truth],
            "in question, normal": values[~truth],
        }
    written = {"histogram": score_histograms(groups, found.threshold, x=_title(found))}
    written["anomalies"] = sheet
    if measured is not None:
        whole = {name: measured[name] for name in _whole(found)}
        written["detection"] = detection_curves(whole, next(iter(whole.values())).prevalence)
    paths = {name: str(save(figure, out / f"{name}.png")) for name, figure in written.items()}
    document = _document(found, asked, truth, measured, notes) | {"files": paths}
    _write(document, out / "outliers.json")
    if named is not None and named[1].collection is not None:
        columns = {f"score_{name.replace('/', '_')}": found.scores[name] for name in found.scores}
        named[1].collection.update(asked.ids, columns)
    for name, reason in asked.skipped:
        print(f"skipped {name}: {reason}", file=sys.stderr)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    printed(document, as_json, _text(found, asked, truth, measured, paths, out))


# ---- pictures ------------------------------------------------------------------------------------


def _divided(
    folder: Path,
    model: Any,
    what: str,
    files: list[str],
    fit: str,
    limit: int | None,
    seed: int,
    fitted: bool,
) -> tuple[Any, Any, list[str]]:
    """Normal pictures to fit scores to (None where nothing is fitted), those held out, and notes.

    Pictures of the training are divided as it divided them: its test part is held out, or what it
    kept for validation where the same set is in question. Of others, all are held out, or half of
    them where a score has to be fitted.
    """
    from ..images import evaluation_split
    from ..images import split as divide
    from ..training import facts_of

    images = options.pictures_like(model, what, fit)
    known = facts_of(folder)
    trained_on = _same(str(known.get("pictures", "")), what)
    notes = []
    if not known:
        notes.append(
            "what this model was trained on is not known; p-values hold for normal pictures that it "
            "has not seen"
        )
    if trained_on:
        share = float(known.get("validation", 0.1))
        parts = divide(images, validation=share, seed=int(known.get("seed", 0)))
        in_question = any(_same(name, what) for name in files)
        kept = in_question and parts.validation is not None
        _, held_out = evaluation_split(parts, "validation" if kept else None)
        if held_out is None:
            held_out = images
            notes.append(
                "the model was trained on all normal pictures, so none are held out: p-values and "
                "false alarms are too small; train with --validation, or give others with --normal"
            )
        fitting: Any = parts.train
    else:
        fitting, held_out = _halves(images, what, fitted, seed)
    return _evenly(fitting, limit) if fitted else None, _evenly(held_out, limit), notes


def _halves(images: Any, what: str, fitted: bool, seed: int) -> tuple[Any, Any]:
    """Normal pictures of which half is held out; all of them, where nothing is fitted."""
    from ..errors import NarrowsError
    from ..images import split as divide

    if not fitted:
        return None, images
    parts = divide(images, validation=0.5, seed=seed)
    if parts.validation is None:
        raise NarrowsError(f"{what} holds too few normal pictures; give at least 2")
    return parts.train, parts.validation


def _in_collection(
    model: Path,
    files: list[str] | None,
    split: str | None,
    normal: str,
    where: str | None,
    fit: str,
    device: str,
) -> tuple[Given, Given] | None:
    """Of a collection the normal pictures and those in question: the others, or by the filter."""
    if not (model / "narrows.lance").is_dir():
        if where is not None:
            raise ValueError(f"--where chooses rows of a collection; {model} is none")
        return None
    if files:
        raise ValueError(
            f"{model} is a collection and has its own pictures; leave {files[0]!r} out"
        )
    if split is not None:
        raise ValueError(f"of a collection a part is a filter: --where \"split = '{split}'\"")
    asked = f"NOT ({normal})" if where is None else where
    return given(model, None, normal, fit, device), given(model, None, asked, fit, device)


def _same(one: str, other: str) -> bool:
    """Whether two PICTURES are the same place or the same named set."""
    paths = [Path(text).expanduser() for text in (one, other)]
    if all(path.exists() for path in paths):
        return paths[0].resolve() == paths[1].resolve()
    return one == other


def _evenly(images: Any, limit: int | None) -> Any:
    """At most so many, at even steps: the first ones are often of one kind."""
    import numpy as np

    if limit is not None and limit < 1:
        raise ValueError(f"--limit must be at least 1; we got {limit}")
    if limit is None or limit >= len(images):
        return images
    return images.select(np.linspace(0, len(images) - 1, limit).round().astype(int))


def _asked(model: Any, files: list[str], split: str | None, limit: int | None, fit: str) -> Images:
    """The pictures in question in the model's shape, with the columns that all of them have."""
    from ..errors import NoImages
    from ..images.arrays import is_array_file

    lone = [name for name in files if Path(name).is_file() and not is_array_file(Path(name))]
    found: list[Any] = []
    for name in files:
        if name in lone:
            continue
        images = options.pictures_like(model, name, fit)
        if split is not None:
            parts = getattr(images, "split", None)
            if parts is None or split not in parts:
                raise ValueError(f"{name} has no part {split!r}; leave --split out")
            images = images.select(parts == split)
        found.append(_evenly(images, limit))
    skipped: list[tuple[str, str]] = []
    if lone:
        try:
            found.append(options.gathered(model, lone, limit, fit))
        except NoImages:
            if not found:
                raise
            skipped = [(name, "it is no picture that can be read") for name in lone]
    return _joined(found, skipped)


def _joined(found: list[Any], skipped: list[tuple[str, str]]) -> Images:
    """Several collections of one shape as one."""
    import numpy as np

    from ..images import Images

    if len(found) == 1 and not skipped:
        only: Images = found[0]
        return only
    columns = {}
    for images in found:
        columns[id(images)] = {**images.metadata, **images.labels}
    common = set.intersection(*(set(known) for known in columns.values()))
    return Images(
        np.concatenate([images.pixels.numpy() for images in found]),
        ids=options.distinct([name for images in found for name in images.ids]),
        labels={
            name: np.concatenate([columns[id(images)][name] for images in found])
            for name in sorted(common)
        },
        skipped=[item for images in found for item in images.skipped] + skipped,
    )


def _mixed(asked: Images, anomalies: Images) -> tuple[Images, np.ndarray[Any, Any]]:
    """Both, and who of them is an anomaly."""
    import numpy as np

    truth = np.repeat([False, True], [len(asked), len(anomalies)])
    return _joined([asked, anomalies], []), truth


def _truth(images: Images, name: str, values: list[str]) -> np.ndarray[Any, Any]:
    """which are outliers by a column: the values named, else 1 of 0 and 1, else all but 'normal', 'good'…"""
    import numpy as np

    columns = {**images.metadata, **images.labels}
    if name not in columns:
        there = f"they have {', '.join(columns)}" if columns else "they have none"
        raise ValueError(f"the pictures have no column {name!r}; {there}")
    column = np.array([str(value) for value in columns[name]])
    kinds = sorted(set(column.tolist()))
    if values:
        odd = [value for value in values if value not in kinds]
        if odd:
            raise ValueError(f"no picture has {name} {odd[0]!r}; there are {_some(kinds)}")
        return np.isin(column, values)
    if set(kinds) <= {"0", "1", "0.0", "1.0", "False", "True"}:
        return np.isin(column, ["1", "1.0", "True"])
    usual = [kind for kind in kinds if kind.lower() in NORMAL]
    if usual:
        return ~np.isin(column, usual)
    raise ValueError(
        f"which values of {name} are anomalies? say so with --positive, once for each of them; "
        f"there are {_some(kinds)}"
    )


def _some(kinds: list[str]) -> str:
    return ", ".join(kinds[:12]) + (f" and {len(kinds) - 12} more" if len(kinds) > 12 else "")


# ---- what decides --------------------------------------------------------------------------------


def _rule(
    false_alarms: float | None, quantile: float | None, median: bool, fdr: float | None
) -> Any:
    from ..applications import FalseAlarms, FalseDiscoveryRate, Median, Quantile

    given = [value is not None for value in (false_alarms, quantile, fdr)] + [median]
    if sum(given) > 1:
        raise ValueError("a threshold is one of --false-alarms, --quantile, --median and --fdr")
    if quantile is not None:
        return Quantile(quantile)
    if median:
        return Median()
    if fdr is not None:
        return FalseDiscoveryRate(fdr)
    return FalseAlarms(0.01 if false_alarms is None else false_alarms)


def _background(what: str, model: Any, samples: int, seed: int, device: str) -> Any:
    """The density that a name or a folder stands for."""
    from ..measures.anomaly_scores import by_model, input_complexity
    from ..training import load

    if what == "compression":
        return input_complexity()
    if not Path(what).is_dir():
        raise ValueError(f"--background is compression or the folder of a model; we got {what!r}")
    other = load(Path(what))
    if tuple(other.shape) != tuple(model.shape):
        raise ValueError(
            f"the background takes pictures of {tuple(other.shape)}, the model of "
            f"{tuple(model.shape)}; they must be the same"
        )
    options.place(other, device)
    return by_model(other, samples, seed)


# ---- what is said --------------------------------------------------------------------------------


def _whole(found: Outliers) -> list[str]:
    """The scores that are no pieces of another, the deciding one first."""
    others = [name for name in found.scores if "/" not in name and name != found.by]
    return [found.by, *others]


def _title(found: Outliers) -> str:
    return "mixture (mean rank among normal pictures)" if found.by == "mean-rank" else found.by


def _captions(found: Outliers, which: Any, asked: Images) -> list[str]:
    return [f"{_short(asked.ids[i])}  p {found.p_values[i]:.2g}" for i in which]


def _short(text: str, most: int = 18) -> str:
    return text if len(text) <= most else "…" + text[1 - most :]


def _document(
    found: Outliers,
    asked: Images,
    truth: Any,
    measured: dict[str, Detection] | None,
    notes: list[str],
) -> dict[str, Any]:
    """All of it as JSON: pictures in the order in which they were given, raw scores unrounded."""
    import math

    rows = []
    for i, id_ in enumerate(asked.ids):
        row: dict[str, Any] = {"id": id_, "is_outlier": bool(found.is_outlier[i])}
        row["p"] = float(found.p_values[i])
        row["scores"] = {name: float(values[i]) for name, values in found.scores.items()}
        if truth is not None:
            row["anomaly"] = bool(truth[i])
        rows.append(row)
    document: dict[str, Any] = {
        "by": found.by,
        "rule": found.rule,
        "threshold": found.threshold if math.isfinite(found.threshold) else None,
        "is_outlier": int(found.is_outlier.sum()),
        "normal": len(found.normal[found.by]),
        "false_positive_rate": found.false_positive_rate,
        "pictures": rows,
        "normal_scores": {name: values.tolist() for name, values in found.normal.items()},
        "notes": notes,
        "skipped": [list(item) for item in asked.skipped],
    }
    if measured is not None:
        document["detection"] = {name: one.document() for name, one in measured.items()}
    return document


def _write(document: dict[str, Any], path: Path) -> None:
    from .. import files

    files.write_bytes(path, (json.dumps(document, indent=1) + "\n").encode())


def _text(
    found: Outliers,
    asked: Images,
    truth: Any,
    measured: dict[str, Detection] | None,
    paths: dict[str, str],
    out: Path,
) -> str:
    """The most anomalous pictures, what each score has to say, and the verdict."""
    import numpy as np

    names = _whole(found)
    shown = found.order[:LISTED]
    wide = max(7, *(len(_short(asked.ids[i], 32)) for i in shown))
    cells = [max(len(name), 9) for name in names]
    head = "  ".join(f"{name:>{cell}}" for name, cell in zip(names, cells, strict=True))
    lines = [f"{'picture':<{wide}}  {'p':>8}  {head}"]
    for i in shown:
        row = (found.scores[name][i] for name in names)
        text = "  ".join(f"{value:>{cell}.4g}" for value, cell in zip(row, cells, strict=True))
        told = "" if truth is None else "  an anomaly" if truth[i] else "  normal"
        end = "" if found.is_outlier[i] else "  (not anomalous)"
        lines.append(
            f"{_short(asked.ids[i], 32):<{wide}}  {found.p_values[i]:>8.3g}  {text}{told}{end}"
        )
    medians = (float(np.median(found.normal[name])) for name in names)
    text = "  ".join(f"{value:>{cell}.4g}" for value, cell in zip(medians, cells, strict=True))
    lines += [f"{'normal':<{wide}}  {'':>8}  {text}  (medians)", ""]
    if measured is not None:
        most = max(len(name) for name in names)
        lines.append(f"{'':<{most}}  {'AUROC':>7}  {'average precision':>17}")
        for name in names:
            one = measured[name]
            lines.append(f"{name:<{most}}  {one.auroc:>7.3f}  {one.average_precision:>17.3f}")
        some = measured[found.by]
        lines += [f"({some.prevalence:.1%} of {some.n:,} are anomalies)", ""]
    lines.append(
        f"{int(found.is_outlier.sum()):,} of {len(asked):,} pictures are anomalous by {_title(found)}, at "
        f"{found.rule}; so are {found.false_positive_rate:.1%} of {len(found.normal[found.by]):,} normal "
        "pictures held out"
    )
    if truth is not None:
        false = float(found.is_outlier[~truth].mean())
        lines.append(
            f"of the anomalies {found.is_outlier[truth].mean():.1%} were found, of the others "
            f"{false:.1%} called anomalous"
        )
    lines.append(f"look at {', '.join(paths.values())}; all scores are in {out / 'outliers.json'}")
    return "\n".join(lines)
