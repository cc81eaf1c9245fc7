"""Autoencoders as scikit-learn estimators: in a ``Pipeline``, a ``GridSearchCV``, a notebook.

    X (N, columns) or (N, H, W), (N, C, H, W) ──range──► [0, 1] ──fit──► a model
                                              ├─ AutoencoderTransformer       codes and back
                                              ├─ AutoencoderOutlierDetector   anomalous or not
                                              └─ AutoencoderClassifier        which class

    >>> from sklearn.datasets import load_digits
    >>> from narrows.sklearn import AutoencoderTransformer
    >>> X, _ = load_digits(return_X_y=True)
    >>> codes = AutoencoderTransformer(8, epochs=5, random_state=0).fit_transform(X)
    >>> codes.shape
    (1797, 8)

A row of numbers is a picture of one line. With ``shape=(C, H, W)`` the rows are pictures laid flat;
arrays (N, H, W), (N, C, H, W) and (N, H, W, C) are pictures anyway. Values are mapped to [0, 1] by the
range that they have in ``fit``: each column by its own, pictures by one range for all pixels, uint8
by 255; what lies in [0, 1] already is taken as it is. New values outside that range stay outside
(and are anomalous), except for a likelihood that refuses them, which gets them cut.

A fitted estimator keeps the ``Autoencoder`` in ``model_``: ``narrows.save(estimator.model_, folder)``.
scikit-learn's own way to keep an estimator is pickle, which runs what it reads; Narrows never does.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    OutlierMixin,
    TransformerMixin,
)
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from . import recipes
from .autoencoder import Autoencoder
from .images import Items
from .measures.anomaly_scores import anomaly_scores, in_blocks, supported
from .measures.code_distances import DISTANCES
from .measures.scoring import codes_of, distance
from .parts import Part
from .recipes.plain import fitting
from .training import Phase, Recipe, fit

__all__ = ["AutoencoderClassifier", "AutoencoderOutlierDetector", "AutoencoderTransformer"]

Array = np.ndarray[Any, Any]

# epochs of the models that are chosen here: about so many steps, between these ends; a classifier's
# two phases share them
STEPS, FEWEST, MOST = 4_000, 10, 100
BATCH = 64
SMALL = 64  # columns up to which one hidden layer is enough


class AutoencoderTransformer(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """The codes of rows or pictures, and rows or pictures of codes.

    Args:
        code_size: D, numbers of a code; None takes half of the columns, at most 16 (32 of pictures).
        shape: (C, H, W) of pictures whose rows are laid flat; None: rows are rows.
        recipe: a recipe, or the name of one; None is a small plain autoencoder, dense for rows and
            convolutional for pictures. A whole recipe has a code size of its own.
        epochs, batch_size, learning_rate: instead of the recipe's.
        random_state: of the weights and of every draw.
        device: ``cpu``, ``cuda``, ``mps`` or ``auto``.

    Attributes:
        model_: the trained ``Autoencoder``.
        n_features_in_: columns, or values of a picture.
        feature_names_in_: of the columns, where X had names.
    """

    def __init__(
        self,
        code_size: int | None = None,
        *,
        shape: Sequence[int] | None = None,
        recipe: Recipe | str | None = None,
        epochs: float | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        random_state: Any = None,
        device: str = "cpu",
    ) -> None:
        self.code_size = code_size
        self.shape = shape
        self.recipe = recipe
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.device = device

    def fit(self, X: Any, y: Any = None) -> AutoencoderTransformer:
        """Train on X, (N, columns) or pictures; y is not looked at."""
        rows, layout = _begun(self, X)
        self.model_, self._layout = _trained(self, rows, layout), layout
        self._n_features_out = math.prod(self.model_.code_shape)
        return self

    def transform(self, X: Any) -> Array:
        """X → codes (N, D), in the precision of X."""
        rows, source = _asked(self, X)
        codes: Array = codes_of(self.model_, source).astype(rows.dtype)
        return codes

    def inverse_transform(self, X: Any) -> Array:
        """Codes (N, D) → rows (N, columns); pictures (N, C, H, W) if it was fitted to such."""
        check_is_fitted(self)
        codes = np.asarray(X)
        wanted = self._n_features_out
        if codes.ndim != 2 or codes.shape[1] != wanted:
            raise ValueError(f"codes (N, {wanted}) were wanted; we got {codes.shape}")
        model = self.model_
        z = torch.from_numpy(codes.astype(np.float32)).reshape(-1, *model.code_shape)
        with model.evaluating():
            parts = torch.split(z, 256)
            back = torch.cat([model.decode(part.to(model.device)).cpu() for part in parts])
        dtype = codes.dtype if codes.dtype.kind == "f" else np.dtype(np.float64)
        rows: Array = self._layout.back(back).astype(dtype)
        return rows

    def score_samples(self, X: Any) -> Array:
        """How likely each row is, (N,) in nats, of values mapped to [0, 1].

        The evidence lower bound of a model with a prior, else log p(x|z) of the row's own code.
        """
        _, source = _asked(self, X)
        model = self.model_
        if "elbo" in supported(model):
            return -anomaly_scores(model, source, ("elbo",))["elbo"].numpy()

        def given(x: Tensor) -> Mapping[str, Tensor]:
            return {"log_px": model.likelihood.log_prob(model.raw(model.posterior(x)), x).double()}

        return in_blocks(model, source, given)["log_px"].numpy()

    def score(self, X: Any, y: Any = None) -> float:
        """The mean of ``score_samples``: what a search over settings maximises."""
        return float(self.score_samples(X).mean())

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class AutoencoderOutlierDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """Rows or pictures that an autoencoder finds anomalous.

    ``score_samples``, ``decision_function`` and ``predict`` are scikit-learn's: larger is more
    normal, predictions are 1 and −1. pyod's attributes are there with pyod's signs, by which larger
    is more anomalous and an outlier is 1; its two methods of the same names differ in just that.

    Args:
        contamination: the share of anomalous rows in X, in (0, 0.5].
        scored_by: ``reconstruction`` (the squared error), ``features``; of a recipe with a prior also
            ``kl``, ``elbo``, ``likelihood``; or a distance among codes: ``knn``, ``lof``,
            ``mahalanobis``.
        code_size, shape, recipe, epochs, batch_size, learning_rate, random_state, device: as of
            ``AutoencoderTransformer``.

    Attributes:
        model_: the trained ``Autoencoder``.
        offset_: what ``decision_function`` subtracts: the quantile ``contamination`` of the scores.
        decision_scores_: (N,) of X, larger for more anomalous; a row is none of its own neighbours.
        threshold_: above it, a row of X is an outlier; −offset_.
        labels_: (N,), 1 for the outliers of X, else 0.
        n_features_in_, feature_names_in_: of X.
    """

    def __init__(
        self,
        contamination: float = 0.1,
        *,
        scored_by: str = "reconstruction",
        code_size: int | None = None,
        shape: Sequence[int] | None = None,
        recipe: Recipe | str | None = None,
        epochs: float | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        random_state: Any = None,
        device: str = "cpu",
    ) -> None:
        self.contamination = contamination
        self.scored_by = scored_by
        self.code_size = code_size
        self.shape = shape
        self.recipe = recipe
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.device = device

    def fit(self, X: Any, y: Any = None) -> AutoencoderOutlierDetector:
        """Train on X, (N, columns) or pictures, with anomalous ones among them; y is not looked at.

        Raises:
            ValueError: a contamination outside (0, 0.5], or a score that the model has not.
        """
        if not 0 < self.contamination <= 0.5:
            raise ValueError(f"contamination must be in (0, 0.5]; we got {self.contamination}")
        rows, layout = _begun(self, X)
        model = _trained(self, rows, layout)
        known = [name for name in supported(model) if name != "likelihood-ratio"]
        if self.scored_by not in (*known, *DISTANCES):
            raise ValueError(
                f"the score of this model is one of {', '.join((*known, *DISTANCES))}; "
                f"we got {self.scored_by!r}"
            )
        self.model_, self._layout = model, layout
        source = layout.source(rows, model)
        if self.scored_by in DISTANCES:
            self._distance = distance(self.scored_by, model, codes_of(model, source))
            self.decision_scores_ = self._distance.own_scores()
        else:
            found = anomaly_scores(model, source, (self.scored_by,))
            self.decision_scores_ = found[self.scored_by].numpy()
        self.offset_ = float(np.percentile(-self.decision_scores_, 100 * self.contamination))
        self.threshold_ = -self.offset_
        self.labels_ = (self.decision_scores_ > self.threshold_).astype(int)
        return self

    def score_samples(self, X: Any) -> Array:
        """How normal each row is, (N,) float64: the raw score with its sign turned."""
        _, source = _asked(self, X)
        if self.scored_by in DISTANCES:
            far: Array = self._distance.score(codes_of(self.model_, source))
            return -far
        return -anomaly_scores(self.model_, source, (self.scored_by,))[self.scored_by].numpy()

    def decision_function(self, X: Any) -> Array:
        """``score_samples`` without ``offset_``, (N,): negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> Array:
        """1 for normal rows and −1 for outliers, (N,)."""
        return np.where(self.decision_function(X) >= 0, 1, -1)

    def predict_proba(self, X: Any, method: str = "linear") -> Array:
        """(N, 2): how likely each row is normal, and anomalous; pyod's.

        Args:
            method: ``linear`` is the place of a score between the least and the largest of X in
                ``fit``; ``unify`` is erf of its distance from their mean (Kriegel et al. 2011).

        Raises:
            ValueError: another method.
        """
        if method not in ("linear", "unify"):
            raise ValueError(f"method is 'linear' or 'unify'; we got {method!r}")
        scores, known = -self.score_samples(X), self.decision_scores_
        if method == "linear":
            place = (scores - known.min()) / max(float(np.ptp(known)), 1e-300)
        else:
            at = (scores - known.mean()) / (max(float(known.std()), 1e-300) * math.sqrt(2))
            place = torch.special.erf(torch.from_numpy(at)).numpy()
        outlying = place.clip(0, 1)
        return np.stack([1 - outlying, outlying], 1)


class AutoencoderClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The encoder of an autoencoder under a softmax, fine-tuned on labels (Lingrand 2021).

    The autoencoder is trained first, without labels, by its recipe; a recipe that ends in a softmax
    is followed as it is.

    Args:
        code_size: D, numbers of a code; None takes 16 (32 of pictures).
        pretraining: whether the autoencoder is trained first; False begins with random weights.
        shape, recipe, epochs, batch_size, learning_rate, random_state, device: as of
            ``AutoencoderTransformer``; the numbers are those of every phase.

    Attributes:
        model_: the trained ``Autoencoder``, with the softmax in ``model_.auxiliary``.
        classes_: (K,), sorted.
        n_features_in_, feature_names_in_: of X.
    """

    def __init__(
        self,
        code_size: int | None = None,
        *,
        pretraining: bool = True,
        shape: Sequence[int] | None = None,
        recipe: Recipe | str | None = None,
        epochs: float | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        random_state: Any = None,
        device: str = "cpu",
    ) -> None:
        self.code_size = code_size
        self.pretraining = pretraining
        self.shape = shape
        self.recipe = recipe
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.device = device

    def fit(self, X: Any, y: Any) -> AutoencoderClassifier:
        """Train on X, (N, columns) or pictures, and its labels y (N,).

        Raises:
            ValueError: labels of one class only, or that are no classes.
        """
        rows, layout, labels = _begun(self, X, y)
        check_classification_targets(labels)
        self.classes_, places = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                "a classifier needs at least 2 classes; we got 1 class: "
                f"{self.classes_[0]!r} everywhere"
            )
        self.model_ = _trained(self, rows, layout, places, self.pretraining)
        self._layout = layout
        return self

    def decision_function(self, X: Any) -> Array:
        """Logits: (N, K), or of two classes (N,) those of the second beyond the first."""
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: Any) -> Array:
        """(N, K), in the order of ``classes_``."""
        return torch.softmax(torch.from_numpy(self._logits(X)), 1).numpy()

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of ``predict_proba``, (N, K)."""
        return torch.log_softmax(torch.from_numpy(self._logits(X)), 1).numpy()

    def predict(self, X: Any) -> Array:
        """The likeliest class of each row, (N,)."""
        chosen = self._logits(X).argmax(1)
        found: Array = self.classes_[chosen]
        return found

    def _logits(self, X: Any) -> Array:
        """(N, K) float64."""
        _, source = _asked(self, X)
        model = self.model_
        softmax = model.auxiliary["softmax"].to(model.device)
        found = in_blocks(model, source, lambda x: {"logits": softmax(model.posterior(x).z)})
        return found["logits"].double().numpy()


