"""What Narrows does, measured: every application beside what a reader could use instead."""

from __future__ import annotations

from . import own_classes, own_draws
from .experiment import Document

__all__ = ["DOCUMENT"]

DOCUMENT = Document(
    "narrows",
    "What Narrows does, measured",
    "The authors of Narrows",
    "Claims of our own, each beside its linear baseline and what others offer",
    (*own_classes.EXPERIMENTS, *own_draws.EXPERIMENTS),
    own=True,
)
