"""A flow over codes that is told a caption: of one sentence it draws one of its many pictures.

"a small heart at the top left" ──Reader──► c (E,)
x_0 ~ N(0, I) ──── dx/dt = v(x, t, c), t from 0 to 1 ────► x_1, a standardised code
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn

from ..parts import Part, part
from ..randomness import Draws, generator
from .descent import checked_rate, descend
from .flow import Velocity, drawn, from_state, matched, stated
from .gaussian import Scale
from .prior import Prior, Progress, checked_counts, checked_rows
from .reading import Reader, checked_words, tokens, vocabulary

__all__ = ["CaptionFlow", "CaptionVelocity"]

LARGEST_READER, MOST_GUIDED = 1024, 20


class CaptionVelocity(nn.Module):
    """A text encoder and the velocity that it conditions; one network, trained as one.

    Args:
        size: D.
        width, depth: of the velocity.
        words: W, of the vocabulary.
        reader: E, numbers that a caption becomes.
    """

    def __init__(self, size: int, width: int, depth: int, words: int, reader: int) -> None:
        super().__init__()
        self.reader = Reader(words, reader)
        self.velocity = Velocity(size, width, depth, reader)


@part("prior", "caption-flow")
class CaptionFlow(Prior):
    """p(z | caption): ``Flow`` with a text encoder that is trained with it.

    A caption is read by embeddings and a GRU of a few thousand weights, whose last state every block
    of the velocity is given with the time. Each step draws one of a code's wordings. A tenth of them
    are left out, so that without a caption it draws from all codes, as ``Flow`` does. Draws are guided
    (Ho & Salimans 2022, with their 1 + w as ``guidance``): v = v(x, t) + g (v(x, t, c) − v(x, t)).

    Canziani 2020 (fig. 12) shows captions that become pictures, and says only that features of the
    text are decoded; a prior conditioned on the caption is ours.

    Args:
        size: D, numbers of a code.
        words: the vocabulary; ``fit`` makes it of the captions.
        reader: E, numbers that a caption becomes.
        width, depth: of the velocity.
        steps, batch_size, learning_rate: of the training.
        guidance: g; 1 draws what was learnt, more is truer to the caption and less various.

    Raises:
        ValueError: a count below 1, a network or a vocabulary that is too large, or no guidance.
    """

    part: Part
    takes = "codes"
    captioned = True
    silent = 0.1
    scale: Scale
    network: CaptionVelocity

    def __init__(
        self,
        size: int,
        words: Sequence[str] = (),
        reader: int = 32,
        width: int = 256,
        depth: int = 3,
        steps: int = 5000,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        guidance: float = 1.5,
    ) -> None:
        counts = {"reader": reader, "width": width, "depth": depth}
        checked_counts("a caption flow", **counts, steps=steps, batch_size=batch_size)
        checked_rate(learning_rate)
        if reader > LARGEST_READER:
            raise ValueError(f"a reader has at most {LARGEST_READER:,} units; we got {reader:,}")
        if not 0 < guidance <= MOST_GUIDED:
            raise ValueError(
                f"the guidance of a caption flow is above 0 and at most {MOST_GUIDED}; we got {guidance}"
            )
        self.words, self.guidance = checked_words(words), guidance
        self.size, self.reader, self.width, self.depth = size, reader, width, depth
        self.steps, self.batch_size, self.learning_rate = steps, batch_size, learning_rate

    def fit(
        self,
        codes: Tensor,
        seed: int = 0,
        progress: Progress | None = None,
        captions: Sequence[Sequence[str]] | None = None,
    ) -> Self:
        """Train on (N, D), N at least 2, and on as many captions in several wordings each.

        Args:
            captions: N × wordings; None says nothing of any code, which leaves a flow.

        Raises:
            ValueError: not as many captions as codes, or not as many wordings of each.
        """
        rows = checked_rows(codes, 2, self.size)
        said = [("",)] * len(rows) if captions is None else [tuple(each) for each in captions]
        if len(said) != len(rows) or {len(each) for each in said} != {len(said[0]) or 1}:
            raise ValueError(
                f"captions of {len(rows):,} codes were wanted, with as many wordings each; we got "
                f"{len(said):,} with {', '.join(map(str, sorted({len(s) for s in said})))}"
            )
        distinct = dict.fromkeys(["", *(text for each in said for text in each)])
        numbers = {text: number for number, text in enumerate(distinct)}
        self.words = vocabulary(distinct)
        self.part = self.part.with_(words=self.words)
        device = codes.device
        which = torch.tensor([[numbers[text] for text in each] for each in said], device=device)
        read = tokens(list(distinct), self.words).to(device)
        self.scale = Scale.of(rows)
        even = self.scale(rows).float().to(device)
        with torch.random.fork_rng():
            torch.manual_seed(generator(seed, "prior/weights").initial_seed())
            network = self._network().to(device)

        def loss(batch: Tensor, draws: Draws) -> Tensor:
            wording = draws.integers("prior/wording", which.shape[1], (len(batch),)).to(device)
            silent = draws.uniform("prior/silent", (len(batch),)).to(device) < self.silent
            chosen = which[batch, wording].masked_fill(silent, 0)
            condition = network.reader(read[chosen])
            return matched(network.velocity, even[batch], draws, condition)

        descend(
            network,
            loss,
            torch.arange(len(even), device=device),
            steps=self.steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            seed=seed,
            progress=progress,
        )
        self.network = network.cpu().requires_grad_(False)
        return self

    def _network(self) -> CaptionVelocity:
        return CaptionVelocity(self.size, self.width, self.depth, len(self.words), self.reader)

    @torch.no_grad()
    def sample(self, n: int, seed: int = 0, caption: str = "") -> Tensor:
        """(n, D) of a caption, or of all codes where it is empty.

        Raises:
            ValueError: a word that was in no caption of the fit.
        """
        condition, silent = self.network.reader(tokens([caption, ""], self.words))[:, None]
        guided = self.guidance != 1 and not torch.equal(condition, silent)

        def field(x: Tensor, t: Tensor) -> Tensor:
            v: Tensor = self.network.velocity(x, t, condition.expand(len(x), -1))
            if guided:
                plain = self.network.velocity(x, t, silent.expand(len(x), -1))
                v = plain + self.guidance * (v - plain)
            return v

        return drawn(field, self.scale, (n, self.size), seed)

    def log_prob(self, codes: Tensor) -> None:
        """None: it would take the divergence of the field along every path."""

    @property
    def spread(self) -> tuple[Tensor, Tensor]:
        """Those of the codes that it was fitted to."""
        return self.scale.mean.float(), self.scale.deviation.float()

    def state(self) -> dict[str, Tensor]:
        """The codes' scale and the network's weights; the vocabulary is an argument of the part."""
        return stated(self.scale, self.network)

    def restore(self, state: dict[str, Tensor]) -> Self:
        """From those."""
        self.scale, self.network = from_state(state, self.size, self._network)
        return self
