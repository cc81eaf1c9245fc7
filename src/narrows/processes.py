"""Several processes as one training: each takes its rows of every batch, and all make the same step.

    torchrun ──► N × fit ──joined──► a batch of B pictures, of which each process takes b rows
        draws        of the whole batch, of which a process keeps its rows (``Draws``)
        statistics   of the whole batch: ``gathered``, ``averaged``, ``moments``, batch normalisation
        gradients    Σ over processes of b / B · ∇ (the loss of its rows)
        decisions    those of the first process, which alone writes and reports

A loss that is a mean over pictures needs nothing of this. What looks at several pictures at once asks for
the whole batch. With one process, and outside of a step, every function here gives back what it got.
"""

from __future__ import annotations

import atexit
import contextlib
import datetime
import functools
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from . import errors
from .errors import Diverged, Interrupted, NarrowsError, ProcessLost

__all__ = [
    "Share",
    "added",
    "alike",
    "averaged",
    "by_first",
    "gathered",
    "joined",
    "moments",
    "most",
    "number",
    "of_all",
    "of_first",
    "own",
    "own_device",
    "reduce_gradients",
    "refuse",
    "share",
    "sharing",
    "size",
    "synchronised",
    "weighed",
    "whole_means",
]

PATIENCE = datetime.timedelta(minutes=10)  # with a process that does not answer


def size() -> int:
    """How many processes train as one."""
    return dist.get_world_size() if _there() else _asked("WORLD_SIZE", 1)


def number() -> int:
    """Which of them this one is; the first, 0, writes and reports."""
    if _there():
        return dist.get_rank()
    return _asked("RANK", 0) if size() > 1 else 0


def _there() -> bool:
    return dist.is_available() and dist.is_initialized()


def _asked(name: str, default: int) -> int:
    """A number of torchrun's environment."""
    text = os.environ.get(name, "")
    return int(text) if text.isdigit() and "MASTER_ADDR" in os.environ else default


def own_device(device: str) -> str:
    """``auto`` and ``cuda`` as the device of this process: each has one of its own.

    Raises:
        ValueError: a device that processes cannot share sums over.
    """
    if size() == 1:
        return device
    cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "cuda" or (device == "auto" and cuda):
        return f"cuda:{_asked('LOCAL_RANK', number()) % max(1, cuda)}"
    if device == "auto":
        return "cpu"
    if torch.device(device).type not in ("cpu", "cuda"):
        raise ValueError(
            f"several processes train as one on cpu or cuda; we got device={device!r}: start one "
            "process for it"
        )
    return device


@contextlib.contextmanager
def joined(device: str) -> Iterator[None]:
    """Be one of the processes that torchrun started, or that are joined already.

    They stay joined until this one ends. One that fails by itself leaves, so that no other waits for it.
    """
    if size() == 1:
        yield
        return
    if not _there():
        _join(own_device(device))
    try:
        yield
    except BaseException as error:
        if isinstance(error, (Diverged, Interrupted)):
            of_all(error)
        if not getattr(error, "of_all", False):
            _leave()
        raise


def of_all(error: Exception) -> Exception:
    """Mark an error that all processes raise at the same place, and the first one says."""
    vars(error).update(of_all=True, said_elsewhere=number() > 0)
    return error


def _join(device: str) -> None:
    chosen = torch.device(device)
    here = _asked("LOCAL_WORLD_SIZE", 1)
    apart = chosen.type == "cuda" and here <= torch.cuda.device_count()
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    with _reached():
        dist.init_process_group("nccl" if apart else "gloo", timeout=PATIENCE)
    atexit.register(_leave)


def _leave() -> None:
    _talk.cache_clear()
    _shares.cache_clear()
    if _there():
        with contextlib.suppress(Exception):  # the others may be gone
            dist.destroy_process_group()


@contextlib.contextmanager
def _reached() -> Iterator[None]:
    """What others have to answer: says so where they do not."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise ProcessLost(
            "another process of this training ended or no longer answers, so this one stops too; what "
            "it said last tells why"
        ) from error


def _all_reduce(tensor: Tensor, group: Any = None, what: Any = None) -> None:
    with _reached():
        dist.all_reduce(tensor, dist.ReduceOp.SUM if what is None else what, group=group)


@functools.cache
def _talk() -> Any:
    """The group for what is on the processor, whatever device the sums are on."""
    if dist.get_backend() == "gloo":
        return dist.group.WORLD
    return dist.new_group(backend="gloo", timeout=PATIENCE)


# -- a batch -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Share:
    """The rows of a batch that a process takes: ``first`` to ``last`` − 1 of ``whole``.

    A batch of fewer pictures than processes is taken whole by each of them.

    Attributes:
        weight: of a mean over these rows in the mean over the batch; of all processes they sum to 1.
    """

    first: int
    last: int
    whole: int
    weight: float

    @property
    def rows(self) -> slice:
        """Of the batch."""
        return slice(self.first, self.last)

    def __len__(self) -> int:
        return self.last - self.first

    @property
    def split(self) -> bool:
        """Whether other processes have other rows."""
        return len(self) < self.whole


def share(whole: int) -> Share | None:
    """This process's rows of a batch of ``whole`` pictures; None where there is one process."""
    return _shares(whole)[number()] if _there() and size() > 1 else None


