"""Disks that fill, folders that cannot be written, streams that are closed, signals: nothing is lost."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import narrows as nw
from narrows import files
from narrows.errors import Interrupted, NarrowsError
from narrows.training import history_of, run_info
from narrows.training.reporting import Quiet

X = torch.randint(256, (40, 1, 9, 7), generator=torch.Generator().manual_seed(0)).byte()


def fit(to: Path | None, **options: Any) -> nw.Autoencoder:
    made = nw.recipes.mlp_vae((1, 9, 7), 3, widths=(8,)).with_(batch_size=16)
    given = {"epochs": 4, "validation": X[:12], "checkpoint_seconds": 0, "device": "cpu"} | options
    return nw.fit(made, X[12:], to=to, **{"report": "quiet", **given})


def weights(folder: Path) -> dict[str, bytes]:
    names = ("model.safetensors", "last.safetensors", "recipe.toml", "seen.safetensors")
    return {n: (folder / n).read_bytes() for n in names if (folder / n).exists()}


class At(Quiet):
    """Does something at the end of an epoch."""

    def __init__(self, epoch: int, what: Callable[[], Any]) -> None:
        self.at, self.what = epoch, what

    def epoch(self, record: dict[str, Any]) -> None:
        if record["epoch"] == self.at:
            self.what()


# -- disks -----------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> None:
    with open(disk / "filler", "wb", buffering=0) as filler:
        try:
            while filler.write(bytes(4096)):
                pass
        except OSError as error:
            assert error.errno == errno.ENOSPC


def test_a_disk_that_fills_in_training(small_disk: Path, tmp_path: Path) -> None:
    run = small_disk / "run"
    with pytest.raises(NarrowsError, match="the disk is full: .* free some space and run again"):
        fit(run, report=At(2, lambda: fill(small_disk)))
    assert nw.load(run).shape == (1, 9, 7) and run_info(run)["recipe"] == "mlp-vae"
    assert not list(run.glob(".*.part"))
    with pytest.raises(NarrowsError, match="the disk is full"):
        fit(run, resume=True)
    (small_disk / "filler").unlink()
    fit(run, resume=True)
    fit(tmp_path / "whole")
    assert weights(run) == weights(tmp_path / "whole")
    assert [r["epoch"] for r in history_of(run)] == [1, 2, 3, 4]


def test_a_folder_that_cannot_be_written(small_disk: Path) -> None:
    fit(small_disk / "run", epochs=1)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(NarrowsError, match="cannot write .*: Read-only file system; choose a fold"):
        fit(small_disk / "run", epochs=2, resume=True)
    with pytest.raises(NarrowsError, match="cannot write .*: Read-only file system"):
        fit(small_disk / "other")
    assert nw.evaluate(small_disk / "run", nw.images.Images(X)).document()


def test_too_many_open_files_are_called_so(tmp_path: Path) -> None:
    files.write_text(tmp_path / "kept", "old")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 200), hard))
    try:
        with pytest.raises(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        with pytest.raises(NarrowsError, match="too many files are open at once .*ulimit -n"):
            files.write_text(tmp_path / "kept", "new")
    finally:
        for one in held:
            os.close(one)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (tmp_path / "kept").read_text() == "old"


@pytest.mark.parametrize("letter", ["x", "é"])
def test_a_name_as_long_as_names_may_be(letter: str, tmp_path: Path) -> None:
    name = letter * (251 // len(letter.encode())) + ".txt"
    files.write_text(tmp_path / name, "content")
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_pictures_out_of_files_with_the_longest_names(tmp_path: Path) -> None:
    ids = ["x" * 253 + ".h", "é" * 125 + ".jpg", "x" * 255, "plain.jpg"]
    names = nw.images.named_outputs(ids)
    nw.images.write_pictures(X[:4], names, tmp_path)
    assert sorted(names) == sorted(os.listdir(tmp_path)) and names[-1] == "plain.png"


# -- signals and streams ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_leaves_a_checkpoint(name: str, tmp_path: Path) -> None:
    number = getattr(signal, name)
    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match="--resume goes on from here") as caught:
        fit(tmp_path / "run", report=At(2, lambda: os.kill(os.getpid(), number)))
    assert caught.value.signal == number and signal.getsignal(number) is before
    fit(tmp_path / "run", resume=True)
    fit(tmp_path / "whole")
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")


def test_a_closed_terminal_does_not_stop_what_nohup_started(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        fit(tmp_path, report=At(2, lambda: os.kill(os.getpid(), signal.SIGHUP)))
    finally:
        signal.signal(signal.SIGHUP, before)
    assert len(history_of(tmp_path)) == 4


CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}


@pytest.fixture(autouse=True)
def as_from_a_shell() -> Iterator[None]:
    """Signals do what they usually do, also where the tests run under nohup or in the background."""
    usual = {signal.SIGINT: signal.default_int_handler}
    usual |= {getattr(signal, name): signal.SIG_DFL for name in CODES if name != "SIGINT"}
    before = {number: signal.signal(number, how) for number, how in usual.items()}
    yield
    for number, how in before.items():
        signal.signal(number, how)


@pytest.mark.parametrize("name", CODES)
def test_exit_codes_of_signals(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same of training, which writes a checkpoint first, and of every other verb."""
    from narrows.applications import train
    from narrows.cli import main

    number = getattr(signal, name)

    def stopped(*_: object, **__: object) -> None:
        os.kill(os.getpid(), number)
        time.sleep(5)

    def checkpointed(*_: object, **__: object) -> None:
        raise Interrupted("stopped in epoch 1", number)

    monkeypatch.setattr("narrows.images.names", stopped)
    monkeypatch.setattr(train, "train", checkpointed)
    for words, said in (("data list", "stopped"), ("train digits -o x", "stopped in epoch 1")):
        monkeypatch.setattr(sys, "argv", ["narrows", *words.split()])
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code == CODES[name]
        if name != "SIGINT":  # Typer's own for Ctrl-C
            assert capsys.readouterr().err.strip().endswith(f"narrows: {said}")


