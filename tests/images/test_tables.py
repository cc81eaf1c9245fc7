from __future__ import annotations

import csv
import io
import tracemalloc
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from narrows.errors import BadFile
from narrows.images import folder
from narrows.images.labels import column, known_of
from narrows.images.tables import Table, read_tables

ROWS = ["a.png,cat", "b.png,dog", "c.png,cat", "d.png,dog"]
LABELS = ["cat", "dog", "cat", "dog"]


@pytest.fixture
def four(tmp_path, picture):
    """A folder of four pictures, a to d."""
    root = tmp_path / "four"
    root.mkdir()
    for number, name in enumerate("abcd"):
        Image.fromarray(picture(number)).save(root / f"{name}.png")
    return root


def written(root, text, coding="utf-8"):
    (root / "labels.csv").write_bytes(text.encode(coding))
    return folder(root, 8)


def said(images) -> str:
    return "\n".join(images.notes)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_separator_and_any_end_of_line(four, separator, end):
    lines = ["file,label", *ROWS]
    images = written(four, end.join(line.replace(",", separator) for line in lines))
    assert images.labels["label"].tolist() == LABELS
    assert ("separated by" in said(images)) == (separator != ",")


def test_a_spreadsheet_may_say_its_separator_and_write_decimals_with_commas(four):
    rows = "\n".join(f"{name}.png;{number},5" for number, name in enumerate("abcd"))
    images = written(four, f"sep=;\nfile;weight\n{rows}\n")
    assert images.labels["weight"].tolist() == ["0,5", "1,5", "2,5", "3,5"]
    assert written(four, f"file;weight\n{rows}\n").label.tolist() == ["0,5", "1,5", "2,5", "3,5"]


@pytest.mark.parametrize(
    "header", ["File Name,label", "image_id,label", '"FILENAME","label"', "img_path , label"]
)
def test_the_column_of_names_may_be_called_in_many_ways(four, header):
    assert written(four, "\n".join([header, *ROWS])).labels["label"].tolist() == LABELS


def test_an_index_another_place_another_name_and_no_header(four):
    rows = "\n".join(f"{i},{row}" for i, row in enumerate(ROWS))
    images = written(four, f",file,label\n{rows}")
    assert list(images.labels) == ["label"] and images.label.tolist() == LABELS
    images = written(
        four,
        "label,photograph_nr\n"
        + "\n".join(f"{kind},{n}" for kind, n in zip(LABELS, "abcd", strict=True)),
    )
    assert images.label.tolist() == LABELS and "'photograph_nr' is taken as" in said(images)
    images = written(four, "\n".join(ROWS))
    assert images.labels["label"].tolist() == LABELS
    assert "has no line with its columns' names" in said(images)


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_the_codings_of_spreadsheets(four, coding):
    images = written(four, "file,label\n" + "\n".join(ROWS).replace("cat", "Kätzchen"), coding)
    assert images.label.tolist() == ["Kätzchen", "dog", "Kätzchen", "dog"]
    assert ("is not UTF-8" in said(images)) == (coding != "utf-8-sig")


def test_quotes_commas_and_line_ends_inside_a_cell(four):
    text = 'file, label\n"a.png", "a ""cat"", sitting"\n"b.png","two\nlines"\nc.png,x\nd.png,y\n'
    assert written(four, text).label.tolist() == ['a "cat", sitting', "two\nlines", "x", "y"]


def test_names_without_suffix_in_other_case_and_below_other_folders(tmp_path, picture):
    for number, name in enumerate(["x/IMG 1.jpg", "x/v1.2.png", "y/IMG 1.jpg", "y/Zoë.png"]):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        name = unicodedata.normalize("NFD", name)
        Image.fromarray(picture(number)).save(tmp_path / "in" / name)
    table = "/home/me/in/x/img 1.JPG,1\nv1.2,2\nC:\\sets\\y\\IMG 1,3\nZoë.PNG,4\nnone.png,5\n"
    (tmp_path / "in" / "labels.csv").write_text("file,k\n" + table)
    images = folder(tmp_path / "in", 8)
    assert images.labels["k"].tolist() == [1, 2, 3, 4]
    words = said(images)
    assert "without regard to case" in words and "without suffix" in words
    assert "1 of its 5 rows name no picture here, such as 'none.png'" in words


