"""The networks of pythae's benchmarks, three times: pythae's, the same in Narrows, the same bare.

                     encoder                              decoder
    mlp              784 ─► 512 ─► (μ, log σ²)            z ─► 512 ─► 784
    conv-mnist       1×28×28 ─► 4 × conv, norm, ReLU      z ─► 1024×4×4 ─► 3 × transposed ─► 1×28×28
    conv-64          3×64×64 ─► 4 × conv, norm, ReLU      z ─► 1024×8×8 ─► 4 × transposed ─► 3×64×64

The convolutional ones are not the same on the way up as on the way down, so none of Narrows' own
ladders fits: here they are one rung of exactly pythae's layers, listed as parts of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor, nn

import narrows as nw
from narrows.bottlenecks import Gaussian
from narrows.networks import Ladder
from narrows.parts import Part, part

__all__ = ["NETWORKS", "Network"]

# a transposed convolution: (channels, kernel, stride, padding, output padding)
Up = tuple[int, int, int, int, int]
WIDTHS = (128, 256, 512, 1024)
UPS: dict[str, tuple[Up, ...]] = {
    "conv-mnist": ((512, 3, 2, 1, 0), (256, 3, 2, 1, 1), (1, 3, 2, 1, 1)),
    "conv-64": ((512, 5, 2, 2, 0), (256, 5, 2, 1, 0), (128, 5, 2, 2, 1), (3, 5, 1, 1, 0)),
}
SEEDS = {"conv-mnist": (1024, 4, 4), "conv-64": (1024, 8, 8)}  # what the decoder begins with


def encoder(channels: int) -> nn.Sequential:
    """(B, channels, H, W) → (B, 1024, h, w)."""
    layers: list[nn.Module] = []
    for width in WIDTHS:
        layers += [nn.Conv2d(channels, width, 4, 2, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers)


def decoder(ups: Sequence[Up]) -> nn.Sequential:
    """(B, 1024, h, w) → raw (B, C, H, W)."""
    layers: list[nn.Module] = []
    before = 1024
    for width, kernel, stride, padding, extra in ups:
        if layers:
            layers += [nn.BatchNorm2d(before), nn.ReLU()]
        layers.append(nn.ConvTranspose2d(before, width, kernel, stride, padding, extra))
        before = width
    return nn.Sequential(*layers)


class PythaeRung(nn.Module):
    """All of pythae's convolutions as one rung: ``below`` is what its encoder ends in."""

    def __init__(self, shape: tuple[int, ...], network: str) -> None:
        super().__init__()
        self.above: tuple[int, ...] = tuple(shape)
        self.below: tuple[int, ...] = (WIDTHS[-1], *(n // 16 for n in shape[1:]))
        self.way_down, self.way_up = encoder(shape[0]), decoder(UPS[network])

    def down(self, h: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, C, H, W) → (B, 1024, h, w)."""
        return self.way_down(h), None

    def up(self, h: Tensor, pooling_indices: Tensor | None = None) -> Tensor:
        """The decoder's first map → raw (B, C, H, W)."""
        out: Tensor = self.way_up(h)
        return out


@part("ladder", "pythae-conv")
def pythae_ladder(shape: Sequence[int], network: str) -> Ladder:
    """One rung of pythae's layers, with nothing at its boundary."""
    return Ladder([PythaeRung(tuple(shape), network)], "identity", "none")


@part("bottleneck", "pythae-gaussian")
def pythae_bottleneck(shape: Sequence[int], size: int, seed: Sequence[int]) -> Gaussian:
    """A Gaussian code whose way up begins with a map of ``seed`` instead of ``shape``."""
    made = Gaussian(shape, size)
    width = int(seed[0] * seed[1] * seed[2])
    made.tail = nn.Sequential(nn.Linear(size, width), nn.Unflatten(1, tuple(seed)))
    return made


@dataclass(frozen=True)
class Network:
    """One network, its pictures, and how fast we said Narrows would train it.

    Attributes:
        target: pictures per second of Narrows over pythae's.
        pictures, batch: per round, per step; 64 is pythae's default.
    """

    name: str
    about: str
    shape: tuple[int, int, int]
    target: float
    pictures: int
    batch: int
    code: int = 16

    def quick(self) -> Network:
        """The same network on a handful of pictures."""
        few = 1024 if self.name.startswith("mlp") else 32
        return replace(self, pictures=few, batch=min(self.batch, few // 2))

    def recipe(self, **numbers: object) -> nw.Recipe:
        """Narrows' side: the parts, and pythae's optimiser (Adam at 1e-4)."""
        if self.name.startswith("mlp"):
            ladder = Part("dense", {"shape": self.shape, "widths": (512,)})
            bottleneck = Part("gaussian", {"size": self.code})
        else:
            ladder = Part("pythae-conv", {"shape": self.shape, "network": self.name})
            arguments = {"size": self.code, "seed": SEEDS[self.name]}
            bottleneck = Part("pythae-gaussian", arguments)
        phase = nw.Phase(
            epochs=1,
            batch_size=self.batch,
            optimizer="adam",
            learning_rate=1e-4,
            learning_rate_schedule="constant",
        )
        likelihood = Part("gaussian", {"variance": 1.0})
        made = nw.Recipe(f"pythae-{self.name}", ladder, bottleneck, likelihood, (phase,))
        return made.with_(**numbers) if numbers else made

    def bare(self) -> tuple[nn.Module, nn.Module]:
        """Encoder x → (μ, log σ²) side by side, and decoder z → raw, of plain torch modules."""
        if self.name.startswith("mlp"):
            down = nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.ReLU())
            up = nn.Sequential(
                nn.Linear(self.code, 512),
                nn.ReLU(),
                nn.Linear(512, 784),
                nn.Unflatten(1, self.shape),
            )
            return nn.Sequential(down, nn.Linear(512, 2 * self.code)), up
        size = WIDTHS[-1] * (self.shape[1] // 16) * (self.shape[2] // 16)
        head = nn.Sequential(nn.Flatten(), nn.Linear(size, 2 * self.code))
        seed = SEEDS[self.name]
        first = nn.Sequential(
            nn.Linear(self.code, seed[0] * seed[1] * seed[2]), nn.Unflatten(1, seed)
        )
        return (
            nn.Sequential(encoder(self.shape[0]), head),
            nn.Sequential(first, decoder(UPS[self.name])),
        )

    def pythae(self) -> nn.Module:
        """pythae's model, its defaults but for the code's size."""
        from pythae.models import VAE, VAEConfig
        from pythae.models.nn.benchmarks import celeba, mnist

        config = VAEConfig(input_dim=self.shape, latent_dim=self.code)
        if self.name.startswith("mlp"):
            return VAE(config)
        if self.name == "conv-mnist":
            sides = mnist.Encoder_Conv_VAE_MNIST(config), mnist.Decoder_Conv_AE_MNIST(config)
        else:
            sides = celeba.Encoder_Conv_VAE_CELEBA(config), celeba.Decoder_Conv_AE_CELEBA(config)
        return VAE(config, encoder=sides[0], decoder=sides[1])


NETWORKS = (
    Network("mlp", "MLP VAE, MNIST, batch 64", (1, 28, 28), 2.2, pictures=59_904, batch=64),
    Network("mlp-256", "MLP VAE, MNIST, batch 256", (1, 28, 28), 2.2, pictures=59_904, batch=256),
    Network(
        "conv-mnist",
        "convolutional VAE, MNIST, batch 64",
        (1, 28, 28),
        1.5,
        pictures=3_200,
        batch=64,
    ),
    Network(
        "conv-64",
        "convolutional VAE, 64×64 RGB, batch 64",
        (3, 64, 64),
        1.7,
        pictures=960,
        batch=64,
    ),
)
