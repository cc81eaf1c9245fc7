"""A run's description: what it was trained on, with which command, and how well it went.

card.md      for people: data, numbers, command
README.md    for people on the hub: the same, of what goes there, under the header that the hub reads
"""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import files
from ..tables import counted
from .checkpoints import located, outline
from .phases import Recipe
from .run import facts_of, history_of
from .standing import standings_of

__all__ = ["for_others", "hub_card", "run_info", "write_model_card"]

TASK = "image-feature-extraction"  # of the hub's list: what every autoencoder does


def run_info(folder: Path | str) -> dict[str, Any]:
    """What a model's folder holds, without reading the weights into memory.

    Returns:
        Words for people by name, and under ``numbers`` what they are made of as plain numbers.

    Raises:
        BadFile: there is no model, or it is damaged.
    """
    folder = Path(located(folder))
    model = outline(folder)
    recipe: Recipe = model.recipe
    code = math.prod(model.code_shape)
    weights = sum(p.numel() for p in model.parameters())
    numbers: dict[str, Any] = {"weights": weights, "code": code, "shape": list(recipe.shape)}
    info: dict[str, Any] = {
        "model": str(folder),
        "recipe": recipe.name,
        "pictures_of": " × ".join(map(str, recipe.shape)) + "  (channels × height × width)",
        "levels": " → ".join("×".join(map(str, shape)) for shape in model.ladder.shapes),
        "code": f"{code} numbers, {'×'.join(map(str, model.code_shape))} "
        f"({math.prod(recipe.shape) / code:.1f} pixel values for each)",
        "bottleneck": _words(recipe.bottleneck.document()),
        "likelihood": _words(recipe.likelihood.document()),
        "weights": f"{weights:,}",
        "generates": "yes" if model.bottleneck.generative else "no (its code has no prior)",
    }
    if recipe.source:
        info["source"] = recipe.source
    lines = history_of(folder)
    if lines:
        last = lines[-1]
        ends = {r["phase"]: f"{r['epoch']:g}" for r in lines}  # of every phase
        info["trained"] = f"{' + '.join(ends.values())} epochs, "
        info["trained"] += f"{sum(r['seconds'] for r in lines):.0f} s"
        info["last_loss"] = f"{last['loss']:.2f} nats per picture"
        numbers["epochs"] = sum({r["phase"]: r["epoch"] for r in lines}.values())
        numbers |= {"seconds": sum(r["seconds"] for r in lines), "last_loss": last["loss"]}
        validated = [r for r in lines if "validation_loss" in r and r["phase"] == last["phase"]]
        if validated:
            best = min(validated, key=lambda r: r["validation_loss"])
            info["best_validation"] = (
                f"{best['validation_loss']:.2f} nats per picture, in epoch {best['epoch']:g}"
            )
            numbers |= {"best_validation": best["validation_loss"], "best_epoch": best["epoch"]}
            if "validation_error" in best:  # a classifier's
                info["wrong_class"] = f"{best['validation_error']:.2%} of the validation pictures"
    if lines.damaged:
        info["damaged"] = f"{counted(lines.damaged, 'line')} of metrics.jsonl, left out"
    provenance = facts_of(folder)
    info |= {
        key: provenance[key]
        for key in ("pictures", "trained_on", "begun_from", "beside_pca", "command")
        if key in provenance
    }
    if not (folder / "model.safetensors").exists():
        info["state"] = "not finished: the same command with --resume goes on with it"
    info["numbers"] = numbers
    return info


def _words(document: Mapping[str, Any]) -> str:
    rest = ", ".join(f"{key} {value}" for key, value in document.items() if key != "part")
    return f"{document['part']} ({rest})" if rest else str(document["part"])


def write_model_card(
    folder: Path | str,
    numbers: Sequence[Mapping[str, Any]],
    judged: str,
    notes: Sequence[str] = (),
    pictures: Iterable[str] = ("losses", "reconstructions"),
) -> Path:
    """Write ``card.md``: what the model is, its numbers, and what a reader of them has to know.

    Args:
        numbers: rows of one table, all with the same keys.
        judged: which pictures the numbers are of.
        notes: sentences.
        pictures: PNGs of the folder that it shows.
    """
    info = for_others(run_info(folder))
    lines = [f"# {info['recipe']}", "", "An image autoencoder, trained with Narrows.", ""]
    lines += [
        f"- **{key.replace('_', ' ')}**: {value}"
        for key, value in info.items()
        if key not in ("model", "numbers")
    ]
    if numbers:
        keys = list(numbers[0])
        lines += ["", f"## Numbers on {judged}", "", "| " + " | ".join(keys) + " |"]
        lines += ["|" + " --- |" * len(keys)]
        lines += ["| " + " | ".join(_cell(row.get(key)) for key in keys) + " |" for row in numbers]
    lines += ["", *(f"- {note}" for note in notes)] if notes else []
    for name in pictures:
        lines += ["", f"![{name}]({name}.png)"]
    lines.append("")
    path = Path(folder) / "card.md"
    files.write_text(path, "\n".join(lines))
    return path


