"""``narrows steer``: change one thing about a picture by moving its code."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .app import app, printed
from .prior import divided, some

if TYPE_CHECKING:
    from ..applications import EffectSize

__all__ = ["steer"]

LARGEST_MAP = 512  # numbers of a code up to which a map is fitted
JUDGED = 200  # held-out pictures that effects are measured on
STEPS = 7
MOST_ROWS = 8  # pictures on the strip


@app.command()
def steer(
    model: options.Model,
    files: Annotated[
        list[str], typer.Argument(help="Picture files, folders, arrays or named sets.")
    ],
    by: Annotated[
        str,
        typer.Option(
            help="brightness, rotation, shift-x, shift-y, zoom; or a label of --fit: a number "
            "(age) or a class (hair=blonde)."
        ),
    ],
    amount: Annotated[
        float | None,
        typer.Option(help="The strip goes from −amount to +amount. Default: by what is steered."),
    ] = None,
    fit_on: Annotated[
        str | None,
        typer.Option("--fit", help="Pictures to learn it from. Default: those of the training."),
    ] = None,
    straight: Annotated[
        bool, typer.Option("--straight", help="The same step from every code, no map.")
    ] = False,
    out: Annotated[Path, typer.Option("--out", "-o", help="The PNG.")] = Path("steered.png"),
    limit: Annotated[int, typer.Option(help="Learn from at most so many pictures.")] = 2000,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Move pictures' codes along a direction learnt from other pictures, and measure what changes.

    For a transform the direction is learnt from pictures and the same pictures transformed; for a
    label from what the codes of pictures with and without it differ in.

    Example: [bold]narrows steer runs/conv-vae-holiday a.jpg --by brightness -o steered.png[/]
    """
    from ..training import facts_of, load

    if out.suffix.lower() != ".png":
        raise ValueError(f"-o names a PNG; we got {str(out)!r}")
    if amount is not None and not math.isfinite(amount):
        raise ValueError(f"--amount is a finite number; we got {amount}")
    loaded = load(model)
    options.place(loaded, device)
    what = fit_on or facts_of(model if model.is_dir() else model.parent).get("pictures")
    if what is None:
        raise ValueError("this model does not say what it was trained on: name pictures with --fit")
    images = options.gathered(loaded, files, None, "crop")
    for name, reason in images.skipped:
        print(f"skipped {name}: {reason}", file=sys.stderr)
    parts = divided(model, options.pictures_like(loaded, str(what)))
    train = some(parts.train, limit, seed)
    held = parts.test if parts.test is not None else parts.validation
    print(f"learning {by} from {len(train):,} pictures of {what}", file=sys.stderr)
    judged = some(train if held is None else held, JUDGED, seed)
    document, text, rows, captions = _steered(loaded, images, by, amount, straight, train, judged)
    from ..figures import picture_rows, save

    save(picture_rows(rows, captions, corner=by), out)
    document = {"file": str(out), "by": by, "pictures": list(images.ids), **document}
    document |= {"fitted_on": len(train), "skipped": [list(item) for item in images.skipped]}
    printed(document, as_json, f"{text}\nlook at {out}")


