"""What a trained model costs and gives beside principal components: samples, bits, time.

real pictures ──SampleDistance──┬─► model ──generate──► Fréchet distance of samples   held-out ones ──ELBO──► bits
                                └─► PCA with as many numbers: the same of both, and the time that it takes
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from ..errors import NarrowsError
from ..images.inputs import Pictures, evenly
from ..measures import Pca
from ..measures.likelihoods import bits_per_dimension, elbo
from ..measures.sample_distance import SampleDistance
from ..objectives.likelihoods import Bernoulli
from ..progress import Progress, stage
from ..randomness import Draws
from .generate import generate
from .opening import opened_autoencoder, opened_images, run_of

__all__ = ["RunMeasures", "measure_run"]

REAL = 2000  # pictures that samples are compared with, half of them to say what real ones get
JUDGED = 500  # held-out pictures whose bits are counted
AT_ONCE = 128


@dataclass(frozen=True)
class RunMeasures:
    """A model's numbers, and those of principal components with as many; None where one is not to be had.

    Attributes:
        frechet, pca_frechet: Fréchet distance of samples to real pictures, less is better.
        floor: that of other real pictures.
        told, told_p: how often a classifier is right whether a picture is real or drawn (½ where nothing
            tells), and how often one that guesses is as right; see :func:`narrows.measures.two_sample_test`.
        samples: how many were drawn.
        prior: that they were drawn from.
        bits, pca_bits: per dimension, of held-out pictures: of the ELBO, and of probabilistic PCA.
        judged: how many these are, and what is known of them.
        seconds, pca_seconds: of the training, and of the fit of PCA.
        notes: why a number is not there.
    """

    frechet: float | None
    pca_frechet: float | None
    floor: float | None
    samples: int
    prior: str
    bits: float | None
    pca_bits: float | None
    judged: tuple[int, str]
    seconds: float | None
    pca_seconds: float | None
    told: float | None = None
    told_p: float | None = None
    notes: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        return asdict(self)


def measure_run(
    model: Any,
    pictures: Pictures,
    *,
    real: int = REAL,
    limit: int = JUDGED,
    seed: int = 0,
    progress: Progress = None,
) -> RunMeasures:
    """Measure a model's samples, its bits per dimension and its time, beside PCA with as many numbers.

    Samples are compared by :class:`narrows.measures.SampleDistance` of these pictures, those trained on and
    others alike, so that runs on the same pictures compare. Bits are of pictures that the model was not
    trained on, where there are any; see :func:`narrows.measures.bits_per_dimension`.

    Args:
        model: an ``Autoencoder``, or the folder of one.
        pictures: best all those of the training.
        real: compare samples with at most so many pictures, evenly spread.
        limit: count the bits of at most so many.
        seed: of every draw.
        progress: see :mod:`narrows.progress`.

    Raises:
        ValueError: too few pictures.
        NoImages: nothing can be read.
    """
    loaded = opened_autoencoder(model)
    images = opened_images(loaded, pictures, progress=progress)
    parts = run_of(loaded).split(images)
    fitting, _ = parts.fitting(seed=seed)
    whole = parts.evaluation()
    judged = evenly(whole.images, limit)
    notes: list[str] = []
    with stage(progress, "measuring") as step:
        distance = SampleDistance.of(evenly(images, real), seed)
        step(1, 4)
        count = len(distance)
        frechet = told = told_p = None
        prior = ""
        try:
            drawn = generate(loaded, count, seed=seed, progress=False)
            made = drawn.pictures.clamp(0, 1).cpu()
            frechet, prior = distance(made), drawn.prior
            test = distance.told(made, seed)
            told, told_p = test.accuracy, test.p_value
        except (NarrowsError, ValueError) as error:
            notes.append(f"no samples: {error}")
        step(2, 4)
        bits, why = _bits(loaded, judged, seed)
        notes += [why] if why else []
        step(3, 4)
        size = min(math.prod(loaded.code_shape), Pca.most(fitting))
        begun = time.perf_counter()
        pca = Pca.fit(fitting, size, seed=seed)
        spent = time.perf_counter() - begun
        if size < math.prod(loaded.code_shape):
            notes.append(f"PCA of {len(fitting):,} pictures has {size:,} numbers at most")
        x = judged.batch(torch.arange(len(judged))).cpu()
        pca_bits = None
        if size < min(len(fitting) - 1, math.prod(loaded.shape)):
            pca_bits = float(bits_per_dimension(pca.log_density(x).mean(), loaded.shape))
        pca_frechet = distance(pca.sample(count, seed).clamp(0, 1))
        step(4, 4)
    lines = getattr(loaded, "history", None) or []
    seconds = sum(float(one["seconds"]) for one in lines) if lines else None
    return RunMeasures(
        frechet, pca_frechet, distance.floor, count, prior, bits, pca_bits, (len(judged), whole.name),
        seconds, spent, told, told_p, notes,
    )  # fmt: skip


def _bits(model: Any, images: Any, seed: int) -> tuple[float | None, str]:
    """Bits per dimension by the ELBO, or why there are none."""
    if not model.bottleneck.generative:
        return (
            None,
            "no bits: this model is not variational, so that nothing bounds its likelihood",
        )
    if isinstance(model.likelihood, Bernoulli):
        return None, "no bits: cross-entropy is no density of pixels between black and white"
    found = []
    with model.evaluating(), torch.no_grad():
        for number, rows in enumerate(torch.split(torch.arange(len(images)), AT_ONCE)):
            x = images.batch(rows).to(model.device)
            found.append(elbo(model, x, draws=Draws(seed, number)).cpu())
    return float(bits_per_dimension(torch.cat(found).double().mean(), model.shape)), ""
