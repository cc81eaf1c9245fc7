"""Recipes: a model and its training as data. One function each; ``listed()`` finds them all."""

from .burda import burda_2016_iwae, burda_2016_vae
from .named import adjusted, listed, recipe
from .plain import conv_autoencoder, conv_vae, linear_autoencoder, mlp_autoencoder, mlp_vae

__all__ = [
    "adjusted",
    "burda_2016_iwae",
    "burda_2016_vae",
    "conv_autoencoder",
    "conv_vae",
    "linear_autoencoder",
    "listed",
    "mlp_autoencoder",
    "mlp_vae",
    "recipe",
]
