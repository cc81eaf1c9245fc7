"""All benchmarks in order, and the page of their results, docs/performance.md.

    python benchmarks/run_all.py                 measure everything, then write the page
    python benchmarks/run_all.py --page-only     the page from the results that are there
    python benchmarks/run_all.py --quick         does everything run? keeps nothing

Each script also runs alone; this one only calls them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
NOT_MEASURED = "*not measured*"

INTRODUCTION = """\
# Performance

*Written by `benchmarks/run_all.py` from the files in `benchmarks/results/`; do not edit it.*

Every number here comes from a script in `benchmarks/` that runs both sides in turn, in one process
and on one machine, and compares the medians of several rounds after one that is not counted. What
is compared is therefore the ratio: another machine gives other rates, but it should give
nearly these ratios. Where a number could not be taken, the page says so and holds none.
"""

# name of the script, heading, what is measured and how to read it
SECTIONS: tuple[tuple[str, str, str], ...] = (
    (
        "speed_pythae",
        "Training: pictures per second beside pythae",
        """\
The same network, batch (64 is pythae's default), optimiser (Adam) and pictures on three sides. Narrows
runs as you run it, with progress, metrics and checkpoints into a folder. pythae 0.1.2 runs its own
trainer with its defaults: float32, a `DataLoader` over float tensors. The bare loop is the least
loop of plain torch that trains the same network, in Narrows' precision and layout.

Narrows and pythae are timed as calls, with what they save at the end. The bare loop saves nothing,
so beside it stands Narrows' own loop: progress, metrics and checkpoints on the way are in, the
files of the end are not.""",
    ),
    (
        "time_to_quality",
        "Training: time to the same quality",
        """\
How long until the test loss that pythae's MLP VAE has after ten epochs of MNIST with its defaults
(batch 64, learning rate 1e-4)? The network, the likelihood and the size of the code are the same.
Batch, learning rate, its schedule and the precision are free for Narrows; they were chosen on
pictures held out of the training set (`--choose`). One function measures both test losses.

So this is no statement about the speed of the arithmetic, but about what the defaults of a tool
cost: a one-cycle schedule at a high rate needs fewer passes, and each pass is quicker.""",
    ),
    (
        "conv_step_profile",
        "Where the time of a convolutional step goes",
        """\
One training step of the 64×64 network, beside what torch's own product of two large matrices
reaches on the same machine in the same run. Such a product is the most that this processor gives
to anything written with torch; convolutions with few channels, the casts between precisions, the
normalisation and the optimiser (which are bound by memory) stay below it.""",
    ),
    (
        "folder_speed",
        "Reading a folder",
        """\
200 JPEG files of 1500×1000, made from scikit-learn's two photographs, to 128×128.
Narrows' time is that of a first start: walking, hashing, decoding, and writing the packed file.
Pillow's is only decoding (draft mode at 256) and resizing (LANCZOS), on one core. The PSNR says what the scaled
decoding costs: each side against the whole file decoded and resized by that side's own filter
(Narrows: antialiased bilinear).

The second start on an unchanged folder reads no picture: it looks at names, sizes and times.""",
    ),
    (
        "schemes_speed",
        "Training: what schemes and penalties cost",
        """\
Recursive training of Ray & Hannon's seven rungs at 128×128, all in one pass, against a model per rung
with everything above it frozen, for as many updates of every rung; its memory beside end-to-end's; and a
step with a contractive penalty by Hutchinson's estimate beside a plain one.""",
    ),
    (
        "encode_speed",
        "Codes of many pictures",
        """\
`model.encode` of a model as a recipe builds it, of one that `nw.load` opened (channels-last, memory kept
between batches), and of the first in bfloat16, which this processor has no instructions for: it is never
chosen there. Codes move by the largest difference from the first, as a share of the largest code.""",
    ),
    (
        "startup",
        "Starting",
        "The median of new processes, beside a Python that does nothing.",
    ),
    (
        "memory",
        "More pictures than memory",
        """\
A process that may hold far less than the pictures trains on all of them, because they are mapped
and read batch by batch. The limit is the system's (RLIMIT_DATA), set after the libraries are
loaded; that it binds is shown by reading the file whole, which fails. The memory at the peak is the
process's own (anonymous) memory; the system's cache of the file, which it takes back when it needs
to, is not in it.""",
    ),
)


