"""Figures: arrays in, a matplotlib figure, a mosaic or a page out. Nothing here knows a model."""

from .animation import ANIMATED, animation, save_animation, side_by_side
from .curves import loss_curves
from .grids import comparison, picture_grid
from .page import Picture, Section, report_page
from .png import png, save
from .rows import picture_rows

__all__ = [
    "ANIMATED",
    "Picture",
    "Section",
    "animation",
    "comparison",
    "loss_curves",
    "picture_grid",
    "picture_rows",
    "png",
    "report_page",
    "save",
    "save_animation",
    "side_by_side",
]
