"""Trainings that one process makes, and two make as one: a program, run by ``test_processes``.

together.py NUMBER COUNT MEETING OUT EPOCHS CASE …     one of COUNT processes, which meet at a file
                                           OUT: a JSON line for each case, its history or an error
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable
from typing import Any

import torch

import narrows as nw
from narrows.parts import Part
from narrows.training import Phase, Recipe

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
        dense(POINT, norm="batch"),
        {"scheme": Part("rung", {"rung": 0, "corruption": Part("dropout-mask", {"p": 0.2})})},
        {"scheme": Part("rung", {"rung": 1})},
        {},
    ),
    "recursive": lambda: phases(dense(POINT, norm="shared-batch"), {"scheme": "recursive"}),
    "deeply-supervised": lambda: phases(dense(), {"scheme": "deeply-supervised", "samples": 2}),
}
WIDTH = {"code_size": 4}
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
    "begun": lambda: nw.recipes.pca_vae(DIGITS, 4).with_(batch_size=BATCH, steps=12),
} | {
    name: lambda name=name, **more: dense(penalties=(Part(name, arguments),), samples=2)
    for name, arguments in {
        "mmd": {}, "total-correlation": {}, "factor": {}, "adversarial-prior": {},
        "adversarial-pictures": {"width": 4}, "adversarial-draws": {"width": 4}, "nt-xent": {},
        "vicreg": {}, "kl-sparsity": {}, "l1": {}, "contractive": {}, "contractive-hutchinson": {},
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


def train(name: str, epochs: float, **more: Any) -> nw.Autoencoder:
    images = nw.images.named("digits")
    recipe = of(name)
    length = {} if any(phase.steps for phase in recipe.phases) else {"epochs": epochs}
    return nw.fit(
        recipe.with_(batch_size=BATCH, **length),
        images.select(range(PICTURES)),
        validation=images.select(range(PICTURES, PICTURES + 41)),
        device="cpu",
        precision="float32",
        report="quiet",
        **more,
    )


def main() -> None:
    number, count, meeting, out, epochs, *names = sys.argv[1:]
    torch.set_num_threads(1)
    if int(count) > 1:
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{meeting}", rank=int(number), world_size=int(count)
        )
    with open(out, "w", encoding="utf-8", buffering=1) as opened:
        for name in names:
            try:
                told: Any = list(train(name, float(epochs)).history)
            except (ValueError, nw.NarrowsError) as error:
                told = f"{type(error).__name__}: {error}"
            opened.write(json.dumps([name, told]) + "\n")


if __name__ == "__main__":
    main()
