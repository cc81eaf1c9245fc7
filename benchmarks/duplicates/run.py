"""Made duplicates of photographs found by ``narrows duplicates``, and by four perceptual hashes.

    pip install imagehash                                   the hashes; Narrows does not need it
    python benchmarks/duplicates/run.py --seed 0 1 2        rows in results.json
    python benchmarks/duplicates/run.py --quick             a tiny run: does it work?

    500 photographs ──five files of each──► index ──narrows duplicates──► groups ─┐
        original · resized · recompressed · cropped · brightened                  ├─► pairs: F1
                         └──phash, dhash, ahash, whash──Hamming distance──────────┘

How much is drawn for each file: resized to 40-90 % of its sides, a JPEG of quality 30-80, 5 % of each
side cut off anywhere, brightened by 5-30 %. A pair is right where both files are of one photograph, so
every photograph has ten. The command is called as anybody calls it: its threshold is its own, from
copies that it makes itself. The hashes are those that imagededup has (its CNN aside), as the package
imagehash computes them, with 64 bits. They get more help: the distance, and whether near files become
groups as ours do or stay pairs, is what has the highest F1 on another 500 photographs with their copies;
imagededup's own default, pairs up to 10 bits apart, stands beside. A row that is there already is kept.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from narrows.applications.close_codes import close_groups, close_pairs

RESULTS = Path(__file__).with_name("results.json")
SETS = ("lfw_gray", "utkface")
WAYS = ("original", "resized", "recompressed", "cropped", "brightened")
HASHES = {"phash": "phash", "dhash": "dhash", "ahash": "average_hash", "whash": "whash"}
DEFAULT = 10  # imagededup's, in bits
MOST = 20
Pairs = set[tuple[int, int]]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    options.add_argument("--set", nargs="+", choices=SETS, default=list(SETS))
    options.add_argument("--quick", action="store_true")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--to", type=Path, default=Path("runs/duplicates"))
    options.add_argument("--results", type=Path, default=RESULTS)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    try:
        import imagehash  # noqa: F401
    except ImportError:
        sys.exit("run.py needs the peer that it compares with: run pip install imagehash")
    known: dict[str, Any] = {"rows": []}
    if given.results.exists() and not given.quick:
        known |= json.loads(given.results.read_text())
    count = 20 if given.quick else 500
    for name in given.set:
        for seed in given.seed[: 1 if given.quick else None]:
            if any((r["set"], r["seed"]) == (name, seed) for r in known["rows"]):
                continue
            made = row(given, name, seed, count)
            print(json.dumps(made), flush=True)
            known["rows"].append(made)
            if not given.quick:
                write(given.results, known, count)


def row(given: argparse.Namespace, name: str, seed: int, count: int) -> dict[str, Any]:
    """One draw of photographs and copies, and how every method does on it."""
    work = given.to / f"{name}-{seed}{'-quick' if given.quick else ''}"
    shutil.rmtree(work, ignore_errors=True)
    draw = random.Random(seed)
    root = Path(os.environ["NARROWS_DATA"]) / name
    found = sorted(each for each in root.rglob("*.*") if each.suffix.lower() in (".jpg", ".png"))
    draw.shuffle(found)
    tune, test, rest = found[:count], found[count : 2 * count], found[2 * count :]
    files = {
        part: copies(work / part, these, draw) for part, these in (("tune", tune), ("test", test))
    }
    methods = {"narrows": ours(work, files["test"], rest[: 4 * count], seed)}
    for title, function in HASHES.items():
        methods[title] = hashed(function, files["tune"], files["test"])
    return {"set": name, "seed": seed, "files": len(files["test"]), "methods": methods}


def copies(folder: Path, photographs: Iterable[Path], draw: random.Random) -> list[Path]:
    """Five files of each photograph, one after the other."""
    folder.mkdir(parents=True)
    written = []
    for number, path in enumerate(photographs):
        with Image.open(path) as opened:
            image = opened.convert("L" if opened.mode == "L" else "RGB")
        for way in WAYS:
            target = folder / f"{number:04}-{way}.png"
            if way == "original":
                target = target.with_suffix(path.suffix)
                shutil.copyfile(path, target)
            elif way == "recompressed":
                target = target.with_suffix(".jpg")
                image.save(target, quality=draw.randint(30, 80))
            else:
                augmented(image, way, draw).save(target)
            written.append(target)
    return written


def augmented(image: Image.Image, way: str, draw: random.Random) -> Image.Image:
    width, height = image.size
    if way == "resized":
        factor = draw.uniform(0.4, 0.9)
        return image.resize(
            (round(width * factor), round(height * factor)), Image.Resampling.BICUBIC
        )
    if way == "cropped":
        kept = round(0.95 * width), round(0.95 * height)
        x, y = draw.randint(0, width - kept[0]), draw.randint(0, height - kept[1])
        return image.crop((x, y, x + kept[0], y + kept[1]))
    factor = draw.uniform(1.05, 1.3)
    return image.point(lambda value: min(255, round(value * factor)))


def ours(work: Path, files: list[Path], learnt: list[Path], seed: int) -> dict[str, Any]:
    """``narrows train``, ``index`` and ``duplicates``; the model sees none of the photographs."""
    pictures = work / "learnt"
    pictures.mkdir()
    for path in learnt:
        shutil.copyfile(path, pictures / path.name)
    narrows(
        "train", pictures, "--recipe", "conv-autoencoder", "--to", work / "model", "--size", "64",
        "--epochs", 2, "--seed", seed,
    )  # fmt: skip
    narrows("index", work / "model", work / "test", "--to", work / "codes")
    began = time.perf_counter()
    said = narrows("duplicates", work / "codes", "--out", work / "duplicates")
    place = {path.name: row for row, path in enumerate(files)}
    groups = [
        [place[one["id"]] for one in (group["keeper"], *group["others"])]
        for group in said["groups"]
    ]
    return {
        "threshold": round(said["threshold"], 4),
        "seconds": round(time.perf_counter() - began, 1),
        **judged(within(groups), len(files)),
    }


def narrows(*command: Any) -> dict[str, Any]:
    """What a command says, as JSON."""
    called = [sys.executable, "-m", "narrows", *map(str, command), "--json"]
    done = subprocess.run(called, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(called[2:])}: {done.stderr.strip()}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def hashed(function: str, tune: list[Path], test: list[Path]) -> dict[str, Any]:
    """A hash at its default distance, and at the one that is best on other photographs."""
    import imagehash

    def bits(files: list[Path]) -> Any:
        rows = []
        for path in files:
            with Image.open(path) as opened:
                rows.append(getattr(imagehash, function)(opened).hash.ravel())
        return np.array(rows, np.float32)

    seen, asked = bits(tune), bits(test)
    choices: dict[tuple[int, bool], float] = {}
    for distance, as_groups in itertools.product(range(MOST + 1), (False, True)):
        with contextlib.suppress(ValueError):  # more pairs than can be duplicates
            near = close(seen, distance, as_groups)
            choices[distance, as_groups] = judged(near, len(tune))["f1"]
    distance, as_groups = max(choices, key=choices.__getitem__)
    return {
        "distance": distance,
        "as": "groups" if as_groups else "pairs",
        **judged(close(asked, distance, as_groups), len(test)),
        "at_default": judged(close(asked, DEFAULT, False), len(test)),
    }


def close(bits: Any, distance: int, as_groups: bool) -> Pairs:
    """Files at most so many bits apart; the squared distance of bits is their number."""
    reach = (distance + 0.5) ** 0.5
    if as_groups:
        return within([[one.keeper, *one.others] for one in close_groups(bits, reach)])
    a, b, _ = close_pairs(bits, reach)
    return set(zip(a.tolist(), b.tolist(), strict=True))


def within(groups: Iterable[list[int]]) -> Pairs:
    return {pair for group in groups for pair in itertools.combinations(sorted(group), 2)}


def judged(pairs: Pairs, files: int) -> dict[str, Any]:
    """Precision, recall and F1 of pairs, and of each way how many copies are paired with the original."""
    many = len(WAYS)
    right = sum(a // many == b // many for a, b in pairs)
    wanted = files * (many - 1) // 2
    precision, recall = right / max(len(pairs), 1), right / wanted
    return {
        "precision": round(precision, 4),
        "recall": round(recall, 4),
        "f1": round(2 * precision * recall / max(precision + recall, 1e-12), 4),
        "found": {
            way: round(sum((at, at + k) in pairs for at in range(0, files, many)) * many / files, 4)
            for k, way in enumerate(WAYS)
            if k
        },
    }


def write(path: Path, known: dict[str, Any], count: int) -> None:
    """The rows, and their means over the draws."""
    import imagehash

    summary = []
    for name in SETS:
        rows = [r["methods"] for r in known["rows"] if r["set"] == name]
        for title in rows[0] if rows else ():
            each = [r[title] for r in rows]
            entry = {"set": name, "method": title, "seeds": len(each), **means(each)}
            if "at_default" in each[0]:
                entry["at_default"] = means([one["at_default"] for one in each])
            summary.append(entry)
    document = {
        "what": f"pairs among {count} photographs and four copies of each, {10 * count} of them right",
        "command": "python benchmarks/duplicates/run.py --seed 0 1 2",
        "hashes": f"imagehash {imagehash.__version__}",
        "summary": summary,
        "rows": known["rows"],
        "torch": torch.__version__,
    }
    path.write_text(json.dumps(document, indent=2) + "\n")


def means(each: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        **{
            key: round(statistics.fmean(one[key] for one in each), 4)
            for key in ("precision", "recall", "f1")
        },
        "found": {
            way: round(statistics.fmean(one["found"][way] for one in each), 4)
            for way in each[0]["found"]
        },
    }


if __name__ == "__main__":
    main()
