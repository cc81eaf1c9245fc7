"""A collection as it grows: index, add one, search, duplicates, outliers, from 10⁴ to 10⁶ pictures.

    python benchmarks/scale.py --side 28 --sizes 10000 100000 1000000
    python benchmarks/scale.py --side 64 --sizes 10000 100000       a row for each; other rows stay
    python benchmarks/scale.py --quick                               a tiny run: does it work?

    made pictures ──packed .npy──► index ──► add one ──► search ──► duplicates by codes ──► outliers
                  └─10,000 JPEG files──► index ──► the same folder again, unchanged

Every step is a process of its own, as a command is, whose peak memory the system tells; seconds are
those of the step alone, without the imports before it. What grows is fitted as a power of N. Pictures
are made: discs, bars and rings of any place, size and brightness on a slope, in noise, so that no two
are alike by chance and neighbours are neighbours. ``duplicates`` by look is measured of 100,000, files of 10,000.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import narrows as nw
from measuring import RESULTS, machine
from narrows.collection import Collection

CODE, QUERIES, K = 64, 2000, 10
STEPS = ("index", "add", "search", "duplicates", "looks", "outliers", "again")
GROWING = ("index", "add", "search", "duplicates", "outliers")
PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
SHOWN = (
    ("index, seconds", "index", "seconds"),
    ("… of a processor", "index", "processor_seconds"),
    ("… peak memory, GiB", "index", "peak_gib"),
    ("… disk, MiB, with what it was before it was tidied", "index", "disk_mib"),
    ("add one, seconds", "add", "seconds"),
    ("search, seconds of one query", "search", "seconds"),
    ("… queries a second, 2,000 at once", "search", "queries_per_second"),
    ("… the same, every code compared", "search", "queries_per_second_exact"),
    ("… recall@10", "search", "recall_at_10"),
    ("duplicates by codes, seconds", "duplicates", "seconds"),
    ("duplicates by look, seconds", "looks", "seconds"),
    ("… of a processor", "looks", "processor_seconds"),
    ("outliers, seconds", "outliers", "seconds"),
    ("files indexed again, unchanged, seconds", "again", "seconds"),
    ("… of a processor", "again", "processor_seconds"),
)
UP_TO = {"looks": 100_000, "again": 10_000}  # steps that are not measured of more
BARS = {
    "seconds to index 1,000,000": 1200.0,
    "peak memory, GiB": 4.0,
    "recall@10": 0.99,
    "seconds to add one": 1.0,
    "queries a second in batches": 3000.0,
    "seconds of duplicates by look of 100,000": 90.0,
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--side", type=int, choices=(28, 64), default=28)
    options.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    options.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--to", type=Path, default=Path("runs/scale"))
    options.add_argument("--limit", type=float, default=600, help="seconds that a step may take")
    options.add_argument("--keep", action="store_true", help="keep pictures and collections")
    options.add_argument("--quick", action="store_true", help="a tiny run: does it work?")
    options.add_argument("--results", type=Path, default=RESULTS / "scale.json")
    options.add_argument("--page", action="store_true", help="only write docs/scale.md's table")
    options.add_argument("--step", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.page:
        page(read(given.results))
        return
    torch.set_num_threads(given.threads)
    if given.step:
        print(json.dumps(DO[given.step](given)))
        return
    if given.quick:
        given.sizes = [600, 1200]
    given.to.mkdir(parents=True, exist_ok=True)
    rows = [row for row in read(given.results)["rows"] if not given.quick]
    for n in given.sizes:
        rows = measured(given, n, rows)
        if not given.quick:
            write(given, rows)
    if given.quick:
        shutil.rmtree(given.to / "600", ignore_errors=True)
    for row in rows:
        print(json.dumps(row))


def measured(given: argparse.Namespace, n: int, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The row of N pictures, in place of the one that was there."""
    key = {"pictures": n, "side": given.side}
    row: dict[str, Any] = next((r for r in rows if key.items() <= r.items()), dict(key))
    folder = given.to / f"{given.side}-{n}"
    folder.mkdir(exist_ok=True)
    # in a process of its own: a step is told the most memory of the process that began it, too
    apart(given, n, "made", limit=None)
    for name in given.steps:
        if n > UP_TO.get(name, n):
            continue
        row[name] = apart(given, n, name, given.limit) | {"load": round(os.getloadavg()[0], 1)}
        print(json.dumps({**key, name: row[name]}), file=sys.stderr, flush=True)
    if not given.keep:
        shutil.rmtree(folder)
    rest = [r for r in rows if not key.items() <= r.items()]
    return sorted([*rest, row], key=lambda r: (r["side"], r["pictures"]))


