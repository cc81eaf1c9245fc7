"""``narrows tune``: which options of a recipe reconstruct pictures best, PCA among the arms."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from ..defaults import RECIPE
from . import options
from .app import answer, app
from .train import pair

__all__ = ["tune"]

To = Annotated[
    Path | None,
    typer.Option("--to", "-o", help="Folder for the runs. Default: runs/tune-RECIPE-PICTURES."),
]
Recipes = Annotated[
    list[str] | None,
    typer.Option(
        "--recipe",
        help=f"A name from [bold]narrows recipes[/], or a recipe.toml. Repeatable. Default: {RECIPE}.",
    ),
]
Try = Annotated[
    list[str] | None,
    typer.Option(
        "--try",
        metavar="NAME=[A,B]",
        help="Values of an option of the recipe, such as learning_rate=[0.001,0.003]. Repeatable. "
        "Default: its learning rate and batch size, up and down.",
    ),
]
Minutes = Annotated[
    float,
    typer.Option(help="For all arms together: of the processor's time, on a GPU of the clock's."),
]
Arms = Annotated[int, typer.Option(help="Most combinations; of more, so many are drawn.")]
CodeSize = Annotated[
    int | None, typer.Option(help="How many numbers a code has. Default: the recipe's.")
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change a number of every arm, such as batch_size=64. Repeatable."),
]
Validation = Annotated[
    float, typer.Option(help="Share of the training pictures that arms are compared on.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the search in --to.")]


@app.command()
def tune(
    pictures: options.Pictures,
    to: To = None,
    recipe: Recipes = None,
    try_: Try = None,
    minutes: Minutes = 10.0,
    arms: Arms = 9,
    code_size: CodeSize = None,
    set_: Changes = None,
    size: options.Size = None,
    gray: options.Gray = False,
    fit: options.Fit = "crop",
    validation: Validation = 0.1,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    resume: Resume = False,
    as_json: options.Json = False,
) -> None:
    """Search a recipe's options by successive halving, with PCA of as many numbers beside them.

    Every arm is an ordinary run. What is left is in best.toml: [bold]narrows train PICTURES --recipe best.toml[/].

    Example: [bold]narrows tune holiday/ --size 64 --try learning_rate=[0.001,0.003] --minutes 20[/]
    """
    from ..applications.tune import BEST
    from ..applications.tune import tune as call

    name = "-".join(Path(each).stem for each in recipe or [RECIPE])
    folder = to or Path("runs") / f"tune-{name}-{Path(pictures).resolve().stem or 'pictures'}"
    result = call(
        pictures,
        recipe[0] if recipe and len(recipe) == 1 else recipe,
        options=None if not try_ else dict(pair(text, "--try") for text in try_),
        minutes=minutes,
        arms=arms,
        to=folder,
        resume=resume,
        size=options.parsed_size(size),
        mode="gray" if gray else None,
        fit=fit,
        code_size=code_size,
        changes=dict(pair(text) for text in set_ or []),
        validation=validation,
        seed=seed,
        device=device,
    )
    quoted, named = shlex.quote(str(folder)), shlex.quote(pictures)
    text = (
        f"\n{result}\n\nthe runs are in {folder}\n"
        f"  look at  {folder / 'tune.png'}\n"
        f"  train    narrows train {named} --recipe {quoted}/{BEST}\n"
        f"  numbers  narrows evaluate {quoted}/{result.best.name} {named}"
    )
    answer(result, as_json, text=text)
