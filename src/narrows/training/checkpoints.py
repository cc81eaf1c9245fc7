"""The files that a run leaves, and how they are read again.

    RUN/
      recipe.toml              how the model is made and trained
      model.safetensors        the weights: the best by validation, or the last
      last.safetensors         the last weights, where validation chose those of the model
      softmax.safetensors, …   modules trained beside the model, by the name of their part
      checkpoint.safetensors   all that going on needs: weights, optimisers, counters
      run.toml                 seed, and what else goes with the model
      local.toml               pictures and command, which stay on this machine
      seen.safetensors         the content keys of the pictures of training and validation
      metrics.jsonl            a line per epoch
      card.md, *.png           for people

Every file is written whole or not at all, so a kill at any moment leaves a run that resumes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_bytes
from safetensors.torch import save as save_bytes
from torch import Tensor

from .. import files
from ..autoencoder import Autoencoder
from ..errors import BadFile, Diverged, RunExists
from ..images import Preprocessing
from ..locks import Taken, locked
from ..objectives import Term
from ..parts import part_of
from .device import select_device
from .hub import address_of, pulled
from .length import lengthened, longer
from .phases import Phase, Recipe, freeze, objective_of, recipe_of
from .run import Run

__all__ = [
    "RunElsewhere",
    "RunFiles",
    "State",
    "load",
    "load_auxiliary",
    "load_weights",
    "located",
    "outline",
    "save",
]

MODEL_VERSION = 2
_WRITTEN = {
    *("recipe.toml", "run.toml", "metrics.jsonl"),
    *(f"{name}.safetensors" for name in ("model", "last", "checkpoint", "seen")),
}
_OTHERS = ("prior-", "entropy.")  # what verbs write beside a model, while it may be trained on


@dataclasses.dataclass
class State:
    """What a checkpoint holds beside the weights."""

    tensors: dict[str, Tensor]
    numbers: dict[str, Any]


class RunFiles:
    """The folder of one run, which nobody else trains into until ``close``.

    Args:
        resume: go on with the run that is there.
        asked: another length than that of the run is what was asked for.

    Attributes:
        before: the recipe of the run that is there, where it has another length; else None.

    Raises:
        RunExists: it holds a run and ``resume`` is not set, or another process trains into it.
        BadFile: ``resume`` is set and the run there cannot go on, or follows another recipe.
    """

    def __init__(
        self, folder: Path | str, recipe: Recipe, resume: bool = False, asked: bool = False
    ) -> None:
        self.folder = Path(folder)
        self.before: Recipe | None = None
        self._asked = asked
        self.recipe = recipe
        self.preprocessing = Preprocessing(recipe.shape)
        if self.folder.exists() and not self.folder.is_dir():
            raise RunExists(f"{self.folder} is a file; name a folder for the run")
        recipe.document()  # one that cannot be written is refused before a folder is made
        self._held = contextlib.ExitStack()
        with files.failing(self.folder / "lock"):
            try:
                self._held.enter_context(locked(self.folder, wait=False))
            except Taken:
                raise RunExists(
                    f"another process trains into {self.folder} now; wait for its end, or name "
                    "another folder"
                ) from None
        try:
            self._open(resume)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let others train into the folder."""
        self._held.close()

    def told(self) -> bytes:
        """What the other processes of a training have to know of it, see ``RunElsewhere``."""
        before = None if self.before is None else [p.document() for p in self.before.phases]
        numbers = None if self.state is None else self.state.numbers
        about = {"told": json.dumps({"before": before, "numbers": numbers})}
        return save_bytes({} if self.state is None else self.state.tensors, about)

    def _open(self, resume: bool) -> None:
        written = self.folder / "recipe.toml"
        self._tidy()
        if written.exists() and self._begun():
            if not resume:
                raise RunExists(
                    f"{self.folder} already holds a run; add --resume (resume=True) to go on with "
                    "it, or name another folder"
                )
            before = Recipe.load(written)
            self._check_same(before)
            if not self.checkpoint.exists() and not self.metrics.exists():
                raise BadFile(
                    f"{self.folder} holds a model without its run, so there is nothing to go on "
                    "with; name another folder"
                )
            if not self.checkpoint.exists():
                self.recipe.save(written)  # it begins anew
            elif before.document() != self.recipe.document():
                self.before = before
        else:
            self.recipe.save(written)

    def lengthen(self, recipe: Recipe) -> None:
        """Follow a recipe that lasts longer: weights and modules on disk are of it from now on."""
        self.recipe, self.before = recipe, None
        for path in self.folder.glob("*.safetensors"):
            if path == self.checkpoint:
                continue
            tensors, header = files.load_tensors(path)
            if "recipe" in header:
                files.save_tensors(path, tensors, header | {"recipe": recipe.fingerprint})
        recipe.save(self.folder / "recipe.toml")
        (self.folder / "last.safetensors").unlink(missing_ok=True)  # they will be others

    def _tidy(self) -> None:
        """Remove what a kill cut short: only of files that nobody but a training writes."""
        there = {p.name for p in self.folder.glob("*.safetensors")}
        for name in _WRITTEN | {n for n in there if not n.startswith(_OTHERS)}:
            for part in files.leftovers(self.folder / name):
                part.unlink(missing_ok=True)

    @cached_property
    def state(self) -> State | None:
        """The checkpoint to go on from, read when it is first asked for; None for a new run."""
        if not self.checkpoint.exists():
            return None
        return State(*files.load_tensors(self.checkpoint))

    def _begun(self) -> bool:
        """Whether there is anything to lose: a run refused before its first step left nothing."""
        kept = (self.checkpoint, self.folder / "model.safetensors")
        return any(path.exists() for path in kept) or (
            self.metrics.exists() and self.metrics.stat().st_size > 0
        )

    def _check_same(self, before: Recipe) -> None:
        """Refuse to go on by another recipe, except where it only lasts longer."""
        if lengthened(before, self.recipe):
            pairs = zip(before.phases, self.recipe.phases, strict=True)
            if self._asked or all(longer(old, new) for old, new in pairs):
                return
        then, now = before.document(), self.recipe.document()
        differ = [key for key in sorted(then.keys() | now.keys()) if then.get(key) != now.get(key)]
        if differ:
            raise BadFile(
                f"{self.folder} was started with another recipe ({', '.join(differ)} differ): "
                "resume it with the same options, or name another folder"
            )

    @property
    def checkpoint(self) -> Path:
        """The file that going on needs."""
        return self.folder / "checkpoint.safetensors"

    @property
    def metrics(self) -> Path:
        """A JSON line per epoch."""
        return self.folder / "metrics.jsonl"

    def cut_metrics(self, length: int) -> None:
        """Forget what was written after the checkpoint: going on writes it again.

        A file that is shorter than the checkpoint says, or torn, ends with its last whole line.
        """
        with files.failing(self.metrics):
            content = self.metrics.read_bytes() if self.metrics.exists() else b""
            kept = content[:length]
            if kept[-1:] not in (b"", b"\n"):
                kept = kept[: kept.rfind(b"\n") + 1]
            if kept != content or not self.metrics.exists():
                files.write_bytes(self.metrics, kept)

    def append_metrics(self, line: str) -> int:
        """Add a line; gives the file's new length in bytes."""
        with files.failing(self.metrics), open(self.metrics, "a", encoding="utf-8") as opened:
            opened.write(line + "\n")
            return opened.tell()

    def write_checkpoint(self, state: State) -> None:
        """Replace the checkpoint, when the lines of metrics that it counts are on the disk."""
        with files.failing(self.metrics):
            files.flush(self.metrics)
        files.save_tensors(self.checkpoint, state.tensors, state.numbers)

    def write_weights(self, name: str, weights: Mapping[str, Tensor]) -> None:
        """Write weights as ``name`` (model.safetensors, last.safetensors)."""
        _write_weights(self.folder / name, self.recipe, weights, self.preprocessing)

    def write_auxiliary(self, model: Autoencoder) -> None:
        """Write the modules trained beside the model, a file each."""
        _write_auxiliary(self.folder, self.recipe, model)


