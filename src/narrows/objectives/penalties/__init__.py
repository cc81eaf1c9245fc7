"""Penalties: each takes a ``Step`` and gives a scalar in nats per picture."""

from .adversarial import (
    AdversarialDomains,
    AdversarialDraws,
    AdversarialPictures,
    AdversarialPrior,
    Factor,
)
from .agreement import NtXent, VicReg, nt_xent, vicreg
from .contractive import Contractive, Hutchinson
from .discrepancy import Mmd, mmd2
from .equivariance import Equivariance, quarter_turned
from .orthogonal import Orthogonal, off_orthogonal
from .sparsity import L1, KlSparsity
from .total_correlation import TotalCorrelation, total_correlation

__all__ = [
    "L1",
    "AdversarialDomains",
    "AdversarialDraws",
    "AdversarialPictures",
    "AdversarialPrior",
    "Contractive",
    "Equivariance",
    "Factor",
    "Hutchinson",
    "KlSparsity",
    "Mmd",
    "NtXent",
    "Orthogonal",
    "TotalCorrelation",
    "VicReg",
    "mmd2",
    "nt_xent",
    "off_orthogonal",
    "quarter_turned",
    "total_correlation",
    "vicreg",
]
