"""Two processes are one: the same curve, a resume to the byte, and an end for all where one ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import together
import torch
from forked import forked_program

import narrows as nw
from narrows import files, processes
from narrows.processes import Share
from narrows.randomness import Draws

PROGRAM = Path(together.__file__)
NEAR = 1e-6  # relative, of a loss after every epoch; rounding alone makes some 1e-7
TOLD = ("loss", "validation_loss")
Told = dict[str, Any]  # by case: a history, or an error


def pair(folder: Path, epochs: float, *names: str, count: int = 2) -> list[Told]:
    """What each of two processes, or more, tells of these cases."""
    told = []
    arguments = [str(folder / "meeting"), str(epochs), *names]
    started = [
        forked_program(
            PROGRAM.read_text(encoding="utf-8"),
            *(str(n), str(count), arguments[0], str(folder / f"out{n}"), *arguments[1:]),
            err=folder / f"err{n}",
        )
        for n in range(count)
    ]
    for n, process in enumerate(started):
        process.join()
        assert process.exitcode == 0, (folder / f"err{n}").read_text()[-2000:]
        lines = (folder / f"out{n}").read_text(encoding="utf-8").splitlines()
        told.append(dict(map(json.loads, lines)))
    return told


def one(name: str, epochs: float) -> Any:
    """What one process tells, this one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return together.told(name, epochs, None)
    finally:
        torch.set_num_threads(threads)


def timeless(history: Any) -> Any:
    if isinstance(history, str):
        return history
    gone = ("seconds", "images_per_second")
    return [{k: v for k, v in record.items() if k not in gone} for record in history]


def assert_same_curve(alone: Any, first: Any, second: Any, near: float = NEAR) -> None:
    assert timeless(first) == timeless(second)
    if isinstance(alone, str):  # a recipe that these pictures do not fit
        assert first == alone
        return
    assert [r["step"] for r in alone] == [r["step"] for r in first]
    for name in TOLD:  # a sum of large numbers may come near 0
        scale = max(abs(record[name]) for record in alone)
        for mine, theirs in zip(alone, first, strict=True):
            wanted = pytest.approx(mine[name], rel=near, abs=near * scale)
            assert theirs[name] == wanted, (name, mine["epoch"])


# -- shares --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "whole"), [(2, 7), (3, 3), (4, 130), (2, 2)])
def test_shares_are_the_batch(monkeypatch: pytest.MonkeyPatch, count: int, whole: int) -> None:
    monkeypatch.setattr(processes, "size", lambda: count)
    shares = processes._shares.__wrapped__(whole)
    rows = [row for share in shares for row in range(whole)[share.rows]]
    assert rows == list(range(whole)) and sum(s.weight for s in shares) == pytest.approx(1)
    assert all(len(share) and share.split for share in shares)


def test_a_batch_of_fewer_pictures_than_processes_is_taken_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "size", lambda: 4)
    shares = processes._shares.__wrapped__(3)
    assert [(s.first, s.last, s.weight, s.split) for s in shares] == [(0, 3, 0.25, False)] * 4


@pytest.mark.parametrize("kind", ["normal", "uniform", "integers"])
def test_draws_of_shares_are_those_of_the_batch(kind: str) -> None:
    below = (9,) if kind == "integers" else ()

    def drawn(share: Share | None, rows: int, **more: Any) -> torch.Tensor:
        return getattr(Draws(1, 2, 3, share), kind)("noise", *below, (2, rows, 4), **more)

    whole = drawn(None, 5)
    parts = [drawn(Share(a, b, 5, (b - a) / 5), b - a, axis=1) for a, b in ((0, 3), (3, 5))]
    assert torch.equal(torch.cat(parts, 1), whole)
    assert torch.equal(drawn(Share(3, 5, 5, 0.4), 5, axis=None), whole)
    assert torch.equal(drawn(Share(0, 5, 5, 0.5), 5), whole)  # taken whole
    with pytest.raises(ValueError, match="axis 0 is not that of the 3 pictures of this process"):
        drawn(Share(0, 3, 5, 0.6), 3)


def test_one_process_is_no_training_of_several() -> None:
    assert processes.size() == 1 and processes.number() == 0 and processes.share(8) is None
    x = torch.rand(3, 2)
    assert processes.gathered(x) is x and processes.own(x) is x and processes.averaged(x) is x


# -- curves --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def schemes(tmp_path_factory: pytest.TempPathFactory) -> list[Told]:
    """Every scheme, a run that is stopped and goes on, and one that diverges: in one pair."""
    folder = tmp_path_factory.mktemp("schemes")
    return pair(folder, 2, *together.SCHEMES, together.RUN, together.NAN)


