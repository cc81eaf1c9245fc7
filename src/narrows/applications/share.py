"""Share: one HTML file that works offline, of some rows of a collection, of a morph, or of a model.

pictures of a lesson ──► a handout to print, with the model's own walk
rows of a collection ──thumbnails, codes──► a map to move about in
codes of pictures ──decoder──► a page that runs it, or frames where the extra ``export`` is missing
a model or its run ──evaluate, reconstruct, generate──► its card
outliers, what was said of them ──ErrorMaps──► a report with heat
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..autoencoder import Autoencoder
from ..errors import BadFile, NarrowsError
from ..figures import Picture, Section, loss_curves, report_page, score_histograms
from ..figures.live import film
from ..images.inputs import Pictures, evenly
from ..measures.calibration import p_values
from ..measures.detection import confusion
from ..progress import Progress, stage
from ..training import located, run_info
from ..training.card import for_others
from ..training.run import history_of
from .decoder_page import decoder_page_of
from .decoding import decoder
from .error_maps import ErrorMaps
from .evaluate import evaluate
from .export import decoder_onnx
from .generate import generate, plane_of, traversals
from .map import map_rows
from .morph import morph_codes
from .onnx_files import available
from .opening import opened_autoencoder, run_of
from .outliers import Outliers
from .reconstruct import reconstruct

__all__ = ["Kept", "handout_page", "model_page", "morph_page", "queue_page", "selection_page"]

FRAMES = 24  # of a film, from picture to picture
QUEUE = 60  # pictures of a report
JUDGED, DRAWN, SHOWN = 2000, 24, 12  # pictures that are measured, made up, and reconstructed


@dataclass(frozen=True)
class Kept:
    """A picture of a lesson.

    Attributes:
        pixels: uint8 (C, H, W).
        title, text: what it is, and a line about it.
    """

    pixels: Tensor
    title: str
    text: str = ""


def handout_page(
    title: str,
    kept: Sequence[Kept],
    *,
    model: Any = None,
    codes: Tensor | None = None,
    cited: str = "",
    seed: int = 0,
) -> str:
    """Pictures of a lesson as one page to print, and at its end the model's own walk through its codes.

    Args:
        title: its heading.
        kept: in the order in which they stand.
        model: an ``Autoencoder``; None: no walk. A code of two numbers is shown as its whole plane.
        codes: (N, *code) whose axes are walked along; None: those of the training, or draws of the prior.
        cited: the paper that the model's recipe is of, which the walk stands beside.
        seed: of the draws.

    Raises:
        ValueError: there is neither a picture nor a model.
    """
    if not kept and model is None:
        raise ValueError("a handout is of at least one picture, or of a model")
    sections = [
        Section(
            one.title, one.text, pictures=[Picture(_array(one.pixels), alt=one.title, crisp=True)]
        )
        for one in kept
    ]
    if model is not None:
        sections.append(_walk(opened_autoencoder(model), codes, cited, seed))
    return report_page(
        title, sections, subtitle="A lesson on codes of pictures, made with Narrows."
    )


def _array(pixels: Tensor) -> Any:
    rows = pixels.permute(1, 2, 0).contiguous().numpy()
    return rows[..., 0] if rows.shape[2] == 1 else rows


def _walk(model: Any, codes: Tensor | None, cited: str, seed: int) -> Section:
    """What the model draws along the axes of its codes, or over the plane of a code of two numbers."""
    name = str(getattr(getattr(model, "recipe", None), "name", "") or "this model")
    text = f"What {name} draws along the axes of its codes, from its own weights."
    if cited:
        text += f" Its recipe is of: {cited}. The paper's own figure is not copied here; lay it beside this one."
    try:
        if torch.Size(model.code_shape).numel() == 2:
            figure = plane_of(model, seed=seed).figures()
        else:
            figure = traversals(model, codes=codes, seed=seed).figures()
    except (NarrowsError, ValueError) as error:
        return Section("The model's own walk", f"There is none: {error}.")
    pictures = [Picture(each, alt="What the model draws on its walk") for each in figure.values()]
    return Section("The model's own walk", text, pictures=pictures)


def selection_page(
    collection: Any,
    ids: Sequence[str],
    *,
    labels: Any = None,
    seed: int = 0,
    progress: Progress = None,
) -> str:
    """Some rows of a collection as a map with their pictures; what the collection stores is enough.

    Args:
        collection: a collection, or its folder or address.
        ids: of five rows or more.
        labels: as of :func:`narrows.map`.
        seed, progress: see :func:`narrows.map`.

    Raises:
        NoImages: none of them is there.
        ValueError: fewer than five.
    """
    return map_rows(collection, ids, labels=labels, seed=seed, progress=progress).page()


def morph_page(
    model: Any,
    images: Any,
    *,
    codes: Tensor | None = None,
    axes: Tensor | None = None,
    seed: int = 0,
    progress: Progress = None,
) -> str:
    """The way from picture to picture: with the decoder in the page, or as a film.

    Args:
        model: an ``Autoencoder``, or the folder of one.
        images: two pictures or more, in the model's shape.
        codes: (N, *code) of them; None: encoded.
        axes: (M, *code) whose principal axes the sliders are; None: codes of the training.
        seed: of the draws.
        progress: see :mod:`narrows.progress`.

    Raises:
        ValueError: fewer than two pictures, or more than a page takes.
        NarrowsError: the decoder cannot be exported.
    """
    loaded = opened_autoencoder(model)
    if len(images) < 2:
        raise ValueError(f"a morph goes between at least 2 pictures; we got {len(images)}")
    known = loaded.encode(images).z.cpu() if codes is None else codes
    if available():
        with stage(progress, "exporting the decoder") as step:
            content, about = decoder_onnx(loaded, seed)
            step(1, 2)
            page = decoder_page_of(loaded, content, images, about, seed, known, axes)
            step(2, 2)
        return page
    x = images.batch(torch.arange(len(images))).cpu()
    with stage(progress, "decoding") as step:
        frames = FRAMES * (len(x) - 1) + 1
        made = morph_codes(decoder(loaded), known, x, frames=frames, progress=step)
    shown = (made.frames * 255).round().byte().permute(0, 2, 3, 1)
    pixels = shown.expand(-1, -1, -1, 3).numpy() if shown.shape[3] == 1 else shown.numpy()
    text = (
        "Frames between the codes of the pictures, there and back. With `pip install 'narrows[export]'` "
        "the page has the decoder itself, under sliders."
    )
    live = film(pixels, f"A morph through {len(x)} pictures")
    return report_page("From picture to picture", [Section(text=text, live=live)])


def queue_page(
    result: Outliers,
    verdicts: Mapping[str, bool] | None = None,
    *,
    score: str = "",
    threshold: float | None = None,
    title: str = "Outliers",
    limit: int = QUEUE,
    progress: Progress = None,
) -> str:
    """A report of pictures in question, the most anomalous first, each beside its heat; to be printed too.

    Args:
        result: of :func:`narrows.outliers`.
        verdicts: what a person said of some: id → whether it is an anomaly.
        score: by which they are in order; that which decides by default.
        threshold: of that score; by default that of the result.
        title: of the page.
        limit: show at most so many pictures: those above the threshold, at least eight.
        progress: see :mod:`narrows.progress`.

    Raises:
        ValueError: there is no such score.
    """
    by, said = score or result.by, verdicts or {}
    if by not in result.scores:
        raise ValueError(f"there is no score {by!r}; there are {', '.join(result.whole)}")
    values, usual = result.scores[by], result.normal[by]
    limit_at = result.threshold if threshold is None else threshold
    order = np.argsort(-values, kind="stable")
    above = int((values > limit_at).sum())
    known = [i for i, id_ in enumerate(result.ids) if id_ in said]
    counts = confusion(values[known], [said[result.ids[i]] for i in known], limit_at)
    p = p_values(usual, values)
    precision, recall = (
        "–" if one is None else f"{one:.1%}" for one in (counts.precision, counts.recall)
    )
    facts = [
        {"": "score", "of this queue": by},
        {"": "threshold", "of this queue": f"{limit_at:.4g}"},
        {"": "above the threshold", "of this queue": f"{above:,} of {len(values):,}"},
        {
            "": "normal pictures above it",
            "of this queue": f"{(usual > limit_at).mean():.2%} of {len(usual):,} ({result.judged.name})",
        },
    ]
    table = [
        {"looked at": "anomalies", "above": counts.hits, "not above": counts.missed},
        {"looked at": "normal pictures", "above": counts.false_alarms, "not above": counts.passed},
    ]
    text = (
        f"Of {len(known):,} pictures that a person has looked at: precision {precision}, "
        f"recall {recall}. They are no random sample: what was not looked at is not counted."
        if known
        else "Nobody has looked at any of them yet."
    )
    groups = {f"normal, {result.judged.name}": usual, "in question": values}
    drawn = Picture(score_histograms(groups, limit_at, x=by), alt="Histogram of the score")
    chosen = order[: min(limit, max(above, 8))]
    with stage(progress, "drawing heat") as step:
        pictures = _with_heat(result, chosen, step)
    captions = [
        f"{result.ids[i]} · {values[i]:.4g} · p {p[i]:.2g}"
        + (
            ""
            if result.ids[i] not in said
            else " · anomaly"
            if said[result.ids[i]]
            else " · normal"
        )
        + ("" if values[i] > limit_at else " · below the threshold")
        for i in chosen
    ]
    shown = [
        Picture(each, caption, crisp=True) for each, caption in zip(pictures, captions, strict=True)
    ]
    return report_page(
        title,
        [
            Section(text="The most anomalous pictures first.", table=facts, pictures=[drawn]),
            Section("What was looked at", text, table=table if known else ()),
            Section("Pictures", "Each beside where it is unlike normal ones.", pictures=shown, gallery=True),
            Section("What there is to know", "\n\n".join(result.notes) or "Nothing more."),
        ],
    )  # fmt: skip


def _with_heat(result: Outliers, chosen: Any, step: Any) -> list[Any]:
    """Pictures (H, W, 3) beside their heat; of an encoder that does not decode alone."""
    model = result.ask.model
    maps = ErrorMaps.of(model, result.judged.images) if isinstance(model, Autoencoder) else None
    found = []
    for done, i in enumerate(chosen.tolist(), 1):
        x = result.images.batch(torch.tensor([i])).cpu()
        plain = (x[0].clamp(0, 1) * 255).round().byte().expand(3, -1, -1).numpy()
        pieces = [plain]
        if maps is not None:
            gap = np.full((3, plain.shape[1], max(1, plain.shape[2] // 16)), 255, np.uint8)
            pieces += [gap, maps(x)[1][0]]
        found.append(np.concatenate(pieces, 2).transpose(1, 2, 0))
        step(done, len(chosen))
    return found


def model_page(
    model: Any,
    pictures: Pictures | None = None,
    *,
    limit: int = JUDGED,
    seed: int = 0,
    progress: Progress = None,
) -> str:
    """A model's card: what it is, how good beside PCA, reconstructions, samples, losses.

    Args:
        model: an ``Autoencoder``, or the folder of one; of a run that has no weights yet its folder.
        pictures: to measure it on; None: those of the training, where its folder says which.
        limit: measure on at most so many.
        seed: of the draws.
        progress: see :mod:`narrows.progress`.

    Raises:
        BadFile: there is neither a model nor a run.
        NoImages: the pictures cannot be read.
    """
    folder = Path(located(model)) if isinstance(model, (str, Path)) else run_of(model).folder
    info = {} if folder is None else for_others(run_info(folder))
    facts = [
        {"": key.replace("_", " "), "of this model": str(value)}
        for key, value in info.items()
        if key not in ("model", "numbers")
    ]
    text = "An image autoencoder, trained with Narrows."
    sections = [Section(text=text, table=facts)]
    try:
        loaded = opened_autoencoder(model)
    except BadFile:
        if not facts:
            raise
    else:
        sections += _measured(loaded, pictures, limit, seed, progress)
    lines = [] if folder is None else history_of(folder)
    if lines:
        sections.append(
            Section(
                "How was it trained?",
                "Loss in nats per picture; the best by validation is the one kept.",
                pictures=[Picture(loss_curves(lines), alt="Loss curves")],
            )
        )
    name = str(info.get("recipe") or getattr(getattr(model, "recipe", None), "name", "a model"))
    return report_page(f"{name}: a model card", sections)


def _measured(
    model: Any, pictures: Any, limit: int, seed: int, progress: Progress
) -> list[Section]:
    """Numbers and reconstructions beside PCA, and samples; of each that cannot be had the reason."""
    sections = []
    what = pictures if pictures is not None else run_of(model).facts.get("pictures")
    if what is None:
        sections.append(
            Section(
                "How good is it?", "Not measured: it does not know the pictures of its training."
            )
        )
    else:
        judged = evaluate(model, what, limit=limit, seed=seed, progress=progress)
        few = evenly(judged.judged.images, SHOWN)
        sheet = reconstruct(model, few, progress=False).figures()["comparison"]
        notes = "\n\n".join([judged.conclusion, *judged.notes])
        sections.append(
            Section(
                "How good are the reconstructions?",
                f"On {judged.measures.n:,} pictures ({judged.judged.name}), beside principal components with as "
                f"many numbers and the mean picture; higher PSNR and SSIM are better.\n\n{notes}",
                table=judged.rows(),
                pictures=[Picture(sheet, alt="Pictures above their reconstructions and errors")],
            )
        )
    try:
        made = generate(model, DRAWN, seed=seed, progress=False)
    except (NarrowsError, ValueError) as error:
        sections.append(Section("What does it make up?", f"Nothing: {error}."))
    else:
        text = f"{DRAWN} draws from the prior {made.prior}, none left out."
        sheet = made.figures()["sheet"]
        sections.append(
            Section(
                "What does it make up?", text, pictures=[Picture(sheet, alt="Samples", crisp=True)]
            )
        )
    return sections
