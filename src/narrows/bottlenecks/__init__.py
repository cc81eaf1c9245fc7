"""Bottlenecks: what becomes of the lowest activation. Each gives a ``Code``."""

from .code import Bottleneck, Code
from .gaussian import Gaussian, kl_to_standard_normal, log_normal
from .point import Point

__all__ = ["Bottleneck", "Code", "Gaussian", "Point", "kl_to_standard_normal", "log_normal"]
