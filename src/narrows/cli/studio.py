"""``narrows studio``: a model and its pictures in a browser."""

from __future__ import annotations

from typing import Annotated

import typer

from .app import app, escaped

__all__ = ["studio"]


@app.command()
def studio(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL|COLLECTION|RUN|FOLDER]",
            help="What to open. Default: what [bold]narrows demo[/] made here.",
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            help="The address to be reached at; others than this machine's own need the token."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(help="Default: 8642, or one that is free.", min=0, max=65535)
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Show, and change nothing.")
    ] = False,
    train: Annotated[
        bool,
        typer.Option(
            "--train/--no-train",
            help="Of a folder, whether to train a model of its pictures behind the page: 3 minutes, into runs/.",
        ),
    ] = True,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Take in pictures that come into the folder while the page is open, and score them.",
        ),
    ] = False,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Whether to open the page in a browser.")
    ] = True,
) -> None:
    """Open a page in the browser to explore a model and its pictures: map, search and more.

    The page is served by this machine alone, and asks nothing of any other. Ctrl-C ends it.

    Example: [bold]narrows studio[/]  or  [bold]narrows studio holiday-codes[/]
    """
    try:
        from ..studio.serve import serve
    except ImportError as error:
        from ..errors import Unavailable

        raise Unavailable(
            f"the studio needs {error.name}, which is not installed: pip install 'narrows[studio]'"
        ) from error
    serve(
        source, host=host, port=port, read_only=read_only, browser=browser, watch=watch,
        **({} if train else {"minutes": 0.0}),
        say=lambda line: print(escaped(line), flush=True),
    )  # fmt: skip
