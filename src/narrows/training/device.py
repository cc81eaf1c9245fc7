"""The device and the precision of a run: chosen once, printed, and open to being overruled."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import sys
from dataclasses import dataclass

import torch
from torch import nn

from ..processes import own_device

__all__ = ["Device", "keep_freed_memory", "select_device"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class Device:
    """Where and how precisely a model trains. Evaluation and codes are float32 everywhere."""

    device: torch.device
    precision: str

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """Matrix products in bfloat16 for as long as it is open, or nothing."""
        if self.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16, cache_enabled=False)

    def place(self, model: nn.Module) -> None:
        """Move the model there; convolutions run in the channels-last layout, in memory that is kept."""
        model.to(self.device)
        keep_freed_memory()
        if any(isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)) for m in model.modules()):
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __str__(self) -> str:
        if self.device.type == "cuda":
            return f"{torch.cuda.get_device_name(self.device)}, {self.precision}"
        if self.device.type == "cpu":
            threads = torch.get_num_threads()
            return f"{threads} processor thread{'s' if threads != 1 else ''}, {self.precision}"
        return f"{self.device}, {self.precision}"


def select_device(device: str = "auto", precision: str = "auto") -> Device:
    """The best device that is there, and bfloat16 where its hardware multiplies in it.

    Raises:
        ValueError: an unknown precision, or a device that is not on this machine.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}; we got {precision!r}")
    device = own_device(device)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
        if device == "cpu" and torch.backends.mps.is_available():
            device = "mps"
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device {device!r} is not on this machine; use auto, cpu, or one that is"
        ) from error
    if precision == "auto":
        precision = "bfloat16" if _multiplies_bfloat16(chosen) else "float32"
    return Device(chosen, precision)


@functools.cache
def keep_freed_memory() -> None:
    """Let the C library keep what one step frees for the next one, where it is glibc.

    By default large arrays are handed back and fetched anew as pages to be zeroed, which costs a
    third of a step over many samples. Kept memory goes back when the process ends.
    """
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError, AttributeError):
            mallopt = ctypes.CDLL(None).mallopt
            largest = 2**31 - 1
            mallopt(M_TRIM_THRESHOLD, largest)
            mallopt(M_MMAP_THRESHOLD, largest)


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        return bool(torch.cpu.get_capabilities().get("avx512_bf16", False))
    return False