def apart(given: argparse.Namespace, n: int, name: str, limit: float | None) -> dict[str, Any]:
    """One step in a process of its own, and the most memory that it held."""
    command = [sys.executable, __file__, "--step", name, "--to", str(given.to)]
    command += ["--side", str(given.side), "--sizes", str(n), "--threads", str(given.threads)]
    environment = os.environ | {"OMP_NUM_THREADS": str(given.threads)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        alarm = threading.Timer(limit, process.terminate)
        alarm.start()
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        alarm.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode == -signal.SIGTERM:
        return {"stopped_after": limit, "peak_gib": round(used.ru_maxrss / 2**20, 2)}
    if process.returncode:
        sys.exit(f"the step {name} of {n:,} pictures ended with {process.returncode}")
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found | {"peak_gib": round(used.ru_maxrss / 2**20, 2)}


# ---- pictures and a model ------------------------------------------------------------------------


def drawn(n: int, side: int, seed: int) -> np.ndarray[Any, Any]:
    """Made pictures (n, side, side) uint8."""
    draw = np.random.default_rng(seed)
    at = np.linspace(-1, 1, side, dtype=np.float32)
    x, y = at[None, None], at[None, :, None]

    def numbers(low: float, high: float) -> Any:
        return draw.uniform(low, high, (n, 1, 1)).astype(np.float32)

    picture = numbers(0.1, 0.5) + numbers(-0.2, 0.2) * x + numbers(-0.2, 0.2) * y
    for _ in range(3):
        a, b, angle, size = (
            numbers(-0.7, 0.7),
            numbers(-0.7, 0.7),
            numbers(0, math.pi),
            numbers(0.1, 0.5),
        )
        u = (x - a) * np.cos(angle) + (y - b) * np.sin(angle)
        v = ((y - b) * np.cos(angle) - (x - a) * np.sin(angle)) * numbers(1, 4)
        away = np.sqrt(u * u + v * v) / size
        ring = np.where(draw.random((n, 1, 1)) < 0.3, np.abs(away - 0.8) * 4, away)
        picture += numbers(-0.5, 0.7) / (1 + np.exp(np.clip(12 * (ring - 1), -30, 30)))
    picture += draw.normal(0, 0.02, picture.shape).astype(np.float32)
    return (picture.clip(0, 1) * 255).round().astype(np.uint8)


def packed(path: Path, n: int, side: int) -> None:
    """N made pictures in one file, of which one in a hundred is a brighter copy of another."""
    if path.exists():
        return
    held = np.lib.format.open_memmap(path, "w+", np.uint8, (n, side, side))
    for low in range(0, n, 10_000):
        some = drawn(min(10_000, n - low), side, low + 1)
        copies = len(some) // 100
        some[-copies:] = (some[:copies] * np.float32(1.02)).clip(0, 255).astype(np.uint8)
        held[low : low + len(some)] = some
    held.flush()


def trained(folder: Path, side: int) -> None:
    """A small convolutional autoencoder, trained on pictures that are in no collection."""
    shape = (1, side, side)
    recipe = nw.recipes.conv_autoencoder(shape, CODE, widths=(8, 16, 32)).with_(batch_size=256)
    if not (folder / "model.safetensors").exists():
        pictures = nw.images.Images(drawn(5000, side, 0)[:, None])
        nw.fit(recipe, pictures, to=folder, epochs=1, seed=0, resume=True, report="quiet")


# ---- the steps, each in a process ----------------------------------------------------------------


def made(given: argparse.Namespace) -> dict[str, Any]:
    """The pictures and the model, where they are not there yet."""
    model, pictures, _ = places(given)
    packed(pictures, given.sizes[0], given.side)
    trained(model, given.side)
    return {}


def timed(what: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    wall, busy = time.perf_counter(), time.process_time()
    found = what()
    seconds = {
        "seconds": round(time.perf_counter() - wall, 3),
        "processor_seconds": round(time.process_time() - busy, 2),
    }
    return found, seconds


def places(given: argparse.Namespace) -> tuple[Path, Path, Path]:
    """The model, the packed pictures, the collection."""
    folder = given.to / f"{given.side}-{given.sizes[0]}"
    return given.to / f"model-{given.side}", folder / "pictures.npy", folder / "codes"


def index(given: argparse.Namespace) -> dict[str, Any]:
    """The packed array to a collection that can be searched, its index included."""
    model, pictures, to = places(given)
    shutil.rmtree(to, ignore_errors=True)
    _, took = timed(lambda: nw.index(model, pictures, to, progress=False))
    size = sum(path.stat().st_size for path in to.rglob("*") if path.is_file())
    return {**took, "disk_mib": round(size / 2**20, 1)}


def add(given: argparse.Namespace) -> dict[str, Any]:
    """One picture encoded and appended, and then found."""
    model, _, to = places(given)
    opened, loaded = Collection.open(to), nw.load(model)
    picture = nw.images.Images(drawn(1, given.side, 999)[:, None])
    before = len(opened)

    def once() -> None:
        code = loaded.encode(picture).z.numpy()
        opened.add({"id": [f"one more than {before}"], "code": code})
        assert opened.search(code, 1).ids[0, 0] == f"one more than {before}"

    _, took = timed(once)
    opened.delete([f"one more than {before}"])
    return took


def search(given: argparse.Namespace) -> dict[str, Any]:
    """Queries that the collection does not hold: one at a time, in batches, and exactly."""
    model, _, to = places(given)
    opened = Collection.open(to)
    codes = (
        nw.load(model).encode(nw.images.Images(drawn(QUERIES, given.side, 777)[:, None])).z.numpy()
    )
    opened.search(codes, K)  # a first one reads the index
    alone = [timed(lambda code=code: opened.search(code, K))[1]["seconds"] for code in codes[:200]]
    found, batch = timed(lambda: opened.search(codes, K))
    exact, looked = timed(lambda: opened.search(codes[:500], K, exact=True))
    pairs = zip(found.ids[:500], exact.ids, strict=True)
    hits = sum(len(set(a) & set(b)) for a, b in pairs)
    return {
        "seconds": round(float(np.median(alone)), 5),
        "p95_seconds": round(float(np.quantile(alone, 0.95)), 5),
        "queries_per_second": round(len(codes) / batch["seconds"]),
        "queries_per_second_exact": round(500 / looked["seconds"]),
        "recall_at_10": round(hits / exact.ids.size, 4),
        "cells_visited": opened.about.probes,
        "exact": found.exact,
    }


def duplicates(given: argparse.Namespace) -> dict[str, Any]:
    _, _, to = places(given)
    found, took = timed(lambda: nw.duplicates(to, by="codes", progress=False))
    return {**took, "groups": len(found.groups)}


def looks(given: argparse.Namespace) -> dict[str, Any]:
    """Duplicates by pictures, as a verb does it by default."""
    _, _, to = places(given)
    found, took = timed(lambda: nw.duplicates(to, progress=False))
    return {**took, "groups": len(found.groups)}


def outliers(given: argparse.Namespace) -> dict[str, Any]:
    _, _, to = places(given)
    _, took = timed(
        lambda: nw.outliers(to, normal="id < '5'", score="knn", write=False, progress=False)
    )
    return took


def again(given: argparse.Namespace) -> dict[str, Any]:
    """A folder of JPEG files that is indexed already, as it is."""
    model, pictures, to = places(given)
    files, collection = to.with_name("files"), to.with_name("file-codes")
    files.mkdir(exist_ok=True)
    for n, picture in enumerate(np.load(pictures, mmap_mode="r")):
        Image.fromarray(picture).save(files / f"{n:06}.jpg", quality=95)
    nw.index(model, files, collection, progress=False)
    _, took = timed(lambda: nw.index(model, files, collection, progress=False))
    return took


DO: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "made": made, "index": index, "add": add, "search": search, "duplicates": duplicates, "looks": looks,
    "outliers": outliers, "again": again,
}  # fmt: skip


# ---- the file ------------------------------------------------------------------------------------


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"rows": []}
    return document


