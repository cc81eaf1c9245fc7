"""What the training loop knows of data: a length, the shape of one item, and batches.

    Images      pixels uint8 (N, C, H, W) at rest   ──batch(indices)──►   float32 (B, C, H, W) in [0, 1]

The pixels lie in memory or in a memory-mapped packed file; both look the same from here.
"""

from __future__ import annotations

import base64
import operator
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, overload, runtime_checkable

import numpy as np
import torch

from ..errors import NoImages
from ..files import fingerprint
from .levels import Levels
from .preprocessing import Preprocessing

__all__ = ["Images", "Source", "as_source"]

Array = np.ndarray[Any, Any]
SPLITS = ("train", "validation", "test")
SHOWN = 16  # pictures in a notebook
_AT_ONCE = 1 << 22  # values that are made bytes of at once
_BESIDE = 0.05  # so far may floats be outside of [0, 1], as resizing leaves them


@runtime_checkable
class Source(Protocol):
    """Anything that gives batches: pictures, codes, points.

    A source may also carry these, each of length N or absent (or None):

    - ``ids``: ``Sequence[str]``, a name for each item;
    - ``labels``: a mapping from a name to an array, or an array;
    - ``groups``: an array; items of one group (a person) never stand on two sides of a split;
    - ``targets``: a Source of the same length with what the output is compared to;
    - ``content``: a Source of the same length whose items tell which item is which, where that is
      less than all of an item (a picture without its mask).
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one item."""

    def __len__(self) -> int: ...

    def batch(self, indices: torch.Tensor) -> torch.Tensor:
        """Items by their int64 positions (B,): float32 (B, *shape)."""


