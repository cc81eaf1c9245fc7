"""Training: one loop, phases as data, checkpoints that resume to the same bytes."""

from .card import about, facts, records, write_card, write_facts
from .checkpoints import Run, load, save
from .loop import fit
from .machine import choose
from .phases import Phase, Recipe

__all__ = [
    "Phase",
    "Recipe",
    "Run",
    "about",
    "choose",
    "facts",
    "fit",
    "load",
    "records",
    "save",
    "write_card",
    "write_facts",
]
