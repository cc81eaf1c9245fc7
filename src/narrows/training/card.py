"""A run's description: what it was trained on, with which command, and how well it went.

card.md    for people: data, numbers, command
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import files
from .checkpoints import outline
from .phases import Recipe
from .run import facts_of, history_of

__all__ = ["run_info", "write_model_card"]


def run_info(folder: Path | str) -> dict[str, Any]:
    """What a model's folder holds, without reading the weights into memory.

    Raises:
        BadFile: there is no model, or it is damaged.
    """
    folder = Path(folder)
    model = outline(folder)
    recipe: Recipe = model.recipe
    code = math.prod(model.code_shape)
    info: dict[str, Any] = {
        "model": str(folder),
        "recipe": recipe.name,
        "pictures_of": " × ".join(map(str, recipe.shape)) + "  (channels × height × width)",
        "levels": " → ".join("×".join(map(str, shape)) for shape in model.ladder.shapes),
        "code": f"{code} numbers, {'×'.join(map(str, model.code_shape))} "
        f"({math.prod(recipe.shape) / code:.1f} pixel values for each)",
        "bottleneck": _words(recipe.bottleneck.document()),
        "likelihood": _words(recipe.likelihood.document()),
        "weights": f"{sum(p.numel() for p in model.parameters()):,}",
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
        validated = [r for r in lines if "validation_loss" in r and r["phase"] == last["phase"]]
        if validated:
            best = min(validated, key=lambda r: r["validation_loss"])
            info["best_validation"] = (
                f"{best['validation_loss']:.2f} nats per picture, in epoch {best['epoch']:g}"
            )
            if "validation_error" in best:  # a classifier's
                info["wrong_class"] = f"{best['validation_error']:.2%} of the validation pictures"
    provenance = facts_of(folder)
    info |= {
        key: provenance[key] for key in ("pictures", "trained_on", "command") if key in provenance
    }
    if not (folder / "model.safetensors").exists():
        info["state"] = "not finished: the same command with --resume goes on with it"
    return info


def _words(document: Mapping[str, Any]) -> str:
    rest = ", ".join(f"{key} {value}" for key, value in document.items() if key != "part")
    return f"{document['part']} ({rest})" if rest else str(document["part"])


def write_model_card(
    folder: Path | str,
    numbers: Sequence[Mapping[str, Any]],
    judged: str,
    notes: Sequence[str] = (),
) -> Path:
    """Write ``card.md``: what the model is, its numbers, and what a reader of them has to know.

    Args:
        numbers: rows of one table, all with the same keys.
        judged: which pictures the numbers are of.
        notes: sentences.
    """
    info = run_info(folder)
    lines = [f"# {info['recipe']}", "", "An image autoencoder, trained with Narrows.", ""]
    lines += [
        f"- **{key.replace('_', ' ')}**: {value}" for key, value in info.items() if key != "model"
    ]
    if numbers:
        keys = list(numbers[0])
        lines += ["", f"## Numbers on {judged}", "", "| " + " | ".join(keys) + " |"]
        lines += ["|" + " --- |" * len(keys)]
        lines += ["| " + " | ".join(_cell(row.get(key)) for key in keys) + " |" for row in numbers]
    lines += ["", *(f"- {note}" for note in notes)] if notes else []
    lines += ["", "![losses](losses.png)", "", "![reconstructions](reconstructions.png)", ""]
    path = Path(folder) / "card.md"
    files.write_text(path, "\n".join(lines))
    return path


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
