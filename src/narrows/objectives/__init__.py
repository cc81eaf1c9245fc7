"""Objectives: likelihoods, bounds, schedules and penalties, all in nats per image."""

from .bounds import Capacity, Elbo, Iwae, Objective
from .categorical import Categorical
from .classifier import Softmax
from .feature_wise import FeatureWise, Introspective
from .learnt import GaussianLearnt, GaussianOptimal, Logistic
from .likelihoods import Bernoulli, Gaussian, Laplace, Likelihood
from .penalties import (
    L1,
    AdversarialDraws,
    AdversarialPictures,
    AdversarialPrior,
    Contractive,
    Factor,
    Hutchinson,
    KlSparsity,
    Mmd,
    TotalCorrelation,
    mmd2,
    total_correlation,
)
from .schedules import Constant, Controlled, Controller, Cyclic, Schedule, WarmUp
from .step import Step
from .terms import Bound, Loss, Penalty, Term

__all__ = [
    "L1",
    "AdversarialDraws",
    "AdversarialPictures",
    "AdversarialPrior",
    "Bernoulli",
    "Bound",
    "Capacity",
    "Categorical",
    "Constant",
    "Contractive",
    "Controlled",
    "Controller",
    "Cyclic",
    "Elbo",
    "Factor",
    "FeatureWise",
    "Gaussian",
    "GaussianLearnt",
    "GaussianOptimal",
    "Hutchinson",
    "Introspective",
    "Iwae",
    "KlSparsity",
    "Laplace",
    "Likelihood",
    "Logistic",
    "Loss",
    "Mmd",
    "Objective",
    "Penalty",
    "Schedule",
    "Softmax",
    "Step",
    "Term",
    "TotalCorrelation",
    "WarmUp",
    "mmd2",
    "total_correlation",
]
