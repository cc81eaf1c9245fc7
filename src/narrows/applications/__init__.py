"""Applications: one file per verb. They take functions (encode, decode) and give arrays and numbers."""

from .reconstruct import Reconstructions, reconstruct

__all__ = ["Reconstructions", "reconstruct"]