def hub_card(folder: Path, name: str, licence: str | None, pictures: Iterable[str] = ()) -> str:
    """The model card of a folder, as the hub shows it.

    Args:
        folder: holds what goes to the hub and nothing else, so that nothing else is told.
        name: ``owner/name``.
        licence: as the hub writes it, such as ``apache-2.0``; None: the card says that it is not given.
        pictures: names of PNGs of the folder that it shows.
    """
    from huggingface_hub import EvalResult, ModelCardData

    info = run_info(folder)
    facts = facts_of(folder)
    measured = _measured(facts.get("measured"))
    results = []
    if measured is not None:
        results = [
            EvalResult(
                task_type=TASK, task_name="reconstruction", dataset_type="pictures",
                dataset_name=f"{measured['of']} pictures of the training", metric_type=kind,
                metric_name=title, metric_value=round(measured[kind], 6),
            )
            for kind, title in (("psnr", "PSNR (dB)"), ("mse", "MSE per pixel"))
        ]  # fmt: skip
    tags = ["autoencoder", "image-autoencoder", info["recipe"]]
    tags += ["variational-autoencoder"] if info["generates"] == "yes" else []
    header = ModelCardData(
        library_name="narrows", pipeline_tag=TASK, tags=tags, license=licence,
        metrics=["psnr", "mse"] if results else None,
        model_name=name.split("/")[1] if results else None, eval_results=results or None,
    )  # fmt: skip
    lines = ["---", header.to_yaml(), "---", f"# {name.split('/')[1]}", ""]
    lines += ["An image autoencoder, trained with Narrows.", ""]
    lines += [
        f"- **{key.replace('_', ' ')}**: {value}"
        for key, value in info.items()
        if key not in ("model", "numbers")
    ]
    lines.append(f"- **licence**: {licence or 'not given: ask its owner before you use it'}")
    if measured is not None:
        count, of = measured["pictures"], measured["of"]
        lines += ["", f"## Reconstruction of {count:,} {of} pictures", ""]
        lines += ["| PSNR (dB) | MSE per pixel |", "| --- | --- |"]
        lines += [f"| {_cell(measured['psnr'])} | {_cell(measured['mse'])} |"]
    for one in standings_of(facts.get("standing", [])):
        lines += ["", f"## {one.purpose.capitalize()}", "", f"{one.task}, {one.judged}:", ""]
        lines += [one.table().markdown()]
    lines += ["", "## Use it", "", "```console", "$ pip install 'narrows[hub]'"]
    lines += [f"$ narrows reconstruct hf://{name} FILES… -o OUT/", "```", ""]
    lines += ["```python", "import narrows as nw", "", f'model = nw.load("hf://{name}")', "```"]
    for picture in pictures:
        lines += ["", f"![{picture}]({picture}.png)"]
    return "\n".join([*lines, ""])


def _measured(found: Any) -> dict[str, Any] | None:
    """What a training measured, where it is what a training writes."""
    kinds = {"pictures": int, "of": str, "mse": float, "psnr": float}
    if not isinstance(found, dict) or found.keys() != kinds.keys():
        return None
    if any(type(found[key]) is not kind for key, kind in kinds.items()):
        return None
    fine = all(abs(found[key]) < 1e6 for key in ("mse", "psnr")) and len(found["of"]) < 40
    return dict(found) if fine else None


def for_others(info: dict[str, Any]) -> dict[str, Any]:
    """Without names of files and folders, which are of this machine only."""
    told = {key: info[key] for key in info if key != "pictures" or not _is_path(info[key])}
    if "command" in told:
        words = shlex.split(told["command"])
        told["command"] = " ".join("…" if _is_path(word) else shlex.quote(word) for word in words)
    return told


def _is_path(word: str) -> bool:
    """Whether a word of a command names a file or folder, by itself or as ``--option=…``."""
    value = word.partition("=")[2] if word.startswith("-") else word
    return bool(value) and (
        value.startswith("~") or "/" in value or "\\" in value or os.path.exists(value)
    )


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
