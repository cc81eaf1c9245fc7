"""Pictures per second of training: Narrows, pythae 0.1.2 and a bare loop, in turn, same network.

    python benchmarks/speed_pythae.py                       three networks
    python benchmarks/speed_pythae.py --network mlp --rounds 7

The network, the batch and the optimiser (Adam) are the same on all three sides, and so are the
pictures. Narrows runs as a user runs it: ``narrows.fit`` with lines of progress, metrics and
checkpoints into a folder. pythae runs its own ``BaseTrainer`` with its defaults. The bare loop is
what is left when everything is taken away that is not arithmetic; it uses Narrows' precision.

Narrows and pythae are timed as calls, what they save at the end included. Beside the bare loop,
which saves nothing, stands Narrows' own loop: lines, metrics and the checkpoints on the way
included, the files of the end not.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch

import narrows as nw
from measuring import arguments, median, named, pythae, report, rounds, silently
from narrows.training.device import select_device
from narrows.training.reporting import Lines
from networks import NETWORKS, Network

BARE_TARGET = 0.95


class Clocked(Lines):
    """Lines of progress that note when the loop began and ended."""

    began = ended = 0.0

    def begin(self, *numbers: Any) -> None:
        """The loop begins."""
        super().begin(*numbers)
        self.began = time.perf_counter()

    def end(self) -> None:
        """The loop ends; the last line is printed."""
        super().end()
        self.ended = time.perf_counter()


def narrows_side(network: Network, images: Any) -> Callable[[], dict[str, float]]:
    """Seconds of ``narrows.fit`` and of the loop in it."""

    def run() -> dict[str, float]:
        model, clock = network.recipe().build(), Clocked()
        with tempfile.TemporaryDirectory() as folder, silently():
            began = time.perf_counter()
            nw.fit(model, images, to=folder, report=clock)
            called = time.perf_counter() - began
        return {"call": called, "loop": clock.ended - clock.began}

    return run


def pythae_side(network: Network, images: Any) -> Callable[[], dict[str, float]]:
    """Seconds of pythae's ``BaseTrainer.train``."""
    from pythae.data.datasets import BaseDataset
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    floats = images.batch(torch.arange(len(images)))
    data = BaseDataset(floats, torch.zeros(len(floats)))

    def run() -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder, silently():
            config = BaseTrainerConfig(
                output_dir=folder, num_epochs=1, per_device_train_batch_size=network.batch
            )
            trainer = BaseTrainer(network.pythae(), data, training_config=config)
            began = time.perf_counter()
            trainer.train()
            return {"call": time.perf_counter() - began}

    return run


def bare_side(network: Network, images: Any) -> Callable[[], dict[str, float]]:
    """Seconds of the least loop that trains the same network."""
    precise = select_device().precision == "float32"
    pixels = images.pixels

    def run() -> dict[str, float]:
        encode, decode = network.bare()
        if not network.name.startswith("mlp"):
            encode.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            decode.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        weights = [*encode.parameters(), *decode.parameters()]
        adam = torch.optim.Adam(weights, 1e-4, fused=True)
        began = time.perf_counter()
        for rows in torch.randperm(len(pixels)).split(network.batch):
            x = pixels[rows].float().mul_(1 / 255)
            with torch.autocast("cpu", torch.bfloat16, enabled=not precise, cache_enabled=False):
                mean, log_variance = encode(x).float().chunk(2, 1)
                z = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
                pictures = decode(z).float().sigmoid()
                squares = (x - pictures).square().flatten(1).sum(1)
                kl = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1)
                loss = (0.5 * squares + kl).mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
        return {"loop": time.perf_counter() - began}

    return run


def pictures_of(network: Network, number: int) -> Any:
    """MNIST, or anime faces at 64×64; noise of that shape where there are none."""
    if network.shape[0] == 1:
        images = named("mnist", split="train")
    else:
        try:
            images = nw.images.named("anime_faces", size=network.shape[1:])
        except nw.NarrowsError:
            noise = torch.Generator().manual_seed(0)
            shape = (number, *network.shape)
            images = nw.images.as_source(
                torch.randint(0, 256, shape, dtype=torch.uint8, generator=noise)
            )
    number = min(number, len(images) // network.batch * network.batch)
    return nw.images.as_source(images.select(slice(0, number)).pixels)


def parameters(network: Network) -> dict[str, int]:
    """Weights of the three sides; a difference ends the run."""
    sides: dict[str, list[Any]] = {
        "narrows": [network.recipe().build()],
        "pythae": [network.pythae()],
        "bare": list(network.bare()),
    }
    counts = {
        name: sum(p.numel() for module in modules for p in module.parameters())
        for name, modules in sides.items()
    }
    if len(set(counts.values())) > 1:
        sys.exit(f"the networks of {network.name} differ in their weights: {counts}")
    return counts


def main() -> None:
    """Measure every network; print and write the rates and their ratios."""
    parser = arguments(__doc__)
    parser.add_argument("--network", action="append", choices=[n.name for n in NETWORKS])
    parser.add_argument("--pictures", type=int, help="per round, instead of the network's own")
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    pythae()
    rows, measured = [], {}
    for network in NETWORKS:
        if given.network and network.name not in given.network:
            continue
        if given.quick:
            network = network.quick()
        counts = parameters(network)
        images = pictures_of(network, given.pictures or network.pictures)
        sides = {
            "narrows": narrows_side(network, images),
            "pythae": pythae_side(network, images),
            "bare": bare_side(network, images),
        }
        found = rounds(sides, 1 if given.quick else given.rounds)
        rate = {
            f"{side}_{what}": len(images) / median([seconds[what] for seconds in turns])
            for side, turns in found.items()
            for what in turns[0]
        }
        faster = rate["narrows_call"] / rate["pythae_call"]
        share = rate["narrows_loop"] / rate["bare_loop"]
        rows.append(
            [
                network.about,
                f"{rate['narrows_call']:,.0f}",
                f"{rate['pythae_call']:,.0f}",
                f"{faster:.2f}×",
                f"≥ {network.target}×",
                f"{rate['narrows_loop']:,.0f}",
                f"{rate['bare_loop']:,.0f}",
                f"{share:.1%}",
                f"≥ {BARE_TARGET:.0%}",
            ]
        )
        measured[network.name] = {
            "weights": counts["narrows"],
            "batch": network.batch,
            "pictures_per_round": len(images),
            "precision": select_device().precision,
            "pictures_per_second": {name: round(value, 1) for name, value in rate.items()},
            "over_pythae": round(faster, 3),
            "of_bare": round(share, 4),
            "seconds": found,
        }
        print(f"{network.about}: {counts['narrows']:,} weights on each side", flush=True)
    columns = ["network", "narrows", "pythae", "ratio", "wanted"]
    columns += ["narrows' loop", "bare loop", "share", "wanted"]
    report(given, "speed_pythae", columns, rows, measured)


if __name__ == "__main__":
    main()