# ---- rows as pictures ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Layout:
    """How rows become pictures in [0, 1], and back.

    Attributes:
        shape: (C, H, W).
        pictures: whether X had the axes of pictures.
        low, span: what is subtracted and divided by, (columns,) or (1,).
    """

    shape: tuple[int, int, int]
    pictures: bool
    low: Array
    span: Array

    @staticmethod
    def of(
        rows: Array, shape: tuple[int, int, int] | None, pictures: bool, bytes_: bool
    ) -> _Layout:
        """That of rows (N, columns), whose pictures have that shape, or None."""
        low, span = np.zeros(1), np.ones(1)
        if bytes_:
            span = np.full(1, 255.0)
        elif rows.min() < 0 or rows.max() > 1:
            axis = 0 if shape is None else None
            low = np.atleast_1d(rows.min(axis)).astype(np.float64)
            span = np.atleast_1d(rows.max(axis)).astype(np.float64) - low
            span = np.where(span > 0, span, 1.0)
        return _Layout(shape or (1, 1, rows.shape[1]), pictures, low, span)

    def source(
        self, rows: Array, model: Autoencoder | None = None, labels: Array | None = None
    ) -> Items:
        """Rows (N, columns) as a source of pictures for a model."""
        even = ((rows - self.low) / self.span).astype(np.float32)
        x = torch.from_numpy(even).reshape(-1, *self.shape)
        if model is not None and model.likelihood.bounded:
            x = x.clamp(0, 1)
        return Items(x, labels)

    def back(self, x: Tensor) -> Array:
        """Pictures (N, C, H, W) → rows (N, columns), or pictures, as X was."""
        rows: Array = x.flatten(1).double().numpy() * self.span + self.low
        return rows.reshape(-1, *self.shape) if self.pictures else rows


