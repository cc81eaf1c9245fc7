"""Export: a model as one file that runs without Narrows, which is checked before it is written.

model ──graph, pre- and post-processing inside──► ONNX · ONNX in int8 · a program of torch · a page
                     └── random pictures of several sizes ──► the same answers, in another process
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from .. import files
from ..autoencoder import Autoencoder
from ..bottlenecks import Quantised
from ..errors import NarrowsError
from ..images.inputs import Pictures, evenly
from ..measures import psnr
from ..near import meant
from ..progress import Progress, stage
from ..results import Result
from ..tables import Table
from ..training import address_of
from .decisions import FalseAlarms
from .decoder_page import decoder_page_of
from .graphs import PARTS, ByError, ByNeighbours, Decoding, Graph, Scoring
from .onnx_files import KEY, alone, int8, needed, program, silence, traced
from .opening import opened_autoencoder, opened_images, run_of

__all__ = ["FORMS", "SCORES", "Export", "decoder_onnx", "export"]

Array = np.ndarray[Any, Any]

FORMS = {"onnx": ".onnx", "onnx-int8": "-int8.onnx", "pt2": ".pt2", "html": ".html"}
SCORES = ("cosine-knn", "knn", "reconstruction")
RATES = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)  # false alarms of the threshold table
NEIGHBOURS_AMONG = 10_000  # normal codes that go into a file
CALIBRATED, BATCH = 256, 32  # pictures that int8 is scaled by, and measured on; how many at a time
FREE, CHOSEN = (
    1e-4,
    0.01,
)  # how far a value may be off; the share of codes that may fall on another entry
LOST = 1.0  # dB that int8 may lose

OUTSIDE = (
    "turning a picture upright by its EXIF, transparency and colour profiles: give sRGB pixels as they "
    "are seen",
    "decoding files: Narrows reads large JPEG files at a reduced scale, and rounds after resizing, which "
    "moves a value by about a gray level",
)


@dataclass(frozen=True, repr=False)
class Export(Result):
    """A file that was written, and how it was checked.

    Attributes:
        path: the file.
        to, part: what it is, and what of the model.
        bytes: its size.
        about: what it says of itself: fingerprint, recipe, preprocessing, labels, thresholds.
        drift: by output, the largest difference from torch over all checks.
        cases: the shapes that were checked.
        psnr: of int8: mean PSNR in dB of pictures before and after; else None.
        skipped, notes: as of every result.
    """

    name: ClassVar[str] = "export"
    path: Path
    to: str
    part: str
    bytes: int
    about: dict[str, Any]
    drift: dict[str, float]
    cases: Sequence[tuple[int, ...]]
    psnr: tuple[float, float] | None = None
    skipped: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Where it is, what it holds and what was checked."""
        return {
            "file": str(self.path),
            "to": self.to,
            "part": self.part,
            "bytes": self.bytes,
            "drift": self.drift,
            "checked": [list(case) for case in self.cases],
            "psnr": None if self.psnr is None else list(self.psnr),
            "about": self.about,
        }

    def table(self) -> Table:
        """A row per output."""
        columns: dict[str, Sequence[Any]] = {
            "output": list(self.drift),
            "largest difference": list(self.drift.values()),
        }
        return Table(columns, digits={"largest difference": 8})

    def __str__(self) -> str:
        lines = [
            f"{self.path}: {_size(self.bytes)}, {self.part}, fingerprint {self.about['fingerprint']}"
        ]
        if self.psnr is not None:
            before, after = self.psnr
            lines.append(f"PSNR {before:.2f} dB in float32, {after:.2f} dB in int8")
        elif self.drift:
            worst = max(self.drift, key=lambda name: self.drift[name])
            where = "in torch" if self.to == "pt2" else "without torch, in another process"
            lines.append(
                f"checked {where} on {len(self.cases)} batches of different sizes: the same up to "
                f"{self.drift[worst]:.1e} ({worst})"
            )
        return "\n".join(lines)