def test_a_table_of_other_pictures_is_left_out_and_said(four):
    images = written(four, "filename,dx\nother.jpg,nv\n")
    assert images.labels == {}
    assert "labels.csv names none of these 4 pictures and is left out" in said(images)
    images = written(four, "x,y\n1,2\n")
    assert "labels.csv is left out: none of its columns names the pictures" in said(images)
    assert "no row for 3 of 4 pictures" in said(written(four, "file,k\na.png,1\n"))


def test_a_name_that_stands_twice_counts_once_and_in_no_part_where_the_parts_differ(four):
    rows = "a.png,1,train\nb.png,2,train\nc.png,3,test\nd.png,4,test\na.png,5,test\nb.png,2,train\n"
    images = written(four, "file,k,split\n" + rows)
    assert images.labels["k"].tolist() == [5, 2, 3, 4]
    assert images.split.tolist() == ["", "train", "test", "test"]
    assert "has 1 names twice with other values, such as 'a.png'" in said(images)


@pytest.mark.parametrize(
    "texts",
    [
        ["01", "1", "001"], ["1_2", "12"], ["1e3", "1000"], ["10.0", "10"], ["nan", "1"], ["NA", "none"],
        ["٣", "3"], [" 1"], ["+1", "1"], ["-0", "0"], ["inf", "1"], ["9007199254740993", ""],
        ["99999999999999999999", "1"],
    ],
)  # fmt: skip
def test_what_does_not_come_back_as_a_number_stays_a_text(texts):
    assert column(texts).tolist() == texts


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.integers().map(str), st.floats(allow_nan=False).map(repr), st.text("0123456789.-_e", max_size=5)), min_size=1))  # fmt: skip
def test_different_texts_stay_different_whatever_the_column_becomes(texts):
    values = column(texts)
    known = [text for text in texts if text]
    kept = [value for value, text in zip(values.tolist(), texts, strict=True) if text]
    assert len(set(kept)) == len(set(known))
    if values.dtype.kind in "if":
        assert all(float(text) == value for text, value in zip(known, kept, strict=True))


def test_words_among_numbers_are_said(four):
    images = written(four, "file,age\na.png,3\nb.png,4\nc.png,NA\nd.png,5\n")
    assert images.labels["age"].tolist() == ["3", "4", "NA", "5"]
    assert "'NA' is no number, so all of its values are names" in said(images)


names = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="/\\"), min_size=1, max_size=8)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(names.map(str.strip).filter(lambda n: n.strip(".")), min_size=1, max_size=8), st.sampled_from(",;\t"), st.randoms())  # fmt: skip
def test_a_table_as_a_spreadsheet_writes_it_fits_row_by_row(
    tmp_path_factory, found, separator, random
):
    ids = list({f"{name}.png": None for name in found})
    shuffled = random.sample(ids, len(ids))
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=separator)
    writer.writerows([["file", "number"], *([id_, f"n{ids.index(id_)}"] for id_ in shuffled)])
    root = tmp_path_factory.mktemp("t")
    (root / "labels.csv").write_text(buffer.getvalue(), encoding="utf-8", newline="")
    (table,), _ = read_tables(root, None, ids)
    assert [row for row in table.matched(ids)] == [[f"n{i}"] for i in range(len(ids))]


def test_nobody_gets_the_row_of_another():
    table = Table(None, ["k"], {"a.png": ["1"], "x/b.png": ["2"], "C": ["3"]})
    ids = ["a.png", "a.jpg", "y/b.png", "z/b.png", "c.png", "c/c.png"]
    assert table.matched(ids) == [["1"], None, None, None, None, None]


