"""What the demo shows: pictures that differ, alternatives that are given their best, nothing worse."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

import narrows as nw
from narrows.applications import exhibits
from narrows.applications.demo import demo
from narrows.figures import Section


@pytest.fixture(scope="module")
def some(digits: nw.images.Images) -> nw.images.Images:
    return digits.select(np.arange(len(digits)) < 160)


def test_medoids_are_one_of_each_kind() -> None:
    draw = torch.Generator().manual_seed(0)
    kinds = torch.rand((3, 1, 8, 8), generator=draw)[[0] * 9 + [1] * 6 + [2] * 3]
    near = kinds + 0.02 * torch.rand(kinds.shape, generator=draw)
    images = nw.images.Images((near / 1.02 * 255).round().byte())
    found = exhibits.medoids(images, 3)
    assert [sum(i >= edge for edge in (9, 15)) for i in found] == [0, 1, 2]  # the largest first
    assert exhibits.medoids(images, 3) == found
    assert exhibits.medoids(images, 40) == list(range(18))


def test_an_exhibit_is_better_or_not_or_has_no_rival() -> None:
    one = exhibits.Exhibit("x", Section(), 2.0, 1.0, "y", "dB")
    assert one.better is True and one.verdict() == "x: 2 dB, y 1 dB"
    assert dataclasses.replace(one, other=2.0).better is False
    assert dataclasses.replace(one, other=None).better is None


def test_pairs_of_copies_are_counted_and_those_of_the_pictures_are_not() -> None:
    measure = exhibits._f_measure
    assert measure({(0, 10), (1, 11)}, 10, 2) == 1
    assert measure({(0, 10), (3, 4)}, 10, 2) == pytest.approx(2 / 3)  # one found, one missed
    assert measure({(0, 10), (1, 11), (5, 11)}, 10, 2) == pytest.approx(0.8)
    assert measure(set(), 10, 2) == 0


def test_a_hash_survives_what_it_is_known_to_survive(some: nw.images.Images) -> None:
    pixels = (some.batch(torch.arange(40)) * 255).round().byte()
    plain = exhibits._hashes(pixels)
    darker = exhibits._hashes((pixels.float() * 0.8).round().byte())
    assert plain.shape == (40, 64)
    assert (plain != darker).sum(1).mean() < 4 < (plain[:20] != plain[20:]).sum(1).mean()


def test_the_sheet_of_a_format_keeps_to_the_budget(some: nw.images.Images) -> None:
    pixels = (some.batch(torch.arange(50)) * 255).round().byte()
    size, reached = exhibits._sheet_at(pixels, "JPEG", 20.0)
    large, better = exhibits._sheet_at(pixels, "JPEG", 1000.0)
    assert size <= 21 < large and reached < better
    smallest, _ = exhibits._sheet_at(pixels, "JPEG", 0.1)
    assert smallest <= size


@pytest.fixture(scope="module")
def shown(some: nw.images.Images, tmp_path_factory: pytest.TempPathFactory):
    """A demo of pictures in memory, with little of everything."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(exhibits, "JUDGED", 6)
        patched.setattr(exhibits, "HIDDEN", 8)
        patched.setattr(exhibits, "FRAMES", 2)
        patched.setattr(exhibits, "STEPS", 2)
        patched.setattr(exhibits, "TABLES", 4000)
        return demo(some, folder, epochs=1, report="quiet", next_commands=["narrows demo X"])


def test_a_demo_shows_what_is_better_and_names_what_is_not(shown) -> None:
    page = shown.page.read_text(encoding="utf-8")
    names = {each.name for each in shown.exhibits} | {name for name, _ in shown.missing}
    assert names == {
        "mending a hole", "a plane of codes", "a map", "finding copies", "a morph", "a few bytes",
    }  # fmt: skip
    worse = [each for each in shown.exhibits if each.better is False]
    assert worse  # after one epoch PCA is better
    for each in shown.exhibits:
        assert (f"<h2>{each.section.heading}</h2>" in page) == (each.better is not False)
    assert all(each.verdict() in page.replace("&#x27;", "'") for each in worse)
    assert "narrows demo X" in page and "http" not in page.replace("http-equiv", "")


def test_its_document_holds_both_numbers_of_each(shown) -> None:
    document = json.loads(json.dumps(shown.document()))
    by_name = {row["name"]: row for row in document["exhibits"]}
    assert by_name["a few bytes"]["against"] and by_name["a few bytes"]["other"] > 5
    assert by_name["a plane of codes"]["better"] is None
    assert document["seconds"] > 0 and (shown.page.parent / "model" / "recipe.toml").exists()