def export(
    model: Any,
    to: str = "onnx",
    path: Path | str | None = None,
    *,
    part: str | None = None,
    pictures: Pictures | None = None,
    score: str = "cosine-knn",
    limit: int | None = None,
    seed: int = 0,
    progress: Progress = None,
) -> Export:
    """Write a model, or a part of it, as one file that runs elsewhere.

    ``onnx`` and ``pt2`` take bytes (B, h, w, C) of any size and give bytes: the resize, the crop and the
    rounding of the model's own reading are inside, and batch, height and width are free. Random pictures
    of several sizes go through the file in another process that has onnxruntime only; if an answer is not
    torch's, nothing is written. ``html`` is a page that runs the decoder in a browser, offline.

    Args:
        model: an ``Autoencoder``, or the folder of one.
        to: ``onnx``, ``onnx-int8`` (static, scaled by pictures), ``pt2`` (a program of torch.export) or
            ``html``.
        path: the file; None: named after the model, in the working folder.
        part: ``encode`` (pixels → code), ``decode`` (code → picture), ``whole`` (pixels → picture, code
            and error) or ``score`` (pixels → anomaly score and p-value); None: ``whole``, or of a page
            ``decode``, which is all that it can have.
        pictures: anything that :func:`narrows.images.inputs.pictures` reads: for ``onnx-int8`` those it
            is scaled by and measured on, for ``score`` normal ones, for ``html`` those it morphs between.
            None: those of the training, where the model's folder says which; a page then has none.
        score: ``cosine-knn``, ``knn`` or ``reconstruction``, as of :func:`narrows.outliers`.
        limit: at most so many pictures, evenly spread.
        seed: of the draws of a page, and of the pictures of the check.
        progress: see :mod:`narrows.progress`.

    Raises:
        ValueError: an unknown form, part or score, or what does not go together.
        BadFile: there is no model.
        NoImages: nothing can be read.
        NarrowsError: the model cannot be exported, or what was exported is not the same.
        Unavailable: a package of the extra ``export`` is not installed.

    Examples:
        >>> import tempfile
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> recipe = nw.recipes.mlp_vae(images.shape, code_size=8)
        >>> model = nw.fit(recipe, images, epochs=0.5, report="quiet")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     nw.export(model, "pt2", f"{folder}/decoder.pt2", part="decode").part
        'decode'
    """
    if to not in FORMS:
        raise ValueError(
            f"a model is exported to {', '.join(FORMS)}; we got {to!r}{meant(to, FORMS)}"
        )
    part = part or ("decode" if to == "html" else "whole")
    if part not in PARTS:
        raise ValueError(f"a part is {', '.join(PARTS)}; we got {part!r}{meant(part, PARTS)}")
    if to == "html" and part != "decode":
        raise ValueError(f"a page runs the decoder: --part decode, or none; we got {part!r}")
    if to == "onnx-int8" and part == "score":
        raise ValueError(
            "a score in int8 would be another score than the one whose threshold goes with it; export "
            "it to onnx"
        )
    if score not in SCORES:
        raise ValueError(f"a score that can be exported is {', '.join(SCORES)}; we got {score!r}")
    if to != "pt2":
        needed()
    autoencoder = opened_autoencoder(model, "cpu")
    if len(autoencoder.shape) != 3 or autoencoder.device.type != "cpu":
        raise ValueError(
            "what is exported is a model of pictures on the processor: model.to('cpu')"
        )
    if part != "decode" and any(_marks(each) for each in autoencoder.modules()):
        raise NarrowsError(
            "this model is told where a hole is by a value that no byte has, so that a file that takes "
            "bytes could never be given one: fill holes with `narrows inpaint`, or export its decoder "
            "with --part decode"
        )
    target = Path(path) if path is not None else Path(f"{_named(model, autoencoder)}{FORMS[to]}")
    suffix = "." + FORMS[to].split(".")[-1]
    if target.suffix.lower() != suffix:
        raise ValueError(f"a file of {to} ends in {suffix}; we got {str(target)!r}")
    with autoencoder.evaluating():
        return _written(autoencoder, to, target, part, pictures, score, limit, seed, progress)


