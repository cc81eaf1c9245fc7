"""The five documents and papers behind them, reproduced: every figure, table and claim as one experiment.

DOCUMENTS["kovenko-2020"].experiments ──► reproduce(paper, experiment, lab, to) ──► pages, results.json

A package beside the library, which it uses as anybody does: ``narrows reproduce`` is its command.
"""

from . import (
    burda,
    canziani,
    kovenko,
    lingrand,
    own,
    ray,
    rippel,
    sonderby,
    theivaprakasham,
    vincent,
)
from .experiment import Document, Experiment, Finding, Row, experiment
from .lab import SCALES, Lab, Trained
from .pages import write_document, write_index
from .reproduce import Found, found_in, kept, measured_seconds, overview, reproduce
from .verdicts import verdict_of

__all__ = [
    "DOCUMENTS",
    "SCALES",
    "Experiment",
    "Finding",
    "Found",
    "Lab",
    "Document",
    "Row",
    "Trained",
    "experiment",
    "found_in",
    "kept",
    "measured_seconds",
    "overview",
    "reproduce",
    "verdict_of",
    "write_index",
    "write_document",
]

_FIVE = (kovenko, canziani, theivaprakasham, lingrand, ray)
_BEHIND = (vincent, rippel, burda, sonderby)  # papers that the five build on
DOCUMENTS = {one.DOCUMENT.key: one.DOCUMENT for one in (*_FIVE, *_BEHIND, own)}
