"""What a person knows of outliers: the score that finds most, masks of true flaws, batches, a report, a watched folder."""

from __future__ import annotations

import base64
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from asking import Studio, columns, of
from PIL import Image
from reviewing import reviewing

import narrows as nw
from narrows.applications import ErrorMaps, cross_validated_scores, queue_page
from narrows.images.read import fit_pixels
from narrows.measures.detection import localisation
from narrows.studio import masks, studio
from narrows.studio.outliers import JOB
from narrows.studio.watch import Watch


@pytest.fixture(scope="module")
def room(
    digits: nw.images.Images, model_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Studio]:
    """A studio of 96 files, among all of which outliers have been looked for."""
    with reviewing(digits, model_folder, tmp_path_factory.mktemp("found")) as made:
        made.put("/api/outliers")
        assert made.session.jobs.wait(JOB).state == "done"
        yield made


def last(room: Studio) -> Any:
    return room.session.kept["outliers"][-1]


def test_how_many_verdicts_it_takes_is_said(room: Studio) -> None:
    found = room.ask("/api/outliers/choice").json()
    assert found["rows"] == [] and found["enough"] == 5
    assert found["why"] == "A score is chosen by at least 5 confirmed anomalies; there are 0"


def test_the_choice_is_that_of_the_library(room: Studio) -> None:
    queue = columns(room.ask("/api/outliers").content)["rows"].tolist()
    yes, no = queue[:6], queue[40:52]
    room.put("/api/outliers/verdicts", rows=yes, verdict="anomaly")
    room.put("/api/outliers/verdicts", rows=no, verdict="normal")
    found = room.ask("/api/outliers/choice", rate=0.1).json()
    result, ids = last(room).result, room.session.rows.ids
    judged = [str(id_) for id_ in result.judged.images.ids]
    anomalies = [ids[row] for row in yes]
    usual = [i for i, id_ in enumerate(judged) if id_ not in anomalies]
    mine = [i for i, id_ in enumerate(result.ids) if id_ in anomalies
            or id_ in {ids[row] for row in no} - set(judged)]  # fmt: skip
    wanted = cross_validated_scores(
        {name: values[usual] for name, values in result.normal.items()},
        {name: values[mine] for name, values in result.scores.items()},
        [result.ids[i] in anomalies for i in mine],
        rate=0.1,
    ).document()
    assert found["rows"] == wanted["rows"] and found["selected"] == wanted["selected"]
    assert found["anomalies"] == 6 and {one["name"] for one in found["rows"]} == set(result.whole)
    taken = columns(room.ask("/api/outliers", score=found["rows"][0]["name"], rate=0.1).content)
    assert taken["by"] == found["rows"][0]["name"] and "0.1" in taken["rule"]
    room.put("/api/outliers/verdicts", rows=[*yes, *no], verdict=None)
    assert room.ask("/api/outliers/choice", rate=1.5).status_code == 422
    assert room.ask("/api/outliers/choice", column="none").status_code == 400


# ---- masks ---------------------------------------------------------------------------------------


def bits(mask: np.ndarray) -> str:
    return base64.b64encode(np.packbits(mask.ravel(), bitorder="little").tobytes()).decode()


def test_a_mask_is_kept_beside_the_collection_and_taken_away_again(room: Studio) -> None:
    row = int(columns(room.ask("/api/outliers").content)["rows"][0])
    mask = np.zeros((8, 8), bool)
    mask[2:5, 3:6] = True
    assert room.put(f"/api/outliers/masks/{row}", bits=bits(mask)).json() == {"kept": True}
    (kept,) = (Path(room.session.collection.address) / "masks").iterdir()
    with Image.open(kept) as image:  # of the picture, not of the model's view of 8 × 8
        assert image.size in ((32, 32), (64, 64)) and set(np.unique(image)) == {0, 255}
    seen = columns(room.ask(f"/api/outliers/seen/{row}").content)
    assert np.array_equal(seen["mask"], mask)
    result = last(room).result
    x = result.images.batch(torch.tensor([list(result.ids).index(room.session.rows.ids[row])]))
    maps = ErrorMaps.of(room.session.model, result.judged.images)
    wanted = localisation(maps.errors(x)[0], mask, maps.usual)
    assert seen["pixels"] == pytest.approx(vars(wanted))
    assert room.ask("/api/outliers/masks").json()["rows"] == [row]
    assert room.ask("/api/outliers/masks").json()["pixels"] == pytest.approx(vars(wanted))
    nw.collection.Collection.open(room.session.collection.address)  # it is whole with masks in it
    assert room.put(f"/api/outliers/masks/{row}", bits=None).json() == {"kept": False}
    assert not kept.exists() and room.ask("/api/outliers/masks").json()["rows"] == []
    for odd in ("", "AAAA", "no base64!"):
        answer = room.put(f"/api/outliers/masks/{row}", bits=odd)
        assert answer.status_code == 400 and "8 × 8 bits" in answer.json()["message"]
    assert room.put("/api/outliers/masks/9999", bits=None).status_code == 400


