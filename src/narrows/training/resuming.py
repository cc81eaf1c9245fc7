"""What a checkpoint holds, compared with what this training would have written, before any of it is used.

numbers     kinds and ranges
tensors     names, shapes and kinds of the model, of the modules beside it, of the average, and of an
            optimiser that has made a step
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import files
from ..autoencoder import Autoencoder
from ..errors import BadFile
from ..objectives import Objective
from .checkpoints import State
from .phases import Phase, Recipe
from .players import Player, moments

__all__ = ["check_checkpoint", "check_phase", "with_prefix"]

COUNTS = ("phase", "step", "since_best", "counted", "metrics_length")
SIZES = ("best", "spent", "began")
KEPT = ("model.", "average.", "auxiliary.", "optimizer.", "sums")


def check_checkpoint(path: Path, state: State, recipe: Recipe, model: Autoencoder) -> None:
    """Check the numbers of a checkpoint, the model's weights in it, and the sums of its epoch.

    Raises:
        BadFile: it is of another model, or something is missing, of the wrong kind or out of range.
    """
    with _refused(path):
        _check_numbers(state.numbers, recipe)
        if foreign := [name for name in state.tensors if not name.startswith(KEPT)]:
            raise ValueError(f"it holds {foreign[0][:80]}")
        found = with_prefix(state.tensors, "model.")
        if found or not state.numbers["finished"]:
            _check_fit(found, model.state_dict())
        if (sums := state.tensors.get("sums")) is not None:
            count = len(state.numbers["names"])
            wanted = torch.empty(count, dtype=torch.float64, device="meta")
            _check_fit({"sums": sums}, {"sums": wanted})
        elif state.numbers["counted"]:
            raise ValueError("the sums of the epoch that it stands in are missing")


def check_phase(
    path: Path,
    state: State,
    phase: Phase,
    model: Autoencoder,
    objective: Objective,
    players: Sequence[Player],
) -> None:
    """Check what a checkpoint in the midst of a phase holds beside the model's weights.

    Raises:
        BadFile: it is not what this phase leaves.
    """
    with _refused(path):
        for player in players:
            _check_moments(player, phase, state)
        for name, module in objective.modules().items():
            _check_fit(with_prefix(state.tensors, f"auxiliary.{name}."), module.state_dict())
        if not _alike(state.numbers.get("objective"), objective.state()):
            raise ValueError("what its objective remembers is not what this one does")
        averages = with_prefix(state.tensors, "average.")
        _check_fit(averages, {} if phase.ema_decay is None else model.state_dict())


@contextlib.contextmanager
def _refused(path: Path) -> Iterator[None]:
    try:
        yield
    except (KeyError, ValueError) as error:
        raise BadFile(
            f"{path} is damaged or foreign ({str(error)[:200]}): train again into another folder"
        ) from error


def _check_numbers(numbers: Mapping[str, Any], recipe: Recipe) -> None:
    if numbers["model"] != recipe.model_fingerprint:
        raise ValueError("it is of another model than the recipe describes")
    for name in COUNTS:
        if type(numbers[name]) is not int or not 0 <= numbers[name] < 1 << 62:
            raise ValueError(f"{name} is {str(numbers[name])[:40]}")
    if numbers["phase"] > len(recipe.phases):
        raise ValueError(f"it is in phase {numbers['phase'] + 1} of {len(recipe.phases)}")
    for name in SIZES:
        value = numbers[name]
        if value is not None and not _finite(value):
            raise ValueError(f"{name} is {str(value)[:40]}")
    names = numbers["names"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("its names are none")
    if type(numbers["finished"]) is not bool or numbers["spent"] is None or numbers["spent"] < 0:
        raise ValueError("it does not say whether it is finished, or how long it took")


def _check_moments(player: Player, phase: Phase, state: State) -> None:
    """What an optimiser remembers goes by the number of a weight's axes."""
    found: dict[int, dict[str, Tensor]] = {}
    for name, tensor in with_prefix(state.tensors, f"optimizer.{player.name}.").items():
        number, _, key = name.partition(".")
        if not number.isdecimal() or int(number) >= len(player.parameters):
            raise ValueError(f"it has moments of a weight {number} of {len(player.parameters)}")
        found.setdefault(int(number), {})[key] = tensor
    fresh: dict[int, dict[str, Tensor]] = {}
    for place, values in found.items():
        weight = player.parameters[place]
        if weight.ndim not in fresh:
            fresh[weight.ndim] = moments(phase, weight)
        wanted = {
            name: (weight.shape if tensor.ndim else tensor.shape, tensor.dtype)
            for name, tensor in fresh[weight.ndim].items()
        }
        if {name: (tensor.shape, tensor.dtype) for name, tensor in values.items()} != wanted:
            raise ValueError(f"the moments of weight {place} are not those of {phase.optimizer}")


def _check_fit(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    if reason := files.misfit(found, wanted):
        raise ValueError(reason)


def _alike(found: Any, wanted: Any) -> bool:
    """Whether it has the keys of ``wanted``, and finite numbers where that has numbers."""
    if not isinstance(wanted, dict):
        return _finite(found)
    return (
        isinstance(found, dict)
        and found.keys() == wanted.keys()
        and all(_alike(found[key], wanted[key]) for key in wanted)
    )


def _finite(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < math.inf


def with_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose names begin with it, by the rest of their names."""
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
