"""Classifiers: which class a picture is of, told from its code.

codes (N, D), labels (N,) ──fit_classifier──► Classifier ──► classes of other codes
                                                 kNN · linear probe · SVM · MLP

Whatever gives rows of numbers can stand in for codes; ``baseline_features`` are those that codes are compared with,
and ``compare`` puts them side by side.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ..autoencoder import Autoencoder
from ..images import Source, as_source
from ..images.labels import class_names
from ..measures import Pca
from ..randomness import generator, permutation
from .embedding import code_rows

__all__ = [
    "KINDS",
    "Classifier",
    "ClassifierEvaluation",
    "Comparison",
    "baseline_features",
    "class_names",
    "compare",
    "evaluate_classifier",
    "extract_features",
    "fit_classifier",
    "label_efficiency",
    "untrained",
]  # fmt: skip

Array = np.ndarray[Any, Any]
Rows = Callable[[Tensor], Any]
Progress = Callable[[int, int], None]

# what is tried of each kind on a fifth of the pictures, kept out of the training for that
KINDS: Mapping[str, tuple[dict[str, Any], ...]] = {
    "knn": tuple({"n_neighbors": k} for k in (1, 3, 5, 10)),
    "linear": tuple({"C": c} for c in (0.01, 0.1, 1.0)),
    "svm": ({"C": 1.0}, {"C": 10.0}),
    "mlp": ({"alpha": 1e-4}, {"alpha": 1e-1}),
}
SEVERAL, BUDGET = (
    20,
    1e11,
)  # classes; multiplications that the linear probe of more of them may take
QUICK = ("knn", "linear")  # kinds that take seconds of thousands of rows of a thousand numbers
HELD = 0.2
PART = 4096  # codes that are looked at in one go
GRAM = 5000  # codes up to which an SVM's kernel is one product of matrices: 200 MB
COUNTS = (1, 2, 5, 10, 20, 50, 100, 200)  # labelled pictures of each class


@dataclass(frozen=True)
class Classifier:
    """A fitted classifier of codes; calling it with codes (M, *code) gives names (M,).

    Attributes:
        kind: ``knn``, ``linear``, ``svm`` or ``mlp``.
        arguments: what was chosen for it.
        classes: the names it can give, (C,).
        held_out: its accuracy on the pictures kept for the choice; None where there was none.
        mean, scale: (D,) and a number: codes are centred and divided before they are looked at.
        fitted: scikit-learn's estimator.
    """

    kind: str
    arguments: Mapping[str, Any]
    classes: Array
    held_out: float | None
    mean: Array
    scale: float
    fitted: Any

    def __call__(self, codes: Any) -> Array:
        return self._asked(codes, self.fitted.predict)

    def probabilities(self, codes: Any) -> Array:
        """Of each code (M, *code) the probability of each class, (M, C), in the order of ``classes``.

        Raises:
            ValueError: an SVM, which has none; codes of another size.
        """
        if not hasattr(self.fitted, "predict_proba"):
            raise ValueError(f"a classifier of the kind {self.kind!r} gives no probabilities")
        return self._asked(codes, self.fitted.predict_proba)

    def _asked(self, codes: Any, ask: Callable[[Array], Array]) -> Array:
        rows = code_rows(codes)
        if rows.shape[1] != len(self.mean):
            raise ValueError(
                f"this classifier takes codes of {len(self.mean)} numbers; we got {rows.shape[1]}"
            )
        parts = (rows[first : first + PART] for first in range(0, len(rows), PART))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            even = ((x - self.mean) / self.scale for x in parts)
            return np.concatenate([ask(x) for x in even])


@dataclass(frozen=True)
class ClassifierEvaluation:
    """A classifier on codes that it was not fitted to.

    Attributes:
        accuracy: the share of right answers.
        error: its standard error over the pictures.
        classes: (C,), those of the training and of the test.
        confusion: (C, C) counts, rows are what they are and columns what they are taken for.
        predicted: (M,) names.
    """

    accuracy: float
    error: float
    classes: Array
    confusion: Array
    predicted: Array


def fit_classifier(
    codes: Any, labels: Any, kind: str = "knn", *, choose: bool = True, seed: int = 0
) -> Classifier:
    """Fit a classifier to codes with labels.

    The numbers of its kind (``KINDS``) that do best on a fifth of the codes, drawn by the seed, are
    taken; then it is fitted to all. Codes are scaled by one number for all of them, so that their
    distances keep their proportions.

    Args:
        codes: (N, *code).
        labels: (N,) names, each of them known.
        choose: False takes the first numbers of the kind's, without a choice.

    Raises:
        ValueError: no such kind, one class only, not a label for each code, codes that are not finite.
    """
    rows, names = code_rows(codes), np.asarray(labels)
    if kind not in KINDS:
        raise ValueError(f"a classifier is one of {', '.join(KINDS)}; we got {kind!r}")
    if len(rows) != len(names):
        raise ValueError(f"a label for each code was wanted; we got {len(rows)} and {len(names)}")
    classes = np.unique(names)
    if len(classes) < 2:
        raise ValueError(
            f"classes are told apart from two on; all {len(names):,} pictures are {str(classes[0])!r}"
        )
    if len(classes) > len(names) / 2:
        raise ValueError(
            f"{len(classes):,} classes of {len(names):,} pictures are too many to learn: each needs "
            "two pictures or more; is this label a number or a name?"
        )
    mean = rows.mean(0)
    scale = float(np.sqrt(np.square(rows - mean).mean())) or 1.0
    even = (rows - mean) / scale
    order = permutation(seed, "classify/held-out", len(names)).numpy()
    held = order[: int(HELD * len(order))]
    kept = order[len(held) :]
    tried = KINDS[kind]
    best, chosen = -math.inf, tried[0]
    if choose and len(held) and len(np.unique(names[kept])) > 1:
        for arguments in tried:
            if arguments.get("n_neighbors", 1) > len(kept):
                continue
            found = _fit(kind, arguments, even[kept], names[kept], seed)
            right = float((found.predict(even[held]) == names[held]).mean())
            if right > best:
                best, chosen = right, arguments
    fitted = _fit(kind, chosen, even, names, seed)
    known = None if best == -math.inf else best
    return Classifier(kind, dict(chosen), classes, known, mean, scale, fitted)


def _fit(kind: str, arguments: Mapping[str, Any], x: Array, y: Array, seed: int) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier

    state = int(generator(seed, "classify").initial_seed() % (1 << 32))
    made: Any = {
        "knn": lambda: KNeighborsClassifier(algorithm="brute", **arguments),
        "linear": lambda: LogisticRegression(max_iter=_rounds(x, y), **arguments),
        "svm": lambda: _svm(x, arguments),
        "mlp": lambda: MLPClassifier((128,), max_iter=60, random_state=state, **arguments),
    }[kind]()
    with warnings.catch_warnings():
        # after so many rounds it is as good as it has to be, and many classes are no mistake
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", UserWarning)
        return made.fit(x, y)


def _rounds(x: Array, y: Array) -> int:
    """Of a linear probe's solver: 300, fewer of more than twenty classes, whose rounds are long."""
    classes = len(np.unique(y))
    if classes <= SEVERAL:
        return 300
    return int(np.clip(BUDGET / (4 * x.size * classes), 20, 300))


