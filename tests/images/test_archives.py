"""Archives are read as the folders that they would be unpacked to, and nothing is unpacked."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import narrows as nw
from narrows.errors import BadFile, NoImages, Unavailable
from narrows.images import folder, open_source
from narrows.images.inputs import pictures
from narrows.images.preprocessing import Preprocessing
from narrows.images.sizes import sized
from narrows.images.source import Images

Files = Mapping[str, bytes]
reading = sys.modules["narrows.images.folder"]


def png(value: int, side: int = 9, deep: bool = False) -> bytes:
    """A picture of one value with a brighter corner."""
    pixels = np.full((side, side), value, np.uint16 if deep else np.uint8)
    pixels[0, 0] += 40
    Image.fromarray(pixels).save(buffer := io.BytesIO(), "PNG")
    return buffer.getvalue()


def zipped(path: Path, files: Files, how: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, files: Files) -> Path:
    with tarfile.open(path, "w:") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def unpacked(path: Path, files: Files) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


PACKERS: dict[str, Callable[[Path, Files], Path]] = {"zip": zipped, "tar": tarred}
CLASSES: Files = {
    "set/dog/1.png": png(10),
    "set/dog/10.png": png(20),
    "set/dog/2.png": png(30, 12),
    "set/cat/a.png": png(40),
    "set/cat/torn.png": png(50)[:60],
    "set/readme.txt": b"of cats and dogs",
    "set/.hidden/x.png": png(60),
    "set/inner.zip": b"PK",
    "set/dog/deep.png": png(3000, deep=True),
}
TABLE: Files = {
    "1.png": png(1),
    "2.png": png(2),
    "labels.csv": b"file,kind,split\n1.png,odd,train\n2.png,even,test\n",
}


@pytest.fixture(params=["zip", "tar"])
def pack(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Files], Path]:
    return lambda files: PACKERS[request.param](tmp_path / f"p.{request.param}", files)


@pytest.mark.parametrize("files", [CLASSES, TABLE], ids=["classes", "table"])
def test_an_archive_is_the_folder_that_it_holds(tmp_path: Path, pack, files: Files) -> None:
    there, mine = open_source(unpacked(tmp_path / "p", files), 8), open_source(pack(files), 8)
    assert isinstance(mine, Images) and mine.ids == there.ids and len(mine) >= 2
    assert torch.equal(mine.take(torch.arange(len(mine))), there.take(torch.arange(len(there))))
    assert mine.skipped == there.skipped and mine.notes == there.notes and mine.name == "p"
    assert mine.levels == there.levels
    for one, other in ((mine.labels, there.labels), (mine.metadata, there.metadata)):
        assert {k: v.tolist() for k, v in one.items()} == {k: v.tolist() for k, v in other.items()}
    assert (mine.split is None) == (there.split is None)
    assert mine.split is None or mine.split.tolist() == there.split.tolist()


def test_a_second_run_decodes_nothing_and_a_changed_archive_what_is_new(pack, monkeypatch) -> None:
    decoded: list[object] = []
    real = reading.decode
    monkeypatch.setattr(
        reading, "decode", lambda *given: (decoded.append(given[0]), real(*given))[1]
    )
    path = pack({"a.png": png(1), "b.png": png(2)})
    folder(path, 8)
    assert len(decoded) == 2
    with monkeypatch.context() as closed:
        closed.setattr(reading.Found, "opened", lambda self: pytest.fail(f"{self.id} was opened"))
        folder(path, 8)
    assert len(decoded) == 2
    pack({"a.png": png(1), "b.png": png(3), "c.png": png(4)})
    images = folder(path, 8)
    assert len(decoded) == 4 and images.ids == ["a.png", "b.png", "c.png"]
    assert [int(x[0, 7, 7]) for x in images.take(torch.arange(3))] == [1, 3, 4]


def test_a_damaged_member_is_skipped_with_its_name(tmp_path: Path) -> None:
    path = zipped(tmp_path / "p.zip", {"a.png": png(1), "b.png": png(2)}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[content.index(png(1)) + 40] ^= 1
    path.write_bytes(content)
    images = folder(path, 8)
    assert images.ids == ["b.png"]
    assert images.skipped == [
        ("a.png", "damaged (its sum is another than the archive says)")
    ]  # fmt: skip
    path = tarred(tmp_path / "p.tar", {"a.png": png(1), "b.png": png(2), "c.png": png(3)})
    content = bytearray(path.read_bytes())
    content[1024 + 20] ^= 1  # the second header
    path.write_bytes(content)
    images = folder(path, 8)
    assert images.ids == ["a.png"]
    assert dict(images.skipped)["p.tar"].startswith("damaged after 1 members")


def test_a_damaged_archive_is_one_sentence(tmp_path: Path, pack) -> None:
    path = pack({f"{n}.png": png(n) for n in range(9)})
    content = path.read_bytes()
    path.write_bytes(content[:300] if path.suffix == ".tar" else content[:-40])
    with pytest.raises(BadFile, match=f"{path.name} cannot be read as an archive"):
        pictures(path)
    path.write_bytes(b"")
    with pytest.raises(BadFile):
        pictures(path)


def test_names_that_lead_out_links_and_the_like_are_skipped(tmp_path: Path) -> None:
    before = set(tmp_path.parent.rglob("*"))
    hostile = {
        "../x.png": png(1),
        "/etc/y.png": png(2),
        "C:/z.png": png(3),
        "a/../../w.png": png(4),
    }
    path = zipped(tmp_path / "p.zip", {**hostile, "good.png": png(5)})
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("good.png", png(6))  # the last one counts
        link = zipfile.ZipInfo("link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    images = folder(path, 8)
    assert images.ids == ["good.png"] and int(images.take(torch.tensor([0]))[0, 0, 7, 7]) == 6
    reasons = dict(images.skipped)
    assert all(reasons[name] == "its name leads out of the archive" for name in hostile)
    assert reasons["link.png"] == "a link" and "that one counts" in reasons["good.png"]
    with tarfile.open(tmp_path / "p.tar", "w:") as archive:
        for name, kind in (("l.png", tarfile.SYMTYPE), ("d.png", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        for name in ("./ok.png", "../out.png", "caf\udce9.png"):
            info = tarfile.TarInfo(name)
            info.size = len(png(7))
            archive.addfile(info, io.BytesIO(png(7)))
    images = folder(tmp_path / "p.tar", 8)
    assert sorted(images.ids) == ["caf\\xe9.png", "ok.png"]
    assert dict(images.skipped) == {
        "l.png": "a link", "d.png": "not a file", "../out.png": "its name leads out of the archive",
    }  # fmt: skip
    made = {path for path in set(tmp_path.parent.rglob("*")) - before if path.suffix == ".png"}
    assert made == set()


def test_what_claims_too_much_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch) -> None:
    bomb = zipped(tmp_path / "b.zip", {"a.bmp": bytes(20 << 20), "b.png": png(1)})
    images = folder(bomb, 8)
    assert images.ids == ["b.png"] and "hostile" in dict(images.skipped)["a.bmp"]
    monkeypatch.setattr("narrows.images.zips.TOTAL", 1 << 20)
    with pytest.raises(BadFile, match="its members claim 20,971,5.. bytes"):
        folder(bomb, 8)
    monkeypatch.setattr("narrows.images.tars.MEMBERS", 2)
    with pytest.raises(BadFile, match="more than 2 members"):
        folder(tarred(tmp_path / "t.tar", {f"{n}.png": png(n) for n in range(3)}), 8)


def test_an_encrypted_member_and_a_compressed_tar_are_said(tmp_path: Path) -> None:
    path = zipped(tmp_path / "p.zip", {"a.png": png(1), "b.png": png(2)})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    assert folder(path, 8).skipped == [("a.png", "encrypted")]
    with tarfile.open(tmp_path / "p.tar.gz", "w:gz"):
        pass
    with pytest.raises(BadFile, match=r"is compressed as a whole.*\(gunzip, xz -d\)"):
        pictures(tmp_path / "p.tar.gz")


def test_what_stands_beside_a_picture_in_a_tar_is_about_it(tmp_path: Path) -> None:
    files = {}
    for n in range(4):
        files |= {
            f"{n:03}.png": png(n),
            f"{n:03}.cls": b"%d" % (n % 2),
            f"{n:03}.txt": f"number {n}".encode(),
            f"{n:03}.json": json.dumps({"year": 2000 + n, "deep": [1]}).encode(),
        }
    files["003.json"] = b"{"
    images = folder(tarred(tmp_path / "p.tar", files), 8)
    assert images.ids == ["000.png", "001.png", "002.png", "003.png"]
    assert images.labels["label"].tolist() == [0, 1, 0, 1]
    assert images.labels["text"].tolist()[2] == "number 2"
    assert images.metadata["year"][:3].tolist() == [2000, 2001, 2002]
    assert images.skipped == [("003.json", "damaged (it is no JSON)")]


def test_a_folder_of_shards_has_the_split_of_their_names(tmp_path: Path) -> None:
    for name, start in (("train-0", 0), ("train-1", 2), ("test-0", 4)):
        both = {f"{kind}/{start}.png": png(start + n) for n, kind in enumerate(("cat", "dog"))}
        tarred(tmp_path / f"{name}.tar", both | {"same.png": png(9)})
    (tmp_path / "torn-0.tar").write_bytes(b"torn")
    images = folder(tmp_path, 8)
    assert "test-0/same.png" in images.ids and "cat/0.png" in images.ids and len(images) == 9
    at = images.ids.index("dog/4.png")
    assert images.split[at] == "test" and images.labels["folder"][at] == "dog"
    assert [name for name, _ in images.skipped] == ["torn-0.tar"]
    Image.new("L", (8, 8)).save(tmp_path / "lone.png")  # beside pictures, archives are passed over
    assert folder(tmp_path, 8).ids == ["lone.png"]


def hub(path: Path, values: list[int], split: str = "", **columns: list[object]) -> Path:
    """A file as the Hugging Face hub has it."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    rows = [{"bytes": png(value), "path": None} for value in values]
    table = pa.table({"image": rows, **columns})
    features = {
        "image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["cat", "dog"]},
    }  # fmt: skip
    said = json.dumps({"info": {"features": features}})
    parquet.write_table(
        table.replace_schema_metadata({"huggingface": said}), path, row_group_size=2
    )
    return path