def _steered(
    model: Any, images: Any, by: str, amount: float | None, straight: bool, train: Any, judged: Any
) -> tuple[dict[str, Any], str, list[Any], list[str]]:
    import torch

    from ..applications import (
        decoder,
        effects_of_steering,
        effects_of_transform,
        fit_to_labels,
        fit_to_transform,
        probe,
        proximity,
    )
    from ..applications import (
        steer as apply,
    )
    from ..parts import Part, build, listed

    decode = decoder(model)

    def codes(x: Any) -> Any:
        return model.encode(x).z

    x, held = (source.batch(torch.arange(len(source))) for source in (train, judged))
    document: dict[str, Any] = {}
    lines = []
    if by in listed("transform"):
        transform = build("transform", Part(by))
        amount, unit = transform.reach if amount is None else amount, transform.unit
        as_map = not straight and math.prod(model.code_shape) <= LARGEST_MAP
        steering: Any = fit_to_transform(codes, x, transform, as_map=as_map)
        effects = effects_of_steering(decode, steering, codes(held), amount)
        ideal = effects_of_transform(transform, held, amount)
        near = proximity(codes, decode, steering, transform, held, amount)
        document["nearness"] = vars(near)
        lines.append(
            f"PSNR beside pictures really transformed: {near.steered:.2f} dB steered, "
            f"{near.unmoved:.2f} not steered, {near.ceiling:.2f} transformed and reconstructed"
        )
    else:
        transform, ideal = None, []
        values = _values(train, by)
        amount, unit = _label_amount(values) if amount is None else amount, f"of {by}"
        steering = fit_to_labels(codes(x), values)
        read, score = probe(x, values)
        effects = effects_of_steering(decode, steering, codes(held), amount, {by: read})
        document["probe_r2"] = score
        lines.append(f"{by} is read off pixels by ridge regression, held-out R² {score:.2f}")
    amounts = torch.arange(-(STEPS // 2), STEPS // 2 + 1) * (amount / (STEPS // 2))
    pictures = images.batch(torch.arange(len(images)))
    steered = apply(decode, steering, codes(pictures), amounts).transpose(0, 1)
    rows: list[Any] = []
    for id_, picture, strip in zip(images.ids[:MOST_ROWS], pictures, steered, strict=False):
        rows.append((f"{id_}: code", strip))
        if transform is not None:
            rows.append(("pixels", transform(picture.expand(STEPS, -1, -1, -1), amounts)))
    captions = [f"{t:+.3g}".replace("-", "−") if t else "0" for t in amounts.tolist()]
    document |= {"amount": amount, "unit": unit}
    document["effects"] = [_plain(effect) for effect in effects]
    document["of_the_transform"] = [_plain(effect) for effect in ideal]
    head = f"steering by {by} {amount:+.3g} {unit}, on {len(held):,} pictures not learnt from:"
    return document, "\n".join([head, *_table(effects, ideal, by), *lines]), rows, captions


def _values(source: Any, by: str) -> Any:
    """The numbers (N,) of a label column, or 1 and 0 inside and outside of a class."""
    import numpy as np
    import torch

    from ..parts import listed

    labels = dict(getattr(source, "labels", {}))
    column, equals, wanted = by.partition("=")
    if column not in labels:
        known = f" or a label of the pictures ({', '.join(labels)})" if labels else ""
        raise ValueError(f"--by is one of {', '.join(listed('transform'))}{known}; we got {by!r}")
    values = np.asarray(labels[column])
    if equals:
        classes = sorted({str(value) for value in values.tolist()})
        if wanted not in classes:
            raise ValueError(
                f"{column} has no class {wanted!r}, only {', '.join(classes[:12])}"
                f"{' …' if len(classes) > 12 else ''}"
            )
        values = np.array([str(value) == wanted for value in values.tolist()])
    try:
        numbers = torch.from_numpy(values.astype(np.float64))
    except ValueError as error:
        raise ValueError(
            f"{column} is no number: name one of its classes, such as --by {column}={values[0]}"
        ) from error
    if not bool(torch.isfinite(numbers).all()):
        raise ValueError(f"{column} is not known of every picture; choose pictures that have it")
    return numbers


def _plain(effect: EffectSize) -> dict[str, Any]:
    """As JSON has it: what one picture alone cannot tell is null."""
    return {k: None if v != v else v for k, v in vars(effect).items()}


def _label_amount(values: Any) -> float:
    """One class to the other, or two standard deviations of a number."""
    two = len(values.unique()) == 2
    return float(values.max() - values.min() if two else 2 * values.std())


def _table(effects: list[EffectSize], ideal: list[EffectSize], by: str) -> list[str]:
    wide = max(len(effect.attribute) for effect in effects) + 2
    known = {effect.attribute: effect for effect in ideal}
    beside = f"{'of the transform itself':>25}" if ideal else ""
    lines = [f"{'':<{wide}}{'change':>18}{'effect size':>13}{beside}"]
    for effect in sorted(effects, key=lambda effect: effect.attribute != by):
        own = f"{effect.change:+.3f} ± {effect.deviation:.3f}"
        line = f"{effect.attribute:<{wide}}{own:>18}{effect.size:>+13.2f}"
        if effect.attribute in known:
            other = known[effect.attribute]
            line += f"{f'{other.change:+.3f} ± {other.deviation:.3f}':>25}"
        lines.append(line)
    lines.append("(effect size: in standard deviations of the attribute over the pictures)")
    return lines
