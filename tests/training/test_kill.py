"""kill -9 at random moments, in checkpoints too: the weights are those of a run that was left alone."""

from __future__ import annotations

import json
import random
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from forked import forked

TIMES = ("seconds", "images_per_second")


def start(folder: Path, epochs: int) -> ForkServerProcess:
    """A small model with everything that has a state: batch norm, Adam, an average, validation."""
    return forked(
        *("narrows", "train", "digits", "--recipe", "mlp-vae"),
        *("--set", "widths=[16]", "--set", "ladder.norm=batch", "--set", "ema_decay=0.99"),
        *("--epochs", str(epochs), "--to", str(folder), "--checkpoint-seconds", "0", "--resume"),
    )


def ended(process: ForkServerProcess) -> int | None:
    process.join()
    return process.exitcode


def progress(folder: Path) -> float:
    """When the checkpoint was last written; 0 if never."""
    try:
        return (folder / "checkpoint.safetensors").stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def killed(folder: Path, epochs: int, kills: int, longest: float) -> int:
    """Start, kill and start again until it was killed ``kills`` times; then let it end."""
    moments = random.Random(7)
    done = 0
    while done < kills:
        before, process = progress(folder), start(folder, epochs)
        while progress(folder) == before and process.is_alive():
            time.sleep(0.005)
        time.sleep(moments.uniform(0, longest))
        if not process.is_alive():
            assert ended(process) == 0
            break
        process.kill()
        process.join()
        done += 1
    assert ended(start(folder, epochs)) == 0
    return done


def lines(folder: Path) -> list[dict[str, object]]:
    records = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [{k: v for k, v in record.items() if k not in TIMES} for record in records]


@pytest.mark.parametrize(
    ("kills", "epochs"), [(1, 12), pytest.param(20, 300, marks=pytest.mark.slow)]
)
def test_killed_and_resumed_is_not_killed(tmp_path: Path, kills: int, epochs: int) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert ended(start(whole, epochs)) == 0
    assert killed(broken, epochs, kills, longest=0.3) == kills
    names = {p.name for p in whole.iterdir()}
    assert names == {p.name for p in broken.iterdir()}
    for name in names & {"model.safetensors", "last.safetensors", "recipe.toml"}:
        assert (whole / name).read_bytes() == (broken / name).read_bytes(), name
    assert lines(whole) == lines(broken)
    assert len(lines(whole)) == epochs
