"""Seconds until ``narrows --help`` is printed, beside a Python that does nothing; and no torch.

    python benchmarks/startup.py

The help is printed by a new process each time, as a shell would start it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

from measuring import arguments, median, report, rounds

TARGET = 0.25
HELP = "import sys; sys.argv = ['narrows', '--help']; from narrows.cli import main; main()"
LOADED = """import atexit, sys
atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr))
"""


def process(program: str) -> Callable[[], float]:
    """Seconds that a new process takes for ``program``."""

    def run() -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began

    return run


def loads_torch(program: str) -> bool:
    """Whether torch is among the modules when ``program`` ends."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED + program], check=True, capture_output=True, text=True
    )
    return done.stderr.strip().splitlines()[-1] == "True"


def main() -> None:
    """Measure, print, write; exit code 1 where torch is loaded."""
    given = arguments(__doc__, rounds=7).parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sides = {"help": process(HELP), "import": process("import narrows"), "pass": process("pass")}
    found = rounds(sides, 2 if given.quick else given.rounds)
    torch = {"import narrows": loads_torch("import narrows"), "narrows --help": loads_torch(HELP)}
    seconds = {name: median(times) for name, times in found.items()}
    rows = [
        ["narrows --help", f"{seconds['help']:.3f} s", f"≤ {TARGET} s"],
        ["import narrows", f"{seconds['import']:.3f} s", ""],
        ["python -c pass", f"{seconds['pass']:.3f} s", ""],
        *([f"torch loaded by {what}", "yes" if yes else "no", "no"] for what, yes in torch.items()),
    ]
    measured = {"seconds": found, "loads_torch": torch}
    report(given, "startup", ["what", "measured", "wanted"], rows, measured)
    if any(torch.values()):
        sys.exit("torch is loaded where it should not be")


if __name__ == "__main__":
    main()
