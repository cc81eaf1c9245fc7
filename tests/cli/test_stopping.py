"""Ctrl-C and --resume, as a person does them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def command(folder: Path) -> list[str]:
    words = "train digits --recipe mlp-vae --epochs 60 --checkpoint-seconds 0 --resume --to"
    return [sys.executable, "-m", "narrows", *words.split(), str(folder)]


def test_ctrl_c_ends_with_a_sentence_and_loses_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.Popen(
        command(folder), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not (folder / "checkpoint.safetensors").exists() and run.poll() is None:
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 130
    assert out == ""
    last = err.strip().splitlines()[-1]
    assert last.startswith("narrows: stopped in epoch")
    assert "the same command with --resume goes on from here" in last
    assert "Traceback" not in err

    again = subprocess.run(command(folder), env=environment, capture_output=True, text=True)
    assert again.returncode == 0
    assert "resuming at phase 1, step" in again.stderr
    assert (folder / "model.safetensors").exists()