class Images:
    """N pictures of one shape, with what is known about each of them.

    Args:
        pixels: uint8 (N, C, H, W): an array, a memory-mapped array or a tensor; never copied.
        ids: N names; by default "0", "1", ...
        labels: name -> N values; the first is the main one.
        metadata: column -> N values.
        groups: N values (a person, a scene) that a split keeps together.
        split: N of 'train', 'validation', 'test', or '' for in none of them: the official split.
        name: what the collection is called.
        skipped: (file, reason) of the pictures that could not be read.
        notes: sentences about what was ignored, rescaled, merged or guessed on the way here.
        hashes: N short names of the pictures' content, where they are known already.
        preprocessing: how files became these pixels; None: they were given as they are.
    """

    def __init__(
        self,
        pixels: Array | torch.Tensor,
        ids: Sequence[str] | None = None,
        labels: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        groups: Any = None,
        split: Any = None,
        name: str = "",
        skipped: Sequence[tuple[str, str]] = (),
        notes: Sequence[str] = (),
        *,
        hashes: Sequence[str] | None = None,
        rows: torch.Tensor | None = None,
        preprocessing: Preprocessing | None = None,
    ) -> None:
        self._base = _tensor(pixels)
        if self._base.ndim != 4 or self._base.dtype != torch.uint8:
            raise ValueError(
                "pixels must be uint8 of shape (N, C, H, W), got "
                f"{str(self._base.dtype).removeprefix('torch.')} of {tuple(self._base.shape)}"
            )
        if min(self._base.shape[1:]) < 1:
            raise ValueError(f"a picture needs pixels, got {tuple(self._base.shape)}")
        self._rows = None if rows is None else rows.to(self._base.device, torch.int64)
        n = len(self._base) if self._rows is None else len(self._rows)
        if n == 0:
            raise NoImages(f"{name or 'this collection'} holds no picture; give it at least one")
        self.name = name
        self.skipped: list[tuple[str, str]] = [(str(file), str(why)) for file, why in skipped]
        self.notes: list[str] = list(notes)
        self.ids: Sequence[str] = _checked("ids", list(ids) if ids is not None else None, n) or [
            str(i) for i in range(n)
        ]
        self.labels: dict[str, Array] = _columns("labels", labels, n)
        self.metadata: dict[str, Array] = _columns("metadata", metadata, n)
        self.groups: Array | None = _checked("groups", _array(groups), n)
        self.split: Array | None = _checked("split", _array(split), n)
        if self.split is not None and (odd := set(self.split.tolist()) - {*SPLITS, ""}):
            raise ValueError(
                f"split must hold {', '.join(SPLITS)}, got {sorted(map(str, odd))[0]!r}"
            )
        self._hashes = None if hashes is None else _checked("hashes", list(hashes), n)
        self._fingerprint: str | None = None
        self._preprocessing = preprocessing

    def __len__(self) -> int:
        return len(self._base) if self._rows is None else len(self._rows)

    def __repr__(self) -> str:
        return f"<Images: {self.description}>"

    def _repr_html_(self) -> str:
        from .thumbnails import row

        shown = self.take(torch.arange(min(SHOWN, len(self))))
        picture = base64.b64encode(row(shown)).decode()
        return f"<p>{self.description}</p><img src='data:image/png;base64,{picture}'>"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        _, c, h, w = self._base.shape
        return c, h, w

    @property
    def preprocessing(self) -> Preprocessing | None:
        """How files became these pixels; None of pixels that were given as they are."""
        return self._preprocessing

    @property
    def levels(self) -> Levels | None:
        """Which values of files deeper than 8 bits became black and white, where there were any."""
        return None if self._preprocessing is None else self._preprocessing.levels

    @property
    def device(self) -> torch.device:
        """Where the pixels are."""
        return self._base.device

    @property
    def label(self) -> Array | None:
        """The main label of each picture (the first column of ``labels``), or None."""
        return next(iter(self.labels.values()), None)

    @property
    def pixels(self) -> torch.Tensor:
        """uint8 (N, C, H, W): a view of the whole or of a run of rows, a copy for other selections.

        Read it only: a packed file is mapped without the right to write.
        """
        if self._rows is None:
            return self._base
        first, n = int(self._rows[0]), len(self._rows)
        if torch.equal(self._rows, torch.arange(first, first + n, device=self._rows.device)):
            return self._base[first : first + n]
        return self._base.index_select(0, self._rows)

    @overload
    def __getitem__(self, which: int) -> torch.Tensor: ...

    @overload
    def __getitem__(self, which: slice | Sequence[int] | Array | torch.Tensor) -> Images: ...

    def __getitem__(self, which: Any) -> torch.Tensor | Images:
        """One picture by its position, float32 (C, H, W) in [0, 1]; or ``select`` of several.

        Raises:
            IndexError: there is no picture at that position.
        """
        try:
            position = operator.index(which)
        except TypeError:
            return self.select(which)
        if not -len(self) <= position < len(self):
            raise IndexError(f"pictures are numbered 0 to {len(self) - 1}; we got {position}")
        return self.batch(torch.tensor([position % len(self)]))[0]

    def __iter__(self) -> Iterator[torch.Tensor]:
        """Each picture, float32 (C, H, W) in [0, 1]."""
        return (x for part in self.chunks(256) for x in self.batch(part))

    def batch(self, indices: torch.Tensor) -> torch.Tensor:
        """Pictures by their positions (B,) int64: float32 (B, C, H, W) in [0, 1]."""
        return self.take(indices).to(torch.float32).mul_(1 / 255)

    def take(self, indices: torch.Tensor) -> torch.Tensor:
        """Pictures by their positions (B,) int64, as they lie: uint8 (B, C, H, W)."""
        rows = indices.to(self._base.device)
        if self._rows is not None:
            rows = self._rows.index_select(0, rows)
        return self._base.index_select(0, rows)

    def select(self, which: Any) -> Images:
        """Some of the pictures, by positions or by a mask of N booleans; pixels are not copied."""
        chosen = _positions(which, len(self))
        if not len(chosen):
            raise NoImages(f"no picture is left of {self.name or 'the collection'} by this choice")
        rows = torch.from_numpy(chosen)
        if self._rows is not None:
            rows = self._rows.cpu()[rows]
        return Images(
            self._base,
            ids=[self.ids[i] for i in chosen],
            labels={name: column[chosen] for name, column in self.labels.items()},
            metadata={name: column[chosen] for name, column in self.metadata.items()},
            groups=None if self.groups is None else self.groups[chosen],
            split=None if self.split is None else self.split[chosen],
            name=self.name,
            skipped=self.skipped,
            notes=self.notes,
            hashes=None if self._hashes is None else [self._hashes[i] for i in chosen],
            rows=rows,
            preprocessing=self._preprocessing,
        )

    def on(self, device: torch.device | str) -> Images:
        """The same with its pixels on ``device``, or itself where they would not fit there."""
        device = torch.device(device)
        if device == self.device:
            return self
        if device.type == "cuda":
            free = torch.cuda.mem_get_info(device)[0]
            if len(self) * int(np.prod(self.shape)) > 0.6 * free:
                return self
        moved = self.with_pixels(self.pixels.to(device))
        moved._fingerprint = self._fingerprint
        return moved

    def with_pixels(
        self, pixels: torch.Tensor, preprocessing: Preprocessing | None = None
    ) -> Images:
        """Other pixels for the same N pictures, and how they were made where that is another way."""
        same = pixels.shape[1:] == self._base.shape[1:]
        return Images(
            pixels,
            ids=self.ids,
            labels=self.labels,
            metadata=self.metadata,
            groups=self.groups,
            split=self.split,
            name=self.name,
            skipped=self.skipped,
            notes=self.notes,
            hashes=self._hashes if same else None,
            preprocessing=preprocessing or (self._preprocessing if same else None),
        )

    @property
    def fingerprint(self) -> str:
        """A short name for the content: shape, number and the pictures in their order.

        It does not depend on where the pictures lie or what they are called.
        """
        if self._fingerprint is None:
            head = f"{len(self)} x {self.shape}"
            if self._hashes is not None:
                self._fingerprint = fingerprint(head, "files", *self._hashes)
            else:
                chunks = (self.take(part).cpu().numpy().tobytes() for part in self.chunks(1024))
                self._fingerprint = fingerprint(head, *chunks)
        return self._fingerprint

    def chunks(self, size: int) -> list[torch.Tensor]:
        """The positions 0 .. N-1 in runs of ``size``."""
        return [torch.arange(a, min(a + size, len(self))) for a in range(0, len(self), size)]

    @property
    def description(self) -> str:
        """One line: how many pictures of what."""
        c, h, w = self.shape
        kind = {1: "gray", 3: "RGB"}.get(c, f"{c}-channel")
        noun = "picture" if len(self) == 1 else "pictures"
        return f"{len(self):,} {kind} {noun} of {w}x{h}"


