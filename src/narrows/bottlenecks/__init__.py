"""Bottlenecks turn the lowest activation into a ``Code``, and back."""

from .code import Bottleneck, Code, Latent
from .gaussian import Gaussian, kl_to_standard_normal, log_normal
from .hierarchical import Hierarchical
from .ordered import Ordered, first_numbers
from .point import Point
from .quantised import FiniteScalar, Quantised, VectorQuantised
from .sparse import TopK

__all__ = [
    "Bottleneck",
    "Code",
    "FiniteScalar",
    "Gaussian",
    "Hierarchical",
    "Latent",
    "Ordered",
    "Point",
    "Quantised",
    "TopK",
    "VectorQuantised",
    "first_numbers",
    "kl_to_standard_normal",
    "log_normal",
]
