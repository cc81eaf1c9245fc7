"""What gives codes: an autoencoder, or a network of another kind.

Collections and the questions to them (search, duplicates, maps, clusters) need no more of a model
than this, so that a frozen network, an ONNX file or PCA can stand in an autoencoder's place.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from ..images.preprocessing import Preprocessing

__all__ = ["Encoder"]


@runtime_checkable
class Encoder(Protocol):
    """Anything that makes codes of pictures.

    Attributes:
        shape: (C, H, W) of the pictures that it takes.
        code_shape: (D,) or (D, H, W) of one code.
        preprocessing: how files become such pictures.

    Examples:
        >>> import narrows as nw
        >>> model = nw.recipes.mlp_vae((1, 8, 8), code_size=2).build()
        >>> isinstance(model, nw.Encoder), model.code_shape
        (True, (2,))
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def code_shape(self) -> tuple[int, ...]: ...

    @property
    def preprocessing(self) -> Preprocessing: ...

    def fingerprint(self) -> str:
        """Changes with anything that would change a code."""
        ...

    def encode(self, images: Any) -> Any:
        """Pictures as a Source or an array (N, C, H, W) → their codes, (N, *code_shape), or a
        ``Code`` whose ``z`` they are."""
        ...
