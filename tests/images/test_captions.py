"""Captions: what is known of pictures in words, and the sentences that are made of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from narrows.images import Images, Sprites, attributes, caption_words, captions, named, worded
from narrows.images.views import Subset


def pictures(n: int, name: str = "", **labels: object) -> Images:
    return Images(np.zeros((n, 1, 8, 8), np.uint8), labels=labels, name=name)


def test_the_factors_of_sprites_in_words() -> None:
    sprites = Sprites()
    steps = [[2, 0, 0, 3, 4], [0, 5, 7, 16, 15], [1, 2, 39, 15, 16], [2, 3, 10, 31, 31]]
    found = attributes(Subset(sprites, sprites.index(steps)))
    assert found["shape"].tolist() == ["heart", "square", "ellipse", "heart"]
    assert found["size"].tolist() == ["small", "large", "medium", "medium"]
    assert found["vertical"].tolist() == ["top", "top", "bottom", "bottom"]
    assert found["horizontal"].tolist() == ["left", "right", "left", "right"]
    assert found["direction"].tolist() == ["down", "", "", "left"]


def test_a_heart_points_where_its_tip_is() -> None:
    sprites = Sprites()
    hearts = sprites.index([[2, 5, turn, 16, 16] for turn in (0, 10, 20, 30)])
    said = attributes(Subset(sprites, hearts))["direction"].tolist()
    assert sorted(said) == ["down", "left", "right", "up"]
    quarters = {"down": 0, "left": 1, "up": 2, "right": 3}  # clockwise from upright
    for picture, way in zip(sprites.batch(hearts)[:, 0], said, strict=True):
        upright = torch.rot90(picture, quarters[way])
        wide = upright.sum(1)[upright.sum(1) > 0]
        assert wide[-1] < wide[0], way  # one tip below two lobes


def test_drawn_sprites_and_the_whole_of_them_say_the_same() -> None:
    drawn = Sprites().sample(20, seed=3)
    rows = torch.tensor([int(name) for name in drawn.ids])
    whole = attributes(Subset(Sprites(), rows))
    for name, column in attributes(drawn).items():
        assert column.tolist() == whole[name].tolist()
    some = attributes(Subset(Subset(Sprites(), rows), [4, 2]))
    assert some["shape"].tolist() == [whole["shape"][4], whole["shape"][2]]


def test_labels_in_words() -> None:
    assert attributes(named("digits").select([3, 7]))["digit"].tolist() == ["three", "seven"]
    clothes = pictures(2, "fashion_mnist", label=[0, 9])
    assert attributes(clothes)["article"].tolist() == ["t-shirt", "ankle boot"]
    faces = pictures(2, hair=["red", ""], eyes=["blue", "green"])
    assert attributes(faces)["hair"].tolist() == ["red", ""]
    assert attributes(pictures(2, kind=["cat", "nan"]))["label"].tolist() == ["cat", "nan"]
    assert attributes(pictures(2, age=[3.0, np.nan]))["label"].tolist() == ["3", ""]


def test_what_is_not_known_is_not_said() -> None:
    faces = pictures(1, hair=[""], eyes=["green"])
    assert set(captions(faces, 20)[0]) == {"green eyes"}
    assert captions(pictures(2, kind=["cat", ""]), 3)[1] == ("", "", "")


def test_wordings_vary_and_are_those_of_the_seed() -> None:
    digits = named("digits").select(range(40))
    found = captions(digits, 6, seed=1)
    assert [len(each) for each in found] == [6] * 40
    assert found == captions(digits, 6, seed=1) != captions(digits, 6, seed=2)
    assert {"a seven", "the digit 7", "seven"} <= {
        text for i in (7, 17, 27) for text in found[i]
    } | {worded({"digit": "seven"}, [a, b]) for a in range(6) for b in range(2)}
    assert all("seven" in text or "7" in text for text in found[7])


def test_a_full_caption_says_everything() -> None:
    known = {"shape": "ellipse", "size": "small", "vertical": "top", "horizontal": "left"}
    every = {
        worded(known, [a, b, c, d, e], full=True)
        for a in range(13)
        for b in range(3)
        for c in range(3)
        for d in range(3)
        for e in range(3)
    }
    assert "a small ellipse at the top left" in every
    for text in every:
        words = set(caption_words(text))
        assert "ellipse" in words and "left" in words
        assert words & {"small", "little"} and words & {"top", "upper"}
    partial = {worded(known, [a, 0, 0, 0, 0]) for a in range(13)}
    assert "an ellipse" in partial and not any("pointing" in text for text in every | partial)


def test_articles() -> None:
    said = {
        worded({"digit": name}, [1, roll]) for name in ("one", "eight", "two") for roll in (0, 1)
    }
    assert said == {"a one", "a 1", "an eight", "an 8", "a two", "a 2"}


def test_own_captions_stand_for_themselves() -> None:
    own = pictures(2, kind=["a", "b"], caption=["My cat, Tom", "a dog"])
    assert captions(own, 5) == [("My cat, Tom",), ("a dog",)]
    assert captions(Subset(own, [1])) == [("a dog",)]


def test_the_words_of_a_caption() -> None:
    assert caption_words("The T-Shirt, “Ｔｏｐ” left!") == ["the", "t-shirt", "top", "left"]
    assert caption_words(" …!?") == []


def test_pictures_of_which_nothing_is_known() -> None:
    for source in (pictures(2), torch.zeros(2, 1, 8, 8)):
        with pytest.raises(
            ValueError, match="captions are made of labels, and these pictures have none"
        ):
            captions(source)
    with pytest.raises(ValueError, match="at least 1 wording; we got 0"):
        captions(named("digits"), 0)
