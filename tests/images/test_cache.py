"""The cache of packed folders: private, limited, seen and emptied; one that cannot be written is no obstacle."""

from __future__ import annotations

import importlib
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from narrows.images import cache, folder
from narrows.locks import locked


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with a home and no cache yet."""
    monkeypatch.delenv("NARROWS_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "home").mkdir()
    (tmp_path / "tmp").mkdir()
    return tmp_path / "home"


def pictures(where: Path, seed: int = 0) -> Path:
    where.mkdir()
    for number in range(3):
        pixels = np.random.default_rng([seed, number]).integers(256, size=(9, 7), dtype=np.uint8)
        Image.fromarray(pixels).save(where / f"{number}.png")
    return where


@pytest.mark.parametrize(
    ("system", "place"),
    [
        ("Unix", ".cache/narrows"),
        ("MacOS", "Library/Caches/narrows"),
        ("Windows", "AppData/Local/narrows/Cache"),
    ],
)
def test_the_cache_is_where_the_system_has_them(
    system: str, place: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module(f"platformdirs.{system.lower()}")
    monkeypatch.setattr("platformdirs.PlatformDirs", getattr(module, system))
    if system == "Windows":  # it asks the system, which is not there
        local = str(home / "AppData" / "Local")
        monkeypatch.setattr(module, "get_win_folder", lambda name: local)
    assert str(cache.cache_root()).replace("\\", "/") == str(home / place)
    monkeypatch.setenv("NARROWS_CACHE", str(home / "mine"))
    assert cache.cache_root() == home / "mine"


def test_others_cannot_look_into_the_cache(home: Path, tmp_path: Path) -> None:
    images = folder(pictures(tmp_path / "a"), 8)
    packed = home / ".cache" / "narrows" / "packed"
    assert stat.S_IMODE(packed.stat().st_mode) == 0o700
    assert len(list(packed.glob("*.narrows"))) == 1 and images.notes == []
    packed.chmod(0o755)
    folder(tmp_path / "a", 8)
    assert stat.S_IMODE(packed.stat().st_mode) == 0o700


@pytest.mark.parametrize("what", ["a file", "nothing that can be made"])
def test_a_cache_that_cannot_be_written_is_another(
    what: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write everywhere, so homes that are none stand for those that are read-only."""
    if what == "a file":
        (home / ".cache").write_bytes(b"")
    else:
        monkeypatch.setenv("HOME", "/proc/none")
    images = folder(pictures(tmp_path / "a"), 8)
    assert len(images) == 3
    (note,) = images.notes
    other = tmp_path / "tmp" / f"narrows-{os.getuid()}"
    assert "cannot be written" in note and f"decoded pictures are kept in {other}" in note
    assert len(list((other / "packed").glob("*.narrows"))) == 1
    assert stat.S_IMODE(other.stat().st_mode) == 0o700


def test_a_temporary_folder_of_somebody_else_is_not_used(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/proc/none")
    other = tmp_path / "tmp" / f"narrows-{os.getuid()}"
    other.mkdir()
    other.chmod(0o777)
    where, _ = cache.place("packed")
    assert other not in where.parents and stat.S_IMODE(where.parent.stat().st_mode) == 0o700


def test_what_was_not_used_for_longest_goes_first(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = home / ".cache" / "narrows"
    for number, name in enumerate("abc"):
        folder(pictures(tmp_path / name, number), 8)
    first, second, third = (one.folder for one in reversed(cache.kept(root)))
    for age, one in enumerate((second, first, third)):  # the first was used since
        os.utime(one, (1000 + age, 1000 + age))
    size = cache.kept(root)[0].size
    monkeypatch.setenv("NARROWS_CACHE_LIMIT", f"{3.5 * size:.0f}")
    folder(pictures(tmp_path / "d", 4), 8)
    assert not second.exists() and first.exists() and third.exists()
    monkeypatch.setenv("NARROWS_CACHE_LIMIT", "0")
    assert len(folder(tmp_path / "d", 8)) == 3  # what is in use stays, whatever the limit
    assert len(cache.kept(root)) == 1


def test_what_somebody_writes_to_stays(home: Path, tmp_path: Path) -> None:
    folder(pictures(tmp_path / "a"), 8)
    root = home / ".cache" / "narrows"
    (one,) = cache.kept(root)
    with locked(one.folder):
        assert cache.clear(root) == (0, 0)
    assert cache.clear(root)[0] == 1 and cache.kept(root) == []
    assert len(folder(tmp_path / "a", 8)) == 3


@pytest.mark.parametrize(
    ("said", "limit"), [("", 5 * 10**9), ("800M", 8 * 10**8), ("1.5gb", 15 * 10**8), ("0", 0)]
)
def test_the_limit(said: str, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NARROWS_CACHE_LIMIT", said)
    assert cache.limit() == limit


def test_a_limit_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NARROWS_CACHE_LIMIT", "much")
    with pytest.raises(ValueError, match="a size such as 5G or 800M; we got 'much'"):
        cache.limit()