@pytest.mark.parametrize("size", [(60, 90), (90, 60), (40, 40), (2000, 1500)])
@pytest.mark.parametrize("how", [("crop", None), ("pad", None), ("stretch", None), ("crop", 30)])
def test_a_mask_comes_back_as_it_was_painted(size: tuple[int, int], how: Any) -> None:
    fit, centre = how
    made = nw.images.Preprocessing((1, 16, 20), fit, centre)
    picture = torch.zeros(1, 1, *size, dtype=torch.uint8) + 255
    view = fit_pixels(picture, made.wanted)[0, 0].numpy() > 0  # what of the view is picture
    mask = np.zeros((16, 20), bool)
    mask[5:11, 6:13] = True
    whole = masks.onto_picture(mask & view, made, size)
    assert max(whole.shape) == min(1024, max(size))
    back = masks.in_view(whole, made, size)
    assert (back ^ (mask & view)).sum() <= 6  # a pixel of the border at most


def test_masks_go_along_to_another_collection(room: Studio, tmp_path: Path) -> None:
    class Of:
        def __init__(self, address: str) -> None:
            self.address = address

    (tmp_path / "b").mkdir()
    first, second = Of(str(tmp_path / "a")), Of(str(tmp_path / "b"))
    (tmp_path / "a").mkdir()
    masks.write_mask(first, "x/ö.png", np.eye(4, dtype=bool))
    masks.carry(first, second)
    assert np.array_equal(masks.read_mask(second, "x/ö.png"), np.eye(4, dtype=bool))
    for path in (tmp_path / "b" / "masks").iterdir():
        path.write_bytes(b"no picture")
    assert masks.read_mask(second, "x/ö.png") is None
    with pytest.raises(nw.NarrowsError, match="at an address"):
        masks.write_mask(Of("s3://bucket/codes"), "x", np.eye(4, dtype=bool))


# ---- batches and reports -------------------------------------------------------------------------


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def test_a_batch_is_judged_by_what_was_found(room: Studio) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (32, 32)).astype(np.uint8)
    known = Path(room.session.collection.rows(["path"], ids=[room.session.rows.ids[5]])["path"][0])
    sent = [
        room.client.post("/api/uploads", content=content).json()["upload"]
        for content in (png(noise), known.read_bytes())
    ]
    found = columns(room.tell("/api/outliers/batch", uploads=sent).content)
    result = last(room).result
    place = list(result.ids).index(room.session.rows.ids[5])
    assert found["scores"][1] == pytest.approx(result.scores[result.by][place])
    assert found["p"][1] == pytest.approx(result.p_values[place])
    assert found["scores"][0] > result.threshold and found["hot"].shape == (2, 8, 8, 4)
    other = columns(room.tell("/api/outliers/batch", uploads=sent, score="cosine-knn").content)
    assert other["by"] == "cosine-knn" and other["scores"][0] != found["scores"][0]
    assert room.tell("/api/outliers/batch", uploads=sent, score="none").status_code == 400
    assert room.tell("/api/outliers/batch", uploads=["gone"]).status_code == 422
    assert len(room.session.rows) == 96  # nothing is kept


