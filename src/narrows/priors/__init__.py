"""Priors: what makes a code space generative. Fitted to codes after training; data beside the model."""

from .autoregressive import Autoregressive
from .captioned import CaptionFlow
from .flow import Flow
from .gaussian import Aggregate, Normal
from .judging import Judged, compare, judge
from .mixture import Mixture
from .prior import Prior, draw, fit_prior, prior_for, taken
from .store import load_prior, save_prior, stored

__all__ = [
    "Aggregate",
    "Autoregressive",
    "CaptionFlow",
    "Flow",
    "Judged",
    "Mixture",
    "Normal",
    "Prior",
    "compare",
    "draw",
    "fit_prior",
    "judge",
    "load_prior",
    "prior_for",
    "save_prior",
    "stored",
    "taken",
]
