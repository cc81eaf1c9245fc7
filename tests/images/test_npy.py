"""What the header of an array file claims is checked before memory is taken or time spent."""

from __future__ import annotations

import contextlib
import gzip
import io
import struct
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from narrows.errors import BadFile
from narrows.images.arrays import array_file, read_idx
from narrows.images.npy import npy, npz

PIXELS = np.arange(60, dtype=np.uint8).reshape(3, 5, 4)


def header(text: str, version: bytes = b"\1\0", length: int | None = None) -> bytes:
    size = (len(text) if length is None else length).to_bytes(2 if version[0] == 1 else 4, "little")
    return b"\x93NUMPY" + version + size + text.encode("latin-1")


FINE = "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 5, 4), }\n"


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["u1", "<f4", ">f8", "?", "<U3"])
def test_arrays_come_as_numpy_reads_them(tmp_path: Path, dtype: str, order: str) -> None:
    array = np.asarray(PIXELS.astype(dtype), order=order)
    np.save(tmp_path / "a.npy", array)
    np.testing.assert_array_equal(npy(tmp_path / "a.npy"), array)
    np.savez_compressed(tmp_path / "a.npz", a=array, empty=array[:0])
    with npz(tmp_path / "a.npz") as opened:
        np.testing.assert_array_equal(opened.read("a"), array)
        assert opened.read("empty").shape == (0, 5, 4)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (header(FINE) + bytes(60) + b"more", "60 bytes, but it holds 64"),
        (header(FINE.replace("3, 5", "99999999999, 5")), "promises .99999999999, 5, 4. of uint8"),
        (header(FINE.replace("3, 5", "True, 5")) + bytes(20), "header is damaged"),
        (header(FINE.replace("(3, 5, 4)", "(3.5)")), "header is damaged"),
        (header(FINE.replace("'|u1'", "[('a', 'u1')]")), "holds records"),
        (header(FINE.replace("|u1", "|O")), "Python objects, which are never unpickled"),
        (header(FINE.replace("|u1", "i4,O")), "holds records"),
        (header("{'descr': ("), "header is damaged"),
        (header("[" * 9000), "header is damaged"),
        (header("-" * 9000 + "1"), "header is damaged"),
        (header(FINE, b"\2\0", 1 << 31), "header claims 2,147,483,648 bytes"),
        (header(FINE, b"\1\2"), "an unknown version of NumPy's format"),
        (b"", "no array of NumPy"),
    ],
    ids=str,
)
def test_a_damaged_npy_is_one_sentence(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(BadFile, match=f"a.npy cannot be used: .*{reason}"):
        array_file(tmp_path / "a.npy")


def test_a_member_that_is_no_array_or_lies(tmp_path: Path) -> None:
    np.save(buffer := io.BytesIO(), PIXELS)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("notes.txt", "no array")
        archive.writestr("x.npy", b"no array either")
        archive.writestr("short.npy", buffer.getvalue()[:-7])
        archive.writestr("a\nb\x1b.npy", buffer.getvalue())
    with npz(tmp_path / "a.npz") as opened:
        assert opened.names == ["notes.txt", "x", "short", r"a\nb\x1b"]
        assert [opened.header(name) is None for name in opened.names] == [True, True, False, False]
    with pytest.raises(BadFile, match=r"a\.npz cannot be used: it is no array of NumPy"):
        array_file(tmp_path / "a.npz")
    with pytest.raises(BadFile, match="short promises .* 60 bytes, but it holds 53"):
        with npz(tmp_path / "a.npz") as opened:
            opened.read("short")


def test_a_damaged_member_is_not_passed_over_for_another(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", faces=PIXELS, rest=PIXELS[0])
    raw = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(raw.replace(b"rest.npy", b"xest.npy", 1))
    with pytest.raises(BadFile, match="a.npz cannot be used: File name in directory"):
        array_file(tmp_path / "a.npz")


def test_labels_of_another_number_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=PIXELS, y=np.arange(2))
    with pytest.raises(
        BadFile, match=r"y must hold a label for each of the 3 pictures, it is \(2,\)"
    ):
        array_file(tmp_path / "a.npz")


def zeros(path: Path, members: int, size: int) -> None:
    """An archive whose arrays are zeros of so many bytes, packed once."""
    shape = (1, 1024, size >> 10)
    np.lib.format.write_array_header_1_0(
        head := io.BytesIO(), {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(members):
            with archive.open(f"a{number}.npy", "w", force_zip64=True) as opened:
                opened.write(head.getvalue())
                for _ in range(size >> 20):
                    opened.write(bytes(1 << 20))


@contextlib.contextmanager
def refused(words: str) -> Iterator[None]:
    """A file is refused, with less than 3 MiB of memory at once."""
    tracemalloc.start()
    try:
        with pytest.raises(BadFile, match=words):
            yield
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 3 << 20, f"{most:,} bytes"


def test_of_many_arrays_the_headers_are_read_only(tmp_path: Path) -> None:
    zeros(tmp_path / "many.npz", 20, 4 << 20)
    with refused("holds a0, a1, .*; call the array of pictures x"):
        array_file(tmp_path / "many.npz")


def test_bombs_are_refused_before_they_are_unpacked(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("narrows.images.npy.FREE", 3 << 20)
    zeros(tmp_path / "x.npz", 1, 4 << 20)
    with refused("claims 4,194,432 bytes out of .* damaged or hostile"):
        array_file(tmp_path / "x.npz")
    head = struct.pack(">BBBB3I", 0, 0, 8, 3, 4, 1024, 1024)
    (tmp_path / "x.idx.gz").write_bytes(gzip.compress(head + bytes(4 << 20)))
    with refused("x.idx.gz cannot be used: it claims 4,194,304 bytes out of"):
        read_idx(tmp_path / "x.idx.gz")


def test_more_than_the_machine_has_is_refused(tmp_path: Path, monkeypatch) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=PIXELS)
    monkeypatch.setattr("narrows.images.npy.memory", lambda: 100)
    with pytest.raises(BadFile, match="this machine has 0.0 GiB of memory; save it as .npy"):
        array_file(tmp_path / "a.npz")


def test_an_archive_of_very_many_files_is_not_listed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for number in range(4200):
            archive.writestr(f"{number:0220}", b"")
    with pytest.raises(BadFile, match="an archive of more than 4,096 files"):
        array_file(tmp_path / "a.npz")
