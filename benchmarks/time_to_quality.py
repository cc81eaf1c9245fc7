"""Seconds to the test loss that pythae's MLP VAE ends with on MNIST: pythae beside Narrows.

    python benchmarks/time_to_quality.py             both sides, in turn
    python benchmarks/time_to_quality.py --choose    how our numbers were found: a validation split

Both train the same network (784-512-16-512-784), the same likelihood (a Gaussian of variance 1
behind a sigmoid; pythae's loss is ours less its constant, 784/2·log 2π) and the same code. pythae
keeps its defaults (batch 64, Adam at 1e-4) for ten epochs. Everything else is free for us: batch,
learning rate, its schedule, precision. They were chosen on 10,000 of the training pictures, held
out; the test pictures are looked at once per finished run, by one function for both sides.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import narrows as nw
from measuring import arguments, median, named, pythae, report, rounds, silently
from networks import NETWORKS

TARGET = 10.0
EPOCHS_OF_PYTHAE = 10
# what --choose found: the least time whose validation loss is safely below pythae's
OURS: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 192,
    "learning_rate": 4e-3,
    "learning_rate_schedule": "one-cycle",
    "precision": "auto",
}
GRID = [
    {**OURS, "epochs": epochs, "batch_size": batch, "learning_rate": rate, "precision": precision}
    for epochs, batch, rate, precision in (
        (3, 128, 2e-3, "auto"), (3, 128, 4e-3, "auto"), (3, 192, 4e-3, "auto"),
        (4, 256, 3e-3, "auto"), (4, 256, 4e-3, "auto"), (5, 256, 4e-3, "auto"),
        (3, 256, 5e-3, "auto"), (5, 512, 6e-3, "auto"), (4, 256, 4e-3, "float32"),
    )
]  # fmt: skip
MLP = NETWORKS[0]
Posterior = Callable[[Tensor], tuple[Tensor, Tensor]]


def loss_of(posterior: Posterior, decode: Callable[[Tensor], Tensor], images: Any) -> float:
    """Mean over ``images`` of ½Σ(x − x̂)² + KL, in float32, one code per picture, fixed noise."""
    noise = torch.Generator().manual_seed(0)
    total = 0.0
    with torch.no_grad():
        for rows in torch.arange(len(images)).split(500):
            x = images.batch(rows)
            mean, log_variance = posterior(x)
            z = mean + torch.randn(mean.shape, generator=noise) * (0.5 * log_variance).exp()
            squares = (x - decode(z).reshape(x.shape)).square().flatten(1).sum(1)
            kl = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1)
            total += float((0.5 * squares + kl).sum())
    return total / len(images)


def ours(train: Any, test: Any, numbers: dict[str, Any]) -> dict[str, float]:
    """Seconds of ``narrows.fit``, with a folder for its run, and the loss on ``test``."""
    model = MLP.recipe(**numbers).build()
    with tempfile.TemporaryDirectory() as folder, silently():
        began = time.perf_counter()
        nw.fit(model, train, to=folder, report="lines")
        seconds = time.perf_counter() - began

    def posterior(x: Tensor) -> tuple[Tensor, Tensor]:
        code = model.posterior(x)
        assert code.mean is not None and code.log_variance is not None
        return code.mean, code.log_variance

    return {"seconds": seconds, "loss": loss_of(posterior, model.decode, test)}


def theirs(train: Any, test: Any, epochs: int) -> dict[str, float]:
    """Seconds of pythae's ``train``, and the loss on ``test``."""
    from pythae.data.datasets import BaseDataset
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    floats = train.batch(torch.arange(len(train)))
    data = BaseDataset(floats, torch.zeros(len(floats)))
    model: Any = MLP.pythae()
    with tempfile.TemporaryDirectory() as folder, silently():
        config = BaseTrainerConfig(output_dir=folder, num_epochs=epochs)
        trainer = BaseTrainer(model, data, training_config=config)
        began = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - began
    model.eval()

    def posterior(x: Tensor) -> tuple[Tensor, Tensor]:
        out = model.encoder(x)
        return out.embedding, out.log_covariance

    def decode(z: Tensor) -> Tensor:
        out: Tensor = model.decoder(z)["reconstruction"]
        return out

    return {"seconds": seconds, "loss": loss_of(posterior, decode, test)}


def choose(train: Any) -> None:
    """Print seconds and validation loss of every row of the grid, and of pythae at the end.

    The test pictures stay unseen.
    """
    parts = nw.images.split(train, validation=10_000 / len(train))
    print("seconds  validation loss  numbers", flush=True)
    for numbers in GRID:
        found = ours(parts.train, parts.validation, numbers)
        changed = {
            key: numbers[key] for key in ("epochs", "batch_size", "learning_rate", "precision")
        }
        print(f"{found['seconds']:7.2f}  {found['loss']:15.3f}  {changed}", flush=True)
    found = theirs(parts.train, parts.validation, EPOCHS_OF_PYTHAE)
    print(f"{found['seconds']:7.2f}  {found['loss']:15.3f}  pythae", flush=True)


def main() -> None:
    """Train both, print and write seconds, losses and the ratio; exit code 1 if ours is worse."""
    parser = arguments(__doc__, rounds=3)
    parser.add_argument("--choose", action="store_true", help="our numbers, on a validation split")
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    pythae()
    train = named("mnist", split="train")
    if given.choose:
        return choose(train)
    test = named("mnist", split="test")
    epochs, numbers = EPOCHS_OF_PYTHAE, dict(OURS)
    if given.quick:
        train, test = train.select(slice(0, 2000)), test.select(slice(0, 500))
        epochs, numbers["epochs"] = 1, 2
    sides = {
        "narrows": lambda: ours(train, test, numbers),
        "pythae": lambda: theirs(train, test, epochs),
    }
    found = rounds(sides, 1 if given.quick else given.rounds, warm_up=0 if given.quick else 1)
    middle = {
        side: {key: median([turn[key] for turn in turns]) for key in ("seconds", "loss")}
        for side, turns in found.items()
    }
    worst, reached = max(t["loss"] for t in found["narrows"]), middle["pythae"]["loss"]
    ratio = middle["pythae"]["seconds"] / middle["narrows"]["seconds"]
    rows = [
        ["pythae", f"{middle['pythae']['seconds']:.1f} s", f"{reached:.2f}", "", ""],
        [
            "narrows",
            f"{middle['narrows']['seconds']:.1f} s",
            f"{middle['narrows']['loss']:.2f}",
            f"{ratio:.1f}× sooner",
            f"≥ {TARGET:.0f}×",
        ],
    ]
    columns = ["side", "training", "test loss (nats less 784/2·log 2π)", "ratio", "wanted"]
    measured = {"runs": found, "ratio": ratio, "narrows": numbers, "pythae_epochs": epochs}
    report(given, "time_to_quality", columns, rows, measured)
    if worst > reached and not given.quick:
        sys.exit(f"a run of ours ended at {worst:.3f}, above pythae's {reached:.3f}")


if __name__ == "__main__":
    main()
