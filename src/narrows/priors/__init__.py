"""Priors: what makes a code space generative. Fitted to codes after training, and saved with the model."""

from .autoregressive import Autoregressive
from .captioned import CaptionFlow
from .evaluation import PriorEvaluation, compare, evaluate_prior
from .flow import Flow
from .gaussian import AggregateGaussian, Normal
from .mixture import Mixture
from .prior import Prior, fit_prior, prior_for, sample_codes, taken
from .store import load_prior, save_prior, stored_priors

__all__ = [
    "AggregateGaussian",
    "Autoregressive",
    "CaptionFlow",
    "Flow",
    "Mixture",
    "Normal",
    "Prior",
    "PriorEvaluation",
    "compare",
    "evaluate_prior",
    "fit_prior",
    "load_prior",
    "prior_for",
    "sample_codes",
    "save_prior",
    "stored_priors",
    "taken",
]