def test_parquet_of_the_hub(tmp_path: Path) -> None:
    path = hub(
        tmp_path / "p.parquet", [5, 6, 7, 8, 9],
        label=[1, 0, -1, 1, 0], age=[3, 4, None, 6, 7], boxes=[[1]] * 5,
    )  # fmt: skip
    images = folder(path, 8)
    assert images.ids == ["0", "1", "2", "3", "4"]
    assert images.take(torch.arange(5))[:, 0, 7, 7].tolist() == [5, 6, 7, 8, 9]
    assert images.labels["label"].tolist() == ["dog", "cat", "", "dog", "cat"]
    assert images.metadata["age"][[0, 1, 3]].tolist() == [3, 4, 6]
    assert any("boxes is left out" in note for note in images.notes)
    hub(tmp_path / "q-test.parquet", [1], label=[0])
    many = pictures([path, tmp_path / "q-test.parquet"])
    assert len(many) == 6 and len(set(many.ids)) == 6


EACH_BYTE = """
import struct, sys
from pathlib import Path
from narrows.errors import BadFile
from narrows.images.parquet import Groups, parquet_contents

path, refused = Path(sys.argv[1]), 0
whole = path.read_bytes()
footer = len(whole) - 8 - struct.unpack("<I", whole[-8:-4])[0]
for place in range(footer, footer + 80):
    for change in (1, 16):
        mutant = bytearray(whole)
        mutant[place] ^= change
        path.write_bytes(mutant)
        try:
            parquet_contents(path, Groups())
        except BadFile:
            refused += 1
print(refused)
"""


