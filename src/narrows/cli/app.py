"""The application that every verb adds itself to, and how an answer is printed."""

from __future__ import annotations

import copy
import functools
import inspect
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup

from ..tables import counted

if TYPE_CHECKING:
    from ..results import Result

__all__ = ["GROUPS", "App", "answer", "app", "escaped", "grouped", "only", "printed"]

# the verbs in the order of help: first what a newcomer needs first
GROUPS = {
    "Train and look": (
        "train", "demo", "studio", "evaluate", "reconstruct", "info", "kernels", "size", "tune",
        "check",
    ),
    "Restore pictures": ("denoise", "inpaint", "upscale", "restore", "segment"),
    "Make and change pictures": ("generate", "prior", "morph", "steer", "edit"),
    "Search and organise": (
        "duplicates", "index", "search", "outliers", "flaws", "map", "classify", "collection",
    ),
    "Recipes and papers": ("recipes", "reproduce"),
    "Files and data": ("compress", "decompress", "export", "push", "pull", "data"),
}  # fmt: skip


class _Verbs(TyperGroup):
    """The verbs as ``GROUPS`` orders them."""

    def list_commands(self, ctx: Any) -> list[str]:
        order = [name for names in GROUPS.values() for name in names]
        known = super().list_commands(ctx)
        return sorted(known, key=lambda name: order.index(name) if name in order else len(order))


_READING = {"pictures", "files", "like", "masks"}  # what verbs call the pictures that they read
_CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


Verb = TypeVar("Verb", bound=Callable[..., Any])


class App(typer.Typer):
    """Gives --pixel-limit to every verb that reads pictures."""

    def command(self, *args: Any, **options: Any) -> Callable[[Verb], Verb]:
        """As Typer's."""
        plain = super().command(*args, **options)

        def added(verb: Verb) -> Verb:
            reading = _READING & set(inspect.signature(verb).parameters)
            plain(_limited(verb) if reading else verb)
            return verb

        return added


_Limit = Annotated[
    str | None,
    typer.Option(
        metavar="N",
        help="Read pictures of up to so many pixels, such as 200e6. Default: 89 million, which take "
        "up to 1 GiB of memory.",
    ),
]


def _limited(verb: Callable[..., Any]) -> Callable[..., Any]:
    """A verb that sets the reader's limit for as long as it runs."""

    @functools.wraps(verb)
    def with_limit(*args: Any, pixel_limit: str | None = None, **options: Any) -> Any:
        before = os.environ.get("NARROWS_PIXEL_LIMIT")
        if pixel_limit is not None:
            os.environ["NARROWS_PIXEL_LIMIT"] = pixel_limit
        try:
            return verb(*args, **options)
        finally:
            os.environ.pop("NARROWS_PIXEL_LIMIT", None)
            if before is not None:
                os.environ["NARROWS_PIXEL_LIMIT"] = before

    signature = inspect.signature(verb, eval_str=True)
    limit = inspect.Parameter(
        "pixel_limit", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_Limit
    )
    parameters = [*signature.parameters.values(), limit]
    with_limit.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    with_limit.__annotations__ = {each.name: each.annotation for each in parameters}
    return with_limit


app = App(
    name="narrows",
    cls=_Verbs,
    help="Image autoencoders and everything they are good for: train one on a folder of pictures, then put it to work. Begin with [bold]narrows demo[/], or [bold]narrows train FOLDER/[/].",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and leave."),
) -> None:
    if version:
        from .. import __version__

        print(f"narrows {__version__}")
        raise typer.Exit()


def grouped(app: typer.Typer) -> None:
    """Put each verb of an application under its group's title; one of no group joins the last."""
    titles = {name: title for title, names in GROUPS.items() for name in names}
    last = list(GROUPS)[-1]
    for command in app.registered_commands:
        name = command.name or str(getattr(command.callback, "__name__", ""))
        command.rich_help_panel = titles.get(name, last)
    for group in app.registered_groups:
        group.rich_help_panel = titles.get(str(group.name), last)


def only(app: typer.Typer, verb: str) -> typer.Typer:
    """An application of the same verbs, of which only one has its options: to read those of all takes
    longer than many a verb."""

    def nameless(doc: str | None) -> Callable[[], None]:
        def verb() -> None: ...

        verb.__doc__ = doc
        return verb

    page = copy.copy(app)
    page.registered_commands = [copy.copy(command) for command in app.registered_commands]
    for command in page.registered_commands:
        command.name = command.name or str(getattr(command.callback, "__name__", ""))
        if command.name != verb:
            command.callback = nameless(getattr(command.callback, "__doc__", None))
    return page


def printed(document: Any, as_json: bool, text: str) -> None:
    """The result of a verb on standard output: JSON for machines, text for people."""
    whole = json.dumps(document, indent=2, sort_keys=False, default=str) if as_json else text
    print(escaped(whole))


def escaped(text: str, one_line: bool = False) -> str:
    """Text that a terminal only shows: what would steer it (names of files may) as ``\\x1b``."""
    text = " ".join(text.split()) if one_line else text
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def answer(result: Result, as_json: bool, out: Path | None = None, text: str = "") -> None:
    """A verb's result: saved to ``out``, then printed; notes and what was skipped on standard error.

    Args:
        out: a folder, or a PNG that only the result's figure goes to.
        text: printed for people instead of the result's own.
    """
    if out is not None and out.suffix.lower() == ".png" and not out.is_dir():
        from ..figures import save

        written: dict[str, Any] = {"sheet": str(save(next(iter(result.figures().values())), out))}
    else:
        written = {} if out is None else result.save(out)
    for name, reason in result.skipped:
        print(escaped(f"skipped {name}: {reason}", one_line=True), file=sys.stderr)
    for note in result.notes:
        print(escaped(f"note: {note}", one_line=True), file=sys.stderr)
    shown = [
        path for name, path in written.items() if name not in ("document", "pictures", "masks")
    ]
    lines = [text or str(result)]
    if shown:
        count = len(written.get("pictures", ()))
        rest = f"; {'the' if count == 1 else 'all'} {counted(count)} in {out}" if count else ""
        these = " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))
        lines.append(f"look at {these}{rest}")
    document = result.whole_document() | ({"files": written} if written else {})
    printed(document, as_json, "\n".join(lines))
