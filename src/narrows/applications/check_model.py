"""The files of a model and of its run, looked at one by one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from .. import files
from ..autoencoder import Autoencoder
from ..errors import BadFile, NarrowsError
from ..priors import load_prior
from ..tables import counted
from ..training import Recipe, history_of
from ..training.checkpoints import load_auxiliary, load_weights
from ..training.run import seen_of, shared_facts_of
from .checked import Checked, checked
from .codec import codec_model, load_codec

__all__ = ["model_files"]


Look = Callable[[], str]


def model_files(folder: Path) -> list[Checked]:
    """A row for each file of a model's folder that Narrows writes and reads again.

    Pictures and cards, which are for people, are not looked at.
    """
    there = {path.name for path in folder.iterdir() if path.is_file()}
    model = functools.cache(lambda: _model(folder))
    looks: dict[str, Look] = {
        "recipe.toml": lambda: _recipe(folder),
        "model.safetensors": lambda: _weights(folder, "model"),
        "last.safetensors": lambda: _weights(folder, "last"),
        "checkpoint.safetensors": lambda: _checkpoint(folder),
        "run.toml": lambda: f"seed {shared_facts_of(folder)['seed']}",
        "local.toml": lambda: f"{len(files.load_toml(folder / 'local.toml'))} facts",
        "seen.safetensors": lambda: _seen(folder / "seen.safetensors"),
        "metrics.jsonl": lambda: _metrics(folder),
        "entropy.safetensors": lambda: _tables(folder, model()),
    }
    rest = sorted(n for n in there - looks.keys() if n.endswith(".safetensors"))
    for name in rest:
        looks[name] = functools.partial(_beside, folder, name, model)
    found = [checked(name, look) for name, look in looks.items() if name in there]
    if found and "recipe.toml" not in there:
        found.append(Checked("recipe.toml", False, "it is missing: the weights cannot be used"))
    if "recipe.toml" in there and not there & {"model.safetensors", "checkpoint.safetensors"}:
        found.append(Checked("model.safetensors", False, "it is missing: train the model again"))
    return found


def _model(folder: Path) -> Autoencoder:
    """The model beside which a file lies.

    Raises:
        BadFile: it cannot be read, so that nothing can be said of that file.
    """
    try:
        return load_weights(folder).eval()
    except NarrowsError as error:
        raise BadFile("it cannot be compared with its model, which is not whole") from error


def _recipe(folder: Path) -> str:
    recipe = Recipe.load(folder / "recipe.toml")
    model = recipe.build()
    return f"{recipe.name}: {sum(p.numel() for p in model.parameters()):,} weights"


def _weights(folder: Path, name: str) -> str:
    model = load_weights(folder, name)
    _, header = files.load_tensors(folder / f"{name}.safetensors")
    if header.get("recipe") != model.recipe.fingerprint:
        raise BadFile("recipe.toml was changed since: not what the model is, but how it is trained")
    return f"{sum(p.numel() for p in model.parameters()):,} weights, of this recipe"


def _checkpoint(folder: Path) -> str:
    _, header = files.load_tensors(folder / "checkpoint.safetensors")
    if header.get("model") != Recipe.load(folder / "recipe.toml").model_fingerprint:
        raise BadFile("it is of another model than recipe.toml describes")
    if header.get("finished") is True:
        return "of a finished run"
    return f"in phase {header.get('phase', 0) + 1}, at step {header.get('step')}"


def _seen(path: Path) -> str:
    return ", ".join(f"{len(keys):,} of {name}" for name, keys in (seen_of(path) or {}).items())


def _metrics(folder: Path) -> str:
    history = history_of(folder)
    if history.damaged:
        raise BadFile(f"{counted(history.damaged, 'line')} damaged, beside {len(history):,} whole")
    return counted(len(history), "epoch")


def _tables(folder: Path, model: Autoencoder) -> str:
    load_codec(codec_model(model), folder / "entropy.safetensors")
    return "tables of this model"


def _beside(folder: Path, name: str, model: Callable[[], Autoencoder]) -> str:
    """A prior, a module that was trained beside the model, or tensors that are neither."""
    stem = name.removesuffix(".safetensors")
    if stem.startswith("prior-"):
        load_prior(model(), folder, stem.removeprefix("prior-"))
        return "fitted to the codes of this model"
    tensors, _ = files.load_tensors(folder / name)
    found = model()
    load_auxiliary(found, folder, (stem,))
    known = "trained beside the model" if stem in found.auxiliary else "no file of this recipe"
    return f"{counted(len(tensors), 'tensor')}, {known}"
