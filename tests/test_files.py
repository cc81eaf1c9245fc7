"""A file is there whole or not at all, and a damaged one is refused with a sentence."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from narrows import files
from narrows.errors import BadFile, NarrowsError


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file with content, alone in its folder."""
    path = tmp_path / "kept.txt"
    files.write_text(path, "old")
    return path


def only(path: Path) -> bool:
    return [p.name for p in path.parent.iterdir()] == [path.name]


def test_writing_replaces_and_makes_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c.txt"
    files.write_text(path, "first")
    files.write_text(path, "größer")
    assert path.read_bytes() == "größer".encode()
    assert only(path)


@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_full_disk_leaves_the_old_file(
    old: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(NarrowsError, match="the disk is full: .* what was there before is unch"):
        files.write_text(old, "new")
    assert old.read_text() == "old"
    assert only(old)


def test_failure_in_the_middle_of_writing_leaves_the_old_file(old: Path) -> None:
    with pytest.raises(RuntimeError, match="stopped"), files.atomic(old) as part:
        part.write_text("half of the n")
        raise RuntimeError("stopped")
    assert old.read_text() == "old"
    assert only(old)


def test_other_failures_name_the_path_and_the_reason(old: Path) -> None:
    below = old / "new.txt"
    with pytest.raises(NarrowsError, match=rf"cannot write {below}: .*choose a folder that can"):
        files.write_text(below, "new")


def test_a_folder_that_cannot_be_synced_is_no_failure(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    files.write_text(old, "new")
    monkeypatch.undo()
    assert old.read_text() == "new"


def test_tensors_come_back_bit_for_bit(tmp_path: Path) -> None:
    tensors = {
        "matrix": torch.randn(3, 4).t(),
        "scalar": torch.tensor(7),
        "half": torch.randn(5).bfloat16(),
        "empty": torch.zeros(0, 3),
    }
    metadata = {"version": 1, "name": "größe", "nested": {"best": None}}
    files.save_tensors(tmp_path / "t.safetensors", tensors, metadata)
    found, header = files.load_tensors(tmp_path / "t.safetensors")
    assert header == metadata
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_the_same_tensors_are_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        files.save_tensors(tmp_path / name, {"x": torch.ones(3)}, {"step": 1, "epoch": 2})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("length", [0, 4, 20, -1])
def test_truncated_tensors_are_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "t.safetensors"
    files.save_tensors(path, {"x": torch.ones(30)})
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(BadFile, match="is damaged or no safetensors file .*; copy it again or"):
        files.load_tensors(path)


@pytest.mark.parametrize(
    "content", [b"\x80\x04\x95", b"PK\x03\x04" * 20, b"\xff" * 64, b"hello, world " * 9]
)
def test_foreign_bytes_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.safetensors"
    path.write_bytes(content)
    with pytest.raises(BadFile, match="t.safetensors is damaged or no safetensors file"):
        files.load_tensors(path)


@pytest.mark.parametrize(
    "header, sentence",
    [
        ("{not json", "is damaged or no safetensors file"),
        ("[1, 2]", "carries a foreign header; it was not written by Narrows"),
        ("[" * 100_000, "is damaged or no safetensors file"),
    ],
)
def test_foreign_headers_are_refused(tmp_path: Path, header: str, sentence: str) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "t.safetensors"
    save_file({"x": torch.ones(2)}, path, {"narrows": header})
    with pytest.raises(BadFile, match=sentence):
        files.load_tensors(path)


def test_a_missing_file_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="there is no file .*gone; name the folder that"):
        files.load_tensors(tmp_path / "gone")
    with pytest.raises(BadFile, match=r"there is no file .*gone\.toml"):
        files.load_toml(tmp_path / "gone.toml")


def test_toml_comes_back_under_its_comment(tmp_path: Path) -> None:
    document = {"name": "größe", "n": 3, "rate": 1e-3, "parts": [{"part": "l1"}, {"part": "kl"}]}
    files.save_toml(tmp_path / "r.toml", document, "one\ntwo")
    assert (tmp_path / "r.toml").read_text().startswith("# one\n# two\n")
    assert files.load_toml(tmp_path / "r.toml") == document


@pytest.mark.parametrize(
    "content", [b"name = ", b"= 3", b"\xff\xfe\x00", b"a = 1\na = 2", b"a = " + b"[" * 100_000]
)
def test_damaged_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "r.toml"
    path.write_bytes(content)
    with pytest.raises(BadFile, match=r"r\.toml is no readable TOML \("):
        files.load_toml(path)


def test_a_folder_is_no_toml(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="is no readable TOML"):
        files.load_toml(tmp_path)


@given(st.lists(st.binary(max_size=5), max_size=4), st.lists(st.binary(max_size=5), max_size=4))
def test_a_fingerprint_names_its_pieces(a: list[bytes], b: list[bytes]) -> None:
    one, two = files.fingerprint(*a), files.fingerprint(*b)
    assert (one == two) == (a == b)
    assert len(one) == 16 and int(one, 16) >= 0


def test_a_fingerprint_of_text_is_that_of_its_bytes() -> None:
    assert files.fingerprint("ab", "c") == files.fingerprint(b"ab", b"c")
    assert files.fingerprint("ab", "c") != files.fingerprint("a", "bc")


def test_no_file_of_ours_holds_a_pickle(tmp_path: Path) -> None:
    """A safetensors file is a length, that much JSON, and the numbers."""
    files.save_tensors(tmp_path / "t", {"x": torch.zeros(2)})
    raw = (tmp_path / "t").read_bytes()
    length = int(np.frombuffer(raw[:8], "<u8")[0])
    assert raw[8:9] == b"{" and len(raw) == 8 + length + 8


def test_a_header_that_is_none_of_ours_is_not_parsed(tmp_path: Path) -> None:
    for claimed, there in ((10**12, 8), (9 << 20, (9 << 20) + 20)):
        (tmp_path / "t").write_bytes(claimed.to_bytes(8, "little") + b" " * there)
        with pytest.raises(BadFile, match="it.* header"):
            files.load_tensors(tmp_path / "t")


def test_tensors_are_in_memory_whatever_becomes_of_their_file(tmp_path: Path) -> None:
    files.save_tensors(tmp_path / "t", {"x": torch.arange(5000.0)})
    tensors, _ = files.load_tensors(tmp_path / "t")
    os.truncate(tmp_path / "t", 10)
    assert torch.equal(tensors["x"], torch.arange(5000.0))


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("a.png", "a.png"),
        ("größer.png", "größer.png"),
        ("CON", "CON_"),
        ("aux.png", "aux_.png"),
        ("com1.tar.gz", "com1_.tar.gz"),
        ("nul .png", "nul_ .png"),
        ("console.png", "console.png"),
        ("com10", "com10"),
        ("a:b", "a_b"),
        ('what?"<>|*.png', "what______.png"),
        ("tab\t.png", "tab_.png"),
        ("end.", "end_"),
        ("end ", "end_"),
        ("...", "_"),
        ("", "_"),
    ],
)
def test_names_that_windows_cannot_hold(
    name: str, held: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "WINDOWS", False)
    assert files.allowed(name) == name
    monkeypatch.setattr(files, "WINDOWS", True)
    assert files.allowed(name) == held == files.allowed(held)
