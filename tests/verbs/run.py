"""The judge of test_verbs.py on the shared sets (NARROWS_DATA) and on larger made folders.

    python tests/verbs/run.py --minutes 3 -o docs/verbs.json     then: python docs/verbs.py

Every model is trained as ``narrows train FOLDER`` does it, for so many minutes of this process's own
time; those of restoring verbs too. Prints a line for each verb and ends with 1 where one is worse
without saying so.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

import narrows as nw  # noqa: E402
import narrows.training.length as length  # noqa: E402
from verbs.folders import KINDS, flawed, made  # noqa: E402
from verbs.judge import RESTORERS, VERBS, Case, Verdict, judge  # noqa: E402

SIDE = 64
Parts = tuple[Any, Any, Any, Any, Any]  # train, test, their labels, what does not belong


def _split(images: Any, column: str, train: int, test: int) -> Parts:
    rows = np.random.default_rng(0).permutation(len(images))
    own, of = [rows[:train], rows[train : train + test]], images.labels[column]
    a, b = (_plain(images.select(each)) for each in own)
    one, other = (np.array([str(of[i]) for i in each]) for each in own)
    return a, b, one, other, None


def _plain(images: Any) -> Any:
    """The pixels alone: no official split, no labels that a verb could find."""
    return nw.images.Images(images.pixels)


def _clothes() -> Parts:
    return _split(nw.images.named("clothes"), "kind", 850, 150)


def _faces() -> Parts:
    return _split(nw.images.named("utkface", size=SIDE), "gender", 1000, 150)


def _photographs() -> Parts:
    """128×128 crops of Kodak's photographs at half their size; 19 of them to train, five to test."""
    whole = nw.images.named("kodak")
    x = torch.nn.functional.avg_pool2d(whole.pixels.float(), 2).round().byte()
    crops = x.unfold(2, SIDE, SIDE // 2).unfold(3, SIDE, SIDE // 2)
    each = crops.permute(0, 2, 3, 1, 4, 5).flatten(1, 2)
    order = np.random.default_rng(0).permutation(len(each))
    train, test = each[order[:19]].flatten(0, 1), each[order[19:], ::3].flatten(0, 1)
    return nw.images.Images(train), nw.images.Images(test[:150]), None, None, None


def _tiles() -> Parts:
    """Magnetic tiles: good ones to train, good and flawed ones to test."""
    whole = nw.images.named("magnetic_tile", size=SIDE)
    good = np.flatnonzero(np.asarray(whole.labels["class"]) == "good")
    rows = np.random.default_rng(0).permutation(good)
    odd = np.setdiff1d(np.arange(len(whole)), good)
    train, test, flaws = (_plain(whole.select(each)) for each in (rows[60:], rows[:60], odd))
    return train, test, None, None, flaws


def _made(kind: str) -> Callable[[], Parts]:
    def parts() -> Parts:
        pixels, labels = made(kind, 700, SIDE)
        images = nw.images.Images(pixels)
        odd = nw.images.Images(flawed(100, SIDE)) if kind == "parts" else None
        return (
            images.select(range(600)),
            images.select(range(600, 700)),
            labels[:600],
            labels[600:],
            odd,
        )

    return parts


SETS: dict[str, Callable[[], Parts]] = {
    "clothes": _clothes,
    "faces (UTKFace)": _faces,
    "photographs (Kodak)": _photographs,
    "parts (magnetic tiles)": _tiles,
}
MADE = {f"made {kind}": _made(kind) for kind in KINDS}


def case_of(name: str, parts: Parts, folder: Path, minutes: float) -> Case:
    """A case whose models were trained so long."""
    train, test, labels, test_labels, odd = parts
    how: dict[str, Any] = {"minutes": minutes, "report": "quiet", "progress": False}
    trained = nw.train(train, to=folder / "model", **how)
    case = Case(name, folder, train, test, trained.model, trained, labels, test_labels, odd)
    for verb, recipe, numbers in RESTORERS:
        case.restorers[verb] = nw.train(train, recipe, changes=numbers, **how).model
    return case


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--made", action="store_true", help="only the made folders")
    parser.add_argument("--only", nargs="*", help="only sets whose name holds one of these")
    parser.add_argument("-o", "--out", type=Path)
    given = parser.parse_args()
    length.clock = time.process_time  # a shared machine must not train less
    chosen = MADE if given.made else SETS | MADE
    verdicts: list[Verdict] = []
    for name, parts in chosen.items():
        if given.only and not any(each in name for each in given.only):
            continue
        with tempfile.TemporaryDirectory() as folder:
            case = case_of(name, parts(), Path(folder), given.minutes)
            print(f"{name}: {case.training.conclusion}", flush=True)
            for verb in VERBS:
                found = judge(verb, case)
                if found is None:
                    continue
                verdicts.append(found)
                numbers = "" if found.ours is None else f"{found.ours:.4g} | {found.other:.4g}"
                found.said = found.said[:300]
                print(
                    f"  {found.outcome:7}{verb:28}{found.what} {numbers} {found.against}  "
                    f"{found.said[:70]}",
                    flush=True,
                )
        if given.out:
            document = {
                "minutes": given.minutes,
                "machine": f"{platform.machine()}, torch {torch.__version__}",
                "verdicts": [each.document() for each in verdicts],
            }
            given.out.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")
    worse = [each for each in verdicts if each.outcome in ("worse", "refused")]
    print(f"{len(verdicts)} judged, {len(worse)} worse without saying so")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
