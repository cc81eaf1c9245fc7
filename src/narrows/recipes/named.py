"""Recipes by name: the list of them, and one with some of its numbers changed."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..parts import Part
from ..training import Phase, Recipe
from . import (
    burda,
    canziani,
    discrete,
    disentangling,
    hinton,
    kovenko,
    lingrand,
    matching,
    plain,
    ray,
    sonderby,
    sparse,
    theivaprakasham,
    vincent,
)

__all__ = ["adjusted", "grouped", "listed", "recipe"]

Maker = Callable[..., Recipe]

# the five documents first, then what they name, each by what it is for
_GROUPS: dict[str, tuple[Maker, ...]] = {
    "Generic": (
        plain.conv_vae,
        plain.conv_autoencoder,
        plain.mlp_vae,
        plain.mlp_autoencoder,
        plain.linear_autoencoder,
    ),
    "Lingrand 2021, Autoencoder": (
        lingrand.lingrand_2021_vanilla,
        lingrand.lingrand_2021_multilayer,
        lingrand.lingrand_2021_stacked,
        lingrand.lingrand_2021_classifier,
        lingrand.lingrand_2021_convolutional,
        lingrand.lingrand_2021_segnet,
        lingrand.lingrand_2021_vae,
        lingrand.lingrand_2021_beta_vae,
    ),
    "Canziani 2020, Introduction to autoencoders": (
        canziani.canziani_2020_standard,
        canziani.canziani_2020_denoising,
        canziani.canziani_2020_contractive,
    ),
    "Kovenko & Bogach 2020, Autoencoders' applications related to images": (
        kovenko.kovenko_2020_autoencoder,
        kovenko.kovenko_2020_denoising_gaussian,
        kovenko.kovenko_2020_denoising_dropout,
        kovenko.kovenko_2020_vae,
        kovenko.kovenko_2020_vae_warm_up,
    ),
    "Theivaprakasham 2021, Applications of variational autoencoders": (
        theivaprakasham.theivaprakasham_2021_vae,
    ),
    "Ray & Hannon 2022, Recursively trained autoencoders": (
        ray.ray_2022_stacked,
        ray.ray_2022_recursive,
        ray.ray_2022_one_at_a_time,
        ray.ray_2022_stacked_batch_norm,
        ray.ray_2022_recursive_batch_norm,
        ray.ray_2022_stacked_shared_norm,
        ray.ray_2022_recursive_shared_norm,
        ray.ray_2022_stacked_shared_norm_relu,
        ray.ray_2022_recursive_shared_norm_relu,
        ray.ray_2022_stacked_vae,
        ray.ray_2022_recursive_vae,
        ray.ray_2022_deeply_supervised,
        ray.ray_2022_max_pooling,
        ray.ray_2022_upsampling,
    ),
    "Literature: deep, and layer by layer": (
        hinton.hinton_2006_deep,
        vincent.vincent_2010_classifier,
        vincent.vincent_2010_stacked,
        vincent.vincent_2010_stacked_denoising,
    ),
    "Literature: contractive and sparse codes": (
        sparse.rifai_2011_contractive,
        sparse.ng_2011_sparse,
        sparse.makhzani_2014_k_sparse,
    ),
    "Literature: tighter bounds, and several levels of codes": (
        burda.burda_2016_vae,
        burda.burda_2016_iwae,
        sonderby.sonderby_2016_flat_vae,
        sonderby.sonderby_2016_ladder_vae,
    ),
    "Literature: weights of the KL, and independent units": (
        disentangling.higgins_2017_beta_vae,
        disentangling.burgess_2018_capacity_vae,
        disentangling.shao_2020_control_vae,
        disentangling.rybkin_2021_sigma_vae,
        disentangling.chen_2018_tc_vae,
        disentangling.kim_2018_factor_vae,
    ),
    "Literature: matched priors and pictures": (
        matching.tolstikhin_2018_wae,
        matching.zhao_2019_info_vae,
        matching.makhzani_2016_adversarial,
        matching.lin_2020_dual_matching,
        matching.larsen_2016_vae_gan,
        matching.brock_2017_introspective,
    ),
    "Literature: discrete codes": (
        discrete.oord_2017_vq_vae,
        discrete.mentzer_2024_finite_scalar,
    ),
}

PARTS = ("ladder", "bottleneck", "likelihood")
PHASE_PARTS = ("bound", "scheme", "augmentation", "corruption")


def grouped() -> dict[str, dict[str, Maker]]:
    """The recipes by document, then by the name each has on the command line.

    ``conv-vae`` for ``conv_vae``.
    """
    return {
        title: {make.__name__.replace("_", "-"): make for make in makers}
        for title, makers in _GROUPS.items()
    }


def listed() -> dict[str, Maker]:
    """Every recipe by name."""
    return {name: make for makers in grouped().values() for name, make in makers.items()}


def recipe(name: str) -> Maker:
    """The function that makes the recipe of that name.

    Raises:
        ValueError: there is none.
    """
    makers = listed()
    if name not in makers:
        near = difflib.get_close_matches(name, makers, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"there is no recipe {name!r}, only {', '.join(makers)}{hint}")
    return makers[name]


def adjusted(
    name: str, shape: Sequence[int], changes: Mapping[str, str | int | float] | None = None
) -> Recipe:
    """The recipe ``name`` (or the file of that name) for pictures of ``shape``.

    Args:
        changes: of an argument of the recipe's function (``code_size``), of a number of its phases
            (``batch_size``), of a part (``likelihood.variance``, ``bound.weight``), or a whole part
            by its name (``bottleneck=top-k``, ``scheme=recursive``). Text is read as TOML.

    Raises:
        ValueError: there is no such recipe or number, or a file's pictures have another shape.
    """
    values = {key.replace("-", "_"): _value(value) for key, value in (changes or {}).items()}
    if name.endswith(".toml"):
        result = Recipe.load(Path(name))
        if result.shape != tuple(shape):
            raise ValueError(
                f"{name} is for pictures of {result.shape}; these are {tuple(shape)}: open them with "
                f"--size {result.shape[1]}x{result.shape[2]}"
            )
    else:
        make = recipe(name)
        accepted = inspect.signature(make).parameters
        own = {key: values.pop(key) for key in list(values) if key in accepted and key != "shape"}
        for key, value in own.items():
            _check_kind(key, value, str(accepted[key].annotation))
        result = make(tuple(shape), **own)
    phase_names = {f.name for f in dataclasses.fields(Phase)}
    for key, value in values.items():
        part, dot, argument = key.partition(".")
        if dot and part in PARTS:
            result = result.with_(**{part: getattr(result, part).with_(**{argument: value})})
        elif dot and part in PHASE_PARTS:
            result = result.with_(
                phases=tuple(_changed(p, part, argument, value) for p in result.phases)
            )
        elif key in PARTS:
            result = result.with_(**{key: Part(str(value))})
        elif key in phase_names:
            result = result.with_(**{key: value})
        else:
            names = sorted(phase_names | {f"{p}.…" for p in (*PARTS, *PHASE_PARTS)})
            raise ValueError(f"this recipe has no number {key!r}; it has {', '.join(names)}")
    return result


def _changed(phase: Phase, part: str, argument: str, value: Any) -> Phase:
    """The phase with another number of one of its parts; as it is if it has no such part."""
    written = getattr(phase, part)
    if written is None:
        return phase
    return dataclasses.replace(phase, **{part: written.with_(**{argument: value})})


def _check_kind(name: str, value: Any, annotation: str) -> None:
    """One sentence where a list or a number was wanted and something else was given."""
    kinds: dict[str, Any] = {"Sequence": tuple, "float": (int, float), "int": int}
    wanted = [kind for key, kind in kinds.items() if key in annotation.replace("[int]", "")]
    if wanted and not any(isinstance(value, kind) for kind in wanted):
        what = "a number" if tuple not in wanted else f"a list, such as {name}=[16, 32]"
        raise ValueError(f"{name} is {what}; we got {value}")


def _value(value: str | int | float) -> Any:
    if not isinstance(value, str):
        return value
    try:
        read = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return value
    return tuple(read) if isinstance(read, list) else read
