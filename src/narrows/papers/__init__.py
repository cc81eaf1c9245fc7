"""The five documents, reproduced: every figure, table and claim as one experiment.

PAPERS["kovenko-2020"].experiments ──► reproduce(paper, experiment, lab, to) ──► pages, results.json
"""

from . import canziani, kovenko, lingrand, ray, theivaprakasham
from .experiment import Experiment, Finding, Paper, Row, experiment, verdict_of
from .lab import SCALES, Lab, Trained
from .reproduce import (
    Found,
    found_in,
    kept,
    measured_seconds,
    overview,
    reproduce,
    write_index,
    write_paper,
)

__all__ = [
    "PAPERS",
    "SCALES",
    "Experiment",
    "Finding",
    "Found",
    "Lab",
    "Paper",
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
    "write_paper",
]

PAPERS = {one.PAPER.key: one.PAPER for one in (kovenko, canziani, theivaprakasham, lingrand, ray)}
