"""A recipe in a line of words, for lists and tables."""

from __future__ import annotations

from ..parts import Part
from ..training import Phase, Recipe

__all__ = ["model_in_words", "training_in_words"]


def model_in_words(recipe: Recipe) -> str:
    """Ladder, bottleneck and likelihood with their numbers: ``dense 256 → gaussian 28 → mse``."""
    return " → ".join(map(_part, (recipe.ladder, recipe.bottleneck, recipe.likelihood)))


def training_in_words(recipe: Recipe) -> str:
    """What each phase minimises, how and for how long; neighbouring rungs are told as one."""
    phrases: list[str] = []
    rungs: list[int] = []
    for phase in recipe.phases:
        if phase.scheme.name == "rung":
            rungs.append(phase.scheme.arguments["rung"])
            text = f"rung {rungs[0]}" if len(rungs) == 1 else f"rungs {rungs[0]} to {rungs[-1]}"
            phrases[len(phrases) - (len(rungs) > 1) :] = [
                f"{text} alone, {_phase(phase, each=True)}"
            ]
        else:
            rungs = []
            phrases.append(_phase(phase))
    return "; then ".join(phrases)


def _phase(phase: Phase, each: bool = False) -> str:
    words = [" + ".join(map(_part, (phase.bound, *phase.penalties)))]
    if phase.scheme.name not in ("end-to-end", "rung"):
        words.append(_part(phase.scheme))
    if each and (corruption := phase.scheme.arguments.get("corruption")):
        words.append(f"its input through {_part(corruption)}")
    if phase.augmentation is not None:
        words.append(f"pictures through {_part(phase.augmentation)}")
    if phase.corruption is not None:
        words.append(f"input through {_part(phase.corruption)}")
    if phase.samples > 1:
        words.append(f"{phase.samples} samples")
    words.append(f"{phase.epochs:g} epochs of batches of {phase.batch_size}")
    words.append(f"{phase.optimizer} at {phase.learning_rate:g}, {phase.learning_rate_schedule}")
    return ", ".join(words)


def _part(part: Part) -> str:
    """Its name, how wide it is, and its other numbers in brackets."""
    widths = part.arguments.get("widths", part.arguments.get("size"))
    others = [
        _argument(key, value)
        for key, value in part.arguments.items()
        if key not in ("shape", "widths", "size") and value is not None and value is not False
    ]
    text = part.name if widths is None else f"{part.name} {_number(widths)}"
    return f"{text} ({', '.join(others)})" if others else text


def _argument(key: str, value: object) -> str:
    return key if value is True else f"{key} {_number(value)}"


def _number(value: object) -> str:
    if isinstance(value, Part):
        return _part(value)
    if isinstance(value, tuple):
        return "-".join(map(_number, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
