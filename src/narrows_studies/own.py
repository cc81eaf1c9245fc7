"""What Narrows does, measured: every application beside what a reader could use instead."""

from __future__ import annotations

from . import (
    own_beginnings,
    own_classes,
    own_compression,
    own_draws,
    own_duplicates,
    own_flaws,
    own_old_photos,
    own_outliers,
    own_photographs,
    own_restoration,
    own_roads,
    own_scores,
)
from .experiment import Document

__all__ = ["DOCUMENT"]

DOCUMENT = Document(
    "narrows",
    "What Narrows does, measured",
    "The authors of Narrows",
    "Claims of our own, each beside its linear baseline and what others offer",
    (
        *own_restoration.EXPERIMENTS,
        *own_photographs.EXPERIMENTS,
        *own_old_photos.EXPERIMENTS,
        *own_compression.EXPERIMENTS,
        *own_beginnings.EXPERIMENTS,
        *own_outliers.EXPERIMENTS,
        *own_scores.EXPERIMENTS,
        *own_flaws.EXPERIMENTS,
        *own_duplicates.EXPERIMENTS,
        *own_roads.EXPERIMENTS,
        *own_classes.EXPERIMENTS,
        *own_draws.EXPERIMENTS,
    ),
    own=True,
)
