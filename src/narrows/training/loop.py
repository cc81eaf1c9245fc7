"""The only training loop.

    source ──batch──► x ──augmentation──► target ──corruption──► input ──forward──► Step
    Step ──each player's loss──► gradients ──► all players move
                         every epoch: validation, a line of metrics; now and then: a checkpoint

A draw is a function of (seed, purpose, step), so a run that was killed and resumed ends with the
bytes of one that was not. Several processes (torchrun) make one training, see ``narrows.processes``: the
same batches, the same draws, and one that writes.
"""

from __future__ import annotations

import contextlib
import json
import math
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import files, processes
from ..autoencoder import Autoencoder
from ..errors import BadFile, Diverged, Interrupted, NoImages, ProcessLost
from ..images import Images, Preprocessing, Source, as_source, split
from ..images.views import Subset
from ..objectives import Objective, Step
from ..parts import build, named
from ..randomness import Draws, generator, permutation
from ..tables import counted
from .batches import check_batches
from .checkpoints import MODEL_VERSION, RunElsewhere, RunFiles, State, load_auxiliary
from .device import Device, select_device
from .length import Length, in_words, lasting, now
from .listing import Maker, recipe_for
from .phases import (
    Phase,
    Recipe,
    as_frozen,
    check,
    freeze,
    frozen_in,
    objective_of,
    prepared,
    recipe_of,
)
from .players import Player, move, players
from .rates import rate
from .reporting import Reporter, Unfailing, reporter
from .resuming import check_checkpoint, check_phase, with_prefix
from .run import Run, history_of
from .schemes import Batch, Scheme

__all__ = ["fit"]

# training pictures that the loss of a beginning is measured on, and most validation pictures of a
# phase whose length is not in epochs: twenty passes over many would take longer than its training
ENOUGH = 1024
PROBED = 256  # training pictures that beginning and end are compared on where none validate
SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
ONE_CALL = 3.0  # seconds in which a second signal is the first one, come by way of torchrun
LATE = 3  # validations after the best one before it is said that the end is not what is kept