def fitted(rows: list[dict[str, Any]], side: int) -> dict[str, dict[str, float]]:
    """Of each step seconds ≈ a · N^b by least squares of logarithms; of memory and disk likewise."""
    found = {}
    mine = [row for row in rows if row["side"] == side]
    for step in GROWING:
        for key in ("seconds", "peak_gib", "disk_mib"):
            points = [(r["pictures"], r[step][key]) for r in mine if key in r.get(step, {})]
            if len(points) < 2:
                continue
            n, values = np.log(np.array(points, float)).T
            power, factor = np.polyfit(n, values, 1)
            found[f"{step} {key}"] = {
                "power": round(power, 3),
                "factor": float(f"{math.exp(factor):.3g}"),
            }
    return found


def write(given: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    document = {
        "what": f"made pictures, codes of {CODE} numbers, {QUERIES:,} queries, {given.threads} threads",
        "command": "python benchmarks/scale.py --side 28 --sizes 10000 100000 1000000",
        "machine": machine(),
        "bars": BARS,
        "rows": rows,
        "growth": {str(side): fitted(rows, side) for side in sorted({r["side"] for r in rows})},
    }
    given.results.parent.mkdir(parents=True, exist_ok=True)
    given.results.write_text(json.dumps(document, indent=2) + "\n")


# ---- the page ------------------------------------------------------------------------------------


def page(document: dict[str, Any]) -> None:
    """The table between the marks of docs/scale.md, and the bars with what was reached."""
    rows = {(row["side"], row["pictures"]): row for row in document["rows"]}
    lines = [
        "| | "
        + " | ".join(f"{n:,} of {side}×{side}" for side, n in rows)
        + " | grows as N to the |",
        "|---" * (len(rows) + 2) + "|",
    ]
    growth = document["growth"].get("28", {})
    for words, step, key in SHOWN:
        cells = [_cell(row.get(step, {}), key) for row in rows.values()]
        power = growth.get(f"{step} {key}", {}).get("power", "")
        lines.append(f"| {words} | {' | '.join(cells)} | {power} |")
    million, hundred = rows.get((28, 1_000_000), {}), rows.get((28, 100_000), {})
    if million:
        reached = {
            "seconds to index 1,000,000": million["index"]["seconds"],
            "peak memory, GiB": max(v["peak_gib"] for v in million.values() if isinstance(v, dict)),
            "recall@10": million["search"]["recall_at_10"],
            "seconds to add one": million["add"]["seconds"],
            "queries a second in batches": million["search"]["queries_per_second"],
            "seconds of duplicates by look of 100,000": hundred.get("looks", {}).get("seconds"),
        }
        lines += ["", "| wanted, of 28×28 | bar | reached |", "|---|---|---|"]
        for name, bar in document["bars"].items():
            least = name in ("recall@10", "queries a second in batches")
            sign = "at least" if least else "at most"
            lines.append(f"| {name} | {sign} {bar:,g} | {reached[name]:,g} |")
    text = PAGE.read_text(encoding="utf-8")
    head, tail = text.split("<!-- measured -->")[0], text.split("<!-- end -->")[1]
    body = "\n".join(["<!-- measured -->", *lines, "<!-- end -->"])
    PAGE.write_text(head + body + tail, encoding="utf-8")


def _cell(found: dict[str, Any], key: str) -> str:
    if "stopped_after" in found and key == "seconds":
        return f"stopped after {found['stopped_after']:g}"
    return f"{found[key]:,g}" if key in found else "–"


if __name__ == "__main__":
    main()