def test_garbage_is_one_sentence(four):
    for content in (b"file,x\n\x81\x8d,1\n", b"file,x\na.png,\xff\n\x81", b"\xff\xfef\0i"):
        (four / "labels.csv").write_bytes(content)
        with pytest.raises(BadFile, match="labels.csv cannot be read as a table"):
            folder(four, 8)
    (four / "labels.csv").write_bytes(b"")
    assert folder(four, 8).labels == {}
    assert np.all([note for note in folder(four, 8).notes])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,a\n" + ("," * 1_000_000 + "\n") * 4, "4,000,000 cells"),
        ("file" + ",a" * 4000 + "\n" + "x\n" * 1001, "4,000,000 cells"),  # each row is made as long
        ("file,a\n" + "x" * ((1 << 20) + 1), "a line of 1,048,577 characters"),
        ("file,a\n" + "x,y\n" * (1 << 24), "64 MiB"),
        ("file,a\na.png," + "x" * 140_000, "field larger"),
    ],
    ids=("columns", "padding", "line", "bytes", "field"),
)
def test_a_table_is_no_larger_than_it_may(four, text, words):
    (four / "labels.csv").write_text(text)
    with pytest.raises(BadFile, match=rf"labels.csv cannot be read as a table .*{words}"):
        read_tables(four, None, ["a.png"])


def test_a_name_of_very_many_parts_and_a_text_of_very_many_letters_take_no_memory(
    four, monkeypatch
):
    text = "file,label,note\n" + "a/" * 60_000 + "a.png,cat,b\nb.png,dog,c\n"
    (four / "labels.csv").write_text(text)
    tracemalloc.start()
    known, _ = known_of(four, None, ["a.png", "b.png", "c.png"])
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert known.labels["label"].tolist() == ["cat", "dog", ""] and most < 32 << 20, most
    (four / "labels.csv").write_text("file,label,note\na.png,cat,b\nb.png,dog," + "c" * 2000)
    monkeypatch.setattr("narrows.images.labels._CHARACTERS", 4000)
    images = folder(four, 8)
    assert list(images.labels) == ["label"] and "a text of 2,000 characters" in said(images)


def test_a_number_that_no_float_holds_is_a_text():
    assert column(["9" * 400, "1"]).tolist() == ["9" * 400, "1"]
    assert column(["9" * 5000, ""]).tolist() == ["9" * 5000, ""]


@pytest.fixture
def two(tmp_path, picture):
    root = tmp_path / "two"
    root.mkdir()
    for number, name in enumerate(("a.png", "b.png")):
        Image.fromarray(picture(number)).save(root / name)
    return root


@pytest.mark.parametrize(
    ("text", "labels", "note"),
    [
        ("My labels\n\nfile,label\na.png,x\nb.png,y\n", ["x", "y"], "'My labels', above the columns' names"),
        ("# by hand\nfile,label\na.png,x\nb.png,y\n", ["x", "y"], "'# by hand', above"),
        ("file,label\na.png,smiling, happy\nb.png,y\n", ["smiling", "y"], "1 of its rows have not 2 cells"),
        ("file,label\na.png\nb.png,y\n", ["", "y"], "1 of its rows have not 2 cells"),
        ("file,label\nhttps://e.org/a.png?w=3,x\nhttps://e.org/b.png#top,y\n", ["x", "y"], None),
        ("file,label,label\na.png,x,p\nb.png,y,q\n", ["x", "y"], "it has the column 'label', too: the first one"),
    ],
)  # fmt: skip
def test_more_ways_to_write_a_table(text, labels, note, two):
    (two / "labels.csv").write_text(text)
    images = folder(two, 8)
    assert images.labels["label"].tolist() == labels
    assert (not images.notes) if note is None else any(note in one for one in images.notes)


@pytest.mark.parametrize("coding", ["utf-32", "cp1252"])
def test_a_table_in_another_coding_is_read_and_said(coding, two):
    (two / "labels.csv").write_bytes("file,label\na.png,Köln\nb.png,y\n".encode(coding))
    images = folder(two, 8)
    assert images.labels["label"].tolist() == ["Köln", "y"]
    assert f"not UTF-8 and was read as {coding}" in images.notes[0]


def test_tables_of_other_kinds_and_in_folders_below_are_said(two):
    (two / "sub").mkdir()
    (two / "a.png").rename(two / "sub" / "a.png")
    for name in ("labels.json", "train.txt", "notes.txt", "sub/labels.csv"):
        (two / name).write_text("file,label\n")
    (note,) = [note for note in folder(two, 8).notes if "not read" in note]
    assert note.startswith("not read: labels.json, train.txt, sub/labels.csv (only")
