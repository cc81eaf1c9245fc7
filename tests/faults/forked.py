"""Processes to kill that need not import for seconds: each forks from one that has done so.

    process = forked("narrows", "train", "digits", …)     a command
    process = forked_program(SOURCE, "argument", …)        a program, with these in sys.argv
    process.is_alive(), .pid, .kill(), .join(), .exitcode

What a process prints goes nowhere, or to the files ``out`` and ``err``.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.context import ForkServerProcess
from pathlib import Path

__all__ = ["forked", "forked_program"]

# what takes long to import and starts no threads
LOADED = [
    "torch", "torch._dynamo", "sklearn.datasets", "matplotlib.pyplot", "narrows.training",
    "narrows.applications.train", __name__,
]  # fmt: skip


def forked(*command: str, out: Path | None = None, err: Path | None = None) -> ForkServerProcess:
    """Start ``narrows VERB …``."""
    source = "from narrows.cli import main; main()"
    return forked_program(source, *command[1:], name=command[0], out=out, err=err)


def forked_program(
    source: str,
    *arguments: str,
    name: str = "program",
    out: Path | None = None,
    err: Path | None = None,
) -> ForkServerProcess:
    """Start a program as ``python -c`` would, one thread a process."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(LOADED)
    paths = [str(path or os.devnull) for path in (out, err)]
    process = server.Process(target=_run, args=(source, [name, *arguments], paths))
    process.start()
    return process


def _run(source: str, argv: list[str], paths: list[str]) -> None:
    import torch

    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    for number, path in enumerate(paths, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), number)
    sys.argv = argv
    exec(compile(source, argv[0], "exec"), {"__name__": "__main__"})
