"""Restored pictures, scores and files are those of the verbs; what cannot be done is a sentence."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking import Studio
from PIL import Image
from test_search import digit, png

import narrows as nw
from narrows.studio.restore import KEPT
from narrows.studio.share import small


@pytest.fixture(scope="module")
def upload(opened: Studio, digits: nw.images.Images) -> str:
    answer = opened.client.post("/api/uploads", content=digit(digits, 350))
    return str(answer.json()["upload"])


@pytest.fixture(scope="module")
def file(digits: nw.images.Images, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("restored") / "a.png"
    path.write_bytes(digit(digits, 350))
    return path


def done(opened: Studio, **task: Any) -> dict[str, Any]:
    answer = opened.client.post("/api/restore", json=task)
    assert answer.status_code == 200, answer.text
    job = opened.session.jobs.wait(answer.json()["job"])
    assert job.state == "done", job.message
    id_ = answer.json()["id"]
    return {"id": id_, **opened.client.get(f"/api/restore/{id_}").json()}


def pixels(opened: Studio, path: str) -> np.ndarray:
    answer = opened.client.get(path)
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("L"))


def test_denoised_as_the_verb_denoises(opened: Studio, upload: str, file: Path) -> None:
    found = done(opened, upload=upload, verb="denoise", noise="gaussian", amount=0.2)
    rows = opened.session.rows
    wanted = nw.denoise(
        opened.session.model,
        file,
        noise="gaussian 0.2",
        fit_on=small(opened.session, rows, rows.ids),
    )
    group = wanted.groups[0]
    assert "PCA-Wiener" in group.others  # the linear baseline, beside the filters
    assert [one["name"] for one in found["methods"]] == [
        "noisy", "model", *group.others, "original",
    ]  # fmt: skip
    scores = group.scores()
    assert found["methods"][1]["psnr"] == pytest.approx(float(scores["model"]["psnr"][0]))
    assert found["whole"] is None and (found["width"], found["height"]) == (8, 8)
    shown = pixels(opened, f"/api/restore/{found['id']}/pictures/1")
    assert np.array_equal(shown, wanted.outputs[0][0].numpy())
    assert np.array_equal(pixels(opened, f"/api/restore/{found['id']}/file"), shown)
    assert any("none for noise" in note for note in found["notes"])
    assert str(opened.session.temporary("x").parent) not in str(found) and upload not in str(found)


def test_what_is_painted_is_filled_and_nothing_else(
    opened: Studio, upload: str, file: Path
) -> None:
    white = np.zeros((8, 8), np.uint8)
    white[2:5, 3:6] = 255
    mask = opened.client.post("/api/uploads", content=png(white)).json()["upload"]
    found = done(opened, upload=upload, verb="inpaint", mask=mask, score=True)
    wanted = nw.inpaint(opened.session.model, file, mask=white > 0, score=True)
    shown = pixels(opened, f"/api/restore/{found['id']}/file")
    assert np.array_equal(shown, wanted.outputs[0][0].numpy())
    given = np.asarray(Image.open(file))
    assert np.array_equal(shown[white == 0], given[white == 0])
    assert found["methods"][0]["name"] == "with its hole" and found["score"] == "PSNR in the hole"


def test_enlarged_by_lanczos_as_the_verb_does(opened: Studio, upload: str, file: Path) -> None:
    found = done(opened, upload=upload, verb="upscale", factor=2, by="lanczos")
    wanted = nw.upscale(opened.session.model, file, factor=2, by="lanczos")
    assert (found["width"], found["height"]) == (16, 16)
    shown = pixels(opened, f"/api/restore/{found['id']}/file")
    assert np.array_equal(shown, wanted.outputs[0][0].numpy())


def test_what_a_model_cannot_do_the_library_says(opened: Studio) -> None:
    content = png(np.full((20, 30), 90, np.uint8))
    upload = opened.client.post("/api/uploads", content=content).json()["upload"]
    for task, told in (
        ({"verb": "denoise"}, "whole pictures of 8×8"),
        ({"verb": "inpaint"}, "paint over"),
    ):
        job = opened.client.post("/api/restore", json={"upload": upload, **task}).json()["job"]
        failed = opened.session.jobs.wait(job)
        assert failed.state == "failed" and told in failed.message
        assert upload not in failed.message


def test_a_rows_picture_is_taken(opened: Studio) -> None:
    answer = opened.tell("/api/restore/pictures", row=4).json()
    assert answer["name"] == opened.session.rows.ids[4] and answer["width"] == 8
    assert "thumbnail" in answer["note"]  # of a set in memory there is no file
    shown = pixels_of(opened, answer["upload"])
    assert shown.shape[:2] == (8, 8)


def pixels_of(opened: Studio, upload: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(opened.client.get(f"/api/uploads/{upload}").content)))


def test_old_results_make_room(
    opened: Studio, upload: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert KEPT > 1
    monkeypatch.setattr("narrows.studio.restore.KEPT", 1)
    first = done(opened, upload=upload, verb="upscale", by="lanczos")
    done(opened, upload=upload, verb="upscale", by="lanczos")
    gone = opened.client.get(f"/api/restore/{first['id']}")
    assert gone.status_code == 422 and "not here any more" in gone.json()["message"]


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ({"verb": "sharpen"}, "denoise"),
        ({"verb": "denoise", "noise": "rain"}, "gaussian"),
        ({"verb": "denoise", "sigma": 2}, "less than or equal to 1"),
        ({"verb": "upscale", "factor": 9}, "less than or equal to 8"),
        ({"verb": "denoise", "upload": "../../etc/passwd"}, "not here any more"),
        ({"verb": "inpaint", "mask": "../../etc/passwd"}, "not here any more"),
    ],
)
def test_a_wrong_task_is_a_sentence(opened: Studio, upload: str, task: dict, told: str) -> None:
    answer = opened.client.post("/api/restore", json={"upload": upload, **task})
    assert 400 <= answer.status_code < 500 and told in answer.json()["message"]
    assert opened.client.get("/api/restore/none/pictures/0").status_code == 422
