"""How a picture becomes the input of a model: part of the model, saved with its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from .levels import Levels
from .read import Fit, Mode, Wanted, wanted

__all__ = ["Preprocessing"]


@dataclass(frozen=True)
class Preprocessing:
    """Size, channels and fit of the pictures that a model takes.

    Attributes:
        shape: (C, H, W) of an input.
        fit: how a picture meets H x W: ``crop``, ``pad`` or ``stretch``.
        center_crop: the central square of so many pixels is taken first; None: the whole picture.
        levels: which values of pictures deeper than 8 bits become black and white; None: of each
            picture its own.

    Raises:
        ValueError: a fit, a shape or a crop that cannot be.
    """

    shape: tuple[int, ...]
    fit: Fit = "crop"
    center_crop: int | None = None
    levels: Levels | None = None
    patches: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(side) for side in self.shape))
        if self.levels == Levels():
            object.__setattr__(self, "levels", None)
        if len(self.shape) == 3:
            wanted(self.size, self.mode or "rgb", self.fit, self.center_crop)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.shape[1], self.shape[2]

    @property
    def mode(self) -> Mode | None:
        """How a file is read: ``gray`` or ``rgb``; None where no file can have so many channels."""
        modes: dict[int, Mode] = {1: "gray", 3: "rgb"}
        return modes.get(self.shape[0])

    @property
    def wanted(self) -> Wanted:
        """What a file's decoder is asked for.

        Raises:
            ValueError: no file holds pictures of so many channels.
        """
        if self.mode is None:
            raise ValueError(f"no file holds pictures of {self.shape[0]} channels, {self.shape}")
        return wanted(self.size, self.mode, self.fit, self.center_crop, levels=self.levels)

    def agrees(self, other: Preprocessing) -> bool:
        """Whether both make the same pixels of a file: all is the same, but for levels that one lacks."""
        levels = zip(self.levels or Levels(), other.levels or Levels(), strict=True)
        return replace(self, levels=None) == replace(other, levels=None) and all(
            mine is None or theirs is None or mine == theirs for mine, theirs in levels
        )

    @property
    def description(self) -> str:
        """In words: ``64x64 RGB, crop``."""
        channels = {1: "gray", 3: "RGB"}.get(self.shape[0], f"{self.shape[0]} channels")
        first = "" if self.center_crop is None else f", of the central {self.center_crop} pixels"
        how = "patches" if self.patches else self.fit
        return f"{self.shape[2]}x{self.shape[1]} {channels}, {how}{first}"

    def document(self) -> dict[str, Any]:
        """As TOML or JSON values."""
        present = {key: value for key, value in asdict(self).items() if value is not None}
        if not self.patches:
            del present["patches"]
        if self.levels is not None:
            present["levels"] = self.levels.document()
        return present | {"shape": list(self.shape)}

    @staticmethod
    def of_document(document: Mapping[str, Any]) -> Preprocessing:
        """The inverse of ``document``.

        Raises:
            ValueError: a value is missing, unknown or of another kind.
        """
        try:
            shape = document["shape"]
            if not isinstance(shape, (list, tuple)) or not all(type(n) is int for n in shape):
                raise ValueError(f"shape must be whole numbers, got {shape!r}")
            levels = None
            if (spans := document.get("levels")) is not None:
                levels = Levels(
                    **{name: (float(low), float(high)) for name, (low, high) in spans.items()}
                )
            return Preprocessing(
                tuple(shape), document.get("fit", "crop"), document.get("center_crop"), levels,
                document.get("patches", False) is True,
            )  # fmt: skip
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this is no preprocessing: {error}") from error