def fit(
    recipe: Recipe | Autoencoder | str | Maker,
    images: Any,
    *,
    epochs: float | None = None,
    minutes: float | None = None,
    validation: Any = None,
    to: Path | str | None = None,
    resume: bool = False,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    checkpoint_seconds: float = 60.0,
    report: str | Reporter | Sequence[str | Reporter] = "auto",
    stop: threading.Event | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Autoencoder:
    """Train a model.

    The model remembers how its pictures became inputs and which ones it has seen, by content, of
    training and of validation: ``model.run.split(images)`` tells them from new ones.

    Where torchrun started several processes, or ``torch.distributed`` is initialised, they train one model:
    each takes its part of every batch, the first writes and reports, and all return the model.

    Args:
        recipe: how; or its name (``conv-vae``), or a function that makes one for a shape, which the
            pictures have; or a model, which is trained in place, from the weights that it has, by
            the recipe that it came with or as ``Recipe.of`` says.
        images: what on: a source, or an array of pictures.
        epochs: of every phase, instead of the recipe's length.
        minutes: of all phases together, instead of the recipe's length.
        validation: pictures to choose the best weights by; a share (0.1) takes them out of
            ``images`` by content; None goes without.
        to: a folder for the run; None keeps nothing on disk.
        resume: go on with the run that is there.
        seed: of every draw.
        device, precision: ``auto`` chooses and says so.
        checkpoint_seconds: write a checkpoint at least this often (and at an epoch's end, if a
            tenth of it has passed).
        report: ``auto``, ``bar``, ``lines``, ``quiet``, a reporter such as ``TensorBoard``, or several.
        stop: set from another thread, it ends the run after the step that is being made.
        facts: what else ``local.toml`` shall say, such as the name of the pictures.

    Returns:
        The model with its best weights, in evaluation mode.

    Raises:
        ValueError: no such recipe, pictures of another shape than the recipe's, or both epochs and
            minutes.
        NoImages: no picture is left to train on.
        RunExists: ``to`` holds a run and ``resume`` is not set.
        Diverged: the loss left the finite numbers; the last good weights are in ``to``.
        Interrupted: Ctrl-C or ``stop``; the run is checkpointed, and goes on with ``resume``.
        ProcessLost: another process of the training is gone; the last checkpoint is good.

    Examples:
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> recipe = nw.recipes.mlp_vae(images.shape, code_size=8)
        >>> model = nw.fit(recipe, images, epochs=0.5, report="quiet")
        >>> model.code_shape
        (8,)
    """
    with processes.joined(device):
        return _fit(
            recipe, images, epochs, minutes, validation, to, resume, seed, device, precision,
            checkpoint_seconds, report, stop, facts,
        )  # fmt: skip


def _fit(
    recipe: Recipe | Autoencoder | str | Maker,
    images: Any,
    epochs: float | None,
    minutes: float | None,
    validation: Any,
    to: Path | str | None,
    resume: bool,
    seed: int,
    device: str,
    precision: str,
    checkpoint_seconds: float,
    report: str | Reporter | Sequence[str | Reporter],
    stop: threading.Event | None,
    facts: Mapping[str, Any] | None,
) -> Autoencoder:
    train, held_out = _data(images, validation)
    model = recipe if isinstance(recipe, Autoencoder) else None
    if isinstance(recipe, Recipe):
        chosen = recipe
    elif model is None:
        chosen = recipe_for(tuple(train.shape), recipe)
    else:
        chosen = as_frozen(recipe_of(model), model)
    chosen, asked = lasting(chosen, epochs, minutes), epochs is not None or minutes is not None
    for name, source in (("", train), ("validation ", held_out)):
        if source is not None and tuple(source.shape) != chosen.shape:
            raise ValueError(
                f"this recipe takes pictures of shape {chosen.shape}; the {name}pictures are "
                f"{tuple(source.shape)}"
            )
    shown = Unfailing(reporter(report))
    if model is None:
        with torch.random.fork_rng():
            torch.manual_seed(int(generator(seed, "weights").initial_seed()))
            model = chosen.build()
    select_device(device, precision)  # refuses what is not there
    for phase in chosen.phases:
        select_device("cpu", phase.precision)
    check_batches(model, chosen.phases, len(train))
    model.recipe = chosen
    processes.refuse([model])
    run = None if to is None else _opened(to, chosen, resume, asked)
    with contextlib.nullcontext() if run is None else contextlib.closing(run):
        model.preprocessing = _preprocessing(train, held_out)
        if model.run is None:  # one that was trained before keeps what it has seen
            model.run = Run(model.preprocessing, {}, seed)
        model.run.seed, model.run.preprocessing = seed, model.preprocessing
        if model.run.seen is not None:
            model.run.remember(train, held_out)
        model.run.facts |= facts or {}
        model.run.standings = ()  # what was measured was of earlier weights
        if run is not None:
            run.preprocessing = model.preprocessing
            model.run.folder = run.folder
            processes.by_first(lambda: _begun(model.run, run))
        loop = _Loop(model, chosen, train, held_out, run, seed, checkpoint_seconds, shown)
        loop.begins = not isinstance(recipe, Autoencoder)
        loop.stop = stop or loop.stop
        return loop.run_all(device, precision)


def _data(images: Any, validation: Any) -> tuple[Source, Source | None]:
    source = as_source(images)
    if isinstance(validation, int | float):
        parts = split(source, validation=validation)
        source, validation = parts.train, parts.validation
    if len(source) == 0:
        raise NoImages("there is no picture to train on")
    held_out = None if validation is None else as_source(validation)
    return source, held_out if held_out is not None and len(held_out) else None


def _opened(folder: Path | str, recipe: Recipe, resume: bool, asked: bool) -> RunFiles:
    """The folder of a run, which one process opens for all."""
    if processes.size() == 1:
        return RunFiles(folder, recipe, resume, asked)
    held: list[RunFiles] = []

    def opened() -> bytes:
        held.append(RunFiles(folder, recipe, resume, asked))
        return held[0].told()

    told = processes.by_first(opened)
    return held[0] if held else RunElsewhere(folder, recipe, told)


def _begun(run: Run, files_of: RunFiles) -> bytes:
    """Write down what is known of a new run; look whether one that goes on has the same pictures."""
    if files_of.state is None:
        run.save(files_of.folder, local=True)
    else:
        _check_same_pictures(run, files_of.folder)
    return b""


def _check_same_pictures(run: Run, folder: Path) -> None:
    """Refuse to go on with other pictures than those that a run began with."""
    before = Run.load(folder, run.preprocessing)
    before.facts.pop("measured", None)  # of weights that will be others
    run.facts = before.facts | run.facts
    if before.seen is None or run.seen is None:
        return
    for name, keys in run.seen.items():
        if not np.array_equal(keys, before.seen[name]):
            raise BadFile(
                f"{folder} was started with other {name} pictures: resume it with the same ones, "
                "or name another folder"
            )


def _preprocessing(train: Source, held_out: Source | None) -> Preprocessing:
    """How these pictures became inputs.

    Raises:
        ValueError: those of validation became inputs in another way.
    """
    found = [getattr(s, "preprocessing", None) for s in (train, held_out) if s is not None]
    stated = [how for how in found if how is not None]
    if len(set(stated)) > 1:
        raise ValueError(
            f"the training pictures were read as {stated[0].description}, those of validation as "
            f"{stated[1].description}; read both the same way"
        )
    return stated[0] if stated else Preprocessing(tuple(train.shape))


class _Loop:
    """The state of a training between two steps, and how it moves on."""

    def __init__(
        self,
        model: Autoencoder,
        recipe: Recipe,
        train: Source,
        held_out: Source | None,
        run: RunFiles | None,
        seed: int,
        checkpoint_seconds: float,
        reporter: Reporter,
    ) -> None:
        self.model, self.recipe, self.run, self.seed, self.reporter = (
            model,
            recipe,
            run,
            seed,
            reporter,
        )
        self.train_source, self.held_out = train, held_out
        self.checkpoint_seconds = checkpoint_seconds
        self.phase_number, self.step_number = 0, 0
        self.best, self.since_best = math.inf, 0
        self.metrics_length, self.metrics_lines = 0, 0
        self.finished = False
        self.began: float | None = None  # the loss of what the phase began with
        self.names: list[str] = []
        self.sums: Tensor | None = None  # of each name since the epoch began
        self.counted = 0
        self.writing_took = 0.0
        self.average: dict[str, Tensor] = {}
        self.players: list[Player] = []
        self.objective: Objective | None = None
        self.scheme: Scheme | None = None
        self.classes: list[str] = []
        self.begins = True  # a phase's beginning replaces the weights
        self.spent = 0.0  # seconds of the phase, before the process began where it was resumed
        self.best_weights: dict[str, Tensor] = {}
        self.best_auxiliary: dict[str, dict[str, Tensor]] = {}
        self.stop = threading.Event()
        self.signal: int | None = None  # that asked to stop
        self.asked = -math.inf  # when

    # -- the whole -------------------------------------------------------------------------------

    def run_all(self, device: str, precision: str) -> Autoencoder:
        """Every phase that is left; the model with its best weights."""
        if self.run is not None and self.run.state is not None:
            try:
                self._restore(self.run.state)
            except BadFile as error:
                processes.of_all(error)
                raise
        elif self.run is not None:
            self.run.cut_metrics(0)
        with self._stoppable(), self._together():
            while not self.finished:
                phase = self.recipe.phases[self.phase_number]
                wanted = precision if precision != "auto" else phase.precision
                self._run_phase(phase, select_device(device, wanted))
                if phase is self.recipe.phases[-1]:
                    break  # its state stays, for more epochs
                self._next_phase()
        with self._together():
            self._finish()
        return self.model.eval()

    @contextlib.contextmanager
    def _together(self) -> Iterator[None]:
        """Where another process is lost, say what is left to go on from."""
        try:
            yield
        except ProcessLost as error:
            if self.run is None:
                raise
            left = "go on from its last checkpoint" if self.run.checkpoint.exists() else "begin"
            raise ProcessLost(
                f"{error}; the same command with --resume lets {self.run.folder} {left}, as "
                "fit(…, resume=True) does"
            ) from error

    def _run_phase(self, phase: Phase, machine: Device) -> None:
        machine.place(self.model)
        source, held_out = (_on(s, machine) for s in (self.train_source, self.held_out))
        assert source is not None
        began = now()
        self._begin_phase(phase, machine, source)
        spent = processes.of_first(self.spent + now() - began)
        length = Length(phase, len(source), self.step_number, spent)
        if held_out is not None and not length.by_epochs:
            held_out = _some(held_out)
        size, per_epoch = length.batch_size, length.per_epoch
        self.reporter.begin(length, self.step_number)
        prepare, factor = (
            prepared(phase, training_on=len(source)),
            rate(phase.learning_rate_schedule),
        )
        assert self.scheme is not None and self.objective is not None
        labels = self._labels(source)
        self._train_mode()
        synchronised = contextlib.ExitStack()
        synchronised.enter_context(
            processes.synchronised(self.model, *self.objective.modules().values())
        )
        order = torch.empty(0)
        order_of = -1
        last_saved = epoch_began = time.monotonic()
        seen = 0
        try:
            if self.step_number == 0 and phase.begin is not None:
                self._judge_beginning(phase, source, held_out)
            if self.step_number == 0:
                judged = self.best < math.inf and not self._moving()
                self.began = self.best if judged else self._probed(phase, source, held_out)
            while not length.over:
                number = self.step_number
                epoch, within = divmod(number, per_epoch)
                if epoch != order_of:
                    numbers = (self.phase_number, epoch)
                    order = permutation(self.seed, "order", len(source), *numbers)
                    order_of = epoch
                # each phase draws its own numbers
                taken = order[within * size : (within + 1) * size]
                pictures, share = len(taken), processes.share(len(taken))
                taken = taken if share is None else taken[share.rows]
                draws = Draws(self.seed, number, self.phase_number << 16, share)
                x = source.batch(taken)
                target, given = prepare(x.to(machine.device, non_blocking=True), draws)
                known = None if labels is None else labels[taken].to(machine.device)
                batch = Batch(
                    target, given, phase.samples, number / per_epoch, number, draws, known
                )
                with processes.sharing(share):
                    with machine.autocast():
                        step = self.scheme(self.model, batch)
                    written = move(self.players, step, phase.learning_rate * factor(length.way))
                    if "loss" not in written:  # a divided model: what validation judges by
                        written = self._judged_loss(step) | written
                    self._after_step(step)
                    written = processes.whole_means(written)
                del step, batch, target, given  # their memory is the next step's
                self._follow(phase, number)
                self._count(written, pictures)
                self.step_number = number + 1
                seen += pictures
                ended = length.moved(self.step_number)
                self.spent = length.spent
                if number % 50 == 0 or ended:
                    self._guard()
                    self.reporter.step(self.step_number, float(written["loss"]))
                if ended:
                    self._end_epoch(
                        phase, held_out, per_epoch, seen, time.monotonic() - epoch_began
                    )
                    seen, epoch_began = 0, time.monotonic()
                    if self._out_of_patience(phase):
                        break
                waited = time.monotonic() - last_saved
                wanted = self.checkpoint_seconds / (10 if ended else 1)
                # large models: writing takes at most about 3 % of the time
                # what follows the last step writes one
                due = waited >= max(wanted, 30 * self.writing_took * bool(wanted))
                due, stopped = self._agreed(due)
                if due and not length.over:
                    self._checkpoint()
                    last_saved = time.monotonic()
                if stopped:
                    self._interrupted(self.step_number / per_epoch)
        finally:
            self.reporter.end()
            synchronised.close()
        self._compare_with_beginning(phase, source, held_out)

    def _agreed(self, due: bool) -> tuple[bool, bool]:
        """Whether a checkpoint is due, by the first process's clock, and whether any was asked to stop."""
        asked = 0.0 if not self.stop.is_set() else 1.0 + (self.signal or 0)
        if processes.size() == 1:
            return due, bool(asked)
        written = due if processes.number() == 0 else False
        due_of_first, asked = processes.most(float(written), asked)
        if asked:
            self.signal = int(asked) - 1 or None
            self.stop.set()
        return bool(due_of_first), bool(asked)

    def _next_phase(self) -> None:
        if self.average:  # the next begins with what this one kept
            self.model.load_state_dict(_copied(self.average))
            if self.best < math.inf and self.since_best:
                self._take_best()
        self.phase_number, self.step_number, self.spent = self.phase_number + 1, 0, 0.0
        self.players = []
        self.best, self.since_best = math.inf, 0  # losses of two phases do not compare
        self._checkpoint()

    # -- one phase -------------------------------------------------------------------------------

    def _begin_phase(self, phase: Phase, machine: Device, source: Source) -> None:
        self.scheme = build("scheme", phase.scheme)
        assert self.scheme is not None
        with torch.random.fork_rng():
            check(self.model, [phase])
            if phase.begin is not None and self.begins and self.step_number == 0:
                begin = build("begin", phase.begin)
                self.reporter.say(begin(self.model, self.train_source, phase, self.seed))
            freeze(self.model, phase, self.recipe.phases[: self.phase_number])
            torch.manual_seed(generator(self.seed, "beside", self.phase_number).initial_seed())
            self.objective = objective_of(phase, self.model)
        if self.objective.bound.labelled:
            self._labels(source)
            self.objective.bound.labels = tuple(self.classes)
        modules = self.objective.modules()
        processes.refuse(modules.values())
        for name, module in modules.items():
            before = self.model.auxiliary.get(name)
            if before is not None and _shapes(before) == _shapes(module):
                module.load_state_dict(before.state_dict())
            self.model.auxiliary[name] = module.to(machine.device)
        trained = self.scheme.trained(self.model)
        self.players = players(phase, self.model, self.objective, trained)
        parameters = [p for player in self.players for p in player.parameters]
        restored = self.run.state if self.run is not None else None
        if restored is not None and self.step_number:
            assert self.run is not None
            path = self.run.checkpoint
            check_phase(path, restored, phase, self.model, self.objective, self.players)
            for player in self.players:
                _restore_optimizer(player, restored, machine)
            for name, module in self.objective.modules().items():
                module.load_state_dict(with_prefix(restored.tensors, f"auxiliary.{name}."))
            self.objective.restore(restored.numbers.get("objective", {}))
            averages = with_prefix(restored.tensors, "average.")
            self.average = {name: tensor.to(machine.device) for name, tensor in averages.items()}
        elif phase.ema_decay is None:
            self.average = {}
        else:
            state = self.model.state_dict()
            self.average = {name: tensor.detach().clone() for name, tensor in state.items()}
        processes.alike(self.average, *self._states())
        total = sum(p.numel() for p in parameters)
        count, rung = len(self.recipe.phases), getattr(self.scheme, "rung", "")
        which = f"phase {self.phase_number + 1} of {count}, {named(phase.scheme)} {rung}".rstrip()
        self.reporter.say(
            f"{f'{which}: ' if count > 1 else ''}training {self.recipe.name} ({total:,} weights) on {len(self.train_source):,} "
            f"pictures: {f'{processes.size()} processes as one, each on ' if processes.size() > 1 else ''}{machine}"
        )

    def _train_mode(self) -> None:
        """Training mode for what moves; what does not keeps its statistics."""
        assert self.scheme is not None
        trained = self.scheme.trained(self.model)
        self.model.train(trained is None)
        for module in trained or ():
            module.train()
        for one in frozen_in(self.model, self.recipe.phases[self.phase_number]):
            if isinstance(one, torch.nn.Module):
                one.eval()
        for module in self.model.auxiliary.values():
            module.train()

    def _judged_loss(self, step: Step) -> dict[str, Tensor]:
        assert self.objective is not None
        with torch.no_grad():
            loss = self.objective(step)
        return {"loss": loss.total, **loss.terms}

    def _after_step(self, step: Step) -> None:
        """Let what has a state follow: code books, running variances, controllers."""
        assert self.objective is not None
        with torch.no_grad():
            self.objective.after_step(step)
            self.model.bottleneck.after_step(step)
            self.model.likelihood.after_step(step)

    def _labels(self, source: Source | None) -> Tensor | None:
        """(N,) int64, the place of each picture's main label among those of the training pictures."""
        known = getattr(source, "label", None)
        kinds: Sequence[str] = getattr(self.scheme, "kinds", ())
        if known is not None and kinds and {str(one) for one in known} <= set(kinds):
            return torch.tensor([kinds.index(str(one)) for one in known])
        if known is None or self.objective is None or not self.objective.bound.labelled:
            return None
        if not self.classes:
            self.classes = sorted({str(one) for one in self.train_source.label}, key=_natural)  # type: ignore[attr-defined]
        place = {name: number for number, name in enumerate(self.classes)}
        unknown = sorted({str(one) for one in known} - place.keys())
        if unknown:
            raise ValueError(
                f"the validation pictures have labels that no training picture has: "
                f"{', '.join(unknown[:5])}"
            )
        return torch.tensor([place[str(one)] for one in known])

    def _follow(self, phase: Phase, number: int) -> None:
        """Let the running average of the weights follow."""
        if phase.ema_decay is None:
            return
        share = 1 - min(phase.ema_decay, (1 + number) / (10 + number))
        with torch.no_grad():
            for name, tensor in self.model.state_dict().items():
                if tensor.is_floating_point():
                    self.average[name].lerp_(tensor, share)
                else:
                    self.average[name].copy_(tensor)

    def _count(self, written: dict[str, Tensor], n: int) -> None:
        values = torch.stack(list(written.values()))
        if self.sums is None:
            self.names, self.sums = list(written), torch.zeros_like(values, dtype=torch.float64)
        self.sums.add_(values, alpha=n)
        self.counted += n

    def _guard(self, loss: Tensor | None = None) -> None:
        """Stop if ``loss``, or any loss since the epoch began, is not finite."""
        if loss is None:
            if self.sums is None:
                return
            loss = self.sums[0]
        if bool(torch.isfinite(loss)):
            return
        where = "" if self.run is None else f"; the last good weights are in {self.run.folder}"
        if self.run is not None and not (self.run.folder / "model.safetensors").exists():
            if not self.run.checkpoint.exists():
                where = "; no weights were kept yet"
        raise Diverged(
            f"the loss became {float(loss)} at step {self.step_number} of phase "
            f"{self.phase_number + 1}: lower the learning rate, or set grad_clip_norm{where}"
        )

    def _guard_weights(self) -> None:
        """Stop before weights that are not finite replace good ones."""
        name = files.not_finite(self.model.state_dict())
        if name:
            where = "" if self.run is None else f"; what {self.run.folder} holds is from before"
            raise Diverged(
                f"the weights {name} became NaN or infinite by step {self.step_number} of phase "
                f"{self.phase_number + 1}: lower the learning rate, or set grad_clip_norm{where}"
            )

    def _end_epoch(
        self, phase: Phase, held_out: Source | None, per_epoch: int, seen: int, seconds: float
    ) -> None:
        record: dict[str, Any] = {
            "phase": self.phase_number,
            "epoch": round(self.step_number / per_epoch, 6),
            "step": self.step_number,
        }
        assert self.sums is not None
        means = (self.sums / self.counted).tolist()
        record.update(zip(self.names, means, strict=True))
        self.sums, self.counted = None, 0
        self._judge(phase, held_out, record)
        self._write(record, seen, seconds)

    def _judge_beginning(self, phase: Phase, source: Source, held_out: Source | None) -> None:
        """The first line of metrics: the losses of what the phase begins as, which may stay the best."""
        began = time.monotonic()
        some = _some(source)
        record = {
            "phase": self.phase_number,
            "epoch": 0.0,
            "step": 0,
            **self._validate(phase, some),
        }
        self._judge(phase, held_out, record)
        self._write(record, len(some), time.monotonic() - began)

    def _judge(self, phase: Phase, held_out: Source | None, record: dict[str, Any]) -> None:
        """Add the validation to a record, and keep the weights if it is the best."""
        if held_out is None:
            return
        with self._judged_weights():
            validated = self._validate(phase, held_out)
        record.update({f"validation_{name}": value for name, value in validated.items()})
        loss = record["validation_loss"]
        self._guard(torch.tensor(loss))
        record["best"] = loss < self.best or phase.keep == "last"
        if record["best"]:
            self.best, self.since_best = loss, 0
            self._keep_best()
        else:
            self.since_best += 1

    def _write(self, record: dict[str, Any], seen: int, seconds: float) -> None:
        """A line of metrics, and whoever else wants to know."""
        record["seconds"] = round(seconds, 3)
        record["images_per_second"] = round(seen / max(seconds, 1e-9), 1)
        self.model.run.history.append(record)
        if self.run is not None:
            self.metrics_length = self.run.append_metrics(json.dumps(record))
            self.metrics_lines += 1
        self.reporter.epoch(record)

    def _validate(self, phase: Phase, held_out: Source) -> dict[str, float]:
        """The objective on the validation pictures: float32, fixed draws, weights at their end."""
        objective, scheme, prepare = self.objective, self.scheme, prepared(phase)
        assert objective is not None and scheme is not None
        labels = self._labels(held_out)
        totals: dict[str, float] = {}
        for module in self.model.auxiliary.values():
            module.eval()
        with self.model.evaluating():
            for number, start in enumerate(range(0, len(held_out), 256)):
                taken = torch.arange(start, min(start + 256, len(held_out)))
                pictures, share = float(len(taken)), processes.share(len(taken))
                if share is not None:
                    taken, pictures = taken[share.rows], pictures * share.weight
                draws = Draws(self.seed, number, stream=-1, share=share)
                x = held_out.batch(taken).to(self.model.device)
                known = None if labels is None else labels[taken].to(self.model.device)
                target, given = prepare(x, draws)
                batch = Batch(target, given, phase.samples, math.inf, 0, draws, known)
                with processes.sharing(share):
                    loss = objective(scheme(self.model, batch))
                for name, value in (("loss", loss.total), *loss.terms.items()):
                    totals[name] = totals.get(name, 0.0) + float(value) * pictures
        self._train_mode()
        whole = processes.added(list(totals.values()))
        return {name: value / len(held_out) for name, value in zip(totals, whole, strict=True)}

    def _moving(self) -> bool:
        """Whether the loss is another one at the end: an opponent's, or that of a controller."""
        objective = self.objective
        assert objective is not None
        return bool(
            any(term.opponent for term in objective.terms)
            or objective.bound.shares(self.model)
            or objective.state()
        )

    def _probed(self, phase: Phase, source: Source, held_out: Source | None) -> float | None:
        """A loss to compare beginning and end by: that of validation, else of a few pictures.

        None where the loss moves and no term of it stays the same.
        """
        probe = _some(source, PROBED) if held_out is None else held_out
        with self._judged_weights():
            found = self._validate(phase, probe)
        return found.get("reconstruction") if self._moving() else found["loss"]

    def _compare_with_beginning(
        self, phase: Phase, source: Source, held_out: Source | None
    ) -> None:
        """Say if what is kept is worse than what the phase began with, and stop if it is far worse.

        Far is ten times its size, and ten nats for each pixel value: a step or two may well make it worse,
        a diverged one is off by orders of magnitude. Of a loss that moves it is a thousand times,
        unless the phase keeps its last weights, whatever they cost: then it is said what they do.

        Raises:
            Diverged: it is far worse.
        """
        began, moving = self.began, self._moving()
        if began is None or self.step_number == 0:
            return
        kept = self.best if held_out is not None and not moving else None
        ended = self._probed(phase, source, held_out) if kept is None else kept
        if ended is None or ended <= began:
            return
        game = moving and phase.keep == "last"
        free = moving and not game
        far = max(abs(began), math.prod(self.model.shape)) * (1000 if free else 10)
        said = (
            f"training ended worse than it began: {ended:,.6g} nats per picture, and {began:,.6g} before "
            f"the first step of phase {self.phase_number + 1}; lower the learning rate "
            f"({phase.learning_rate:g}), or set grad_clip_norm"
        )
        if not ended - began <= far:
            where = "" if self.run is None else f"; the weights in {self.run.folder} are of no use"
            raise Diverged(said + where)
        if game:
            said = (
                f"reconstructions cost {ended - began:,.0f} nats per picture more than before phase "
                f"{self.phase_number + 1}, whose game is for something else"
            )
        if not free:
            self.reporter.say(said)
            self.model.run.notes.append(said)

    def _out_of_patience(self, phase: Phase) -> bool:
        if phase.patience is None or self.held_out is None or self.since_best < phase.patience:
            return False
        self.reporter.say(
            f"stopped early: {self.since_best} validations without a better one than {self.best:.2f}"
        )
        return True

    # -- weights ---------------------------------------------------------------------------------

    def _judged(self) -> dict[str, Tensor]:
        """The weights that validation and the end use: the running average, if there is one."""
        return self.average or self.model.state_dict()

    @contextlib.contextmanager
    def _judged_weights(self) -> Iterator[None]:
        if not self.average:
            yield
            return
        own = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        self.model.load_state_dict(self.average)
        try:
            yield
        finally:
            self.model.load_state_dict(own)

    def _keep_best(self) -> None:
        weights = self._judged()
        if self.run is not None:
            self.run.write_weights("model.safetensors", weights)
            self.run.write_auxiliary(self.model)
        else:
            self.best_weights = _copied(weights)
            self.best_auxiliary = {
                n: _copied(m.state_dict()) for n, m in self.model.auxiliary.items()
            }

    def _take_best(self) -> None:
        """The best weights by validation into the model, and those that were beside them."""
        if self.run is not None:
            processes.by_first(self._read_best)
            processes.alike(*self._states())
            return
        self.model.load_state_dict(self.best_weights)
        for name, weights in self.best_auxiliary.items():
            self.model.auxiliary[name].load_state_dict(weights)

    def _states(self) -> list[dict[str, Tensor]]:
        """Of the model and of what is trained beside it, in an order of their names."""
        auxiliary = self.model.auxiliary
        return [
            self.model.state_dict(),
            *(auxiliary[name].state_dict() for name in sorted(auxiliary)),
        ]

    def _read_best(self) -> bytes:
        assert self.run is not None
        best, _ = files.load_tensors(self.run.folder / "model.safetensors")
        self.model.load_state_dict(best)
        load_auxiliary(self.model, self.run.folder)
        return b""

    def _finish(self) -> None:
        """Leave the best weights in the model and on disk, the last beside them."""
        self._say_which()
        validated = self.best < math.inf
        last_is_best = not self.finished and (not validated or self.since_best == 0)
        if not self.finished:
            self._guard_weights()
            if self.run is not None:
                if validated and self.recipe.phases[-1].keep != "last":
                    self.run.write_weights("last.safetensors", self._judged())
                elif not validated:
                    self.run.write_weights("model.safetensors", self._judged())
                    self.run.write_auxiliary(self.model)
                self.finished = True
                self._checkpoint()
            self.model.load_state_dict(_copied(self._judged()))
        if not last_is_best:
            self._take_best()
        for module in self.model.auxiliary.values():
            module.eval()

    def _say_which(self) -> None:
        """Where the kept weights are not those of the end, of when they are."""
        lines = [r for r in self.model.run.history if r["phase"] == self.phase_number]
        best = [r["epoch"] for r in lines if r.get("best")]
        if self.finished or not best or self.since_best < LATE:
            return
        self.reporter.say(
            f"validation was best at epoch {best[-1]:g} of {lines[-1]['epoch']:g}; the model kept is "
            "that one"
        )

    # -- checkpoints -----------------------------------------------------------------------------

    def _checkpoint(self) -> None:
        if self.run is None:
            return
        self._guard()
        self._guard_weights()
        numbers = {
            "version": MODEL_VERSION,
            "recipe": self.recipe.fingerprint,
            "model": self.recipe.model_fingerprint,
            "preprocessing": self.model.preprocessing.document(),
            "seed": self.seed,
            "pictures": len(self.train_source),
            "phase": self.phase_number,
            "step": self.step_number,
            "best": None if math.isinf(self.best) else self.best,
            "since_best": self.since_best,
            "counted": self.counted,
            "names": self.names,
            "metrics_length": self.metrics_length,
            "metrics_lines": self.metrics_lines,
            "finished": self.finished,
            "spent": self.spent,
            "began": self.began,
            "objective": self.objective.state() if self.objective is not None else {},
        }
        if processes.size() > 1:
            numbers["processes"] = processes.size()
        began = time.monotonic()
        self.run.write_checkpoint(State(self._tensors(), numbers))
        self.writing_took = time.monotonic() - began

    def _tensors(self) -> dict[str, Tensor]:
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for name, module in self.model.auxiliary.items():
            tensors |= {f"auxiliary.{name}.{n}": t for n, t in module.state_dict().items()}
        tensors |= {f"average.{name}": tensor for name, tensor in self.average.items()}
        if self.sums is not None:
            tensors["sums"] = self.sums
        for player in self.players:
            state = player.optimizer.state_dict()["state"]
            for i, values in state.items():
                for key, value in values.items():
                    held = value if isinstance(value, Tensor) else torch.tensor(value)
                    tensors[f"optimizer.{player.name}.{i}.{key}"] = held
        return tensors

    def _restore(self, state: State) -> None:
        assert self.run is not None
        numbers = state.numbers
        for name, mine in (("seed", self.seed), ("pictures", len(self.train_source))):
            if numbers.get(name) != mine:
                raise BadFile(
                    f"{self.run.folder} was started with {name} {numbers.get(name)}, not {mine}: "
                    "resume it with the same pictures and the same seed"
                )
        if numbers.get("preprocessing") != self.model.preprocessing.document():
            raise BadFile(
                f"{self.run.folder} was started with pictures read in another way than "
                f"{self.model.preprocessing.description}: resume it with the same options"
            )
        check_checkpoint(self.run.checkpoint, state, self.recipe, self.model)
        try:
            self.phase_number, self.step_number = int(numbers["phase"]), int(numbers["step"])
            self.best = math.inf if numbers["best"] is None else float(numbers["best"])
            self.since_best, self.counted = int(numbers["since_best"]), int(numbers["counted"])
            self.names = [str(name) for name in numbers["names"]]
            self.metrics_length = int(numbers["metrics_length"])
            self.metrics_lines = int(numbers.get("metrics_lines", 0))
            self.finished = bool(numbers["finished"])
            self.spent = float(numbers.get("spent", 0.0))
            self.began = numbers["began"]
            self._lengthen()
            if not self.finished:
                self.model.load_state_dict(with_prefix(state.tensors, "model."))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise BadFile(
                f"{self.run.checkpoint} is damaged or foreign ({str(error).splitlines()[0]}): "
                "train again into another folder"
            ) from error
        self.sums = state.tensors.get("sums")
        self.run.cut_metrics(self.metrics_length)
        self.model.run.history = history = history_of(self.run.folder)
        if history.damaged:
            lost = counted(history.damaged, "line")
            self.reporter.say(f"{lost} of {self.run.metrics} cannot be read and will be missing")
        lacking = self.metrics_lines - len(history) - history.damaged
        self.metrics_lines = len(history)
        if lacking > 0:
            self.reporter.say(
                f"{self.run.metrics} was cut short: the lines of {counted(lacking, 'epoch')} are "
                "lost, and nothing else"
            )
        were = int(numbers.get("processes", 1))
        if were != processes.size() and not self.finished:
            self.reporter.say(
                f"{self.run.folder} was trained by {were} process{'es' if were > 1 else ''}, and now by "
                f"{processes.size()}: its numbers stay the same but for rounding"
            )
        if self.finished:
            self.reporter.say(f"{self.run.folder} is finished already; nothing was left to do")
        else:
            self.reporter.say(
                f"resuming at phase {self.phase_number + 1}, step {self.step_number:,}"
            )

    def _lengthen(self) -> None:
        """Where the run is to last longer than it was: go on from its end, or from where it is.

        Raises:
            BadFile: it came so far already, or was finished by a version that kept nothing to go on from.
        """
        assert self.run is not None
        if self.run.before is None:
            return
        place = min(self.phase_number, len(self.recipe.phases) - 1)
        phases = (*self.run.before.phases[:place], *self.recipe.phases[place:])
        phase, before = phases[place], self.run.before.phases[place]
        if self.finished and place < self.phase_number:
            raise BadFile(
                f"{self.run.folder} was finished by a version of Narrows that kept nothing to go on "
                f"from: begin another run with its weights (--from {self.run.folder})"
            )
        length = Length(phase, len(self.train_source), self.step_number, self.spent)
        if length.over:
            raise BadFile(
                f"{self.run.folder} was trained for {in_words(before)} already; we got "
                f"{in_words(phase)}: ask for more, or begin another run with its weights "
                f"(--from {self.run.folder})"
            )
        if phase.patience is not None and self.since_best >= phase.patience:
            return  # stopped early it stays
        self.recipe = self.model.recipe = self.recipe.with_(phases=phases)
        self.run.lengthen(self.recipe)
        change = f"going on to {in_words(phase)}, after {in_words(before)}"
        if not self.finished:
            change = f"{in_words(phase)} instead of {in_words(before)}"
        self.finished = False
        schedule = phase.learning_rate_schedule
        if schedule != "constant":
            change += (
                f"; the learning rate follows {schedule} over the new length, so that the end is not "
                f"that of {in_words(phase)} at once (another run begins with these weights by --from "
                f"{self.run.folder})"
            )
        self.reporter.say(change)

    # -- stopping --------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _stoppable(self) -> Iterator[None]:
        """Ctrl-C, SIGTERM and SIGHUP wait for the end of a step; a second one does not."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {n: signal.getsignal(n) for n in SIGNALS if signal.getsignal(n) is not None}

        def ask(number: int, frame: FrameType | None) -> None:
            again = time.monotonic() - self.asked < ONE_CALL and processes.size() > 1
            if self.stop.is_set() and not again:
                raise KeyboardInterrupt
            self.signal, self.asked = number, time.monotonic()
            self.stop.set()

        for number, handler in before.items():
            # what nohup and the like have switched off stays so, but for Ctrl-C
            if handler is not signal.SIG_IGN or number == signal.SIGINT:
                signal.signal(number, ask)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _interrupted(self, epoch: float) -> None:
        self._checkpoint()
        processes.most(0.0)  # none goes before it is written
        kept = (
            "nothing was kept, because the run has no folder"
            if self.run is None
            else f"{self.run.folder} is up to date; the same command with --resume goes on from here, as fit(…, resume=True) does"
        )
        raise Interrupted(f"stopped in epoch {epoch:.2f}; {kept}", self.signal)


def _some(source: Source, most: int = ENOUGH) -> Source:
    """At most so many of the pictures, evenly spaced."""
    if len(source) <= most:
        return source
    rows = torch.linspace(0, len(source) - 1, most, dtype=torch.float64).long().numpy()
    return source.select(rows) if isinstance(source, Images) else Subset(source, rows)


def _natural(name: str) -> tuple[bool, float, str]:
    """Numbers by their value, before names."""
    number = name.removeprefix("-").replace(".", "", 1).isdigit()
    return not number, float(name) if number else 0.0, name


def _shapes(module: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def _copied(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in weights.items()}


def _restore_optimizer(player: Player, state: State, machine: Device) -> None:
    found: dict[int, dict[str, Tensor]] = {}
    for name, tensor in with_prefix(state.tensors, f"optimizer.{player.name}.").items():
        number, key = name.split(".", 1)
        found.setdefault(int(number), {})[key] = tensor
    for place, values in found.items():  # fused optimisers need the layout of the weights
        weight = player.parameters[place]
        for name, value in values.items():
            if value.shape == weight.shape:
                values[name] = torch.empty_like(weight, dtype=value.dtype).copy_(value)
    whole = player.optimizer.state_dict()
    whole["state"] = found
    player.optimizer.load_state_dict(whole)


def _on(source: Source | None, machine: Device) -> Source | None:
    """The pixels on the accelerator, if they are pixels."""
    if machine.device.type == "cpu" or not isinstance(source, Images):
        return source
    return source.on(machine.device)