def _svm(x: Array, arguments: Mapping[str, Any]) -> Any:
    """A support vector machine with scikit-learn's usual kernel, which libsvm computes pair by pair."""
    from sklearn.metrics.pairwise import rbf_kernel
    from sklearn.svm import SVC

    if len(x) > GRAM:
        return SVC(**arguments)
    gamma = 1 / (x.shape[1] * (float(x.var()) or 1.0))  # its "scale"
    return SVC(kernel=partial(rbf_kernel, gamma=gamma), **arguments)


class Predictor(Protocol):
    """Whatever gives names (M,) of ``classes``: to codes, or to pictures as they are."""

    @property
    def classes(self) -> Array:
        """The names it can give, (C,)."""
        ...

    def __call__(self, given: Any, /) -> Array:
        """(M, …) to names (M,)."""
        ...


def evaluate_classifier(classifier: Predictor, codes: Any, labels: Any) -> ClassifierEvaluation:
    """How a classifier does on codes (M, *code), or a tuned one on pictures, with known names (M,)."""
    names = np.asarray(labels)
    predicted = classifier(codes)
    if len(predicted) != len(names):
        raise ValueError(
            f"a label for each code was wanted; we got {len(predicted)} and {len(names)}"
        )
    classes = np.union1d(classifier.classes, names)
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(confusion, (np.searchsorted(classes, names), np.searchsorted(classes, predicted)), 1)
    right = float((predicted == names).mean())
    error = math.sqrt(right * (1 - right) / len(names))
    return ClassifierEvaluation(right, error, classes, confusion, predicted)