def test_a_report_that_cannot_be_written_stops_no_training(tmp_path: Path) -> None:
    """A terminal that was closed, a log whose reader has gone, a disk of logs that is full."""

    class Gone(Quiet):
        def say(self, text: str) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        def epoch(self, record: dict[str, Any]) -> None:
            raise BrokenPipeError

    fit(tmp_path / "run", report=Gone())
    fit(tmp_path / "whole")
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")


def shell(command: str) -> subprocess.CompletedProcess[str]:
    program = f"{sys.executable} -m narrows"
    return subprocess.run(
        ["bash", "-c", command.format(narrows=program)], capture_output=True, text=True, timeout=60
    )


@pytest.mark.skipif(sys.platform != "linux", reason="bash and /dev/full")
def test_streams_that_are_closed_or_full() -> None:
    full = shell("{narrows} --version >/dev/full")
    assert full.returncode == 1
    assert full.stderr == "narrows: the answer could not be written (No space left on device)\n"
    closed = shell("{narrows} --version <&- >&- 2>&-")
    assert (closed.returncode, closed.stdout, closed.stderr) == (0, "", "")
    refused = shell("{narrows} nonsense 2>&-")
    assert (refused.returncode, refused.stdout) == (2, "")
    piped = shell("{narrows} --help | true; exit ${{PIPESTATUS[0]}}")
    assert piped.returncode in (0, 1) and piped.stderr == ""


def test_a_system_that_flushes_only_what_it_may_write(
    tmp_path: Path, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows: FlushFileBuffers refuses a handle that was opened for reading, and opens no folder."""
    flushed, opened = os.fsync, os.open

    def fsync(descriptor: int) -> None:
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        flushed(descriptor)

    def open_(path: Any, flags: int, *more: Any, **options: Any) -> int:
        if os.path.isdir(path):
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, flags, *more, **options)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "open", open_)
    recipe = nw.recipes.mlp_autoencoder(tiny.shape, 2, widths=(4,)).with_(steps=2)
    model = nw.fit(recipe, tiny, to=tmp_path / "run", report="quiet")
    assert nw.load(tmp_path / "run").fingerprint() == model.fingerprint()
    found = nw.index(tmp_path / "run", tiny, tmp_path / "codes", progress=False)
    assert found.added == len(tiny)
    files.write_text(tmp_path / "a.txt", "a")
    (tmp_path / "a.txt").chmod(0o444)
    files.flush(tmp_path / "a.txt")  # the superuser may write it all the same
