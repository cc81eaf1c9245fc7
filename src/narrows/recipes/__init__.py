"""Recipes: a model and its training as data. One function each; ``listed()`` finds them all."""

from .burda import burda_2016_iwae, burda_2016_vae
from .canziani import canziani_2020_contractive, canziani_2020_denoising, canziani_2020_standard
from .discrete import mentzer_2024_finite_scalar, oord_2017_vq_vae
from .disentangling import (
    burgess_2018_capacity_vae,
    chen_2018_tc_vae,
    higgins_2017_beta_vae,
    kim_2018_factor_vae,
    rybkin_2021_sigma_vae,
    shao_2020_control_vae,
)
from .hinton import hinton_2006_deep
from .kovenko import (
    kovenko_2020_autoencoder,
    kovenko_2020_denoising_dropout,
    kovenko_2020_denoising_gaussian,
    kovenko_2020_vae,
    kovenko_2020_vae_warm_up,
)
from .lingrand import (
    lingrand_2021_beta_vae,
    lingrand_2021_classifier,
    lingrand_2021_convolutional,
    lingrand_2021_multilayer,
    lingrand_2021_segnet,
    lingrand_2021_stacked,
    lingrand_2021_vae,
    lingrand_2021_vanilla,
)
from .matching import (
    brock_2017_introspective,
    larsen_2016_vae_gan,
    lin_2020_dual_matching,
    makhzani_2016_adversarial,
    tolstikhin_2018_wae,
    zhao_2019_info_vae,
)
from .named import adjusted, grouped, listed, recipe
from .plain import conv_autoencoder, conv_vae, linear_autoencoder, mlp_autoencoder, mlp_vae
from .ray import (
    ray_2022_deeply_supervised,
    ray_2022_max_pooling,
    ray_2022_one_at_a_time,
    ray_2022_recursive,
    ray_2022_recursive_batch_norm,
    ray_2022_recursive_shared_norm,
    ray_2022_recursive_shared_norm_relu,
    ray_2022_recursive_vae,
    ray_2022_stacked,
    ray_2022_stacked_batch_norm,
    ray_2022_stacked_shared_norm,
    ray_2022_stacked_shared_norm_relu,
    ray_2022_stacked_vae,
    ray_2022_upsampling,
)
from .sonderby import sonderby_2016_flat_vae, sonderby_2016_ladder_vae
from .sparse import makhzani_2014_k_sparse, ng_2011_sparse, rifai_2011_contractive
from .theivaprakasham import theivaprakasham_2021_vae
from .vincent import (
    vincent_2010_classifier,
    vincent_2010_stacked,
    vincent_2010_stacked_denoising,
)
from .words import model_in_words, training_in_words

__all__ = [
    "adjusted",
    "brock_2017_introspective",
    "burda_2016_iwae",
    "burda_2016_vae",
    "burgess_2018_capacity_vae",
    "canziani_2020_contractive",
    "canziani_2020_denoising",
    "canziani_2020_standard",
    "chen_2018_tc_vae",
    "conv_autoencoder",
    "conv_vae",
    "grouped",
    "higgins_2017_beta_vae",
    "hinton_2006_deep",
    "kim_2018_factor_vae",
    "kovenko_2020_autoencoder",
    "kovenko_2020_denoising_dropout",
    "kovenko_2020_denoising_gaussian",
    "kovenko_2020_vae",
    "kovenko_2020_vae_warm_up",
    "larsen_2016_vae_gan",
    "lin_2020_dual_matching",
    "linear_autoencoder",
    "lingrand_2021_beta_vae",
    "lingrand_2021_classifier",
    "lingrand_2021_convolutional",
    "lingrand_2021_multilayer",
    "lingrand_2021_segnet",
    "lingrand_2021_stacked",
    "lingrand_2021_vae",
    "lingrand_2021_vanilla",
    "listed",
    "makhzani_2014_k_sparse",
    "makhzani_2016_adversarial",
    "mentzer_2024_finite_scalar",
    "mlp_autoencoder",
    "mlp_vae",
    "model_in_words",
    "ng_2011_sparse",
    "oord_2017_vq_vae",
    "ray_2022_deeply_supervised",
    "ray_2022_max_pooling",
    "ray_2022_one_at_a_time",
    "ray_2022_recursive",
    "ray_2022_recursive_batch_norm",
    "ray_2022_recursive_shared_norm",
    "ray_2022_recursive_shared_norm_relu",
    "ray_2022_recursive_vae",
    "ray_2022_stacked",
    "ray_2022_stacked_batch_norm",
    "ray_2022_stacked_shared_norm",
    "ray_2022_stacked_shared_norm_relu",
    "ray_2022_stacked_vae",
    "ray_2022_upsampling",
    "recipe",
    "rifai_2011_contractive",
    "rybkin_2021_sigma_vae",
    "shao_2020_control_vae",
    "sonderby_2016_flat_vae",
    "sonderby_2016_ladder_vae",
    "theivaprakasham_2021_vae",
    "tolstikhin_2018_wae",
    "training_in_words",
    "vincent_2010_classifier",
    "vincent_2010_stacked",
    "vincent_2010_stacked_denoising",
    "zhao_2019_info_vae",
]