class RunElsewhere(RunFiles):
    """The folder of a run that another process of the same training writes, on whichever machine.

    Args:
        told: by that process.
    """

    def __init__(self, folder: Path | str, recipe: Recipe, told: bytes) -> None:
        self.folder, self.recipe = Path(folder), recipe
        self.preprocessing = Preprocessing(recipe.shape)
        self._held = contextlib.ExitStack()
        length = int.from_bytes(told[:8], "little")
        about = json.loads(json.loads(told[8 : 8 + length])["__metadata__"]["told"])
        before, numbers = about["before"], about["numbers"]
        self.before = before and recipe.with_(phases=tuple(map(Phase.read, before)))
        self.state = None if numbers is None else State(load_bytes(told), numbers)

    def lengthen(self, recipe: Recipe) -> None:
        """Follow a recipe that lasts longer."""
        self.recipe, self.before = recipe, None

    def cut_metrics(self, length: int) -> None:
        """Nothing, as all that follows."""

    def append_metrics(self, line: str) -> int:
        """Nothing."""
        return 0

    def write_checkpoint(self, state: State) -> None:
        """Nothing."""

    def write_weights(self, name: str, weights: Mapping[str, Tensor]) -> None:
        """Nothing."""

    def write_auxiliary(self, model: Autoencoder) -> None:
        """Nothing."""


