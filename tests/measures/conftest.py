from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="session")
def digits() -> np.ndarray:
    """scikit-learn's digits, uint8 (1797, 1, 8, 8)."""
    from sklearn.datasets import load_digits

    return (load_digits().images * (255 / 16)).round().astype(np.uint8)[:, None]