@functools.lru_cache(maxsize=64)
def _shares(whole: int) -> list[Share]:
    """Of every process: as many rows each, one more for the first where they do not divide."""
    count = size()
    if whole < count:
        return [Share(0, whole, whole, 1 / count)] * count
    each, more = divmod(whole, count)
    ends = [n * each + min(n, more) for n in range(count + 1)]
    return [Share(a, b, whole, (b - a) / whole) for a, b in itertools.pairwise(ends)]


_open: Share | None = None  # the share of the step that is being made


@contextlib.contextmanager
def sharing(taken: Share | None) -> Iterator[None]:
    """For as long as it is open, the functions below reach over the processes."""
    global _open
    before, _open = _open, taken
    try:
        yield
    finally:
        _open = before


def _split() -> Share | None:
    return _open if _open is not None and _open.split else None


class _Summed(torch.autograd.Function):
    """Σ over processes; so is its gradient, as each of them adds its own loss to the whole."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        out = x.clone(memory_format=torch.contiguous_format)
        _all_reduce(out)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _summed(gradient)


def _summed(x: Tensor) -> Tensor:
    out: Tensor = _Summed.apply(x)  # type: ignore[no-untyped-call]
    return out


def gathered(x: Tensor, axis: int = 0) -> Tensor:
    """x of this process's pictures → that of the whole batch, differentiable.

    Args:
        axis: of the pictures.
    """
    mine = _split()
    if mine is None:
        return x
    before, after = list(x.shape), list(x.shape)
    before[axis], after[axis] = mine.first, mine.whole - mine.last
    return _summed(torch.cat([x.new_zeros(before), x, x.new_zeros(after)], axis))


def own(x: Tensor, axis: int = 0) -> Tensor:
    """The inverse of ``gathered``: what is of this process's pictures."""
    mine = _split()
    return x if mine is None else x.narrow(axis, mine.first, len(mine))


def averaged(x: Tensor) -> Tensor:
    """A mean over this process's pictures → that over the whole batch, differentiable."""
    mine = _split()
    return x if mine is None else _summed(x * mine.weight)


