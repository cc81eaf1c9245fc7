"""Training: one loop, phases as data, checkpoints that resume to the same bytes."""

from .card import history, provenance, run_info, write_model_card, write_provenance
from .checkpoints import RunFiles, load, save
from .device import select_device
from .loop import fit
from .phases import Phase, Recipe

__all__ = [
    "Phase",
    "Recipe",
    "RunFiles",
    "fit",
    "history",
    "load",
    "provenance",
    "run_info",
    "save",
    "select_device",
    "write_model_card",
    "write_provenance",
]
