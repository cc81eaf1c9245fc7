"""Sharing: one file of a selection, a morph or a model, made behind, as the library makes it in Python."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from asking import Studio
from browsing import Browsing
from PIL import Image
from test_search import digit

import narrows as nw
from narrows.applications import model_page, morph_page, selection_page
from narrows.studio import share


def made(room: Studio, what: str, rows: list[int]) -> str:
    """The file of a question, once it is there."""
    answer = room.tell("/api/share", what=what, rows=rows)
    assert answer.status_code == 200, answer.text
    job = room.session.jobs.wait(answer.json()["job"])
    assert job.state == "done", job.message
    file = room.client.get("/api/share/file", params={"name": answer.json()["file"]})
    assert file.headers["content-type"].startswith("text/html")
    assert re.search(rf'filename="digits-more-{what}\.html"', file.headers["content-disposition"])
    return str(file.text)


def asks_nobody(page: str) -> bool:
    return not re.search(r"""(?:src|href)=["']?(?!data:|#)[\w/.]""", page) and "/tmp/" not in page


def test_a_selection_is_a_map_of_its_rows(opened: Studio) -> None:
    rows = list(range(10, 40))
    told = opened.tell("/api/share/size", what="selection", rows=rows).json()
    page = made(opened, "selection", rows)
    ids = [opened.session.rows.ids[row] for row in rows]
    assert page == selection_page(opened.session.collection, ids, progress=False)
    assert all(f'"{id_}"' in page for id_ in ids) and asks_nobody(page)
    assert told["why"] == "" and 0.3 < told["bytes"] / len(page) < 3