def label_efficiency(
    codes: Any,
    labels: Any,
    test_codes: Any,
    test_labels: Any,
    *,
    counts: Sequence[int] = COUNTS,
    draws: int = 5,
    kind: str = "linear",
    seed: int = 0,
) -> tuple[Array, Array]:
    """Test accuracy by the number of labelled pictures of each class.

    Each draw takes as many of every class; nothing is chosen, since there is nothing to choose on.
    Counts that some class cannot fill are left out.

    Returns:
        The counts (T,) and the accuracies (T, draws).

    Raises:
        ValueError: no count is left, or what ``fit_classifier`` refuses.
    """
    rows, names, test = code_rows(codes), np.asarray(labels), np.asarray(test_labels)
    classes, sizes = np.unique(names, return_counts=True)
    used = [count for count in counts if count <= sizes.min()]
    if not used or len(classes) < 2:
        raise ValueError(
            f"two classes of {min(counts)} pictures or more were wanted; we got {len(classes)}, the "
            f"smallest of {sizes.min() if len(sizes) else 0}"
        )
    own: dict[str, dict[str, Any]] = {"knn": {"n_neighbors": 1}, "linear": {"C": 1.0}}
    arguments = own.get(kind, KINDS[kind][0])
    found = np.zeros((len(used), draws))
    mean = rows.mean(0)
    scale = float(np.sqrt(np.square(rows - mean).mean())) or 1.0
    even, other = (rows - mean) / scale, (code_rows(test_codes) - mean) / scale
    for draw in range(draws):
        order = permutation(seed, "classify/few", len(names), draw).numpy()
        of_class = [order[names[order] == name] for name in classes]
        for at, count in enumerate(used):
            chosen = np.concatenate([mine[:count] for mine in of_class])
            fitted = _fit(kind, arguments, even[chosen], names[chosen], seed)
            found[at, draw] = (fitted.predict(other) == test).mean()
    return np.array(used), found


@dataclass(frozen=True)
class Comparison:
    """Codes compared with baselines.

    Attributes:
        tested: by name of the rows, then by kind of classifier.
        few: by name of the rows, what ``label_efficiency`` gives.
        best: of the first rows, the classifier that did best on the pictures kept for the choice.
        held_out: by name of the rows, the kind that did best on these, and its accuracy on them.
        guess: the accuracy of always saying the most frequent class.
    """

    tested: Mapping[str, Mapping[str, ClassifierEvaluation]]
    few: Mapping[str, tuple[Array, Array]]
    best: Classifier
    held_out: Mapping[str, tuple[str, float]]
    majority_class: float


def compare(
    rows: Mapping[str, tuple[Any, Any]],
    labels: Any,
    test_labels: Any,
    kinds: Sequence[str] = tuple(KINDS),
    *,
    briefly: Sequence[str] = (),
    seed: int = 0,
    progress: Progress | None = None,
) -> Comparison:
    """Classify by several kinds of rows and of classifiers, all treated alike.

    Args:
        rows: by name, those to learn from (N, …) and to test on (M, …); the first are ours.
        labels, test_labels: (N,) and (M,) names.
        kinds: of ``KINDS``.
        briefly: names of rows that are looked at by the quick kinds among these only, if there are
            any, and not by the number of labels.
        progress: called with (done, total).
    """
    names, truth = np.asarray(labels), np.asarray(test_labels)
    results: dict[str, dict[str, ClassifierEvaluation]] = {}
    few = {}
    ours: list[Classifier] = []
    held_out: dict[str, tuple[str, float]] = {}
    quick = [kind for kind in kinds if kind in QUICK] or list(kinds)
    for number, (title, (known, other)) in enumerate(rows.items()):
        results[title] = {}
        for place, kind in enumerate(quick if title in briefly else kinds):
            made = fit_classifier(known, names, kind, seed=seed)
            results[title][kind] = evaluate_classifier(made, other, truth)
            if number == 0:
                ours.append(made)
            right = made.held_out or 0.0
            if title not in held_out or right > held_out[title][1]:
                held_out[title] = (kind, right)
            if progress is not None:
                progress(number * len(kinds) + place + 1, len(rows) * len(kinds))
        if title in briefly:
            continue
        few[title] = label_efficiency(known, names, other, truth, seed=seed)
    best = max(ours, key=lambda made: made.held_out or 0.0)
    classes, counts = np.unique(names, return_counts=True)
    majority = float((truth == classes[counts.argmax()]).mean())
    return Comparison(results, few, best, held_out, majority)


def untrained(model: Autoencoder, seed: int = 0) -> Autoencoder:
    """The same model before its training, its weights drawn by the seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        begun = Autoencoder(**model.parts()).to(model.device)
    begun.preprocessing = model.preprocessing
    return begun


def baseline_features(
    train: Source | Any, size: int, untrained: Rows, *, seed: int = 0
) -> dict[str, Rows]:
    """The baselines of codes, each a function of pictures (B, C, H, W) to rows (B, …).

    Args:
        train: pictures that PCA is fitted to.
        size: D, numbers of a code.
        untrained: the encoder before its training.
    """
    pca = Pca.fit(train, min(size, Pca.most(train)), seed=seed)
    return {
        f"PCA, {len(pca)} numbers": pca.encode,
        "raw pixels": lambda x: x.flatten(1),
        "encoder, untrained": untrained,
    }


def extract_features(function: Rows, images: Source | Any, *, batch_size: int = 256) -> Array:
    """The rows (N, D) that a function makes of pictures, a batch at a time."""
    source = as_source(images)
    with torch.no_grad():
        made = [
            function(source.batch(part)).cpu()
            for part in torch.split(torch.arange(len(source)), batch_size)
        ]
    return code_rows(torch.cat(made))