def _write_auxiliary(folder: Path, recipe: Recipe, model: Autoencoder) -> None:
    for name, module in model.auxiliary.items():
        header: dict[str, Any] = {
            "version": MODEL_VERSION,
            "recipe": recipe.fingerprint,
            "part": part_of(module).document(),
        }
        if isinstance(module, Term) and module.labelled:
            header["labels"] = list(module.labels)
        files.save_tensors(folder / f"{name}.safetensors", module.state_dict(), header)


def load_auxiliary(model: Autoencoder, folder: Path, only: Sequence[str] = ()) -> None:
    """Read the modules that were trained beside a model into ``model.auxiliary``; or some of them.

    Raises:
        BadFile: one of them is damaged, or of another run than the recipe.
    """
    recipe = recipe_of(model)
    with torch.random.fork_rng():
        found = [objective_of(phase, model).modules() for phase in recipe.phases]
    for name, module in {name: m for modules in found for name, m in modules.items()}.items():
        path = folder / f"{name}.safetensors"
        if not path.exists() or (only and name not in only):
            continue
        tensors, header = files.load_tensors(path)
        same = header.get("part") == json.loads(json.dumps(part_of(module).document()))
        reason = files.misfit(tensors, module.state_dict()) if same else "another part made it"
        if reason:
            raise BadFile(
                f"{path} does not fit {folder / 'recipe.toml'}: {reason}; they are of two runs"
            )
        module.load_state_dict(tensors)
        if isinstance(module, Term) and module.labelled:
            labels = header.get("labels")
            if not isinstance(labels, list) or not all(isinstance(one, str) for one in labels):
                raise BadFile(f"{path} does not name its classes; it is foreign or damaged")
            module.labels = tuple(labels)
        model.auxiliary[name] = module.to(model.device).eval()


def _write_weights(
    path: Path, recipe: Recipe, weights: Mapping[str, Tensor], preprocessing: Preprocessing
) -> None:
    if name := files.not_finite(weights):
        raise Diverged(
            f"{path} was not written: {name} holds numbers that are not finite; lower the learning rate, or "
            "set grad_clip_norm"
        )
    header = {
        "version": MODEL_VERSION,
        "recipe": recipe.fingerprint,
        "model": recipe.model_fingerprint,
        "preprocessing": preprocessing.document(),
    }
    files.save_tensors(path, weights, header)


def save(model: Autoencoder, folder: Path | str) -> Path:
    """Write a model to a folder: recipe, weights, and what is known of its training.

    Raises:
        ValueError: a part of it is not listed, so no recipe can name it.
        NarrowsError: the folder cannot be written.

    Examples:
        >>> import tempfile
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> recipe = nw.recipes.mlp_vae(images.shape, code_size=8)
        >>> model = nw.fit(recipe, images, epochs=0.5, report="quiet")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     nw.load(nw.save(model, folder)).code_shape
        (8,)
    """
    folder = Path(folder)
    recipe = recipe_of(model)
    recipe.save(folder / "recipe.toml")
    _write_weights(folder / "model.safetensors", recipe, model.state_dict(), model.preprocessing)
    _write_auxiliary(folder, recipe, model)
    if model.run is not None:
        model.run.save(folder)
    return folder


def outline(folder: Path) -> Autoencoder:
    """The model that a folder's recipe describes, without weights.

    It is on the meta device, so that a recipe that asks for too much takes no memory.

    Raises:
        BadFile: no model there, or a recipe that cannot be followed.
    """
    written = folder / "recipe.toml"
    if not written.is_file():
        raise BadFile(
            f"{folder} holds no model: there is no recipe.toml; name the folder that "
            "`narrows train` wrote"
        )
    recipe = Recipe.load(written)
    try:
        with torch.device("meta"):
            return recipe.build()
    except (ValueError, RuntimeError) as error:
        raise BadFile(
            f"{written} describes no model that can be built: {str(error)[:300]}"
        ) from error


