"""Two trainings and one folder: one of them trains, the other gets a sentence, nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

import narrows as nw
from narrows.errors import RunExists
from narrows.locks import Taken, held, locked
from narrows.training import history_of, run_info
from narrows.training.reporting import Quiet

X = torch.randint(256, (40, 1, 9, 7), generator=torch.Generator().manual_seed(0)).byte()
SENTENCE = r"another process trains into .*run now; wait for its end, or name another folder"


def fit(to: Path, **options: Any) -> nw.Autoencoder:
    made = nw.recipes.mlp_vae((1, 9, 7), 3, widths=(8,)).with_(batch_size=16)
    given = {"epochs": 3, "validation": X[:12], "checkpoint_seconds": 0, "device": "cpu"} | options
    return nw.fit(made, X[12:], to=to, **{"report": "quiet", **given})


class Meanwhile(Quiet):
    """Does something in the middle of a training."""

    def __init__(self, what: Any) -> None:
        self.what, self.done = what, 0

    def epoch(self, record: dict[str, Any]) -> None:
        if record["epoch"] == 2:
            self.what()
            self.done += 1


def test_the_second_training_is_refused_and_the_first_loses_nothing(tmp_path: Path) -> None:
    run = tmp_path / "run"

    def second() -> None:
        before = {p.name: p.read_bytes() for p in run.iterdir()}
        living = run / ".checkpoint.safetensors.0123abcd.part"
        living.write_bytes(b"of the first")
        for resume in (False, True):
            with pytest.raises(RunExists, match=SENTENCE):
                fit(run, resume=resume)
        assert living.read_bytes() == b"of the first"
        living.unlink()
        assert {p.name: p.read_bytes() for p in run.iterdir()} == before

    said = Meanwhile(second)
    fit(run, report=said)
    assert said.done == 1
    assert [r["epoch"] for r in history_of(run)] == [1, 2, 3]
    assert fit(run, resume=True).run is not None  # whoever is done lets others in


def test_a_reader_beside_a_living_training(tmp_path: Path) -> None:
    seen: list[Any] = []

    def reads() -> None:
        model = nw.load(tmp_path / "run")
        seen.append(nw.evaluate(model, nw.images.Images(X)).document())
        seen.append(run_info(tmp_path / "run")["trained"])

    fit(tmp_path / "run", report=Meanwhile(reads))
    assert len(seen) == 2 and seen[1].startswith("2 epochs")


def test_only_our_own_leftovers_are_removed(tmp_path: Path) -> None:
    kept = [".notes.txt.part", ".model.safetensors.part", ".prior-flow.safetensors.0123abcd.part"]
    for name in kept:
        (tmp_path / name).write_bytes(b"")
    gone = [".checkpoint.safetensors.0123abcd.part", ".recipe.toml.89abcdef.part"]
    for name in gone:
        (tmp_path / name).write_bytes(b"")
    fit(tmp_path, epochs=1)
    there = {p.name for p in tmp_path.iterdir()}
    assert there >= set(kept) and not there & set(gone)


def test_a_lock_of_a_dead_process_is_no_obstacle(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys, time\n"
        "from narrows.locks import locked\n"
        "with locked(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    with pytest.raises(Taken), locked(tmp_path, wait=False):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert (tmp_path / "lock").exists()
    with locked(tmp_path, wait=False):
        pass
    assert not (tmp_path / "lock").exists()


def test_many_take_turns(tmp_path: Path) -> None:
    inside: list[int] = []

    def count() -> None:
        for _ in range(20):
            with locked(tmp_path):
                inside.append(1)
                assert len(inside) == 1
                inside.pop()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(count) for _ in range(4)]:
            done.result()
    assert not list(tmp_path.iterdir())


def test_whoever_waits_for_a_lock_gets_it_even_if_the_folder_was_removed(tmp_path: Path) -> None:
    folder, order = tmp_path / "pack", []

    def second() -> None:
        with locked(folder):
            order.append("second")
            assert (folder / "lock").exists()

    with locked(folder):
        waiting = threading.Thread(target=second)
        waiting.start()
        order.append("first")
        os.unlink(folder / "lock")
        folder.rmdir()
        time.sleep(0.05)
    waiting.join(10)
    assert order == ["first", "second"] and not waiting.is_alive()


def test_locks_without_flock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows: another library locks, and its file stays."""
    monkeypatch.setattr("narrows.locks.FLOCK", False)
    inside: list[int] = []
    folder = tmp_path / "made"
    assert not held(folder) and not folder.exists()

    def count() -> None:
        for _ in range(3):
            with locked(folder):
                inside.append(1)
                assert len(inside) == 1
                inside.pop()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(count) for _ in range(2)]:
            done.result()
    with locked(folder, wait=False):
        assert held(folder)
        with pytest.raises(Taken), locked(folder, wait=False):
            pass
    assert not held(folder)
    with locked(folder, wait=False):  # the file that stayed is no obstacle
        pass