def table(columns: list[str], rows: list[list[str]]) -> str:
    """A table of Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def origin(document: dict[str, Any]) -> str:
    """When, on what, and by which command."""
    machine = document["machine"]
    pieces = [document["date"], machine["processor"], f"{machine['cores']} cores"]
    if "threads" in machine:
        pieces.append(f"torch {machine['torch']} on {machine['threads']} threads")
    if document["quick"]:
        pieces.append("**a quick run: it says that the script works and nothing else**")
    return f"{', '.join(pieces)}: `{document['command']}`"


def read(path: Path) -> dict[str, Any] | None:
    """A file of results, or None where there is none."""
    if not path.is_file():
        return None
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def ceiling(document: dict[str, Any]) -> str:
    """What no loop over these networks could pass: the bare loop over pythae."""
    ratios = []
    for name, network in document["measured"].items():
        rate = network["pictures_per_second"]
        ratios.append(f"{name} {rate['bare_loop'] / rate['pythae_call']:.2f}×")
    return f"""\
**What falls short.** The bare loop does nothing but the arithmetic, so its own ratio to pythae is as far
as a loop can go on this machine: {", ".join(ratios)}. At batch 64 the dense network's step is mostly
traffic, not arithmetic (Adam over all weights, and their casts to bfloat16, once a step whatever the
batch), and pythae's loader is hidden behind it; with the batch it grows less than pythae's step does.
In the convolutional MNIST network more than half of a step goes into the gradients and casts of two
layers with millions of weights over maps of 1×1 to 7×7 pixels, which bfloat16 hardly quickens here
(`LOG.md`)."""


REMARKS: dict[str, Callable[[dict[str, Any]], str]] = {
    "speed_pythae": ceiling,
    "folder_speed": lambda document: (
        f"""\
**What falls short.** 3× was asked for on two cores. Both sides decode at half scale, and
most of the time that is left is the entropy decoding of the whole file, which no scale avoids
(`LOG.md`); one core gains {document["measured"]["ratio_one_core"]:.2f}×, so two cannot gain three."""
    ),
}


def page(results: Path) -> str:
    """The whole page."""
    pieces = [INTRODUCTION]
    for name, heading, prose in SECTIONS:
        document = read(results / f"{name}.json")
        body = NOT_MEASURED
        if document is not None:
            body = f"{table(document['columns'], document['rows'])}\n\n{origin(document)}"
            if name in REMARKS:
                body += f"\n\n{REMARKS[name](document)}"
        pieces.append(f"## {heading}\n\n{prose}\n\n{body}\n")
    return "\n".join(pieces)


def measure(results: Path, quick: bool, rest: list[str]) -> list[str]:
    """Run every script; the names of those that failed."""
    failed = []
    for name, heading, _ in SECTIONS:
        print(f"== {heading}", flush=True)
        command = [sys.executable, str(HERE / f"{name}.py"), "--results", str(results), *rest]
        done = subprocess.run(command + (["--quick"] if quick else []))
        if done.returncode:
            failed.append(name)
    return failed


def main() -> None:
    """Measure and write; exit code 1 where a script failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page-only", action="store_true", help="measure nothing")
    parser.add_argument("--quick", action="store_true", help="tiny runs; nothing is kept")
    parser.add_argument("--threads", type=int, help="of torch, for every script")
    given = parser.parse_args()
    rest = [] if given.threads is None else ["--threads", str(given.threads)]
    failed: list[str] = []
    if given.quick:
        with tempfile.TemporaryDirectory() as folder:
            failed = measure(Path(folder), True, rest)
            print(page(Path(folder)))
    else:
        results = HERE / "results"
        if not given.page_only:
            failed = measure(results, False, rest)
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(page(results), encoding="utf-8")
    if failed:
        sys.exit(f"these failed, so the page may hold older results of theirs: {', '.join(failed)}")


if __name__ == "__main__":
    main()