def as_source(data: Any) -> Source:
    """Make a Source of pictures in memory; a Source is returned as it is.

    ``data`` is an array or tensor of shape (N, H, W), (N, C, H, W) or (N, H, W, C): uint8, or
    floats in [0, 1], which are rounded to 256 steps; up to 5 % outside is cut, and said. Where the place of the channels is not clear,
    (N, C, H, W) is taken.

    Raises:
        ValueError: the shape, the type or the range of the values is another.
        NoImages: there is nothing in it.
    """
    if isinstance(data, (torch.Tensor, np.ndarray)):
        notes: list[str] = []
        return Images(pixels_of(data, notes), notes=notes)
    if isinstance(data, Source):
        return data
    raise ValueError(
        "pictures must be a Source, an array or a tensor; narrows.images.open_source reads "
        f"paths and names; got {type(data).__name__}"
    )


def pixels_of(data: Array | torch.Tensor, notes: list[str] | None = None) -> torch.Tensor:
    """uint8 (N, C, H, W) of what :func:`as_source` accepts, without a copy where it is that already."""
    tensor = _tensor(data)
    shape = tuple(tensor.shape)
    if tensor.ndim not in (3, 4):
        raise ValueError(
            f"pictures must have shape (N, H, W), (N, C, H, W) or (N, H, W, C), got {shape}"
        )
    if 0 in shape[:1]:
        raise NoImages(f"an array of shape {shape} holds no picture")
    if 0 in shape:
        raise ValueError(f"a picture needs pixels, got an array of shape {shape}")
    if tensor.ndim == 3:
        tensor = tensor[:, None]
    elif shape[1] not in (1, 3) and shape[3] in (1, 3, 4):
        tensor = tensor.permute(0, 3, 1, 2)
    if tensor.dtype == torch.bool:
        return tensor.to(torch.uint8) * 255
    if tensor.dtype == torch.uint8:
        return tensor
    if not tensor.is_floating_point():
        raise ValueError(
            "pixels must be uint8 or floats in [0, 1], got "
            f"{str(data.dtype).removeprefix('torch.')}; convert them by dividing by the value that "
            "shall be white: pixels / 65535 for 16 bits, pixels / 4095 for 12, pixels / 255 for 8"
        )
    low, high = (float(end) for end in torch.aminmax(tensor.detach()))
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError("pixels must be finite, got NaN or infinite values")
    if not in_unit(low, high):
        raise ValueError(f"float pixels must lie in [0, 1], got [{low:.4g}, {high:.4g}]")
    if (low < -0.5 / 255 or high > 1 + 0.5 / 255) and notes is not None:
        notes.append(f"floats from {low:.4g} to {high:.4g} were cut to [0, 1]")
    return _rounded(tensor.detach())


