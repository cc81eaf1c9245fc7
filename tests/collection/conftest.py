"""A small collection of made-up codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from narrows.collection import About, Collection


@pytest.fixture
def about() -> About:
    """Codes of four numbers."""
    return About("0123456789abcdef", "runs/a", (4,), shape=(1, 8, 8))


@pytest.fixture
def codes() -> np.ndarray:
    """Forty codes (40, 4)."""
    return np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)


@pytest.fixture
def made(tmp_path: Path, about: About, codes: np.ndarray) -> Collection:
    """The forty, called p0 to p39, with a width and a label."""
    import pyarrow as pa

    collection = Collection.create(tmp_path / "c", about)
    collection.add_columns({"label": pa.string()})
    collection.add(
        {
            "id": [f"p{i}" for i in range(40)],
            "code": codes,
            "width": [100 + i for i in range(40)],
            "label": ["cat" if i % 2 else "it's a dog" for i in range(40)],
        }
    )
    collection.commit()
    return collection
