"""A power cut at any moment of a training: it goes on, and ends with the bytes of one without.

What a cut may lose is drawn by ``powercut.Disk``: all that was written and not flushed.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from powercut import Disk, Moment

import narrows as nw
from narrows import files
from narrows.errors import Interrupted
from narrows.training import history_of, run_info
from narrows.training.reporting import Quiet

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="this system does not say what is open"
)

TIMES = ("seconds", "images_per_second")
X = torch.randint(256, (40, 1, 9, 7), generator=torch.Generator().manual_seed(0)).byte()
RUN = "runs/one"


def fit(to: Path, **options: Any) -> nw.Autoencoder:
    """Batch norm, an average, validation, a phase of its own for the end: all that has a state."""
    made = nw.recipes.mlp_vae((1, 9, 7), 3, widths=(8,)).with_(batch_size=16, ema_decay=0.9)
    given = {"epochs": 4, "validation": X[:12], "checkpoint_seconds": 0, "device": "cpu"} | options
    return nw.fit(made, X[12:], to=to, **{"report": "quiet", **given})


def lines(folder: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in r.items() if k not in TIMES} for r in history_of(folder)]


def weights(folder: Path) -> dict[str, bytes]:
    """All but the checkpoint, which knows how long the seconds took to write down."""
    found = sorted(folder.glob("*.safetensors"))
    return {p.name: p.read_bytes() for p in found if p.stem != "checkpoint"}


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> tuple[Disk, Path]:
    """A training whose disk was cut at all moments, and its folder at the end."""
    folder = tmp_path_factory.mktemp("disk")
    with Disk(folder) as disk:
        fit(folder / RUN)
    return disk, folder / RUN


def check(disk: Disk, moment: Moment, whole: Path, folder: Path) -> None:
    run = disk.restore(moment, folder) / RUN
    if (run / "model.safetensors").exists():
        assert run_info(run)["recipe"] == "mlp-vae"
        nw.load(run)
    fit(run, resume=True)
    assert weights(run) == weights(whole)
    assert lines(run) == lines(whole)
    assert run_info(run)["trained"].startswith("4 epochs")
    assert not list(run.glob(".*.part"))


def test_a_training_survives_a_cut(cut: tuple[Disk, Path], tmp_path: Path) -> None:
    disk, whole = cut
    few = disk.moments[:: max(1, len(disk.moments) // 40)]
    assert len(few) >= 40
    for number, moment in enumerate(few):
        check(disk, moment, whole, tmp_path / str(number))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_a_training_survives_a_cut_at_any_moment(seed: int, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    with Disk(tmp_path / "disk", seed) as disk:
        fit(tmp_path / "disk" / RUN)
    assert len(disk.moments) > 100
    for number, moment in enumerate(disk.moments):
        check(disk, moment, tmp_path / "disk" / RUN, tmp_path / str(number))


def test_a_cut_in_a_second_sitting(cut: tuple[Disk, Path], tmp_path: Path) -> None:
    """What a cut left goes on, and is cut again."""
    first, whole = cut
    folder = first.restore(first.moments[len(first.moments) // 2], tmp_path / "disk")
    with Disk(folder, 1, every=10) as disk:
        fit(folder / RUN, resume=True)
    for number, moment in enumerate(disk.moments):
        check(disk, moment, whole, tmp_path / str(number))


@pytest.mark.parametrize("left", [0.0, 0.4, 0.99])
def test_metrics_that_are_shorter_than_the_checkpoint_says_are_no_reason_to_refuse(
    left: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing of ours leaves such a file, but a copy may."""
    stop = threading.Event()

    class Stops(Quiet):
        def epoch(self, record: dict[str, Any]) -> None:
            if record["epoch"] == 3:
                stop.set()

    with pytest.raises(Interrupted):
        fit(tmp_path, stop=stop, report=Stops())
    lines_there = (tmp_path / "metrics.jsonl").read_bytes()
    cut_short = lines_there[: int(left * len(lines_there))]
    (tmp_path / "metrics.jsonl").write_bytes(cut_short)
    lost = 3 - cut_short.count(b"\n")
    fit(tmp_path, resume=True, report="lines")
    assert f"cut short: the lines of {lost} epoch" in capsys.readouterr().err
    assert [r["epoch"] for r in history_of(tmp_path)] == [1, 2, 3, 4][: 3 - lost] + [4]
    assert b"\0" not in (tmp_path / "metrics.jsonl").read_bytes()
    assert weights(tmp_path) == weights(fit_whole(tmp_path / "whole"))


def fit_whole(to: Path) -> Path:
    fit(to)
    return to


def test_the_disk_forgets_what_was_not_flushed(tmp_path: Path) -> None:
    """The simulation itself: flushed bytes and names stay, all else may go or come torn."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "old").write_bytes(b"old")
    with Disk(tmp_path / "disk") as disk:
        files.write_bytes(tmp_path / "disk" / "safe", b"safe")
        (tmp_path / "disk" / "loose").write_bytes(b"loose")
        (tmp_path / "disk" / "new").write_bytes(b"new")
        os.replace(tmp_path / "disk" / "new", tmp_path / "disk" / "old")
        found = [disk.cut() for _ in range(300)]
    assert {moment["safe"] for moment in found} == {b"safe"}
    assert {moment["old"] for moment in found} >= {b"old", b"new", b"", b"\0\0\0"}
    assert {moment.get("loose") for moment in found} >= {None, b"", b"lo", b"loose", b"\0" * 5}
    assert disk.restore(found[0], tmp_path / "again").joinpath("safe").read_bytes() == b"safe"
