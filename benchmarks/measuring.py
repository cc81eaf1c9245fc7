"""What every benchmark here shares: rounds in turn, medians, the machine, and the file of results.

    sides {"narrows": f, "peer": g} ──rounds──► f g  f g  f g …  ──median──► ratio ──report──► results/

The sides take turns in one process, so that a slow minute of the machine slows them all.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

HERE = Path(__file__).parent
RESULTS = HERE / "results"
__all__ = [
    "arguments",
    "machine",
    "median",
    "named",
    "pythae",
    "report",
    "rounds",
    "silently",
    "studio_of",
]


@contextlib.contextmanager
def studio_of(source: Path, seconds: float = 30) -> Iterator[tuple[int, str]]:
    """A studio in a process of its own: the process's number, and the address that it prints.

    Args:
        seconds: that it is given to end.
    """
    command = [
        sys.executable,
        "-m",
        "narrows",
        "studio",
        str(source),
        "--no-browser",
        "--port",
        "0",
    ]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield server.pid, next(line.strip() for line in server.stdout if "http://" in line)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(seconds)


def arguments(about: str | None, rounds: int = 5) -> argparse.ArgumentParser:
    """The options that all benchmarks have."""
    parser = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tiny run: does it work?")
    parser.add_argument("--rounds", type=int, default=rounds, help="measured rounds per side")
    parser.add_argument("--threads", type=int, help="of torch; its own choice by default")
    parser.add_argument(
        "--results", type=Path, help="folder of the results; a quick run keeps none by default"
    )
    return parser


def rounds(
    sides: Mapping[str, Callable[[], T]], number: int, warm_up: int = 1
) -> dict[str, list[T]]:
    """Call the sides in turn, ``warm_up`` times unmeasured and then ``number`` times."""
    found: dict[str, list[T]] = {name: [] for name in sides}
    for turn in range(warm_up + number):
        for name, side in sides.items():
            value = side()
            if turn >= warm_up:
                found[name].append(value)
    return found


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return float(statistics.median(values))


def machine() -> dict[str, Any]:
    """The processor, how many of its cores this process may use, and the versions."""
    described: dict[str, Any] = {
        "processor": _processor(),
        "cores": _cores(),
        "system": platform.system(),
        "python": platform.python_version(),
    }
    if torch := sys.modules.get("torch"):
        described |= {
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "bfloat16": bool(torch.cpu.get_capabilities().get("avx512_bf16", False)),
        }
    return described


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def report(
    given: argparse.Namespace,
    name: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    measured: Mapping[str, Any],
) -> None:
    """Print the table and write ``<name>.json``: the table, and everything measured."""
    widths = [max(len(str(line[i])) for line in (columns, *rows)) for i in range(len(columns))]
    for line in (columns, *rows):
        print("  ".join(str(cell).ljust(width) for cell, width in zip(line, widths, strict=True)))
    folder = given.results or (None if given.quick else RESULTS)
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "benchmark": name,
        "date": datetime.date.today().isoformat(),
        "quick": given.quick,
        "command": " ".join(["python", f"benchmarks/{name}.py", *_own_arguments()]),
        "machine": machine(),
        "columns": list(columns),
        "rows": [list(row) for row in rows],
        "measured": dict(measured),
    }
    (folder / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n")


def _own_arguments() -> list[str]:
    """The options that change what is measured: where the results go does not."""
    kept, skip = [], False
    for argument in sys.argv[1:]:
        if argument == "--results":
            skip = True
        elif skip or argument.startswith("--results="):
            skip = False
        else:
            kept.append(argument)
    return kept


def named(name: str, **options: Any) -> Any:
    """A named set, or one sentence and exit code 1."""
    import narrows as nw

    try:
        return nw.images.named(name, **options)
    except nw.NarrowsError as error:
        sys.exit(f"{Path(sys.argv[0]).name} needs the set {name!r}: {error}")


def pythae() -> None:
    """Leave with one sentence unless pythae is installed."""
    try:
        import pythae.models  # noqa: F401
    except ImportError:
        sys.exit(
            f"{Path(sys.argv[0]).name} needs the peer that it compares with: "
            "run pip install 'narrows[bench]'"
        )


@contextlib.contextmanager
def silently() -> Iterator[None]:
    """Progress of both sides is made, but goes nowhere."""
    import logging

    logging.disable(logging.INFO)
    with open(os.devnull, "w") as nowhere:
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            yield
    logging.disable(logging.NOTSET)
