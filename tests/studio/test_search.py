"""Search gives what nw.search gives; uploads go through the library's own reader."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from asking import Studio, of
from PIL import Image

import narrows as nw
from narrows.priors import fit_prior, save_prior
from narrows.studio import studio


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="PNG")
    return out.getvalue()


def digit(digits: nw.images.Images, number: int) -> bytes:
    return png((digits.batch(torch.tensor([number]))[0, 0].numpy() * 255).round().astype(np.uint8))


@pytest.fixture(scope="module")
def upload(opened: Studio, digits: nw.images.Images) -> str:
    answer = opened.client.post("/api/uploads", content=digit(digits, 350))
    assert answer.status_code == 200 and answer.json()["width"] == 8
    return answer.json()["upload"]


def test_rows_plus_and_minus_are_what_the_verb_finds(opened: Studio) -> None:
    rows = opened.session.rows
    answer = opened.tell("/api/search", like=[3, 5], minus=[9], k=7).json()
    wanted = nw.search(
        rows.collection, ids=[rows.ids[3], rows.ids[5]], minus=rows.ids[9], k=7, progress=False
    )
    assert [hit["id"] for hit in answer["hits"]] == list(wanted.ids)
    assert [hit["distance"] for hit in answer["hits"]] == pytest.approx(wanted.distances)
    assert [rows.ids[hit["row"]] for hit in answer["hits"]] == list(wanted.ids)


def test_an_upload_is_what_the_verb_finds(
    opened: Studio, upload: str, digits: nw.images.Images, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(digit(digits, 350))
    answer = opened.tell("/api/search", like_uploads=[upload], k=9).json()
    session = opened.session
    wanted = nw.search(session.rows.collection, path, k=9, model=session.model, progress=False)
    assert [hit["id"] for hit in answer["hits"]] == list(wanted.ids)
    assert [hit["distance"] for hit in answer["hits"]] == pytest.approx(wanted.distances)
    shown = opened.client.get(f"/api/uploads/{upload}")
    assert shown.headers["content-type"] == "image/webp"
    assert Image.open(io.BytesIO(shown.content)).size == (8, 8)


def test_a_filter_goes_beside(opened: Studio) -> None:
    asked = [{"column": "label", "test": "=", "value": 4}]
    answer = opened.tell("/api/search", like=[3], k=20, conditions=asked).json()
    rows = opened.session.rows
    found = {int(float(rows.columns["label"][hit["row"]])) for hit in answer["hits"]}
    assert found == {4} and len(answer["hits"]) == 20


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "say what to search for"),
        ({"minus": [3]}, "say what to search for"),
        ({"like": [3], "minus": [4]}, "more pictures to be like"),
        ({"like": [300]}, "no picture number 300"),
        ({"like": [3], "k": 501}, "less than or equal to 500"),
        ({"like": [-1]}, "greater than or equal to 0"),
        ({"like_uploads": ["../../etc/passwd"]}, "not here any more"),
        ({"like": [3], "conditions": [{"column": "label", "test": "=", "value": 99}]}, "filter"),
    ],
)
def test_a_wrong_question_is_a_sentence(opened: Studio, body: dict, told: str) -> None:
    answer = opened.tell("/api/search", **body)
    assert 400 <= answer.status_code < 500
    message = answer.json()["message"]
    assert told in message and str(Path(opened.session.collection.address).parent) not in message


def bomb() -> bytes:
    """A PNG that says it has 60,000 × 60,000 pixels."""
    content = bytearray(png(np.zeros((4, 4), np.uint8)))
    content[16:24] = (60_000).to_bytes(4, "big") * 2
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no picture",
        png(np.zeros((4, 4), np.uint8))[:40],
        bomb(),
        b"<svg onload=alert(1)></svg>",
    ],
    ids=["nothing", "text", "cut", "bomb", "svg"],
)
def test_a_hostile_upload_is_refused_in_a_sentence(opened: Studio, content: bytes) -> None:
    answer = opened.client.post("/api/uploads", content=content)
    assert answer.status_code == 422
    message = answer.json()["message"]
    assert "cannot read" in message and "Traceback" not in message


def test_every_hostile_picture_of_the_stored_set(opened: Studio, stored_sets: Path) -> None:
    files = sorted((stored_sets / "hostile_images" / "files").iterdir())
    small = [path for path in files if path.is_file() and path.stat().st_size < 1 << 20][:60]
    assert len(small) > 10
    for path in small:
        answer = opened.client.post("/api/uploads", content=path.read_bytes())
        assert answer.status_code in (200, 422), path.name
        assert "Traceback" not in answer.text


def test_old_uploads_make_room(
    opened: Studio, digits: nw.images.Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("narrows.studio.search.KEPT", 2)
    names = [
        opened.client.post("/api/uploads", content=digit(digits, n)).json()["upload"]
        for n in (1, 2, 3)
    ]
    assert opened.client.get(f"/api/uploads/{names[2]}").status_code == 200
    gone = opened.client.get(f"/api/uploads/{names[0]}")
    assert gone.status_code == 422 and "drop it again" in gone.json()["message"]


def test_a_text_is_searched_by_what_the_model_draws_of_it(
    model_folder: Path, digits: nw.images.Images, tmp_path: Path
) -> None:
    told = Path(shutil.copytree(model_folder, tmp_path / "told"))
    model = nw.load(told)
    prior = fit_prior(model, digits.select(range(400)), "caption-flow", width=32, steps=150)
    save_prior(prior, model, told)
    nw.index(told, digits.select(range(300)), tmp_path / "codes", progress=False)
    there = of(studio(tmp_path / "codes", cache=tmp_path / "cache"))
    about = there.ask("/api/search").json()
    assert about == {"no_text": "", "ground": "#000000", "shape": [1, 8, 8]}
    drawn = there.client.post("/api/search/text", json={"text": "a zero"}).json()["uploads"]
    assert len(drawn) == 4 and drawn[0]["width"] == 8
    hits = there.tell("/api/search", like_uploads=[one["upload"] for one in drawn], k=10).json()
    zeros = sum(hit["columns"]["label"] in (0, "0") for hit in hits["hits"])
    assert zeros >= 8, hits  # of ten; a tenth of all are
    answer = there.client.post("/api/search/text", json={"text": "a xylophone"})
    assert answer.status_code == 400 and "xylophone" in answer.json()["message"]
    there.session.close()


def test_a_model_that_reads_no_captions_says_so(opened: Studio) -> None:
    assert "reads no captions" in opened.ask("/api/search").json()["no_text"]
    answer = opened.client.post("/api/search/text", json={"text": "seven"})
    assert answer.status_code == 422 and "reads no captions" in answer.json()["message"]
