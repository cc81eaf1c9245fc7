"""A hundred thousand pictures indexed, searched and compared, and duplicates beside perceptual hashes.

    python benchmarks/collection/run.py                        all parts; results.json
    python benchmarks/collection/run.py --part search folder   some of them, the others stay as they are
    python benchmarks/collection/run.py --quick                a tiny run: does it work?

    50,000 MNIST + 50,000 Fashion-MNIST ──conv-autoencoder, 128 numbers──► index ──► search · duplicates
    10,000 JPEG files ──index──► the same folder again, unchanged
    photographs and four copies of each ──index──► duplicates, beside four hashes on the same pictures

The model has seen 30,000 of the pictures; the queries are codes of test pictures, which it has not.
Seconds are medians of three rounds (one for what takes half a minute) on the wall, with the processors'
seconds beside them, because the wall's are of a machine that does other things too. ``duplicates`` is
the command itself, in a process of its own, whose memory is the most that it ever held.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import narrows as nw
from narrows.applications.indexing import collection_for, index_files, index_source
from narrows.collection import About, Collection
from narrows.images import Images
from narrows.images.files import picture_files

RESULTS = Path(__file__).with_name("results.json")
PARTS = ("index", "search", "duplicates", "folder")
SIZE, NEIGHBOURS, ROUNDS = 128, 10, 3
WIDTHS = (16, 32, 64)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--to", type=Path, default=Path("runs/collection"))
    options.add_argument("--quick", action="store_true")
    options.add_argument("--results", type=Path, default=RESULTS)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    found = json.loads(given.results.read_text())["found"] if given.results.exists() else {}
    each = 600 if given.quick else 50_000
    work = given.to / ("quick" if given.quick else "whole")
    work.mkdir(parents=True, exist_ok=True)
    pictures, queries = drawn(each, 200 if given.quick else 2000)
    model = trained(work / "model", pictures)
    makers: dict[str, Callable[[], dict[str, Any]]] = {
        "index": lambda: indexed(model, pictures, work),
        "search": lambda: searched(model, queries, work),
        "duplicates": lambda: {by: compared(work, by) for by in ("codes", "pixels")},
        "folder": lambda: confirmed(model, pictures, work, 300 if given.quick else 10_000),
    }
    for part in given.part:
        found[part] = makers[part]()
        print(json.dumps({part: found[part]}), flush=True)
        if not given.quick:
            write(given.results, found, given.threads)


def drawn(each: int, asked: int) -> tuple[Images, Images]:
    """Pictures of both sets in one array, and test pictures of both to search with."""
    parts = []
    for split, count in (("train", each), ("test", asked // 2)):
        sets = [nw.images.named(name, split=split) for name in ("mnist", "fashion_mnist")]
        parts.append(Images(torch.cat([one.take(torch.arange(count)) for one in sets])))
    return parts[0], parts[1]


def trained(folder: Path, pictures: Images) -> Any:
    recipe = nw.recipes.conv_autoencoder(pictures.shape, SIZE, widths=WIDTHS).with_(batch_size=256)
    nw.fit(recipe, pictures, to=folder, epochs=0.3, seed=0, resume=True, report="quiet")
    return nw.load(folder)


def codes_by(model: Any) -> Callable[[Any], Any]:
    return lambda x: model.encode(Images(x)).z.numpy()


def about(model: Any, folder: Path, pictures: str = "") -> About:
    return About(
        model.fingerprint(), str(folder), tuple(model.code_shape), "flatten", pictures,
        tuple(model.shape),
    )  # fmt: skip


def timed(what: Callable[[], Any]) -> dict[str, float]:
    """Seconds on the wall, and of this process on all processors."""
    wall, busy = time.perf_counter(), time.process_time()
    what()
    return {
        "seconds": round(time.perf_counter() - wall, 2),
        "processor_seconds": round(time.process_time() - busy, 2),
    }


def indexed(model: Any, pictures: Images, work: Path) -> dict[str, Any]:
    """An array in memory to a searchable collection, its index included."""
    target = work / "codes"
    shutil.rmtree(target, ignore_errors=True)
    opened = collection_for(target, about(model, work / "model"))
    took = timed(lambda: index_source(opened, pictures, codes_by(model)))
    return {"pictures": len(opened), **took}


def searched(model: Any, queries: Images, work: Path) -> dict[str, Any]:
    """One query after another, and all in a batch, beside the exact answer."""
    opened = Collection.open(work / "codes")
    codes = codes_by(model)(queries.take(torch.arange(len(queries))))
    exact = opened.search(codes, NEIGHBOURS, exact=True).ids
    together = opened.search(codes, NEIGHBOURS)
    hits = [len(set(a) & set(b)) for a, b in zip(together.ids, exact, strict=True)]
    alone = []
    for code in codes[:300]:
        began = time.perf_counter()
        opened.search(code, NEIGHBOURS)
        alone.append(1000 * (time.perf_counter() - began))
    rounds = [timed(lambda: opened.search(codes, NEIGHBOURS))["seconds"] for _ in range(ROUNDS)]
    looked = timed(lambda: opened.search(codes, NEIGHBOURS, exact=True))["seconds"]
    return {
        "codes": len(opened),
        "size": codes.shape[1],
        "queries": len(codes),
        "cells_visited": opened.about.probes,
        "recall_at_10": round(sum(hits) / exact.size, 4),
        "median_ms": round(statistics.median(alone), 2),
        "p95_ms": round(float(np.quantile(alone, 0.95)), 2),
        "per_second": round(len(codes) / statistics.median(rounds)),
        "per_second_exact": round(len(codes) / looked),
    }


def compared(work: Path, by: str) -> dict[str, Any]:
    """The command on the whole collection: the threshold by examples, pairs, groups and the sheet."""
    command = [
        sys.executable,
        "-m",
        "narrows",
        "duplicates",
        str(work / "codes"),
        "--json",
        "--by",
        by,
    ]
    command += ["--out", str(work / f"duplicates-{by}")]
    began = time.perf_counter()
    with (work / "said.json").open("w+") as answer:
        process = subprocess.Popen(command, stdout=answer, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        took = time.perf_counter() - began
        if process.returncode:
            sys.exit(f"{' '.join(command[2:])} ended with {process.returncode}")
        answer.seek(0)
        said = json.load(answer)
    return {
        "codes": said["pictures"],
        "threshold": round(said["threshold"], 4),
        "groups": len(said["groups"]),
        "duplicates": said["duplicates"],
        "seconds": round(took, 2),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 2),
        "most_memory_gib": round(used.ru_maxrss / 2**20, 2),
    }


def confirmed(model: Any, pictures: Images, work: Path, count: int) -> dict[str, Any]:
    """A folder of JPEG files indexed, and then again as it is."""
    from PIL import Image

    folder, target = work / "files", work / "file-codes"
    shutil.rmtree(target, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    for row, one in enumerate(pictures.take(torch.arange(count))):
        if not (folder / f"{row:05}.jpg").exists():
            Image.fromarray(one[0].numpy()).save(folder / f"{row:05}.jpg", quality=95)
    opened = collection_for(target, about(model, work / "model", str(folder)))

    def once() -> Any:
        found = picture_files(folder, None, None)
        return index_files(opened, found, codes_by(model))

    first = timed(once)
    rounds = [timed(once) for _ in range(ROUNDS)]
    again = sorted(rounds, key=lambda one: one["seconds"])[ROUNDS // 2]
    return {"files": count, "first": first, "again": again}


def write(path: Path, found: dict[str, Any], threads: int) -> None:
    document = {
        "what": "100,000 codes of 128 numbers, of 50,000 pictures each of MNIST and Fashion-MNIST",
        "command": f"python benchmarks/collection/run.py --threads {threads}",
        "threads": threads,
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
        "found": {part: found[part] for part in PARTS if part in found},
        "torch": torch.__version__,
    }
    path.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
