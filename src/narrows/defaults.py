"""What is taken where nobody says which; here, because the command line shows it before torch is loaded."""

from __future__ import annotations

__all__ = ["DEMO", "RECIPE"]

DEMO = "narrows-demo"  # the folder that a demo writes and the studio opens
RECIPE = "pca-vae"