def _marks(module: Any) -> int:
    """Channels in which a guess at a spoiled picture says where nothing is known."""
    return int(getattr(getattr(module, "guess", None), "marks", 0))


def _written(
    model: Autoencoder, to: str, target: Path, part: str, pictures: Any, score: str,
    limit: int | None, seed: int, progress: Progress,
) -> Export:  # fmt: skip
    """Made, checked and written, in evaluation mode."""
    images, about = None, _about(model, part)
    if part == "score" or to == "onnx-int8" or (to == "html" and pictures is not None):
        images = _known(model, pictures, to, part, limit, progress)
    graph: Graph
    if part == "score":
        graph, thresholds = _scoring(model, images, score, progress)
        about |= {"score": score, "thresholds": thresholds}
    else:
        graph = PARTS[part](model)
    graph.eval()
    inputs = _cases(graph, seed)
    measured = None
    with stage(progress, "exporting") as step:
        if to == "pt2":
            content = _saved(program(graph), about)
            step(1, 3)
            again = torch.export.load(io.BytesIO(content)).module()
            answers = [_by_name(graph, again(each)) for each in inputs]
        else:
            proto = traced(graph, about)
            content = proto.SerializeToString()
            step(1, 3)
            answers = alone(content, graph.takes, [each.numpy() for each in inputs])
        step(2, 3)
        drift = _drift(graph, inputs, answers)
        if to == "onnx-int8":
            fitted, judged = _halves(images)
            smaller = int8(proto, [each.numpy() for each in _batches(graph, fitted)], about)
            measured, content = _measured(graph, (content, smaller.SerializeToString()), judged)
            alone(content, graph.takes, [each.numpy() for each in inputs])  # it runs at every size
            drift = {}
        if to == "html":
            content = decoder_page_of(model, content, images, about, seed).encode()
        step(3, 3)
    files.write_bytes(target, content)
    return Export(
        target, to, part, len(content), about, drift, [tuple(each.shape) for each in inputs], measured,
        getattr(images, "skipped", ()), list(getattr(images, "notes", ())),
    )  # fmt: skip


def decoder_onnx(model: Autoencoder, seed: int = 0) -> tuple[bytes, dict[str, Any]]:
    """The decoder as an ONNX file, checked, and what it says of itself: for a page of one's own.

    Raises:
        NarrowsError: it cannot be exported, or is not the same.
        Unavailable: a package of the extra ``export`` is not installed.
    """
    about = _about(model, "decode")
    with model.evaluating():
        graph = Decoding(model).eval()
        inputs = _cases(graph, seed)
        content: bytes = traced(graph, about).SerializeToString()
        _drift(graph, inputs, alone(content, graph.takes, [each.numpy() for each in inputs]))
    return content, about


# ---- what goes in ----------------------------------------------------------------------------------


def _named(model: Any, loaded: Autoencoder) -> str:
    """A file's name for a model: its folder's, or its recipe's."""
    if (address := address_of(model)) is not None:
        return address.name.split("/")[1]
    if isinstance(model, (str, Path)):
        return Path(model).resolve().name
    name = str(getattr(loaded.recipe, "name", "") or "model")
    return re.sub(r"[^\w.-]+", "-", name)


