"""The five documents, reproduced: every figure, table and claim as one experiment.

DOCUMENTS["kovenko-2020"].experiments ──► reproduce(paper, experiment, lab, to) ──► pages, results.json
"""

from . import canziani, kovenko, lingrand, ray, theivaprakasham
from .experiment import Document, Experiment, Finding, Row, experiment, verdict_of
from .lab import SCALES, Lab, Trained
from .reproduce import (
    Found,
    found_in,
    kept,
    measured_seconds,
    overview,
    reproduce,
    write_document,
    write_index,
)

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

DOCUMENTS = {
    one.DOCUMENT.key: one.DOCUMENT for one in (kovenko, canziani, theivaprakasham, lingrand, ray)
}