@pytest.mark.parametrize("name", together.SCHEMES)
def test_every_scheme_follows_the_curve_of_one_process(schemes: list[Told], name: str) -> None:
    assert_same_curve(one(name, 2), schemes[0][name], schemes[1][name])


def test_stopped_and_resumed_is_not_stopped(schemes: list[Told]) -> None:
    for told in schemes:
        stopped, same, differ = told[together.RUN]
        assert stopped.startswith("Interrupted: stopped in epoch")
        assert same is True and differ == []


def test_nan_in_one_of_them_stops_all(schemes: list[Told]) -> None:
    for told in schemes:
        assert told[together.NAN].startswith("Diverged: the loss became nan")


@pytest.mark.slow
def test_every_term_follows_the_curve_of_one_process(tmp_path: Path) -> None:
    told = pair(tmp_path, 3, *together.TERMS)
    for name in together.TERMS:
        assert_same_curve(one(name, 3), told[0][name], told[1][name])


@pytest.mark.slow
def test_four_follow_it_too_where_a_batch_has_fewer_pictures_than_they_are(tmp_path: Path) -> None:
    names = ("end-to-end", "rung", "vector-quantised", "factor")
    told = pair(tmp_path, 2, *names, count=4)
    for name in names:
        assert_same_curve(one(name, 2), told[0][name], told[3][name])


@pytest.mark.slow
def test_every_recipe_follows_the_curve_of_one_process(tmp_path: Path) -> None:
    names = list(nw.recipes.listed())
    told = pair(tmp_path, 2, *names)
    for name in names:
        near = together.LOOSE.get(name, NEAR)
        assert_same_curve(one(name, 2), told[0][name], told[1][name], near)


# -- ends ----------------------------------------------------------------------------------------


def torchrun(folder: Path) -> subprocess.Popen[bytes]:
    """Two processes of a training that lasts, in a group of their own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"),
        *("--master-port", str(port), "-m", "narrows", "train", "digits", "--recipe", "mlp-vae"),
        *("--set", "widths=[8]", "--epochs", "100000", "--checkpoint-seconds", "0.2"),
        *("--to", str(folder / "run")),
    ]
    with open(folder / "said", "wb") as said:
        return subprocess.Popen(
            command, stdout=said, stderr=said, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )


def of_number(parent: int, number: int) -> int:
    """The process of that number which torchrun started."""
    found = subprocess.run(["pgrep", "-P", str(parent)], capture_output=True, text=True)
    for line in found.stdout.split():
        said = Path(f"/proc/{line}/environ").read_bytes().split(b"\0")
        if f"RANK={number}".encode() in said:
            return int(line)
    raise AssertionError(f"no process {number} under {parent}")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc here")
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
def test_where_one_ends_all_end(tmp_path: Path, by: signal.Signals, number: int) -> None:
    agent = torchrun(tmp_path)
    checkpoint = tmp_path / "run" / "checkpoint.safetensors"
    try:
        while not checkpoint.exists():
            assert agent.poll() is None, (tmp_path / "said").read_text()
            time.sleep(0.1)
        os.kill(of_number(agent.pid, number), by)
        assert agent.wait(120) != 0
    finally:
        agent.kill()
    said = re.findall("^narrows: .*$", (tmp_path / "said").read_text(), re.M)
    wanted = {
        signal.SIGKILL: "another process of this training ended or no longer answers",
        signal.SIGTERM: r"stopped in epoch .* is up to date",
    }
    assert len(said) == 1 and re.search(wanted[by], said[0]), said
    _, numbers = files.load_tensors(checkpoint)
    assert numbers["step"] > 0 and numbers["processes"] == 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator on this machine")
def test_two_accelerators_follow_the_curve_of_one(tmp_path: Path) -> None:
    """By nccl, or by gloo where two share one: ``torchrun --nproc-per-node 2 tests/training/together.py cuda …``"""
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *(str(PROGRAM), "cuda", "2", "-", str(tmp_path / "out"), "2", *together.SCHEMES),
    ]
    subprocess.run(command, check=True, timeout=500)
    told = [
        dict(map(json.loads, (tmp_path / f"out{n}").read_text().splitlines())) for n in range(2)
    ]
    for name in together.SCHEMES:
        alone = together.told(name, 2, None, device="cuda")
        assert_same_curve(alone, told[0][name], told[1][name], near=1e-4)