def _about(model: Autoencoder, part: str) -> dict[str, Any]:
    """What a file says of itself; nothing of where it was made."""
    from .. import __version__

    how, run = model.preprocessing, run_of(model)
    colour = "RGB" if how.shape[0] == 3 else "gray (of RGB the ITU-R 601 luma)"
    outside = list(OUTSIDE) + [f"conversion to {colour}"]
    if how.levels is not None:
        outside.append(f"pictures deeper than 8 bits to bytes, by {how.levels.document()}")
    if how.patches:
        outside.append("cutting a picture into the patches that the model takes")
    return {
        "narrows": __version__,
        "fingerprint": model.fingerprint(),
        "part": part,
        "recipe": None if model.recipe is None else model.recipe.document(),
        "shape": list(model.shape),
        "code_shape": list(model.code_shape),
        "preprocessing": how.document(),
        "labels": list(run.facts.get("classes", ())),
        "outside": outside,
    }


def _known(
    model: Autoencoder, pictures: Any, to: str, part: str, limit: int | None, progress: Progress
) -> Any:
    """The pictures that were given, else those of the training."""
    what = pictures if pictures is not None else run_of(model).facts.get("pictures")
    if what is None:
        why = "int8 is scaled by" if to == "onnx-int8" else "a score calls normal"
        raise ValueError(f"say which pictures {why}: the model does not know those of its training")
    return opened_images(model, what, limit=limit, progress=progress)


def _scoring(
    model: Autoencoder, images: Any, name: str, progress: Progress
) -> tuple[Scoring, dict[str, float]]:
    """A score fitted to normal pictures, and thresholds by false-alarm rate of others."""
    from ..measures.scoring import codes_of, distance

    split = run_of(model).split(images)
    module: torch.nn.Module = ByError()
    if name == "reconstruction":
        judged = split.evaluation().images
    else:
        fitted, portion = split.fitting()
        judged = portion.images
        codes = codes_of(model, evenly(fitted, NEIGHBOURS_AMONG))
        near: Any = distance(name, model, codes)
        origin = getattr(near, "origin", None)
        module = ByNeighbours(
            torch.from_numpy(codes), getattr(near, "near", near).k,
            None if origin is None else torch.from_numpy(np.asarray(origin, np.float32))[0],
        )  # fmt: skip
    found = []
    with stage(progress, "scoring normal pictures") as step:
        for rows in torch.split(torch.arange(len(judged)), BATCH):
            found.append(module(judged.batch(rows).cpu(), model))
            step(int(rows[-1]) + 1, len(judged))
    normal = torch.cat(found)
    rates = [rate for rate in RATES if rate * (len(normal) + 1) >= 1]
    scores = normal.double().numpy()
    table = {f"{rate:g}": FalseAlarms(rate).threshold(scores, scores) for rate in rates}
    return Scoring(model, module, normal), table


# ---- what comes out is the same --------------------------------------------------------------------


