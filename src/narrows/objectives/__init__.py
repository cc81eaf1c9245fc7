"""Objectives: likelihoods, bounds, schedules and penalties, all in nats per image."""

from .bounds import Agreement, Capacity, Elbo, Iwae, Objective
from .categorical import Categorical
from .classifier import Softmax
from .feature_wise import FeatureWise, Introspective
from .learnt import GaussianDecoded, GaussianLearnt, GaussianOptimal, Logistic
from .likelihoods import Bernoulli, Gaussian, Laplace, Likelihood
from .penalties import (
    L1,
    AdversarialDraws,
    AdversarialPictures,
    AdversarialPrior,
    Contractive,
    Equivariance,
    Factor,
    Hutchinson,
    KlSparsity,
    Mmd,
    NtXent,
    Orthogonal,
    TotalCorrelation,
    VicReg,
    mmd2,
    nt_xent,
    off_orthogonal,
    quarter_turned,
    total_correlation,
    vicreg,
)
from .schedules import Constant, Controlled, Controller, Cyclic, Schedule, WarmUp
from .step import Step
from .terms import Bound, Loss, Penalty, Term

__all__ = [
    "L1",
    "AdversarialDraws",
    "AdversarialPictures",
    "AdversarialPrior",
    "Agreement",
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
    "Equivariance",
    "Factor",
    "FeatureWise",
    "Gaussian",
    "GaussianDecoded",
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
    "NtXent",
    "Objective",
    "Orthogonal",
    "Penalty",
    "Schedule",
    "Softmax",
    "Step",
    "Term",
    "TotalCorrelation",
    "VicReg",
    "WarmUp",
    "mmd2",
    "nt_xent",
    "off_orthogonal",
    "quarter_turned",
    "total_correlation",
    "vicreg",
]
