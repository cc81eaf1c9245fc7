"""``narrows push`` and ``narrows pull``: models to the Hugging Face hub, and from there."""

from __future__ import annotations

from typing import Annotated

import typer

from . import options
from .app import answer, app

__all__ = ["pull", "push"]


@app.command()
def push(
    model: options.Model,
    to: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="Where to, on the hub.")],
    licence: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="What the card says others may do, such as apache-2.0. Default: what it says already.",
        ),
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="If it is made now, only its owner may see it.")
    ] = False,
    show_pictures: Annotated[
        bool,
        typer.Option(
            "--show-pictures",
            help="Also put reconstructions.png there, which shows a dozen of the validation pictures.",
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Put a model on the Hugging Face hub, with a model card; never a path or a name of your files.

    Log in first, by [bold]hf auth login[/] or HF_TOKEN. It needs the extra hub.

    Example: [bold]narrows push runs/pca-vae-holiday jane/holiday --licence cc-by-4.0[/]
    """
    from ..applications.hub import push as call

    result = call(model, to, licence=licence, private=private, show_pictures=show_pictures)
    answer(result, as_json)


@app.command()
def pull(
    what: Annotated[
        str,
        typer.Argument(
            metavar="OWNER/NAME[@REV]", help="A model on the hub; REV is a branch, tag or commit."
        ),
    ],
    as_json: options.Json = False,
) -> None:
    """Bring a model from the Hugging Face hub into the cache, as it is there now.

    Wherever a MODEL is taken, hf://owner/name then stands for it, without a network. It needs the
    extra hub.

    Example: [bold]narrows pull jane/holiday[/]
    """
    from ..applications.hub import pull as call

    answer(call(what), as_json)
