"""Ctrl-C and --resume, as a person does them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from forked import forked


def command(folder: Path) -> list[str]:
    words = "narrows train digits --recipe mlp-vae --epochs 8 --checkpoint-seconds 0 --resume --to"
    return [*words.split(), str(folder)]


def test_ctrl_c_ends_with_a_sentence_and_loses_nothing(tmp_path: Path) -> None:
    folder, out, err = (tmp_path / name for name in ("run", "out", "err"))
    run = forked(*command(folder), out=out, err=err)
    while not (folder / "checkpoint.safetensors").exists() and run.is_alive():
        time.sleep(0.01)
    assert run.pid is not None
    os.kill(run.pid, signal.SIGINT)
    run.join(60)
    assert run.exitcode == 130
    assert out.read_text() == ""
    last = err.read_text().strip().splitlines()[-1]
    assert last.startswith("narrows: stopped in epoch")
    assert "the same command with --resume goes on from here" in last
    assert "Traceback" not in err.read_text()

    again = forked(*command(folder), err=err)
    again.join()
    assert again.exitcode == 0
    assert "resuming at phase 1, step" in err.read_text()
    assert (folder / "model.safetensors").exists()
