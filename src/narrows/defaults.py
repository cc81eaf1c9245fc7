"""What is taken where nobody says which; here, because the command line shows it before torch is loaded."""

from __future__ import annotations

__all__ = ["RECIPE"]

RECIPE = "pca-vae"
