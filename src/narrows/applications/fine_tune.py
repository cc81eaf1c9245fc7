"""Fine-tune: the encoder of a trained autoencoder goes on learning, under a softmax, from labels.

pictures (N, C, H, W), labels (N,) ──warped──► encoder ──► code ──softmax──► class
                                                └── begun where the autoencoder ended
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..autoencoder import Autoencoder
from ..images import Labelled, Source, Subset, as_source
from ..parts import Part
from ..randomness import permutation
from ..training import Phase, Run, fit
from ..training.phases import recipe_of
from ..training.reporting import Quiet
from .classifiers import COUNTS
from .opening import run_of

if TYPE_CHECKING:
    from ..training.length import Length

__all__ = ["WARP", "FineTuned", "Steps", "fine_tune", "fine_tuned", "label_efficiency_tuned"]

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int], None]

WARP = Part("warp", {"turn": 10.0, "zoom": 0.1, "shift": 0.07, "bend": 0.02})
STEPS, FEWEST_EPOCHS, BATCH = 300, 5, 100


@dataclass(frozen=True)
class FineTuned:
    """A classifier of pictures: calling it with pictures (M, C, H, W) gives names (M,).

    Attributes:
        model: the autoencoder whose encoder was tuned, with the softmax in ``model.auxiliary``;
            :func:`narrows.save` keeps both. Its decoder is as it was, so it decodes worse.
        classes: the names it can give, (K,).
    """

    model: Autoencoder
    classes: Array

    def __call__(self, images: Any) -> Array:
        source = as_source(images)
        softmax: Any = self.model.auxiliary["softmax"]
        names = np.array(softmax.labels)
        found = [np.zeros(0, names.dtype)]
        with torch.no_grad():
            for rows in torch.split(torch.arange(len(source)), 256):
                code = self.model.encode(source.batch(rows))
                logits = softmax.to(code.z.device)(code.z)
                found.append(names[logits.argmax(-1).cpu().numpy()])
        return np.concatenate(found)


def fine_tune(
    model: Autoencoder,
    images: Source | Any,
    labels: Any,
    *,
    augmentation: Part | None = WARP,
    steps: int | None = None,
    learning_rate: float = 1e-3,
    seed: int = 0,
    device: str = "auto",
    progress: Progress | None = None,
) -> FineTuned:
    """Tune a trained encoder to tell classes, from few labels (Lingrand 2021; Vincent et al. 2010).

    The softmax and the encoder move together, in batches of 100, on pictures that are turned, moved
    and bent a little anew in each step. Deviation from Lingrand, who trains the softmax alone
    before: with 100 labels that is not what matters. The given model stays as it is;
    what it has seen, the tuned one has seen too.

    Args:
        images: (N, C, H, W), as the model takes them.
        labels: (N,) names, each of them known.
        augmentation: what changes a picture and not its class; None: nothing.
        steps: of the optimiser, 300 by default; at least five passes over the pictures are made.
        progress: called with (done, total) steps.

    Raises:
        ValueError: one class only, not a label for each picture, a model without a point in its code
            to put a softmax on.
    """
    names = np.asarray(labels).astype(str)
    source = as_source(images)
    if len(source) != len(names):
        raise ValueError(
            f"a label for each picture was wanted; we got {len(source)} and {len(names)}"
        )
    classes = np.unique(names)
    if len(classes) < 2:
        raise ValueError(
            f"classes are told apart from two on; all {len(names):,} pictures are {str(classes[0])!r}"
        )
    steps = STEPS if steps is None else steps
    if steps < 1:
        raise ValueError(f"at least one step is made; we got {steps}")
    batch = min(BATCH, len(names))
    phase = Phase(
        epochs=max(FEWEST_EPOCHS, steps * batch / len(names)),
        batch_size=batch,
        learning_rate=learning_rate,
        scheme=Part("encoder"),
        bound=Part("softmax", {"classes": len(classes)}),
        augmentation=augmentation,
    )
    own = Autoencoder(**model.parts())
    own.load_state_dict(model.state_dict())
    own.recipe = dataclasses.replace(recipe_of(model), phases=(phase,))
    own.run = _begun_from(model)
    report = Quiet() if progress is None else Steps(progress)
    with_names = Labelled(source, names)
    fit(own, with_names, seed=seed, device=device, precision="float32", report=report)
    own.preprocessing = own.run.preprocessing = model.preprocessing
    return FineTuned(own, classes)


def _begun_from(model: Autoencoder) -> Run:
    """What a training that begins with a model has seen: what that has."""
    before = run_of(model)
    seen = None if before.seen is None else dict(before.seen)
    return Run(model.preprocessing, seen, facts=dict(before.facts))


def fine_tuned(model: Autoencoder) -> FineTuned | None:
    """The classifier that a model was tuned to be; None of one without a softmax."""
    softmax: Any = model.auxiliary.get("softmax")
    return None if softmax is None else FineTuned(model, np.unique(np.array(softmax.labels)))


def label_efficiency_tuned(
    model: Autoencoder,
    images: Source | Any,
    labels: Any,
    test: Source | Any,
    test_labels: Any,
    *,
    counts: Sequence[int] = COUNTS,
    draws: int = 1,
    augmentation: Part | None = WARP,
    steps: int | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: Progress | None = None,
) -> tuple[Array, Array]:
    """Test accuracy of :func:`fine_tune` by the number of labelled pictures of each class.

    The pictures are those that :func:`narrows.applications.label_efficiency` draws.

    Returns:
        The counts (T,) and the accuracies (T, draws).
    """
    names, truth = np.asarray(labels).astype(str), np.asarray(test_labels).astype(str)
    source = as_source(images)
    classes, sizes = np.unique(names, return_counts=True)
    used = [count for count in counts if count <= sizes.min()]
    found = np.zeros((len(used), draws))
    for draw in range(draws):
        order = permutation(seed, "classify/few", len(names), draw).numpy()
        of_class = [order[names[order] == name] for name in classes]
        for at, count in enumerate(used):
            chosen = np.concatenate([mine[:count] for mine in of_class])
            tuned = fine_tune(
                model,
                Subset(source, chosen),
                names[chosen],
                augmentation=augmentation,
                steps=steps,
                seed=seed + draw,
                device=device,
            )
            found[at, draw] = (tuned(test) == truth).mean()
            if progress is not None:
                progress(draw * len(used) + at + 1, draws * len(used))
    return np.array(used), found


class Steps(Quiet):
    """Passes a training's steps on to ``progress``."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def begin(self, length: Length, done: int) -> None:
        self.length = length

    def step(self, done: int, loss: float) -> None:
        self.progress(done, self.length.steps)
