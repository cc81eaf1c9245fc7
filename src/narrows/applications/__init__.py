"""Applications: one file per verb. They take functions (encode, decode) and give arrays and numbers."""

from .compress import (
    Codec,
    Compressed,
    Functions,
    functions_of,
    functions_of_pca,
    load_codec,
    rates,
)
from .decoding import Decode, decoder
from .denoise import denoise, denoising_baselines
from .generate import Generated, Manifold, Traversals, generate, manifold, traverse
from .inpaint import (
    CodeGaussian,
    Projection,
    by_model,
    by_projection,
    inpaint,
    inpainting_baselines,
    project,
)
from .kernels import feature_maps, first_kernels
from .morph import BLENDS, Decodings, Morph, decodings, linear, morph, spherical
from .reconstruct import Reconstructions, reconstruct
from .restored import MODEL, Restored, beside, scores
from .segment import Segments, segment
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
from .upscale import Upscaled, upscale

__all__ = [
    "BLENDS",
    "MODEL",
    "CodeGaussian",
    "Codec",
    "Compressed",
    "Decode",
    "Decodings",
    "Direction",
    "Effect",
    "Functions",
    "Generated",
    "Manifold",
    "Map",
    "Morph",
    "Nearness",
    "Projection",
    "Reconstructions",
    "Restored",
    "Traversals",
    "Segments",
    "Upscaled",
    "beside",
    "by_model",
    "by_projection",
    "decoder",
    "decodings",
    "denoise",
    "denoising_baselines",
    "effects_of_steering",
    "effects_of_transform",
    "feature_maps",
    "first_kernels",
    "fit_to_labels",
    "fit_to_transform",
    "functions_of",
    "functions_of_pca",
    "generate",
    "inpaint",
    "inpainting_baselines",
    "linear",
    "load_codec",
    "manifold",
    "morph",
    "nearness",
    "probe",
    "project",
    "rates",
    "reconstruct",
    "scores",
    "segment",
    "spherical",
    "steer",
    "traverse",
    "upscale",
]