def located(what: Any) -> Any:
    """Where a model lies: the folder in the cache for one on the hub, else ``what`` as it is.

    One that was pulled before is not asked for again; see :func:`narrows.training.hub.pulled`.
    """
    address = address_of(what)
    return what if address is None else pulled(address, load)


def load(path: Path | str, weights: str = "model", device: str = "cpu") -> Autoencoder:
    """Read the model that ``narrows train`` or ``save`` left in a folder, in evaluation mode.

    Nothing in the folder is executed.

    Args:
        path: the folder, or the ``model.safetensors`` in it; or ``hf://owner/name[@REV]``, which is
            pulled once and read from the cache from then on.
        weights: ``model`` (the best by validation) or ``last``.
        device: where to put it.

    Raises:
        BadFile: no model there, or a damaged, foreign or newer one.
        Unavailable: it is on the hub, which cannot be reached, or has no such model.

    Examples:
        >>> import tempfile
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> recipe = nw.recipes.mlp_vae(images.shape, code_size=8)
        >>> model = nw.fit(recipe, images, epochs=0.5, report="quiet")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     nw.load(nw.save(model, folder)).fingerprint() == model.fingerprint()
        True
    """
    folder = Path(located(path))
    if folder.suffix == ".safetensors":
        folder, weights = folder.parent, folder.stem
    model = load_weights(folder, weights)
    freeze(model, recipe_of(model).phases[-1])
    select_device(device, "float32").place(model)
    load_auxiliary(model, folder)
    model.run = Run.load(folder, model.preprocessing)
    return model.eval()


def load_weights(folder: Path, weights: str = "model") -> Autoencoder:
    """The model alone, without what was trained beside it and what its run left, on the processor.

    Raises:
        BadFile: no model there, or a damaged, foreign or newer one.
    """
    model = outline(folder)
    chosen = folder / f"{weights}.safetensors"
    if not chosen.exists() and weights == "last":
        chosen = folder / "model.safetensors"
    if not chosen.exists() and (folder / "checkpoint.safetensors").exists():
        tensors, header = files.load_tensors(folder / "checkpoint.safetensors")
        found = dict(_weights_of(tensors))
    else:
        found, header = files.load_tensors(chosen)
    version = header.get("version")
    if version != MODEL_VERSION:
        raise BadFile(_foreign(chosen, version))
    try:
        model.preprocessing = Preprocessing.of_document(header.get("preprocessing") or {})
    except ValueError as error:
        raise BadFile(f"{chosen} does not say how pictures become inputs: {error}") from error
    if model.preprocessing.shape != tuple(model.shape):
        raise BadFile(
            f"{chosen} is of pictures of {model.preprocessing.shape}, {folder / 'recipe.toml'} of "
            f"{tuple(model.shape)}; they are of two runs"
        )
    expected = model.state_dict()
    for name, tensor in found.items():  # weights of another precision are brought to the model's
        if name in expected and tensor.is_floating_point():
            found[name] = tensor.to(expected[name].dtype)
    if name := files.not_finite(found):
        raise BadFile(f"{chosen} holds NaN or infinite values ({name}); train the model again")
    if reason := files.misfit(found, expected):
        raise BadFile(
            f"{chosen} does not fit {folder / 'recipe.toml'}: {reason}; they are of two runs, or of an "
            "earlier version of Narrows: train the model again"
        )
    recipe = recipe_of(model)
    if header.get("model") != recipe.model_fingerprint:
        raise BadFile(
            f"{folder / 'recipe.toml'} describes another model than the one that {chosen} was written "
            "with: it was changed since, or is of another run; put the right one back"
        )
    model.to_empty(device="cpu")
    model.load_state_dict(found)
    return model


def _foreign(path: Path, version: object) -> str:
    """Why weights of another version are not read."""
    if not isinstance(version, int):
        return f"{path} was not written by Narrows: it has no version number"
    if version > MODEL_VERSION:
        return (
            f"{path} is of version {version}; this Narrows reads version {MODEL_VERSION}: "
            "install a newer one"
        )
    return (
        f"{path} is of version {version}, which does not say how pictures become inputs; this "
        f"Narrows reads version {MODEL_VERSION}: train the model again"
    )


def _weights_of(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    averaged = any(name.startswith("average.") for name in tensors)
    for name, tensor in tensors.items():
        if name.startswith("model."):
            key = name.removeprefix("model.")
            yield key, tensors.get(f"average.{key}", tensor) if averaged else tensor
