"""What every test may ask for: real digits, tiny random pictures of an odd size, narrow models."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import settings

import narrows as nw

settings.register_profile("narrows", deadline=None, derandomize=True, database=None)
settings.load_profile("narrows")


@pytest.fixture(scope="session")
def digits() -> nw.images.Images:
    """The 1,797 digits of scikit-learn, (1, 8, 8)."""
    return nw.images.named("digits")


@pytest.fixture
def tiny() -> nw.images.Images:
    """Five random pictures of (1, 13, 11), of two classes."""
    source = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (5, 1, 13, 11), generator=source, dtype=torch.uint8)
    return nw.images.Images(pixels, labels={"kind": ["a", "b", "a", "b", "b"]})


@pytest.fixture(scope="session")
def narrow() -> Callable[..., nw.Autoencoder]:
    """narrow("mlp-vae", shape, seed=0) → that recipe's untrained model, as narrow as it lets us choose."""

    def build(name: str, shape: tuple[int, ...], seed: int = 0) -> nw.Autoencoder:
        make = nw.recipes.listed()[name]
        accepted = inspect.signature(make).parameters
        torch.manual_seed(seed)
        return make(shape, **({"widths": (8,)} if "widths" in accepted else {})).build().eval()

    return build


@pytest.fixture(scope="session")
def stored_sets() -> Path:
    """The folder of stored sets: NARROWS_DATA, or shared/data beside the checkout."""
    given = os.environ.get("NARROWS_DATA")
    path = Path(given) if given else Path(__file__).parents[2] / "shared" / "data"
    if not path.is_dir():
        pytest.skip("no stored sets here: set NARROWS_DATA")
    return path


@pytest.fixture(scope="session")
def mnist(stored_sets: Path) -> nw.images.Images:
    """MNIST's 60,000 training pictures, (1, 28, 28), where the stored sets are."""
    if not (stored_sets / "mnist").is_dir():
        pytest.skip("no MNIST here: set NARROWS_DATA to a folder that holds mnist/")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("NARROWS_DATA", str(stored_sets))
        return nw.images.named("mnist", split="train")
