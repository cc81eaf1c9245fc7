"""Applications: one file per verb. They take functions (encode, decode) and give arrays and numbers."""

from .decoding import Decode, decoder
from .generate import Generated, Manifold, Traversals, generate, manifold, traverse
from .morph import BLENDS, Decodings, Morph, decodings, linear, morph, spherical
from .reconstruct import Reconstructions, reconstruct
from .steer import (
    Direction,
    Effect,
    Map,
    Nearness,
    effects_of_steering,
    effects_of_transform,
    fit_to_labels,
    fit_to_transform,
    nearness,
    probe,
    steer,
)

__all__ = [
    "BLENDS",
    "Decode",
    "Decodings",
    "Direction",
    "Effect",
    "Generated",
    "Manifold",
    "Map",
    "Morph",
    "Nearness",
    "Reconstructions",
    "Traversals",
    "decoder",
    "decodings",
    "effects_of_steering",
    "effects_of_transform",
    "fit_to_labels",
    "fit_to_transform",
    "generate",
    "linear",
    "manifold",
    "morph",
    "nearness",
    "probe",
    "reconstruct",
    "spherical",
    "steer",
    "traverse",
]
