"""Mutated files for every reader: each is read as it was, refused in a sentence, or a failure.

    python tests/fuzz/run.py --cases 100000                  all readers, by their shares
    python tests/fuzz/run.py --cases 5000 --only npy,tables  some of them
    python tests/fuzz/run.py --case npy:1234                 one case again, with its traceback

A case is a function of its reader, its number and --seed. Cases run in a forked process, which is
ended by a signal after 10 seconds of work for one of them; what is written to standard error beside
the sentence, memory above 1 GiB beside the libraries, a sentence of several lines, a value that is
not that of the file: each is a failure. Exit code 1 where there is one.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the reader's threads are not what is tried

import torch
from mutants import mutant
from readers import READERS, Reader

from narrows.errors import NarrowsError

SECONDS, MEMORY, LONELY = 10.0, 1 << 30, 120.0
REFUSALS = (NarrowsError, ValueError)


@dataclass
class Counts:
    """What became of the cases of one reader."""

    cases: int = 0
    same: int = 0
    other: int = 0
    refused: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    memory: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)


def case(reader: Reader, number: int, seed: int) -> bytes:
    """The mutant of a number."""
    rng = random.Random(f"{reader.name} {number} {seed}")
    reader.chosen = which = rng.randrange(len(reader.seeds))  # type: ignore[attr-defined]
    while (content := mutant(reader.seeds, which, rng)) == reader.seeds[which]:
        pass
    return reader.repaired(content, rng)


def judged(reader: Reader, content: bytes) -> tuple[str, str]:
    """What became of one mutant: same, other, refused or a failure; and why."""
    try:
        value = reader.read(content)
    except REFUSALS as error:
        text = str(error)
        if not text or not text.isprintable():
            return "not one line", repr(text)[:300]
        return "refused", text
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        return "traceback", f"{type(error).__name__} in {place}: {str(error)[:200]}"
    if why := reader.wrong(content, value):
        return "silently other", why
    return ("same" if any(reader.same(value, one) for one in reader.values) else "other"), ""


def _work(reader: Reader, numbers: list[int], seed: int, answers: int, words: int) -> None:
    """Read mutants in this process and say of each what became of it; it never returns."""
    os.dup2(words, 1)
    os.dup2(words, 2)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    torch.set_num_threads(1)
    reader.begin()
    os.ftruncate(words, 0)
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in numbers:
        os.write(answers, b"\n")  # it begins
        content = case(reader, number, seed)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        start = time.process_time()
        outcome, why = judged(reader, content)
        spent = time.process_time() - start
        signal.setitimer(signal.ITIMER_PROF, 0)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        if said := os.fstat(words).st_size:
            text = os.pread(words, 300, 0).decode(errors="replace")
            os.ftruncate(words, 0)
            os.lseek(words, 0, os.SEEK_SET)
            if reader.silent and outcome in ("same", "other", "refused"):
                outcome, why = "words on standard error", f"{said} bytes: {text}"
        memory = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base)
        if memory > MEMORY and outcome in ("same", "other", "refused"):
            outcome, why = "memory", f"{memory >> 20} MiB: {why}"
        if outcome in ("same", "other", "refused"):
            why = ""
        answer = json.dumps([number, outcome, why, round(spent, 4), memory])
        os.write(answers, answer.encode() + b"\n")
        if memory > MEMORY:
            break  # the highest is remembered: begin anew
    os._exit(0)


def fuzz(reader: Reader, numbers: list[int], seed: int = 0) -> Counts:
    """Try cases of one reader, in as many processes as they kill."""
    counts, left = Counts(), list(numbers)
    while left:
        read_end, write_end = os.pipe()
        with tempfile.TemporaryFile() as words:
            child = os.fork()
            if not child:
                try:
                    os.close(read_end)
                    _work(reader, left, seed, write_end, words.fileno())
                finally:
                    traceback.print_exc()
                    os._exit(3)
            os.close(write_end)
            done, begun = _followed(read_end, counts)
            os.close(read_end)
            if done is None:
                os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            finished = counts.cases - (len(numbers) - len(left))
            left = left[finished:]
            if not begun and status:
                text = os.pread(words.fileno(), 3000, 0).decode(errors="replace")
                raise SystemExit(f"{reader.name} cannot read its own files: {text}")
            if left and status:  # it died of the case that it had begun
                by = signal.Signals(status & 127).name if status & 127 else f"exit {status >> 8}"
                kind = "hang" if by == "SIGPROF" or done is None else "crash"
                counts.failures.append({"case": left[0], "kind": kind, "why": by})
                counts.cases += 1
                left = left[1:]
    return counts


def _followed(answers: int, counts: Counts) -> tuple[bool | None, bool]:
    """Read what a process says until it ends (True) or says nothing for long (None)."""
    rest, begun = b"", False
    while True:
        if not select.select([answers], [], [], LONELY)[0]:
            return None, begun
        piece = os.read(answers, 1 << 16)
        if not piece:
            return True, begun
        begun = True
        *lines, rest = (rest + piece).split(b"\n")
        for line in filter(None, lines):
            number, outcome, why, seconds, memory = json.loads(line)
            counts.cases += 1
            counts.seconds += seconds
            counts.slowest = max(counts.slowest, seconds)
            counts.memory = max(counts.memory, memory)
            if outcome in ("same", "other", "refused"):
                setattr(counts, outcome, getattr(counts, outcome) + 1)
            else:
                counts.failures.append({"case": number, "kind": outcome, "why": why})


def table(found: dict[str, Counts]) -> str:
    """A row for each reader."""
    head = (
        "reader",
        "cases",
        "as it was",
        "as another reader",
        "refused",
        "failures",
        "slowest",
        "memory",
    )
    rows = [head] + [
        (
            name, f"{c.cases:,}", f"{c.same:,}", f"{c.other:,}", f"{c.refused:,}",
            f"{len(c.failures):,}", f"{c.slowest:.2f} s", f"{c.memory >> 20} MiB",
        )
        for name, c in found.items()
    ]  # fmt: skip
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="names of readers, by commas")
    parser.add_argument("--case", default="", help="READER:NUMBER, to see one again")
    parser.add_argument("--save", type=Path, help="a folder for the mutants that fail")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    name, _, number = options.case.rpartition(":")
    only = [one.strip() for one in (name or options.only).split(",") if one.strip()]
    kinds = [kind for kind in READERS if not only or kind.name in only]
    folder = Path(
        tempfile.mkdtemp(
            prefix="narrows-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None
        )
    )
    try:
        found = {}
        total = sum(kind.share for kind in kinds)
        for kind in kinds:
            reader = kind(folder / kind.name.replace(", ", "-"))
            if number:
                reader.begin()
                content = case(reader, int(number), options.seed)
                print(content[:400], *judged(reader, content), sep="\n")
                reader.read(content)
                return
            count = math.ceil(options.cases * kind.share / total)
            found[kind.name] = counts = fuzz(reader, list(range(count)), options.seed)
            for failure in counts.failures:
                failure["of"] = kind.name
            if not options.json:
                print(table({kind.name: counts}).splitlines()[-1], flush=True)
            if options.save and counts.failures:
                options.save.mkdir(parents=True, exist_ok=True)
                for failure in counts.failures[:200]:
                    place = (
                        f"{kind.name.split(',')[0]}-{failure['case']}-{failure['kind']}".replace(
                            " ", "-"
                        )
                    )
                    if reader.seeds[0] != b"made where it is read":
                        (options.save / place).write_bytes(
                            case(reader, failure["case"], options.seed)
                        )
            shutil.rmtree(reader.folder, ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    failures = [failure for counts in found.values() for failure in counts.failures]
    if options.json:
        print(json.dumps({name: vars(counts) for name, counts in found.items()}))
    else:
        print(f"\n{table(found)}\n")
        for (of, kind, why), n in Counter(
            (f["of"], f["kind"], f["why"][:110]) for f in failures
        ).most_common(60):
            first = next(
                f["case"]
                for f in failures
                if (f["of"], f["kind"], f["why"][:110]) == (of, kind, why)
            )
            print(f"{n:6} {of}: {kind}: {why} (case {first})")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
