"""A recipe in a line of words, for lists and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..parts import in_words, named

if TYPE_CHECKING:
    from .phases import Phase, Recipe

__all__ = ["model_in_words", "training_in_words"]


def model_in_words(recipe: Recipe) -> str:
    """Ladder, bottleneck and likelihood with their numbers: ``dense 256 → gaussian 28 → mse``."""
    return " → ".join(map(in_words, (recipe.ladder, recipe.bottleneck, recipe.likelihood)))


def training_in_words(recipe: Recipe) -> str:
    """What each phase minimises, how and for how long; neighbouring rungs are told as one."""
    phrases: list[str] = []
    rungs: list[int] = []
    for phase in recipe.phases:
        if named(phase.scheme) == "rung":
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
    words = [" + ".join(map(in_words, (phase.bound, *phase.penalties)))]
    if named(phase.scheme) == "boltzmann":
        words = [f"machine {phase.scheme.arguments.get('rung', 0)} by contrastive divergence"]
    elif named(phase.scheme) not in ("end-to-end", "rung"):
        words.append(in_words(phase.scheme))
    if each and (corruption := phase.scheme.arguments.get("corruption")):
        words.append(f"its input through {in_words(corruption)}")
    if phase.begin is not None:
        words.append(f"begins as {in_words(phase.begin)}")
    if phase.frozen:
        words.append(f"{' and '.join(phase.frozen)} frozen")
    if phase.views is not None:
        words.append(f"views by {in_words(phase.views)}")
    if phase.augmentation is not None:
        words.append(f"pictures through {in_words(phase.augmentation)}")
    if phase.corruption is not None:
        words.append(f"input through {in_words(phase.corruption)}")
    if phase.samples > 1:
        words.append(f"{phase.samples} samples")
    words.append(f"{_length(phase)} of {_batches(phase)}")
    words.append(f"{phase.optimizer} at {phase.learning_rate:g}, {phase.learning_rate_schedule}")
    return ", ".join(words)


def _length(phase: Phase) -> str:
    if phase.minutes is not None:
        return f"{phase.minutes:g} minutes"
    return f"{phase.epochs:g} epochs" if phase.steps is None else f"{phase.steps:,} steps"


def _batches(phase: Phase) -> str:
    by_number = phase.batch_size == "auto"
    return "batches by their number" if by_number else f"batches of {phase.batch_size}"