def _begun(estimator: Any, X: Any, y: Any = "no_validation") -> Any:
    """What ``fit`` is given, looked over: rows (N, columns), their layout and, with y, labels."""
    flat, own = _flat(X)
    bytes_ = getattr(flat, "dtype", None) == np.uint8
    checks = {"dtype": [np.float64, np.float32], "ensure_min_samples": 2}
    found = validate_data(estimator, flat, y=y, reset=True, **checks)
    rows = found[0] if isinstance(found, tuple) else found
    shape = own
    if estimator.shape is not None:
        wanted = tuple(int(side) for side in estimator.shape)
        if len(wanted) != 3 or math.prod(wanted) != rows.shape[1] or own not in (None, wanted):
            raise ValueError(
                f"shape is (C, H, W) of the pictures in X; we got {tuple(estimator.shape)} for "
                f"{'pictures of ' + str(own) if own else f'rows of {rows.shape[1]} values'}"
            )
        shape = (wanted[0], wanted[1], wanted[2])
    layout = _Layout.of(rows, shape, own is not None, bytes_)
    return (rows, layout, found[1]) if isinstance(found, tuple) else (rows, layout)


def _asked(estimator: Any, X: Any) -> tuple[Array, Items]:
    """Rows of what a fitted estimator is asked about, and the same as pictures."""
    check_is_fitted(estimator)
    flat, own = _flat(X)
    rows = validate_data(estimator, flat, reset=False, dtype=[np.float64, np.float32])
    if own not in (None, estimator._layout.shape):
        raise ValueError(
            f"this estimator was fitted to pictures of {estimator._layout.shape}; we got {own}"
        )
    return rows, estimator._layout.source(rows, estimator.model_)


