"""The map's answers against the collection's own content."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from asking import Studio, columns
from PIL import Image

import narrows as nw
from narrows.applications import decoder, linear
from narrows.studio.app import ROOMS


def test_the_state_says_what_is_open(opened: Studio) -> None:
    state = opened.client.get("/api/state").json()
    assert state["title"] == "digits & more" and state["kind"] == "collection"
    names = [room.NAME for room in ROOMS]
    assert len(names) == 9
    assert state["rows"]["count"] == 300 and state["rooms"] == dict.fromkeys(names, "")
    kinds = {each["name"]: each["kind"] for each in state["rows"]["columns"]}
    assert kinds["label"] in ("number", "text") and kinds["brightness"] == "number"
    assert kinds["odd"] == "flag" and "thumbnail" not in kinds and "path" not in kinds


def test_points_are_those_of_the_map(opened: Studio) -> None:
    found = columns(opened.ask("/api/map/points").content)
    codes = opened.session.rows.codes
    weights = opened.session.collection.about.weights
    assert weights is not None and len(weights) == codes.shape[1]
    flat = nw.applications.embed_2d(codes, "pca", weights=weights).points
    side = (flat.max(0) - flat.min(0)).max()
    x, y = found["x"].astype(float) / 65535 * side, found["y"].astype(float) / 65535 * side
    assert np.abs((x - x[0]) - (flat[:, 0] - flat[0, 0])).max() < 2e-5 * side
    assert np.abs((y - y[0]) + (flat[:, 1] - flat[0, 1])).max() < 2e-5 * side
    assert "of the variance" in found["note"]


def test_t_sne_is_made_behind_and_kept(opened: Studio) -> None:
    first = opened.ask("/api/map/points", layout="tsne")
    if first.status_code == 202:
        assert opened.session.jobs.wait(first.json()["job"]).state == "done"
    found = columns(opened.ask("/api/map/points", layout="tsne").content)
    assert len(found["x"]) == 300 and "perplexity" in found["note"]
    assert found["x"].max() - found["x"].min() > 30_000


def test_colours_are_of_the_columns(opened: Studio) -> None:
    found = columns(opened.ask("/api/map/colours", column="label").content)
    values = opened.session.rows.columns["label"].tolist()
    assert [found["names"][i] for i in found["which"]] == [str(int(float(v))) for v in values]
    scale = columns(opened.ask("/api/map/colours", column="brightness").content)
    assert scale["numbers"] is not None and len(scale["colours"]) == 33
    assert columns(opened.ask("/api/map/colours").content)["which"].max() == 0


def test_a_sheet_holds_the_thumbnails(opened: Studio) -> None:
    answer = opened.ask("/api/map/sheets/0")
    assert answer.headers["content-type"] == "image/webp"
    sheet = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))
    side = columns(opened.ask("/api/map/points").content)["side"]
    rows = opened.session.rows
    assert side == 8 and sheet.shape == (10 * side, 32 * side, 4)
    for row in (0, 31, 32, 299):
        own = rows.collection.rows(["thumbnail"], ids=[rows.ids[row]])["thumbnail"][0]
        wanted = nw.images.read(own).permute(1, 2, 0).numpy().astype(int)
        y, x = divmod(row, 32)
        cell = sheet[y * side : (y + 1) * side, x * side : (x + 1) * side]
        assert (cell[..., 3] == 255).all() and np.abs(cell[..., :3] - wanted).mean() < 16
    assert (sheet[9 * side :, 12 * side :, 3] == 0).all()  # nothing after the 300th
    assert opened.ask("/api/map/sheets/1").status_code == 400


def test_neighbours_are_the_collection_s(opened: Studio) -> None:
    rows = opened.session.rows
    answer = opened.ask("/api/map/rows/7").json()
    wanted = nw.search(rows.collection, ids=rows.ids[7], k=8, progress=False)
    assert answer["id"] == rows.ids[7] and answer["columns"]["label"] is not None
    assert [each["id"] for each in answer["neighbours"]] == list(wanted.ids)
    assert [each["distance"] for each in answer["neighbours"]] == pytest.approx(wanted.distances)


def test_a_filter_is_bits(opened: Studio) -> None:
    rows = opened.session.rows
    asked = [
        {"column": "label", "test": "=", "value": 3},
        {"column": "brightness", "test": "<", "value": 0.5},
        {"column": "odd", "test": "=", "value": "true"},
    ]
    found = columns(opened.tell("/api/map/passing", conditions=asked).content)
    bits = np.unpackbits(found["bits"], bitorder="little")[:300].astype(bool)
    known = {name: np.asarray(values.tolist()) for name, values in rows.columns.items()}
    digit = known["label"].astype(float)
    wanted = (digit == 3) & (known["brightness"] < 0.5) & known["odd"]
    assert 0 < wanted.sum() == found["count"] and (bits == wanted).all()
    every = columns(opened.tell("/api/map/passing").content)
    assert every["count"] == 300


@pytest.mark.parametrize(
    "condition",
    [
        {"column": "digit) OR (1", "test": "=", "value": 1},
        {"column": "thumbnail", "test": "known"},
        {"column": "label", "test": "= 1 OR 1 =", "value": 1},
        {"column": "brightness", "test": "<", "value": "1 OR true"},
        {"column": "odd", "test": "<", "value": True},
    ],
)
def test_no_filter_of_a_page_s_own_words(opened: Studio, condition: dict[str, Any]) -> None:
    answer = opened.tell("/api/map/passing", conditions=[condition])
    assert 400 <= answer.status_code < 500 and answer.json()["message"]


def test_a_morph_is_decoded_between_two_codes(opened: Studio) -> None:
    rows, model = opened.session.rows, opened.session.model
    found = columns(opened.tell("/api/map/morph", first=3, last=200, frames=5).content)
    assert found["frames"].shape == (5, 8, 8, 4) and found["first"] == rows.ids[3]
    codes = torch.from_numpy(rows.codes[[3, 200]].copy())
    way = linear(codes[0], codes[1], torch.linspace(0, 1, 5))
    wanted = (decoder(model)(way) * 255).round().byte()[:, 0].numpy()
    assert np.abs(found["frames"][..., 0].astype(int) - wanted).max() <= 1
    assert (found["frames"][..., 3] == 255).all()
    assert (found["fade"][0] == found["frames"][0]).all()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/map/points?key=old", 409),
        ("/api/map/points", 422),
        ("/api/map/points?layout=umap&key=KEY", 422),
        ("/api/map/colours?column=none&key=KEY", 400),
        ("/api/map/rows/300?key=KEY", 400),
        ("/api/map/rows/-1?key=KEY", 400),
        ("/api/map/rows/x?key=KEY", 422),
        ("/api/pictures/300?key=KEY", 400),
        ("/api/uploads/none", 422),
    ],
)
def test_what_cannot_be_answered_is_a_sentence(opened: Studio, path: str, status: int) -> None:
    answer = opened.client.get(path.replace("KEY", opened.key))
    assert answer.status_code == status
    message = answer.json()["message"]
    assert len(message) > 10 and "Traceback" not in message and "/tmp" not in message


def test_what_is_under_the_pointer_is_decoded(opened: Studio) -> None:
    frames = columns(opened.ask("/api/map/rows/5/decoded").content)["frames"]
    session = opened.session
    code = torch.from_numpy(session.rows.codes[5:6].copy()).reshape(1, *session.model.code_shape)
    made = (session.model.decode(code).clamp(0, 1) * 255).round().byte()
    assert frames.shape == (1, 8, 8, 4) and np.array_equal(frames[0, :, :, 0], made[0, 0].numpy())
    assert opened.ask("/api/map/rows/300/decoded").status_code == 400
