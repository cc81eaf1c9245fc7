"""Training: one loop, phases as data, checkpoints that resume to the same bytes."""

from .card import about, write_card
from .checkpoints import RunFiles, load, save
from .loop import fit
from .machine import choose
from .phases import Phase, Recipe
from .run import Portion, Run, RunSplit, facts_of, history_of

__all__ = [
    "Phase",
    "Portion",
    "Recipe",
    "Run",
    "RunFiles",
    "RunSplit",
    "about",
    "choose",
    "facts_of",
    "fit",
    "history_of",
    "load",
    "save",
    "write_card",
]