def test_a_report_has_the_queue_with_its_heat(room: Studio) -> None:
    queue = columns(room.ask("/api/outliers").content)["rows"]
    rows = [int(row) for row in queue[:3]]
    sheet = columns(room.tell("/api/outliers/sheet", rows=rows).content)
    seen = columns(room.ask(f"/api/outliers/seen/{rows[1]}").content)["frames"]
    assert np.array_equal(sheet["hot"][1], seen[2]) and np.array_equal(sheet["given"][1], seen[0])
    assert sheet["ids"] == [room.session.rows.ids[row] for row in rows]
    room.put("/api/outliers/verdicts", rows=rows[:2], verdict="anomaly")
    room.put("/api/outliers/verdicts", rows=rows[2:], verdict="normal")
    threshold = float(last(room).result.scores["mean-rank"].min()) - 1
    answer = room.tell("/api/share", what="queue", threshold=threshold).json()
    assert room.session.jobs.wait(answer["job"]).state == "done"
    page = room.client.get("/api/share/file", params={"name": answer["file"]}).text
    assert "precision 66.7%, recall 100.0%" in page and "96 of 96" in page
    assert page.count("data:image/png;base64,") == 61 and sheet["ids"][0] in page
    assert 'src="http' not in page and "@media print" in page
    room.put("/api/outliers/verdicts", rows=rows, verdict=None)
    with pytest.raises(ValueError, match="there is no score 'x'"):
        queue_page(last(room).result, score="x")


# ---- watching ------------------------------------------------------------------------------------


@pytest.fixture
def watched(
    digits: nw.images.Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Studio]:
    from reviewing import folder_of

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NARROWS_CACHE", str(tmp_path / "narrows"))
    monkeypatch.setattr("narrows.studio.watch.EVERY", 1e9)  # looked at by hand
    pictures = folder_of(digits, tmp_path / "Teile", 60)
    made = of(studio(pictures, cache=tmp_path / "cache", watch=True))
    yield made
    made.session.close()


def test_pictures_that_come_are_indexed_and_scored(watched: Studio) -> None:
    session = watched.session
    assert session.document()["watches"] is True and session.document()["came"] is None
    watched.put("/api/outliers")
    assert session.jobs.wait(JOB).state == "done"
    watched.put("/api/outliers/verdicts", rows=[3], verdict="anomaly")
    watch = Watch(session)
    watch._known = watch._files()
    assert not watch.look() and not watch.look()
    folder = Path(session.subject)
    noise = np.random.default_rng(0).integers(0, 255, (32, 32)).astype(np.uint8)
    (folder / "neu 1.png").write_bytes(png(noise))
    shutil.copy(folder / "größe 010.png", folder / "neu 2.png")
    (folder / "neu 3.png").write_bytes(png(noise)[:200])  # still being copied
    assert not watch.look()  # it may still be written to
    assert watch.look() and session.jobs.wait("watching").state == "done"
    assert session.came["said"] == "2 new pictures, 1 above the threshold"
    assert watched.client.get("/api/state").json()["came"]["count"] == 2
    rows = session.rows
    assert len(rows) == 68 and {"neu 1.png", "neu 2.png"} <= set(rows.ids)
    now = watched._replace(key=rows.key)
    queue = columns(now.ask("/api/outliers").content)
    came = [rows.ids[r] for r, new in zip(queue["rows"], queue["came"], strict=True) if new]
    assert sorted(came) == ["neu 1.png", "neu 2.png"] and rows.ids[queue["rows"][0]] == "neu 1.png"
    assert rows.columns["score_mean-rank"][rows.row_of("neu 1.png")] == queue["scores"][0]
    assert (rows.columns["verdict"] == "anomaly").sum() == 1
    # the old page is told that there are others, and nothing is taken in twice
    assert watched.ask("/api/outliers").status_code == 409
    assert not watch.look() and not watch.look()


def test_a_watch_needs_a_folder_and_may_write(
    collection_folder: Path, tmp_path: Path, opened: Studio
) -> None:
    assert opened.session.document()["watches"] is False
    made = of(studio(collection_folder, cache=tmp_path, watch=True))
    assert made.session.document()["watches"] is False  # digits lie in no folder
    made.session.close()
    shown = of(studio(collection_folder, cache=tmp_path, watch=True, read_only=True))
    assert shown.session.watch is False
    shown.session.close()
