"""Priors on disk, in the folder of the model whose codes they were fitted to.

MODEL/prior-NAME.safetensors    tensors, and a header: the part, the model's fingerprint, on what
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import files
from ..errors import BadFile
from ..parts import Part, part_of
from .prior import OF_THE_MODEL, Prior, prior_for

__all__ = ["load_prior", "save_prior", "stored_priors"]

PRIOR_VERSION = 1


def save_prior(prior: Prior, model: Any, folder: Path | str, **about: Any) -> Path:
    """Write a fitted prior into its model's folder; gives the path.

    Args:
        about: what else the header says, such as how many pictures it was fitted to.
    """
    part = part_of(prior)
    written = {key: value for key, value in part.document().items() if key not in OF_THE_MODEL}
    header = {
        "version": PRIOR_VERSION,
        "prior": written,
        "model": model.fingerprint(),
        **about,
    }
    path = _path(folder, part.name)
    files.save_tensors(path, prior.state(), header)
    return path


def load_prior(model: Any, folder: Path | str, name: str) -> Prior:
    """Read the prior of that name from a model's folder.

    Raises:
        BadFile: there is none, or it is damaged, from a newer version or another model's.
        ValueError: there is no such kind, or it does not fit the model's kind of code.
    """
    prior_for(model, name)
    path = _path(folder, name)
    if not path.exists():
        there = stored_priors(folder)
        hint = f"; fitted are: {', '.join(there)}" if there else ""
        raise BadFile(
            f"no prior {name!r} was fitted to {folder} yet: run `narrows prior {folder} PICTURES "
            f"--kind {name}` first{hint}"
        )
    tensors, header = files.load_tensors(path)
    version = header.get("version")
    if not isinstance(version, int) or version > PRIOR_VERSION:
        raise BadFile(
            f"{path} is of version {version}; this Narrows reads up to version {PRIOR_VERSION}: "
            "install a newer one, or fit it again"
        )
    if header.get("model") != model.fingerprint():
        raise BadFile(
            f"{path} was fitted to the codes of another model than the one in {folder}: "
            "fit it again with `narrows prior`"
        )
    try:
        part = Part.read(header.get("prior"))
        if part.name != name:
            raise ValueError(f"it holds a prior {part.name!r}")
        return prior_for(model, name, **_arguments(part)).restore(tensors)
    except (ValueError, TypeError, AttributeError, RuntimeError, OverflowError) as error:
        raise BadFile(f"{path} holds no prior that can be used: {error}") from error


def _arguments(part: Part) -> Mapping[str, Any]:
    return {key: value for key, value in part.arguments.items() if key not in OF_THE_MODEL}


def stored_priors(folder: Path | str) -> list[str]:
    """The names of the priors in a model's folder."""
    files = _path(folder, "").parent.glob("prior-*.safetensors")
    return sorted(path.stem.removeprefix("prior-") for path in files)


def _path(folder: Path | str, name: str) -> Path:
    folder = Path(folder)
    if folder.suffix == ".safetensors":
        folder = folder.parent
    return folder / f"prior-{name}.safetensors"
