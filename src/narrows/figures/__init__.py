"""Figures: arrays in, a matplotlib figure, a mosaic or a page out. Nothing here knows a model."""

from .animation import ANIMATED, animation, save_animation, side_by_side
from .classes import confusion_matrix, label_curves
from .curves import loss_curves
from .decoder_page import decoder_page, decoder_page_bytes
from .diagram import model_diagram
from .displacements import distances, paths, planes, stretched, travelled
from .grids import comparison, grown, picture_grid
from .heat import heat, heat_sheet
from .kernels import kernel_grid, kernel_sheet
from .map_page import map_page
from .maps import colouring, maps
from .methods import methods
from .outliers import anomaly_sheet, detection_curves, score_histograms
from .overlays import class_colours, mask_png, overlaid, overlays
from .page import Link, Picture, Section, report_page
from .plots import bars, lines, scatter
from .png import png, save, smaller
from .rates import rate_curves
from .rows import picture_rows
from .runs import compared_runs, vector

__all__ = [
    "ANIMATED",
    "Link",
    "Picture",
    "Section",
    "animation",
    "anomaly_sheet",
    "bars",
    "class_colours",
    "colouring",
    "compared_runs",
    "comparison",
    "confusion_matrix",
    "decoder_page",
    "decoder_page_bytes",
    "detection_curves",
    "distances",
    "grown",
    "heat",
    "heat_sheet",
    "kernel_grid",
    "kernel_sheet",
    "label_curves",
    "lines",
    "loss_curves",
    "map_page",
    "maps",
    "mask_png",
    "methods",
    "model_diagram",
    "overlaid",
    "overlays",
    "paths",
    "picture_grid",
    "picture_rows",
    "planes",
    "png",
    "rate_curves",
    "report_page",
    "save",
    "save_animation",
    "scatter",
    "score_histograms",
    "side_by_side",
    "smaller",
    "stretched",
    "travelled",
    "vector",
]
