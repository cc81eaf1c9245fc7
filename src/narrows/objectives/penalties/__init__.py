"""Penalties: each takes a ``Step`` and gives a scalar in nats per picture."""

from .sparsity import L1

__all__ = ["L1"]
