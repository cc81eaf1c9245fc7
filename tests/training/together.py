"""Trainings that one process makes, and two make as one: a program, run by ``test_processes``.

together.py NUMBER COUNT MEETING OUT EPOCHS CASE …     one of COUNT processes, which meet at a file
                                           OUT: a JSON line for each case, its history or an error
"""

from __future__ import annotations

import inspect
import json
import math
import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

import narrows as nw
from narrows.objectives import Step
from narrows.parts import Part
from narrows.processes import number
from narrows.training import Phase, Recipe
from narrows.training.reporting import Quiet

DIGITS = (1, 8, 8)
PICTURES, BATCH = 131, 32  # the last batch has three: two of them for one process


def dense(
    bottleneck: Part | None = None, widths: tuple[int, ...] = (16, 12), **changes: Any
) -> Recipe:
    """A small dense autoencoder."""
    made = nw.recipes.mlp_vae(DIGITS, 4, widths=widths)
    made = made if bottleneck is None else made.with_(bottleneck=bottleneck)
    norm = changes.pop("norm", "none")
    return made.with_(ladder=made.ladder.with_(norm=norm)).with_(**changes)


def conv(norm: str = "batch", **changes: Any) -> Recipe:
    """A small convolutional one."""
    made = nw.recipes.conv_vae(DIGITS, 4, widths=(6, 8))
    return made.with_(ladder=made.ladder.with_(norm=norm)).with_(**changes)


def phases(made: Recipe, *each: dict[str, Any]) -> Recipe:
    return made.with_(phases=tuple(Phase(**{"batch_size": BATCH, **one}) for one in each))


POINT = Part("point", {"size": 4})
SCHEMES: dict[str, Callable[[], Recipe]] = {
    "end-to-end": lambda: conv("batch", ema_decay=0.9, grad_clip_norm=50.0),
    "encoder": lambda: phases(
        dense(POINT), {"scheme": "encoder", "bound": Part("softmax", {"classes": 10})}
    ),
    "rung": lambda: phases(
        dense(norm="batch"),
        {"scheme": Part("rung", {"rung": 0, "corruption": Part("dropout-mask", {"p": 0.2})})},
        {"scheme": Part("rung", {"rung": 1})},
        {},
    ),
    "recursive": lambda: phases(dense(norm="shared-batch"), {"scheme": "recursive"}),
    "deeply-supervised": lambda: phases(dense(), {"scheme": "deeply-supervised", "samples": 2}),
}
TERMS: dict[str, Callable[[], Recipe]] = {
    "iwae": lambda: dense(bound=Part("iwae"), samples=3),
    "capacity": lambda: dense(bound=Part("capacity", {"strength": 2.0})),
    "controlled": lambda: dense(bound=Part("elbo", {"weight": Part("controlled", {"target": 3.0})})),
    "agreement": lambda: phases(
        dense(norm="batch"), {"scheme": "encoder", "bound": Part("agreement"), "corruption": Part("warp")}
    ),
    "gaussian-optimal": lambda: dense().with_(likelihood=Part("gaussian-optimal")),
    "gaussian-learnt": lambda: dense().with_(likelihood=Part("gaussian-learnt")),
    "hierarchical": lambda: dense(Part("hierarchical", {"size": 3}), samples=2),
    "vector-quantised": lambda: dense(Part("vector-quantised", {"size": 8, "entries": 16})),
    "finite-scalar": lambda: dense(Part("finite-scalar", {"size": 4, "levels": 5})),
    "feature-wise": lambda: dense(bound=Part("feature-wise", {"width": 4})),
    "introspective": lambda: dense(bound=Part("introspective")),
    "muon": lambda: dense(optimizer="muon"),
    "begun": lambda: nw.recipes.pca_vae(DIGITS, 4).with_(batch_size=BATCH),
} | {
    name: partial(dense, penalties=(Part(name, arguments),), samples=2)
    for name, arguments in {
        "mmd": {}, "total-correlation": {}, "factor": {}, "adversarial-prior": {},
        "adversarial-pictures": {"width": 4}, "adversarial-draws": {"width": 4}, "nt-xent": {},
        "vicreg": {}, "kl-sparsity": {}, "orthogonal": {}, "l1": {}, "contractive": {}, "contractive-hutchinson": {},
    }.items()
}  # fmt: skip
TERMS["contractive of batch norm"] = lambda: dense(
    norm="batch", penalties=(Part("contractive-hutchinson"),)
)
CASES = SCHEMES | TERMS


