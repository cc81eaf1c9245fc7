"""What a lesson shows, against the model and the codes themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from asking import Studio, columns
from test_search import digit

import narrows as nw
from narrows.applications import by_first_numbers, decoder, morph_codes, unit_effects, usualness
from narrows.measures import psnr


def test_the_plane_is_of_the_two_numbers_that_change_most(opened: Studio) -> None:
    found = columns(opened.tell("/api/lesson/plane").content)
    codes = torch.from_numpy(opened.session.rows.codes.copy())
    effects = unit_effects(decoder(opened.session.model), codes)
    assert found["units"] == effects.argsort(descending=True)[:2].tolist() and found["size"] == 6
    for axis, unit in enumerate(found["units"]):
        assert np.flatnonzero(found["steps"][axis]).tolist() == [unit]
        size = found["steps"][axis][unit]
        assert size == pytest.approx(float(codes[:, unit].std(correction=0)), rel=1e-5)
        back = found["start"][unit] + size * found["points"][:, axis]
        assert np.allclose(back, codes[:, unit], atol=1e-5)  # each at its own code
    labels = opened.session.rows.columns["label"].tolist()
    assert [found["names"][i] for i in found["which"]] == [str(int(float(v))) for v in labels]
    other = columns(opened.tell("/api/lesson/plane", units=[4, 1], row=7).content)
    assert other["units"] == [4, 1] and np.array_equal(other["start"], codes[7])
    assert np.abs(other["points"][7]).max() == 0


def test_with_every_number_it_is_the_reconstruction(opened: Studio, digits: Any) -> None:
    upload = opened.client.post("/api/uploads", content=digit(digits, 350)).json()["upload"]
    found = columns(opened.tell("/api/lesson/numbers", upload=upload).content)
    assert found["counts"] == [1, 2, 3, 4, 5, 6] and sorted(found["order"]) == list(range(6))
    whole = opened.session.model.reconstruct(digits.select([350])).clamp(0, 1)
    assert np.abs(found["pictures"][-1][..., 0] / 255 - whole[0, 0].numpy()).max() < 0.02
    given = digits.select([350]).batch(torch.arange(1))
    assert found["psnr"][-1] == pytest.approx(float(psnr(given, whole)[0]), abs=0.3)
    assert found["psnr"][-1] > found["psnr"][0]
    assert len(columns(opened.tell("/api/lesson/numbers", row=3).content)["pictures"]) == 6


def test_numbers_that_are_not_known_are_those_of_the_mean() -> None:
    def decode(z: torch.Tensor) -> torch.Tensor:
        return z.reshape(-1, 1, 1, 3)

    code, mean = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([10.0, 20.0, 30.0])
    made = by_first_numbers(decode, code, mean, torch.tensor([2, 0, 1]), [0, 1, 3])
    assert made.reshape(3, 3).tolist() == [[10, 20, 30], [10, 20, 3], [1, 2, 3]]
    with pytest.raises(ValueError, match="each of the 3 numbers once"):
        by_first_numbers(decode, code, mean, torch.tensor([2, 0, 0]), [1])
    with pytest.raises(ValueError, match="0 to 3 are known"):
        by_first_numbers(decode, code, mean, torch.tensor([2, 0, 1]), [4])


def test_codes_beside_pixels(opened: Studio) -> None:
    codes = opened.session.rows.codes[[3, 8]].astype("<f4")
    found = columns(opened.client.post("/api/lesson/way?frames=5", content=codes.tobytes()).content)
    decode = decoder(opened.session.model)
    z = torch.from_numpy(codes.copy())
    made = morph_codes(decode, z, decode(z), frames=5)
    for name, wanted in (("frames", made.frames), ("fade", made.fade)):
        assert np.abs(found[name][..., 0] / 255 - wanted[:, 0].numpy()).max() < 0.003
    assert opened.client.post("/api/lesson/way", content=codes[:1].tobytes()).status_code == 400


def test_p_values_of_usual_codes_are_even_and_of_others_small() -> None:
    draw = np.random.default_rng(0)
    codes = draw.normal(size=(1000, 4))
    usual = usualness(codes, draw.normal(size=(500, 4)))
    assert usual.others == 500
    assert 0.06 < (usual.p_values <= 0.1).mean() < 0.14
    far = usualness(codes, draw.normal(size=(20, 4)) + 9)
    assert (far.p_values == 1 / 501).all() and far.scores.min() > usual.scores.max()
    with pytest.raises(ValueError, match="at least 40 pictures; we got 39"):
        usualness(codes[:39], codes[:1])
    with pytest.raises(ValueError, match="codes of 4 numbers; we got ones of 3"):
        usualness(codes, codes[:, :3])


def test_a_drawing_is_judged_among_the_pictures(opened: Studio, digits: nw.images.Images) -> None:
    draw = torch.Generator().manual_seed(0)
    board = nw.images.Images(torch.randint(0, 256, (1, 1, 8, 8), generator=draw, dtype=torch.uint8))

    def told(content: bytes) -> dict[str, Any]:
        upload = opened.client.post("/api/uploads", content=content).json()["upload"]
        return opened.tell("/api/lesson/usual", upload=upload).json()

    usual, noise = told(digit(digits, 20)), told(digit(board, 0))
    assert usual["nearest"][0]["row"] == opened.session.rows.row_of("20")
    assert usual["p"] > noise["p"] and usual["score"] < noise["score"] and usual["others"] == 150


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("plane", {"units": [1, 1]}, "two different numbers"),
        ("plane", {"units": [1, 99]}, "units 0 to 5; we got 99"),
        ("plane", {"row": 300}, "no picture number 300"),
        ("plane", {"key": "other"}, "has changed"),
        ("numbers", {}, "name a picture"),
        ("usual", {"upload": "0" * 24}, "not here any more"),
    ],
)
def test_a_wrong_question_is_a_sentence(opened: Studio, path: str, body: dict, told: str) -> None:
    answer = opened.client.post(f"/api/lesson/{path}", json={"key": opened.key, **body})
    assert 400 <= answer.status_code < 500 and told in answer.json()["message"]