def _rounded(tensor: torch.Tensor) -> torch.Tensor:
    """Floats in [0, 1] (N, …) as uint8, a part of them at a time: a large file is only mapped."""
    result = torch.empty(tensor.shape, dtype=torch.uint8, device=tensor.device)
    rows = max(1, _AT_ONCE // (tensor.numel() // len(tensor)))
    for to, of in zip(torch.split(result, rows), torch.split(tensor, rows), strict=True):
        to.copy_((of.to(torch.float32) * 255).round().clamp(0, 255))
    return result


def in_unit(low: float, high: float) -> bool:
    """Whether floats from ``low`` to ``high`` are taken as in [0, 1]."""
    return low >= -_BESIDE and high <= 1 + _BESIDE


def _tensor(data: Array | torch.Tensor) -> torch.Tensor:
    """A tensor over the same memory. A read-only map stays one: nothing here writes to it."""
    if isinstance(data, torch.Tensor):
        return data
    array = np.asarray(data)
    if array.dtype.kind not in "buif" or array.dtype.itemsize > 8:
        raise ValueError(f"pixels must be numbers, got an array of {array.dtype}")
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        array = array.view(array.dtype.str.replace("u", "i"))  # only refused, so no copy is made
    if any(step < 0 for step in array.strides):
        array = np.ascontiguousarray(array)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def _array(values: Any) -> Array | None:
    if values is None:
        return None
    return values if isinstance(values, np.ndarray) else np.asarray(values)


def _checked(name: str, values: Any, n: int) -> Any:
    if values is not None and len(values) != n:
        raise ValueError(
            f"{name} must have one value for each of the {n} pictures, got {len(values)}"
        )
    return values


def _columns(name: str, columns: Mapping[str, Any] | None, n: int) -> dict[str, Array]:
    if columns is None:
        return {}
    return {
        str(key): _checked(f"{name}[{key!r}]", np.asarray(column), n)
        for key, column in columns.items()
    }


def _positions(which: Any, n: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Positions (M,) int64 within 0 .. n-1 from positions or a mask."""
    array = which.cpu().numpy() if isinstance(which, torch.Tensor) else np.asarray(which)
    if isinstance(which, slice):
        array = np.arange(n)[which]
    if array.dtype == bool:
        if array.shape != (n,):
            raise ValueError(f"a mask must have {n} values, got shape {array.shape}")
        return np.flatnonzero(array)
    if array.size == 0:
        return np.zeros(0, np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(f"positions must be whole numbers (M,), got {array.dtype} {array.shape}")
    if array.min() < -n or array.max() >= n:
        raise ValueError(f"positions must lie in 0 to {n - 1}, got {array.min()} to {array.max()}")
    positions: np.ndarray[Any, np.dtype[np.int64]] = array.astype(np.int64) % n
    return positions
