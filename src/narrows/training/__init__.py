"""Training: one loop, phases as data, checkpoints that resume to the same bytes."""

from .card import run_info, write_model_card
from .checkpoints import RunFiles, load, located, save
from .device import select_device
from .following import Following, training_goes_on
from .hub import address_of
from .listing import listed_under
from .loop import fit
from .phases import Phase, Recipe
from .reporting import TensorBoard
from .run import Portion, Run, RunSplit, facts_of, history_of

__all__ = [
    "Following",
    "Phase",
    "Portion",
    "Recipe",
    "Run",
    "RunFiles",
    "RunSplit",
    "TensorBoard",
    "address_of",
    "facts_of",
    "fit",
    "history_of",
    "listed_under",
    "load",
    "located",
    "run_info",
    "save",
    "select_device",
    "training_goes_on",
    "write_model_card",
]