def moments(h: Tensor, axes: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Variance (by the count, not one less) and mean of h (B, …) over ``axes``, of the whole batch.

    Differentiable; the axes keep a length of 1. That of the batch is one of them.
    """
    variance, mean = torch.var_mean(h, list(axes), correction=0, keepdim=True)
    mine = _split()
    if mine is None:
        return variance, mean
    both = torch.stack([variance, mean])[None]
    before, after = number(), size() - number() - 1
    zeros = both.new_zeros(max(before, after), *both.shape[1:])
    variances, means = _summed(torch.cat([zeros[:before], both, zeros[:after]])).unbind(1)
    weights = h.new_tensor([one.weight for one in _shares(mine.whole)])
    weights = weights.view(-1, *[1] * h.ndim)
    whole = (weights * means).sum(0)
    return (weights * (variances + (means - whole).square())).sum(0), whole


# -- batch normalisation -------------------------------------------------------------------------


@contextlib.contextmanager
def synchronised(*modules: nn.Module) -> Iterator[None]:
    """Batch normalisation within these modules takes the statistics of the whole batch."""
    found = [one for module in modules for one in module.modules() if isinstance(one, _BatchNorm)]
    found = [one for one in found if not isinstance(one, nn.SyncBatchNorm)] if size() > 1 else []
    for norm in found:
        norm.forward = functools.partial(_normalised, norm)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for norm in found:
            norm.__dict__.pop("forward", None)


def _normalised(norm: Any, h: Tensor) -> Tensor:
    """As ``norm.forward(h)`` with statistics of the whole batch, running ones too."""
    by_batch = norm.training or norm.running_mean is None
    mine = _split() if by_batch else None
    if mine is None:
        plain: Tensor = type(norm).forward(norm, h)
        return plain
    norm._check_input_dim(h)
    with torch.autocast(h.device.type, enabled=False):
        x = h.float()
        variance, mean = moments(x, [0, *range(2, h.ndim)])
        if norm.training and norm.running_mean is not None:
            _follow(norm, variance, mean, h.numel() // h.shape[1] * mine.whole // len(mine))
        out: Tensor = (x - mean) * (variance + norm.eps).rsqrt()
        if norm.weight is not None:
            weight, bias = (p.view(-1, *[1] * (h.ndim - 2)) for p in (norm.weight, norm.bias))
            out = out * weight + bias
    return out.to(h.dtype, memory_format=torch.preserve_format)


def _follow(norm: Any, variance: Tensor, mean: Tensor, count: int) -> None:
    with torch.no_grad():
        norm.num_batches_tracked.add_(1)
        share = norm.momentum
        if share is None:
            share = 1 / float(norm.num_batches_tracked)
        norm.running_mean.lerp_(mean.flatten(), share)
        norm.running_var.lerp_(variance.flatten() * (count / (count - 1)), share)


def refuse(modules: Iterable[nn.Module]) -> None:
    """Refuse what several processes cannot do as one.

    Raises:
        ValueError: a dropout layer: it draws from torch's own generator, which is not of the batch.
    """
    for module in modules if size() > 1 else ():
        for name, one in module.named_modules():
            if isinstance(one, _DropoutNd) and one.p > 0:
                raise ValueError(
                    f"several processes cannot train as one with the dropout layer {name!r}, whose "
                    "draws are not those of the batch: train in one process, or use the corruption "
                    "'dropout-mask'"
                )


# -- a step --------------------------------------------------------------------------------------


def weighed(loss: Tensor) -> Tensor:
    """A process's loss as its part of that of the batch."""
    return loss if _open is None else loss * _open.weight


def reduce_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """The gradients of all processes, summed, into each of them: one exchange for all.

    Each lies in memory as its parameter does, along which fused optimisers walk.
    """
    moved = [p for p in parameters if p.grad is not None]
    if _open is None or not moved:
        return
    with torch.no_grad():
        flat = torch.cat([p.grad.float().reshape(-1) for p in moved])  # type: ignore[union-attr]
        _all_reduce(flat)
        pieces = torch.split(flat, [p.numel() for p in moved])
        for parameter, piece in zip(moved, pieces, strict=True):
            parameter.grad = torch.empty_like(parameter).copy_(piece.view_as(parameter))


def whole_means(written: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Scalars that are means over each process's pictures → those over the batch."""
    if _open is None:
        return dict(written)
    values = torch.stack([one.detach().float() for one in written.values()]) * _open.weight
    _all_reduce(values)
    return dict(zip(written, values, strict=True))


# -- decisions -----------------------------------------------------------------------------------


def most(*numbers: float) -> list[float]:
    """Of each number the largest that any process gives."""
    return _agreed(numbers, dist.ReduceOp.MAX) if size() > 1 else list(numbers)


def added(numbers: Sequence[float]) -> list[float]:
    """Of each number the sum over the processes."""
    return _agreed(numbers, dist.ReduceOp.SUM) if size() > 1 else list(numbers)


def of_first(value: float) -> float:
    """What the first process gives."""
    return value if size() == 1 else most(value if number() == 0 else -float("inf"))[0]


def _agreed(numbers: Sequence[float], what: Any) -> list[float]:
    values = torch.tensor(numbers, dtype=torch.float64)
    _all_reduce(values, _talk(), what)
    agreed: list[float] = values.tolist()
    return agreed


def alike(*states: Mapping[str, Tensor]) -> None:
    """Make each of these tensors that of the first process."""
    if size() == 1:
        return
    with torch.no_grad(), _reached():
        for tensor in (state[name] for state in states for name in sorted(state)):
            sent = tensor.detach().clone(memory_format=torch.contiguous_format)
            dist.broadcast(sent, 0)
            tensor.copy_(sent)


def by_first(make: Callable[[], bytes]) -> bytes:
    """What ``make`` gives the first process, to all; they fail together where it fails.

    Raises:
        ValueError, NarrowsError: as ``make`` did.
    """
    if size() == 1:
        return make()
    if number() > 0:
        return _heard()
    try:
        made = make()
    except (NarrowsError, ValueError) as error:
        of_all(error)
        _tell(json.dumps([type(error).__name__, str(error)]).encode(), failed=True)
        raise
    _tell(made, failed=False)
    return made


def _tell(content: bytes, failed: bool) -> None:
    with _reached():
        dist.broadcast(torch.tensor([len(content), int(failed)]), 0, group=_talk())
        if content:
            data = torch.frombuffer(bytearray(content), dtype=torch.uint8)
            dist.broadcast(data, 0, group=_talk())


def _heard() -> bytes:
    about = torch.zeros(2, dtype=torch.int64)
    with _reached():
        dist.broadcast(about, 0, group=_talk())
        length, failed = about.tolist()
        data = torch.empty(length, dtype=torch.uint8)
        if length:
            dist.broadcast(data, 0, group=_talk())
    content = data.numpy().tobytes()
    if not failed:
        return content
    name, text = json.loads(content)
    raise of_all(getattr(errors, name)(text) if name in errors.__all__ else ValueError(text))
