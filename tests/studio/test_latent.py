"""Latent space: the sliders, codes and pictures are those of the library, and the socket decodes as the model does."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from asking import Studio, columns
from PIL import Image
from test_search import digit

import narrows as nw
from narrows.applications import decoder, morph_codes, traversals
from narrows.studio.latent import SOCKETS, alone

SOCKET = "ws://127.0.0.1:8642/api/latent/decode"


def rgba(pictures: torch.Tensor) -> np.ndarray:
    return (pictures.clamp(0, 1) * 255).round().byte().numpy()[:, 0]


def test_what_the_model_can_do_is_said(opened: Studio) -> None:
    about = opened.client.get("/api/latent").json()
    assert about["size"] == 6 and about["shape"] == [1, 8, 8] and about["priors"] == ["normal"]
    assert "brightness" in about["transforms"] and "label=3" in about["labels"]
    assert "odd=true" not in about["labels"] and "size" not in about["labels"]


@pytest.mark.parametrize("kind", ["axes", "units"])
def test_sliders_are_the_traversals_of_the_library(opened: Studio, kind: str) -> None:
    rows, model = opened.session.rows, opened.session.model
    answer = columns(opened.tell("/api/latent/sliders", of=kind, row=5).content)
    codes = torch.from_numpy(rows.codes)
    wanted = traversals(
        model, codes=codes, start=codes[5], steps=3, units="effect" if kind == "units" else None
    )
    assert answer["effects"] == pytest.approx(wanted.effects.tolist(), abs=1e-6)
    assert answer["effects"] == sorted(answer["effects"], reverse=True) or kind == "axes"
    assert np.array_equal(answer["start"], rows.codes[5])
    assert np.allclose(answer["steps"], wanted.steps.flatten(1))
    # the picture at the upper end is what a code there decodes to
    there = torch.from_numpy(answer["start"] + 3 * answer["steps"][0])[None]
    assert np.abs(answer["ends"][1][..., 0] - rgba(decoder(model)(there))[0].astype(int)).max() <= 1


def test_new_pictures_are_those_of_the_verb(opened: Studio) -> None:
    answer = columns(opened.client.post("/api/latent/generate", json={"n": 5, "seed": 7}).content)
    wanted = nw.generate(opened.session.model, 5, seed=7)
    assert np.array_equal(answer["codes"], wanted.codes.numpy()) and answer["prior"] == "normal"
    assert np.array_equal(answer["pictures"][..., 0], rgba(wanted.pictures))


def test_codes_of_rows_and_uploads(opened: Studio, digits: nw.images.Images) -> None:
    upload = opened.client.post("/api/uploads", content=digit(digits, 350)).json()["upload"]
    answer = columns(opened.tell("/api/latent/codes", rows=[2, 9], uploads=[upload]).content)
    session = opened.session
    assert np.array_equal(answer["codes"][:2], session.rows.codes[[2, 9]])
    own = session.model.encode(digits.select([350])).z.flatten(1)
    assert np.allclose(answer["codes"][2], own[0], atol=0.02)  # a PNG has 8 bits


def test_the_socket_decodes_what_the_model_decodes(opened: Studio) -> None:
    codes = opened.session.rows.codes[:3]
    wanted = decoder(opened.session.model)(torch.from_numpy(codes.copy()))
    with opened.client.websocket_connect(SOCKET) as socket:
        for code, picture in zip(codes, wanted, strict=True):
            socket.send_bytes(np.asarray(code, "<f4").tobytes())
            got = np.frombuffer(socket.receive_bytes(), np.uint8).reshape(8, 8, 1)
            assert np.array_equal(got[..., 0], rgba(picture[None])[0])
        for wrong in (b"", b"1234", bytes(25), np.full(6, np.nan, "<f4").tobytes()):
            socket.send_bytes(wrong)
            assert "code" in socket.receive_json()["message"]
        socket.send_text("no code")
        assert "6 numbers of 4 bytes" in socket.receive_json()["message"]


def test_a_hand_waits_for_no_other_thread() -> None:
    def count() -> int:
        with ThreadPoolExecutor(1) as other:
            return other.submit(torch.get_num_threads).result()

    before = torch.get_num_threads(), count()
    with ThreadPoolExecutor(1, initializer=alone) as hand:
        assert hand.submit(torch.get_num_threads).result() == 1
        assert (torch.get_num_threads(), count()) == before


def test_no_more_pages_decode_than_is_said(opened: Studio) -> None:
    sockets = [opened.client.websocket_connect(SOCKET) for _ in range(SOCKETS)]
    try:
        for one in sockets:
            one.__enter__()
        with opened.client.websocket_connect(SOCKET) as another:
            assert "decode already" in another.receive_json()["message"]
    finally:
        for one in sockets:
            one.__exit__(None, None, None)
    with opened.client.websocket_connect(SOCKET) as socket:
        socket.send_bytes(bytes(24))
        assert len(socket.receive_bytes()) == 64


def test_pictures_that_nobody_names_are_missed_in_a_sentence(opened: Studio) -> None:
    answer = opened.tell("/api/latent/steer", by="brightness")  # both were made in memory
    assert answer.status_code == 400 and "where its pictures are" in answer.json()["message"]


def test_what_steering_changes_is_told(
    opened: Studio, digits: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = digits.select(range(200))
    monkeypatch.setattr("narrows.studio.latent._learnt_from", lambda session, by: some)
    answer = opened.tell("/api/latent/steer", by="zoom")
    assert answer.status_code == 202
    assert opened.session.jobs.wait(answer.json()["job"]).state == "done"
    told = columns(opened.tell("/api/latent/steer", by="zoom").content)
    wanted = nw.steer(opened.session.model, some, by="zoom", fit_on=some, limit=1)
    assert [one["attribute"] for one in told["effects"]] == [e.attribute for e in wanted.effects]
    assert told["effects"][0]["change"] == pytest.approx(wanted.effects[0].change)
    assert np.allclose(told["matrix"], wanted.steering.matrix)
    assert np.allclose(told["vector"], wanted.steering.vector)


def test_the_animation_is_the_librarys(opened: Studio, tmp_path: Any) -> None:
    codes = opened.session.rows.codes[[3, 8]].astype("<f4")
    answer = opened.client.post("/api/latent/film?frames=7", content=codes.tobytes())
    assert answer.headers["content-type"] == "image/webp"
    decode = decoder(opened.session.model)
    z = torch.from_numpy(codes.copy())
    morph_codes(decode, z, decode(z), frames=7).save(tmp_path / "a.webp")
    assert answer.content == (tmp_path / "a.webp").read_bytes()
    assert Image.open(io.BytesIO(answer.content)).n_frames == 12  # there and back


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("sliders", {"of": "all"}, "axes"),
        ("sliders", {"row": 300}, "no picture number 300"),
        ("sliders", {"key": "other"}, "has changed"),
        ("generate", {"n": 0}, "greater than or equal to 1"),
        ("generate", {"prior": "flwo"}, "flwo"),
        ("codes", {}, "name pictures"),
        ("codes", {"uploads": ["../../etc/passwd"]}, "not here any more"),
        ("steer", {"by": ""}, "at least 1 character"),
    ],
)
def test_a_wrong_question_is_a_sentence(opened: Studio, path: str, body: dict, told: str) -> None:
    answer = opened.client.post(f"/api/latent/{path}", json={"key": opened.key, **body})
    assert 400 <= answer.status_code < 500
    assert told in answer.json()["message"]


@pytest.mark.parametrize("content", [b"", b"abc", bytes(24), bytes(24 * 17)])
def test_a_film_of_nothing_is_refused(opened: Studio, content: bytes) -> None:
    answer = opened.client.post("/api/latent/film", content=content)
    assert answer.status_code == 400 and "code" in json.loads(answer.content)["message"]
