"""``narrows prior``: fit a prior to a model's codes, so that it can generate."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .app import app, printed

if TYPE_CHECKING:
    from ..images import Splits
    from ..priors import PriorEvaluation

__all__ = ["divided", "prior", "some"]


@app.command()
def prior(
    model: options.Model,
    pictures: options.Pictures,
    kind: Annotated[
        str,
        typer.Option(
            help="gaussian, mixture, flow; autoregressive, for codes of entries; caption-flow, for "
            "[bold]narrows caption[/]."
        ),
    ] = "mixture",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A number of the prior, such as components=10. Repeatable."),
    ] = None,
    limit: Annotated[int, typer.Option(help="Fit to at most so many pictures.")] = 20_000,
    fit: options.Fit = "crop",
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Fit a prior to the codes of pictures and store it beside the weights.

    The pictures are those that the model was trained on, as far as they are here: what was held out
    stays held out, and says how well the prior fits.

    Example: [bold]narrows prior runs/conv-vae-holiday holiday/ --kind flow[/]
    """
    from ..images import captions
    from ..images.source import Subset
    from ..priors import compare, fit_prior, prior_for, save_prior
    from ..training import load

    arguments: dict[str, Any] = dict(_number(text) for text in set_ or [])
    loaded = load(model)
    options.place(loaded, device)
    prior_for(loaded, kind, **arguments)  # refuses now, before anything is read
    if kind == "normal":
        raise ValueError(
            f"nothing of the prior 'normal' is fitted: run `narrows generate {model} --prior normal`"
        )
    parts = divided(model, options.pictures_like(loaded, pictures, fit))
    train = some(parts.train, limit, seed)
    held = parts.test if parts.test is not None else parts.validation
    print(f"fitting {kind} to {len(train):,} codes", file=sys.stderr)
    with options.counting("fitting") as progress:
        fitted: Any = fit_prior(loaded, train, kind, seed=seed, progress=progress, **arguments)
    path = save_prior(
        fitted, loaded, model, pictures=str(pictures), fitted_on=len(train), seed=seed
    )
    rows = compare(loaded, fitted, train, train if held is None else held, seed=seed)
    document = {
        "prior": kind,
        "file": str(path),
        "fitted_on": len(train),
        "judged_on": "training" if held is None else "held-out",
        "rows": [vars(row) for row in rows],
    }
    if kind == "caption-flow":
        document["words"] = list(fitted.words)
        said = captions(Subset(train, range(min(len(train), 100))), seed=seed)
        example = next((each[0] for each in said if each[0]), " ".join(fitted.words[:1]))
        command = shlex.join(["narrows", "caption", str(model), example])
    else:
        command = f"narrows generate {shlex.quote(str(model))} --prior {kind} -o generated.png"
    printed(document, as_json, f"{_table(rows)}\nthe prior is in {path}\n  use it   {command}")


def divided(folder: Path, images: Any) -> Splits:
    """The parts of pictures as the training of the model in ``folder`` divided them."""
    from ..images import split
    from ..training import facts_of

    known = facts_of(folder if folder.is_dir() else folder.parent)
    share = float(known.get("validation", 0.1))
    return split(images, validation=share, seed=int(known.get("seed", 0)))


def some(source: Any, most: int, seed: int = 0) -> Any:
    """At most so many pictures of a source, drawn by the seed."""
    from ..images.source import Subset
    from ..randomness import permutation

    if most < 1:
        raise ValueError(f"--limit is at least 1; we got {most}")
    if len(source) <= most:
        return source
    return Subset(source, permutation(seed, "limit", len(source))[:most].sort().values)


def _number(text: str) -> tuple[str, int | float]:
    key, _, value = text.partition("=")
    for of in (int, float):
        try:
            return key.strip().replace("-", "_"), of(value)
        except ValueError:
            continue
    raise ValueError(f"--set takes NAME=NUMBER, such as components=10; we got {text!r}")


def _table(rows: list[PriorEvaluation]) -> str:
    wide = max(len(row.name) for row in rows)
    wide = max(wide, len("held-out codes"))
    lines = [f"{'held-out codes':<{wide}}  {'nats per code':>13}  {'discrepancy':>11}"]
    for row in rows:
        nats = "–" if row.nats is None else f"{row.nats:.2f}"
        lines.append(f"{row.name:<{wide}}  {nats:>13}  {row.discrepancy:>11.4f}")
    lines.append(
        "(nats: more is better; discrepancy: the codes' own distribution has 0 on average, and so "
        "now and then less)"
    )
    return "\n".join(lines)
