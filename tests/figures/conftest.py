from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="session")
def digits() -> np.ndarray:
    """scikit-learn's digits, float32 (1797, 1, 8, 8) in [0, 1]."""
    from sklearn.datasets import load_digits

    return (load_digits().images / 16).astype(np.float32)[:, None]


@pytest.fixture(scope="session")
def colours() -> np.ndarray:
    """Synthetic colour pictures, float32 (6, 3, 20, 30)."""
    return np.random.default_rng(0).random((6, 3, 20, 30), np.float32)