def _cases(graph: Graph, seed: int) -> list[torch.Tensor]:
    """Random inputs of several sizes: noise, and blocks of colour, whose resize tells more."""
    source = torch.Generator().manual_seed(seed)
    if isinstance(graph, Decoding):
        shapes = [(count, *graph.model.code_shape) for count in (1, 2, 5)]
        codes = [torch.randn(shape, generator=source) for shape in shapes]
        box = graph.model.bottleneck
        return [box.lookup(box.nearest(z)) if isinstance(box, Quantised) else z for z in codes]
    channels, height, width = graph.model.shape
    found = []
    for count, h, w in (
        (1, height, width), (3, height, width), (2, 2 * height + 1, 3 * width + 2),
        (4, max(1, height // 2), width + 7), (1, 5 * height, max(1, width - 3)),
    ):  # fmt: skip
        blocks = torch.randint(256, (count, channels, 7, 5), generator=source, dtype=torch.uint8)
        large = torch.nn.functional.interpolate(blocks, (h, w)).permute(0, 2, 3, 1)
        noise = torch.randint(-20, 21, large.shape, generator=source)
        found.append((large + noise).clamp(0, 255).to(torch.uint8).contiguous())
    return found


def _by_name(graph: Graph, answer: Any) -> dict[str, Array]:
    values = answer if isinstance(answer, tuple) else (answer,)
    return {name: value.detach().numpy() for name, value in zip(graph.gives, values, strict=True)}


def _drift(
    graph: Graph, inputs: Sequence[torch.Tensor], answers: Sequence[dict[str, Array]]
) -> dict[str, float]:
    """By output the largest difference from torch.

    Raises:
        NarrowsError: one is larger than rounding explains.
    """
    chooses = isinstance(graph.model.bottleneck, Quantised)
    worst = dict.fromkeys(graph.gives, 0.0)
    for given, answer in zip(inputs, answers, strict=True):
        for name, wanted in _by_name(graph, graph(given)).items():
            found = answer.get(name)
            if found is None or found.shape != wanted.shape or found.dtype != wanted.dtype:
                raise NarrowsError(
                    f"the exported {name} of an input {tuple(given.shape)} is "
                    f"{'missing' if found is None else (found.dtype, found.shape)}, and torch's is "
                    f"{(str(wanted.dtype), wanted.shape)}: nothing was written"
                )
            apart = np.abs(found.astype(np.float64) - wanted.astype(np.float64))
            allowed = 1.0 if name == "picture" else FREE * max(1.0, float(np.abs(wanted).max()))
            off = float((~(apart <= allowed)).mean())
            if off > (CHOSEN if chooses else 0):
                raise NarrowsError(
                    f"the exported {name} of an input {tuple(given.shape)} is up to {apart.max():.3g} "
                    f"from torch's, and {allowed:.3g} is allowed: nothing was written"
                )
            worst[name] = max(worst[name], float(apart.max()))
    return worst


def _saved(made: torch.export.ExportedProgram, about: dict[str, Any]) -> bytes:
    """A program of torch as a file, with what it says of itself as its extra file."""
    content = io.BytesIO()
    with silence():
        torch.export.save(made, content, extra_files={f"{KEY}.json": json.dumps(about)})
    return content.getvalue()


# ---- int8 ------------------------------------------------------------------------------------------


def _halves(images: Any) -> tuple[Any, Any]:
    """Pictures that int8 is scaled by, and others that it is measured on."""
    some = evenly(images, 2 * CALIBRATED)
    if len(some) < 2:
        raise ValueError("int8 is scaled by one picture and measured on another; give at least 2")
    x = some.batch(torch.arange(len(some))).cpu()
    return x[::2], x[1::2]


def _batches(graph: Graph, x: torch.Tensor) -> list[torch.Tensor]:
    """Pictures (N, C, H, W) as inputs of a graph."""
    if isinstance(graph, Decoding):
        return [graph.model.posterior(each).z for each in torch.split(x, BATCH)]
    return [_bytes(each) for each in torch.split(x, BATCH)]


def _bytes(x: torch.Tensor) -> torch.Tensor:
    return (x * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _measured(
    graph: Graph, contents: tuple[bytes, bytes], x: torch.Tensor
) -> tuple[tuple[float, float], bytes]:
    """Mean PSNR of pictures (N, C, H, W) before and after, and the file after.

    Raises:
        NarrowsError: it lost too much.
    """
    inputs = [each.numpy() for each in _batches(graph, x)]
    found = []
    for content in contents:
        answers = alone(content, graph.takes, inputs)
        if "picture" in graph.gives:
            pixels = np.concatenate([answer["picture"] for answer in answers])
            x_hat = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        else:
            codes = torch.from_numpy(np.concatenate([answer["code"] for answer in answers]))
            x_hat = graph.model.decode(codes).clamp(0, 1)
        found.append(float(psnr(x, x_hat).mean()))
    before, after = found
    if not before - after <= LOST:
        raise NarrowsError(
            f"in int8 this model's pictures have {after:.2f} dB instead of {before:.2f}, and at most "
            f"{LOST:g} dB may be lost: nothing was written; export it to onnx"
        )
    return (before, after), contents[1]


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"
