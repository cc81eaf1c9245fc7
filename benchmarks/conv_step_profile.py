"""One training step of the convolutional network at 64×64: how near the machine's peak, and why not.

    python benchmarks/conv_step_profile.py

The peak is what torch's own product of two large bfloat16 matrices reaches in the same run (float32
where the processor does not multiply in bfloat16). The step is Narrows': batch, forward, loss,
gradients, Adam. Its arithmetic is counted by torch's FlopCounterMode; its time is divided by kind
of operation with torch.profiler.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils.flop_counter import FlopCounterMode

from measuring import arguments, median, report, rounds
from narrows.objectives import Objective
from narrows.randomness import Draws
from narrows.training.device import Device, select_device
from narrows.training.players import Player, move, optimizer
from narrows.training.schemes import Batch, EndToEnd
from networks import NETWORKS
from speed_pythae import pictures_of

CONV = next(network for network in NETWORKS if network.name == "conv-64")
LOSS, MOVE, DATA = "narrows: loss", "narrows: optimiser", "narrows: data"
# the first kind whose word is in the name of an operation
KINDS = {
    "convolution": ("conv",),
    "dense layers": ("addmm", "aten::mm", "linear", "bmm"),
    "normalisation": ("batch_norm",),
    "activation": ("relu", "threshold", "sigmoid"),
    "optimiser": ("adam", "_foreach", "optimizer"),
    "data": ("index_select", "randperm", DATA),
    "casts and copies": ("copy", "_to_copy", "contiguous", "clone", "aten::to"),
}


def stepper(batch: int, machine: Device) -> Callable[[], None]:
    """A function that trains one step."""
    network = CONV
    recipe = network.recipe(batch_size=batch)
    model = recipe.build().train()
    machine.place(model)
    phase = recipe.phases[0]
    weights = list(model.parameters())
    objective = Objective(phase.bound)
    player = Player("model", weights, optimizer(phase, weights), objective)
    images = pictures_of(network, 4 * batch)
    count = 0

    def step() -> None:
        nonlocal count
        with record_function(DATA):
            x = images.batch(torch.randperm(len(images))[:batch])
        with machine.autocast():
            made = EndToEnd()(model, Batch(x, x, 1, 0.0, count, Draws(0, count)))
        move([player], made, phase.learning_rate)
        count += 1

    return step


def product(size: int, machine: Device) -> Callable[[], float]:
    """Operations per second of one product of two ``size``×``size`` matrices."""
    kind = torch.bfloat16 if machine.precision == "bfloat16" else torch.float32
    a, b = torch.randn(size, size, dtype=kind), torch.randn(size, size, dtype=kind)
    out = torch.empty_like(a)

    def run() -> float:
        began = time.perf_counter()
        torch.mm(a, b, out=out)
        return 2 * size**3 / (time.perf_counter() - began)

    return run


def timed(step: Callable[[], None]) -> Callable[[], float]:
    """Seconds of one call."""

    def run() -> float:
        began = time.perf_counter()
        step()
        return time.perf_counter() - began

    return run


def kind_of(name: str) -> str:
    """The kind of an operation."""
    low = name.lower()
    return next((k for k, words in KINDS.items() if any(w in low for w in words)), "other")


def shares(step: Callable[[], None], times: int) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Share of each kind in the time of ``times`` steps, and the ten longest operations."""
    with profile(activities=[ProfilerActivity.CPU]) as found:
        for _ in range(times):
            step()
    events = [(e.key, e.self_cpu_time_total) for e in found.key_averages()]
    total = sum(spent for _, spent in events)
    kinds: dict[str, float] = {kind: 0.0 for kind in (*KINDS, "other")}
    for name, spent in events:
        kinds[kind_of(name)] += spent / total
    longest = sorted(events, key=lambda event: -event[1])[:10]
    return kinds, [{"operation": name, "share": round(s / total, 4)} for name, s in longest]


def main() -> None:
    """Measure, print and write."""
    parser = arguments(__doc__, rounds=15)
    parser.add_argument("--batch", type=int, default=CONV.batch)
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    machine = select_device("cpu")
    batch, size, times = (8, 1024, 2) if given.quick else (given.batch, 4096, 10)
    step = stepper(batch, machine)
    step()
    counter = FlopCounterMode(display=False)
    with counter:
        step()
    arithmetic = counter.get_total_flops()
    sides = {"product": product(size, machine), "step": timed(step)}
    found = rounds(sides, 2 if given.quick else given.rounds, warm_up=2)
    peak, seconds = max(found["product"]), median(found["step"])
    reached = arithmetic / seconds
    kinds, longest = shares(step, times)
    in_convolution = reached / max(kinds["convolution"] + kinds["dense layers"], 1e-9)
    giga = 1e-9
    rows = [
        [
            f"product of two {size}×{size} matrices, {machine.precision}",
            f"{peak * giga:,.0f} GFLOP/s",
        ],
        [f"one step, {batch} pictures", f"{seconds * 1e3:,.0f} ms"],
        ["arithmetic of one step", f"{arithmetic * giga:,.0f} GFLOP"],
        [
            "reached by the step",
            f"{reached * giga:,.0f} GFLOP/s, {reached / peak:.0%} of the product",
        ],
        [
            "reached while it convolves or multiplies",
            f"{in_convolution * giga:,.0f} GFLOP/s, {in_convolution / peak:.0%} of the product",
        ],
        *([f"time: {kind}", f"{share:.1%}"] for kind, share in kinds.items()),
    ]
    measured = {
        "network": CONV.name,
        "batch": batch,
        "precision": machine.precision,
        "peak_gflops": peak * giga,
        "step_seconds": seconds,
        "step_gflop": arithmetic * giga,
        "share_of_peak": reached / peak,
        "share_of_peak_in_convolution": in_convolution / peak,
        "time_shares": kinds,
        "longest": longest,
    }
    report(given, "conv_step_profile", ["what", "measured"], rows, measured)


if __name__ == "__main__":
    main()
