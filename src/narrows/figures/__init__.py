"""Figures: arrays in, a matplotlib figure, a mosaic or a page out. Nothing here knows a model."""

from .curves import loss_curves
from .grids import comparison, picture_grid
from .page import Picture, Section, report_page
from .png import png, save

__all__ = [
    "Picture",
    "Section",
    "comparison",
    "loss_curves",
    "picture_grid",
    "png",
    "report_page",
    "save",
]