def of(name: str) -> Recipe:
    """A case by its name, else the recipe of that name, narrow."""
    if name in CASES:
        return CASES[name]()
    make = nw.recipes.listed()[name]
    accepted = inspect.signature(make).parameters
    return make(DIGITS, **({"widths": (8,)} if "widths" in accepted else {}))


RUN, NAN = "a run", "NaN in the second"
LOOSE = {  # where two values of a window are as good as equal; statistics of units that hardly vary
    name: 1e-5
    for name in ("lingrand-2021-segnet", "sonderby-2016-flat-vae", "sonderby-2016-ladder-vae")
}


class StopAt(Quiet):
    """Asks the run to stop at a step; a process that is not the first is never told of any."""

    def __init__(self, at: int, stop: threading.Event) -> None:
        self.at, self.stop = at, stop

    def epoch(self, record: dict[str, Any]) -> None:
        if record["step"] >= self.at:
            self.stop.set()


def fit(recipe: Recipe, device: str = "cpu", **more: Any) -> nw.Autoencoder:
    """On some digits, judged by others."""
    images = nw.images.named("digits")
    given = {"report": "quiet", "device": device, "precision": "float32", **more}
    parts = images.select(range(PICTURES)), images.select(range(PICTURES, PICTURES + 41))
    return nw.fit(recipe, parts[0], validation=parts[1], **given)


def train(name: str, epochs: float, **more: Any) -> list[dict[str, Any]]:
    """The history of a case."""
    recipe = of(name)
    by_steps = any(phase.steps for phase in recipe.phases)
    length = {"steps": int(epochs * 4)} if by_steps else {"epochs": epochs}
    return list(fit(recipe.with_(batch_size=BATCH, **length), **more).history)


def resumed(folder: Path, epochs: float) -> list[Any]:
    """How a run of many states stopped, whether it went on to the bytes of one that did not, and what
    differs of their lines."""
    recipe = conv("batch", ema_decay=0.9, batch_size=BATCH, epochs=epochs)
    recipe = recipe.with_(bottleneck=Part("vector-quantised", {"size": 4, "entries": 8}))
    recipe = recipe.with_(penalties=(Part("adversarial-pictures", {"width": 4}),))
    whole = fit(recipe, to=folder / "whole")
    stop = threading.Event()
    try:
        fit(recipe, to=folder / "cut", stop=stop, report=StopAt(3, stop))
        said = "it never stopped"
    except nw.errors.Interrupted as error:
        said = f"{type(error).__name__}: {error}"
    cut = fit(recipe, to=folder / "cut", resume=True)
    ours, theirs = whole.state_dict(), cut.state_dict()
    same = all(torch.equal(ours[name], theirs[name]) for name in ours)
    for name, module in whole.auxiliary.items():
        weights = cut.auxiliary[name].state_dict()
        same &= all(torch.equal(one, weights[key]) for key, one in module.state_dict().items())
    differ: list[str] = []
    if number() == 0:
        differ = [
            path.name
            for path in sorted((folder / "whole").glob("*.safetensors"))
            if path.name != "checkpoint.safetensors"
            and path.read_bytes() != (folder / "cut" / path.name).read_bytes()
        ]
    return [said, same, differ]


def told(name: str, epochs: float, folder: Path | None, device: str = "cpu") -> Any:
    """The history of a case, or its error."""
    try:
        if name == RUN:
            assert folder is not None
            return resumed(folder, epochs)
        if name == NAN:
            return train_to_nan()
        return train(name, epochs, device=device)
    except (ValueError, nw.NarrowsError) as error:
        return f"{type(error).__name__}: {error}"


def train_to_nan() -> list[dict[str, Any]]:
    """One in which only the second process meets a NaN, in its rows."""

    def ours(step: Step) -> torch.Tensor:
        spoiled = number() == 1 and step.number == 3
        return step.code.z.sum() * (math.nan if spoiled else 0.0)

    return list(fit(dense(penalties=(ours,), epochs=20, batch_size=BATCH)).history)


def main() -> None:
    which, count, meeting, out, epochs, *names = sys.argv[1:]
    torch.set_num_threads(1)
    device = "cpu"
    if which == "cuda":  # started by torchrun
        which, device = os.environ["RANK"], "cuda"
        out += which
    elif int(count) > 1:
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{meeting}", rank=int(which), world_size=int(count)
        )
    with open(out, "w", encoding="utf-8", buffering=1) as opened:
        for name in names:
            found = told(name, float(epochs), Path(out).parent, device)
            opened.write(json.dumps([name, found]) + "\n")


if __name__ == "__main__":
    main()