def _flat(X: Any) -> tuple[Any, tuple[int, int, int] | None]:
    """X with one row for each picture, and the pictures' (C, H, W); other X as it is, and None."""
    try:
        axes = np.ndim(X)
    except (TypeError, ValueError):  # ragged lists and the like, which scikit-learn says better
        return X, None
    if axes not in (3, 4):
        return X, None
    array = np.asarray(X)
    array = array[:, None] if axes == 3 else array
    if array.shape[1] not in (1, 3) and array.shape[3] in (1, 3, 4):
        array = array.transpose(0, 3, 1, 2)
    shape = (array.shape[1], array.shape[2], array.shape[3])
    return array.reshape(len(array), -1), shape


# ---- training ------------------------------------------------------------------------------------


def _trained(
    estimator: Any,
    rows: Array,
    layout: _Layout,
    labels: Array | None = None,
    pretraining: bool = True,
) -> Autoencoder:
    """The model that an estimator's settings ask for, trained."""
    classes = 0 if labels is None else int(labels.max()) + 1
    wanted = _recipe(estimator, layout, len(rows), narrow=not classes)
    if classes:
        wanted = _with_softmax(wanted, classes, pretraining)
    given = {name: getattr(estimator, name) for name in ("epochs", "batch_size", "learning_rate")}
    changes = {name: value for name, value in given.items() if value is not None}
    wanted = wanted.with_(**changes) if changes else wanted
    state = check_random_state(estimator.random_state)
    seed = int(state.randint(np.iinfo(np.int32).max))
    source = layout.source(rows, labels=labels)
    return fit(
        wanted, source, seed=seed, device=estimator.device, precision="float32", report="quiet"
    )


def _recipe(estimator: Any, layout: _Layout, n: int, narrow: bool) -> Recipe:
    """The recipe asked for; where none is, one for n rows, with a code narrower than they or not."""
    code, recipe, shape = estimator.code_size, estimator.recipe, layout.shape
    if code is not None and code < 1:
        raise ValueError(f"code_size must be at least 1; we got {code}")
    if isinstance(recipe, Recipe):
        if code is not None:
            raise ValueError(
                "a whole recipe has a code size of its own: leave code_size out, or name the recipe"
            )
        return recipe
    if recipe is not None:
        takes_one = "code_size" in inspect.signature(recipes.recipe(recipe)).parameters
        if code is not None and not takes_one:
            raise ValueError(f"the recipe {recipe!r} takes no code_size; leave it out")
        return recipes.adjusted(recipe, shape, {} if code is None else {"code_size": int(code)})
    epochs = min(MOST, max(FEWEST, STEPS // max(1, math.ceil(n / BATCH))))
    epochs = epochs if narrow else epochs // 2
    if layout.pictures or estimator.shape is not None:
        made = recipes.conv_autoencoder(shape, int(code or 32), widths=fitting(shape, (16, 32, 64)))
        return made.with_(epochs=epochs, batch_size=BATCH)
    size = shape[2]
    widths = (64,) if size <= SMALL else (512, 128)
    ladder = {"shape": shape, "widths": widths, "activation": "silu"}
    units = code or (min(16, (size + 1) // 2) if narrow else 16)
    return Recipe(
        "rows",
        Part("dense", ladder),
        Part("point", {"size": int(units)}),
        Part("mse", {"output": "identity"}),
        (Phase(epochs=epochs, batch_size=BATCH, learning_rate=1e-2 if size <= SMALL else 2e-3),),
    )


def _with_softmax(recipe: Recipe, classes: int, pretraining: bool) -> Recipe:
    """The recipe with a last phase that fine-tunes the encoder under a softmax of so many classes."""
    phases = [
        dataclasses.replace(phase, bound=phase.bound.with_(classes=classes))
        if phase.bound.name == "softmax"
        else phase
        for phase in recipe.phases
    ]
    if all(phase.bound.name != "softmax" for phase in phases):
        last = phases[-1]
        tuned = Phase(
            epochs=last.epochs,
            batch_size=last.batch_size,
            learning_rate=last.learning_rate,
            scheme=Part("encoder"),
            bound=Part("softmax", {"classes": classes}),
        )
        phases.append(tuned)
    if not pretraining:
        phases = [phase for phase in phases if phase.bound.name == "softmax"]
    return dataclasses.replace(recipe, phases=tuple(phases))
