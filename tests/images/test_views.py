"""Sources made of other sources keep what is known of the items; pictures are items of a list."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import narrows as nw
from narrows.images import Images, Items, Labelled, Mapped, Source, Subset, known_factors, split
from narrows.images.corruptions import Chain, Flip, Light
from narrows.images.labels import known_labels
from narrows.images.views import Mirrored, Viewed

PIXELS = torch.randint(256, (9, 3, 4, 5), generator=torch.Generator().manual_seed(0)).byte()
UNIT = PIXELS.float() * (1 / 255)


def images() -> Images:
    names = [f"{i}.png" for i in range(9)]
    labels = {"kind": np.array(list("abcabcabc")), "size": np.arange(9)}
    groups = np.array([0, 0, 1, 1, 2, 2, 3, 3, 4])
    sides = np.array(["train"] * 6 + ["validation"] * 2 + ["test"])
    return Images(PIXELS, names, labels, {"note": np.arange(9) + 10}, groups, sides)


def test_a_subset_of_a_subset_knows_its_items() -> None:
    whole = images()
    some = Subset(Subset(whole, [8, 1, 5, 2]), [2, 0])
    assert some.source is whole and some.indices.tolist() == [5, 8] and len(some) == 2
    chosen = whole.select([5, 8])
    assert some.ids == list(chosen.ids)
    assert some.label.tolist() == ["c", "c"] and some.groups.tolist() == [2, 4]
    assert some.split.tolist() == ["train", "test"]
    for name in ("labels", "metadata"):
        columns = getattr(some, name)
        assert {k: v.tolist() for k, v in columns.items()} == {
            k: v.tolist() for k, v in getattr(chosen, name).items()
        }
    assert known_labels(some)[0] == "kind" and known_labels(some, "note")[1].tolist() == [15, 18]
    assert torch.equal(some.batch(torch.tensor([1])), whole.batch(torch.tensor([8])))


def test_a_subset_of_what_knows_nothing_knows_nothing() -> None:
    some = Subset(Items(torch.rand(4, 2)), [1, 3])
    assert getattr(some, "labels", {}) == {} and some.label is None
    assert not hasattr(some, "anything") and isinstance(some, Source)


def test_targets_stay_with_their_inputs() -> None:
    source = Items(torch.arange(4.0)[:, None])
    source.targets = Items(10 * torch.arange(4.0)[:, None])
    targets = Subset(source, [3, 1]).targets
    assert targets.batch(torch.arange(2)).flatten().tolist() == [30, 10]


def test_factors_of_a_part_of_a_part() -> None:
    sprites = nw.images.named("sprites")
    rows = Subset(Subset(sprites, [700_000, 7, 30_000]), [2, 0])
    found = known_factors(rows)
    assert torch.equal(found.steps, sprites.factors(torch.tensor([30_000, 700_000])))


def test_labels_of_ones_own() -> None:
    own = Labelled(images(), list("xyxyxyxyx"))
    assert own.label.tolist() == list("xyxyxyxyx") and list(own.labels) == ["label"]
    assert own.groups.tolist() == images().groups.tolist()
    assert Subset(own, [1]).label.tolist() == ["y"]
    with pytest.raises(ValueError, match="a label for each of the 9 items was wanted; we got"):
        Labelled(images(), ["x"])


def test_pictures_seen_through_a_change() -> None:
    seen = Mapped(images(), lambda x, positions: x + positions[:, None, None, None])
    two = torch.tensor([3, 1])
    assert torch.equal(seen.batch(two), images().batch(two) + two[:, None, None, None])
    assert seen.ids == images().ids and seen.shape == (3, 4, 5) and len(seen) == 9


def test_parts_of_any_source_keep_their_groups_together() -> None:
    parts = split(Labelled(images(), list("xyxyxyxyx")), (0.5, 0.5, 0.0))
    assert [len(p) for p in (parts.train, parts.validation)] == [6, 2]  # the official ones
    grouped = Items(torch.rand(9, 1))
    grouped.groups = images().groups
    parts = split(grouped, (0.5, 0.5, 0.0))
    assert not set(parts.train.groups) & set(parts.validation.groups)


def test_one_picture_is_a_tensor_and_several_are_pictures() -> None:
    whole = images()
    assert torch.equal(whole[2], UNIT[2]) and torch.equal(whole[-1], UNIT[8])
    assert torch.equal(whole[np.int64(3)], whole[3])
    for which in (slice(1, 3), [1, 2], np.array([1, 2]), torch.tensor([1, 2]), whole.label == "b"):
        assert isinstance(whole[which], Images)
    assert whole[1:3].ids == ["1.png", "2.png"] and whole[whole.label == "b"].ids[1] == "4.png"
    assert torch.equal(torch.stack(list(whole)), UNIT)
    for past in (9, -10):
        with pytest.raises(IndexError, match=f"numbered 0 to 8; we got {past}"):
            _ = whole[past]


def test_torch_loads_them() -> None:
    loaded = DataLoader(images(), batch_size=4, shuffle=False)
    assert [len(x) for x in loaded] == [4, 4, 1]
    assert torch.equal(torch.cat(list(loaded)), UNIT)


def test_a_view_is_the_same_alone_and_among_others() -> None:
    viewed = Viewed(images(), Chain([Flip(), Light(0.5)]), count=20, seed=3, block=8)
    whole = viewed.batch(torch.arange(20))
    assert len(viewed) == 20 and viewed.shape == (3, 4, 5) == tuple(whole.shape[1:])
    some = torch.tensor([19, 0, 8, 7, 19])
    assert torch.equal(viewed.batch(some), whole[some])
    assert viewed.batch(torch.zeros(0, dtype=torch.int64)).shape == (0, 3, 4, 5)
    other = Viewed(images(), Chain([Flip(), Light(0.5)]), count=20, seed=4, block=8)
    assert not torch.equal(other.batch(some), whole[some])


def test_views_of_nothing_are_the_pictures_each_as_often_as_there_is_room() -> None:
    viewed = Viewed(images(), Chain([Flip(0.0), Light(0.0)]), count=20)
    found = viewed.batch(torch.arange(20))
    counts = [int((found == one).flatten(1).all(1).sum()) for one in UNIT]
    assert sorted(counts) == [2] * 7 + [3] * 2
    few = Viewed(images(), Flip(0.0), count=4).batch(torch.arange(4))
    assert len({tuple(one.flatten().tolist()) for one in few}) == 4


def test_pictures_and_then_their_mirror_images() -> None:
    found = Mirrored(images()).batch(torch.tensor([9, 0, 17]))
    assert torch.equal(found, torch.stack([UNIT[0].flip(2), UNIT[0], UNIT[8].flip(2)]))
