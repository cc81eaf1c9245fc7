"""Pictures in: files, folders, arrays and named sets become uint8 tensors of one shape.

read        one file            ──►  uint8 (C, H, W)
folder      a folder            ─┐
named       a set by its name   ─┼►  Images, a Source: uint8 at rest, float32 in [0, 1] at work
open_source any of these        ─┘
masked      pictures and masks  ──►  Images and a class for each pixel
captions    labels and factors  ──►  sentences about each picture
split       train, validation, test
"""

from __future__ import annotations

from .captions import attributes, caption_words, captions, worded
from .folder import folder
from .masks import (
    Masked,
    masked,
    masks_below,
    masks_by_name,
    read_mask,
    stacked,
    unmasked,
    usual_size,
)
from .named import describe, named, named_masks, names, verify
from .open import open_source
from .outputs import named_outputs, spared, write_pictures
from .preprocessing import Preprocessing
from .read import read, read_classes
from .sheet import sheet
from .source import Images, Source, as_source
from .splits import Splits, evaluation_split, split
from .sprites import Factors, Sprites, known_factors
from .views import Items, Labelled, Mapped, Subset

__all__ = [
    "Factors",
    "Images",
    "Items",
    "Labelled",
    "Mapped",
    "Masked",
    "Preprocessing",
    "Source",
    "Splits",
    "Sprites",
    "Subset",
    "as_source",
    "attributes",
    "caption_words",
    "captions",
    "describe",
    "evaluation_split",
    "folder",
    "known_factors",
    "masked",
    "masks_below",
    "masks_by_name",
    "named",
    "named_masks",
    "named_outputs",
    "names",
    "open_source",
    "read",
    "read_classes",
    "read_mask",
    "sheet",
    "spared",
    "split",
    "stacked",
    "unmasked",
    "usual_size",
    "verify",
    "worded",
    "write_pictures",
]