def test_what_a_parquet_says_of_its_columns_does_not_end_the_process(tmp_path: Path) -> None:
    """pyarrow's own look at a column whose statistics contradict the schema does."""
    path = hub(tmp_path / "p.parquet", [5, 6, 7], label=[1, 0, 1])
    done = subprocess.run(
        [sys.executable, "-c", EACH_BYTE, str(path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10


def test_parquet_without_a_picture_and_without_pyarrow(tmp_path: Path, monkeypatch) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    path = tmp_path / "p.parquet"
    parquet.write_table(pa.table({"a": [1, 2]}), path)
    with pytest.raises(BadFile, match="has no column of pictures .* it has a"):
        folder(path, 8)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(Unavailable, match="pip install 'narrows\\[collections\\]'"):
        folder(path, 8)


def test_pictures_at_their_own_size_have_their_members_names(tmp_path: Path) -> None:
    path = zipped(tmp_path / "p.zip", {"a/1.png": png(1, 9), "b.png": png(2, 12)})
    found = sized(path, Preprocessing((1, 8, 8)))
    assert found.ids == ["a/1.png", "b.png"] and [x.shape[1] for x in found.pixels] == [9, 12]
    assert found.files == [None, None]


def test_duplicates_in_an_archive_are_found_and_not_moved(tmp_path: Path) -> None:
    same = {"a.png": png(9, 24), "b.png": png(9, 24), "c.png": png(200, 24)}
    found = nw.duplicates(zipped(tmp_path / "p.zip", same), threshold=0.01)
    assert len(found.redundant) == 1
    with pytest.raises(ValueError, match="--move-to needs files; the pictures of .*p.zip are not"):
        found.quarantine(tmp_path / "out")


def test_an_index_of_an_archive_goes_on_where_it_stopped(tmp_path: Path) -> None:
    pytest.importorskip("lancedb")
    recipe = nw.recipes.mlp_vae((3, 8, 8), code_size=2, widths=(4,))
    model = recipe.build()
    path = zipped(tmp_path / "p.zip", {f"{n}.png": png(20 * n) for n in range(4)})
    to = tmp_path / "codes"
    assert nw.index(model, path, to).added == 4
    elsewhere = path.rename(tmp_path / "moved.zip")
    assert nw.index(model, elsewhere, to).unchanged == 4
    zipped(elsewhere, {f"{n}.png": png(20 * n) for n in range(1, 6)})
    after = nw.index(model, elsewhere, to)
    assert (after.added, after.removed, after.unchanged) == (2, 1, 3)


def test_there_is_no_such_archive(tmp_path: Path) -> None:
    with pytest.raises(NoImages, match=r"there is no file or folder .*p.zip"):
        pictures("p.zip")
    with pytest.raises(NoImages, match="there is no picture in"):
        folder(zipped(tmp_path / "p.zip", {"a.txt": b"none"}), 8)