def test_a_morph_has_frames_where_no_decoder_can_be_had(
    opened: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("narrows.applications.share.available", lambda: False)
    page = made(opened, "morph", [3, 7])
    assert "data:image/webp;base64," in page and "narrows[export]" in page and asks_nobody(page)


def test_a_morph_has_the_decoder(opened: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime", reason="pip install 'narrows[export]'")
    told = opened.tell("/api/share/size", what="morph", rows=[3, 7]).json()
    page = made(opened, "morph", [3, 7])
    assert told["decoder"] is True and 0.8 < told["bytes"] / len(page) < 1.5
    assert 'id="engine"' in page and "default-src &#x27;none&#x27;" not in page
    assert "default-src 'none'" in page
    named = [Path(opened.session.rows.ids[row]).name for row in (3, 7)]
    assert f'"names": ["{named[0]}", "{named[1]}"]' in page


def test_a_model_has_a_card(
    opened: Studio, monkeypatch: pytest.MonkeyPatch, digits: nw.images.Images, tmp_path: Path
) -> None:
    page = made(opened, "model", [])
    assert "<h1>pca-vae: a model card</h1>" in page and asks_nobody(page)
    assert "Not measured" in page and page.count("data:image/png;base64,") >= 1
    model = opened.session.model
    measured = model_page(model, digits.select(range(500)), limit=40, progress=False)
    assert "<th" in measured and "PSNR (dB)" in measured and "PCA" in measured


def test_a_run_without_weights_has_what_its_folder_says(model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for name in ("recipe.toml", "run.toml", "metrics.jsonl"):
        if (model_folder / name).exists():
            (tmp_path / "run" / name).write_bytes((model_folder / name).read_bytes())
    page = model_page(tmp_path / "run", progress=False)
    assert "pca-vae: a model card" in page and "not finished" in page
    with pytest.raises(nw.NarrowsError):
        model_page(tmp_path, progress=False)


@pytest.mark.parametrize(
    ("what", "rows", "said"),
    [
        ("selection", [1, 2], "a map is of at least 5 pictures; 2 are selected"),
        ("morph", [1], "a morph goes through 2 to 16 pictures; 1 are selected"),
        ("morph", list(range(17)), "17 are selected"),
        ("morph", [1, 9999], "no picture number 9999"),
    ],
)
def test_what_cannot_be_made_is_a_sentence(
    opened: Studio, what: str, rows: list[int], said: str
) -> None:
    answer = opened.tell("/api/share", what=what, rows=rows)
    assert answer.status_code == 400 and said in answer.json()["message"]
    if "9999" not in said:
        assert said in opened.tell("/api/share/size", what=what, rows=rows).json()["why"]


def test_no_file_is_found_by_a_name_that_was_not_given(opened: Studio) -> None:
    for name in ("x", "../../etc/passwd", "0" * 16):
        answer = opened.client.get("/api/share/file", params={"name": name})
        assert answer.status_code == 422 and "make it again" in answer.json()["message"]


def test_the_limits_hold(opened: Studio) -> None:
    answer = opened.tell("/api/share", what="selection", rows=list(range(share.ROWS + 1)))
    assert answer.status_code == 422 and "at most 5000" in answer.json()["message"]


def test_a_morph_in_python_is_between_two_or_more(opened: Studio) -> None:
    one = torch.zeros(1, *opened.session.model.shape)
    with pytest.raises(ValueError, match="at least 2 pictures; we got 1"):
        morph_page(opened.session.model, nw.images.Images(one.byte()))


def test_a_person_saves_the_selection(browse: Browsing, opened: Studio) -> None:
    page = browse.page()
    page.get_by_role("link", name="Share").click()
    offer = page.get_by_role("region", name="The selection")
    offer.get_by_text("at least 5 pictures").wait_for()
    assert offer.get_by_role("button", name="Save as one file").is_disabled()
    page.get_by_role("link", name="Label").click()
    for place in range(6):
        page.locator(".label .tile").nth(place).click()
    page.get_by_role("link", name="Share").click()
    offer.get_by_text(re.compile("^about [0-9]")).wait_for()
    with page.expect_download() as waiting:
        offer.get_by_role("button", name="Save as one file").click()
    assert waiting.value.suggested_filename == "digits-more-selection.html"
    text = Path(waiting.value.path()).read_text(encoding="utf-8")
    assert text.count('"n":6') == 1
    offer.get_by_role("link", name="Save it again").wait_for()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(browse: Browsing, scheme: Any) -> None:
    small = browse.page(360, 740, color_scheme=scheme)
    small.get_by_role("link", name="Share").click()
    small.get_by_role("region", name="The model").wait_for()
    assert small.evaluate("document.querySelector('main').scrollWidth") <= 360


def test_a_handout_holds_what_was_kept_and_the_models_own_walk(
    opened: Studio, digits: nw.images.Images
) -> None:
    upload = opened.client.post("/api/uploads", content=digit(digits, 350)).json()["upload"]
    parts = [{"upload": upload, "title": "A <b>picture</b>", "text": "3 of 6 numbers: 12.3 dB"}]
    asked = opened.tell("/api/share", what="handout", parts=parts)
    assert asked.status_code == 200, asked.text
    job = opened.session.jobs.wait("share")
    assert job.state == "done", job.message
    text = opened.ask("/api/share/file", name=asked.json()["file"]).text
    assert "A &lt;b&gt;picture&lt;/b&gt;" in text and "3 of 6 numbers: 12.3 dB" in text
    assert "The model&#x27;s own walk" in text and "pca-vae" in text and "@media print" in text
    assert "http:" not in text and "https:" not in text and "<script" not in text
    shown = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(one))))
        for one in re.findall(r"data:image/png;base64,([^\"]+)", text)
    ]
    assert np.array_equal(shown[0][..., 0], np.asarray(Image.open(io.BytesIO(digit(digits, 350)))))
    assert len(shown) == 2 and shown[1].shape[0] > 50
    many = opened.tell("/api/share", what="handout", parts=parts * 25)
    assert many.status_code == 422


def test_a_lesson_needs_a_picture() -> None:
    with pytest.raises(ValueError, match="at least one picture"):
        nw.applications.handout_page("a", [])
