"""Objectives: likelihoods, bounds, schedules and penalties, all in nats per image."""

from .bounds import Bound, Elbo, Loss, Objective
from .likelihoods import Bernoulli, Gaussian, Laplace, Likelihood
from .penalties import L1
from .schedules import Constant, Cyclic, Schedule, WarmUp
from .step import Step

__all__ = [
    "L1",
    "Bernoulli",
    "Bound",
    "Constant",
    "Cyclic",
    "Elbo",
    "Gaussian",
    "Laplace",
    "Likelihood",
    "Loss",
    "Objective",
    "Schedule",
    "Step",
    "WarmUp",
]
