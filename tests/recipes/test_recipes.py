"""Recipes are data: their names, the numbers that their documents print, and what differs between two."""

from __future__ import annotations

import itertools

import pytest
import torch

import narrows as nw
from narrows.parts import Part, build
from narrows.recipes import adjusted, grouped, listed, recipe
from narrows.recipes.plain import fitting, rung_by_rung
from narrows.training import Recipe

DIGITS = (1, 28, 28)


def weights(made: Recipe) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in made.build().parameters())


def dense(*units: int) -> int:
    """Weights and biases of affine maps from one number of units to the next."""
    return sum(a * b + b for a, b in itertools.pairwise(units))


def differing(one: Recipe, other: Recipe) -> set[str]:
    """What two recipes have not in common, beside name and source."""
    a, b = one.document(), other.document()
    return {key for key in a if a[key] != b[key]} - {"name", "source"}


def test_each_stands_in_one_group_and_is_a_public_name() -> None:
    names = [name for makers in grouped().values() for name in makers]
    assert len(names) == len(set(names)) == len(listed())
    public = {name.replace("-", "_") for name in names}
    others = {"adjusted", "grouped", "listed", "recipe", "model_in_words", "training_in_words"}
    others |= {"REFERENCES", "bibtex", "cited"}
    assert public | others == set(nw.recipes.__all__)


@pytest.mark.parametrize("name", listed())
def test_a_recipe_bears_its_name_and_fits_pictures_of_other_sizes(name: str) -> None:
    for shape in ((1, 9, 5), (3, 32, 32)):
        made = listed()[name](shape)
        assert made.name == name and made.shape == shape
        assert weights(made) > 0


@pytest.mark.parametrize("title", [title for title in grouped() if " 20" in title])
def test_the_source_is_the_document(title: str) -> None:
    document = title.split(",")[0]
    for make in grouped()[title].values():
        assert make().source.startswith(document)


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="there is no recipe 'kovenko-2020-va', .* did you mean"):
        recipe("kovenko-2020-va")


@pytest.mark.parametrize(
    "name, count",
    [
        ("lingrand-2021-vanilla", dense(784, 32, 784)),
        ("lingrand-2021-multilayer", dense(784, 128, 64, 32, 10, 32, 64, 128, 784)),
        # tied: one matrix for both ways, a bias for each
        ("lingrand-2021-stacked", dense(784, 128, 64, 32, 10) + 32 + 64 + 128 + 784),
        ("lingrand-2021-vae", dense(784, 256, 28) + dense(256, 28) + dense(28, 256, 784)),
        ("canziani-2020-standard", dense(784, 30, 784)),
        ("canziani-2020-denoising", dense(784, 500, 784)),
        ("hinton-2006-deep", dense(784, 1000, 500, 250, 30, 250, 500, 1000, 784)),
        ("rifai-2011-contractive", dense(784, 1000) + 784),
    ],
)
def test_a_network_has_the_layers_that_its_document_prints(name: str, count: int) -> None:
    assert weights(recipe(name)(DIGITS)) == count


@pytest.mark.parametrize(
    "one, other, changed",
    [
        ("lingrand-2021-vanilla", "lingrand-2021-multilayer", {"ladder"}),
        ("lingrand-2021-multilayer", "lingrand-2021-stacked", {"ladder", "phases"}),
        ("lingrand-2021-vanilla", "lingrand-2021-vae", {"ladder", "bottleneck"}),
        ("lingrand-2021-vae", "lingrand-2021-beta-vae", {"phases"}),
        ("kovenko-2020-autoencoder", "kovenko-2020-denoising-gaussian", {"phases"}),
        ("kovenko-2020-denoising-gaussian", "kovenko-2020-denoising-dropout", {"phases"}),
        ("kovenko-2020-vae", "kovenko-2020-vae-warm-up", {"ladder", "phases"}),
        ("burgess-2018-capacity-vae", "shao-2020-control-vae", {"phases"}),
        ("conv-vae", "rybkin-2021-sigma-vae", {"likelihood"}),
        ("oord-2017-vq-vae", "mentzer-2024-finite-scalar", {"bottleneck"}),
        ("conv-vae", "lin-2020-dual-matching", {"bottleneck", "likelihood", "phases"}),
    ],
)
def test_a_variant_changes_a_part_and_nothing_else(one: str, other: str, changed: set) -> None:
    assert differing(recipe(one)((3, 64, 64)), recipe(other)((3, 64, 64))) == changed


@pytest.mark.parametrize("side", [1, 2, 3, 4, 5, 8, 9, 28, 64, 128])
def test_a_ladder_is_cut_where_two_pixels_are_left(side: int) -> None:
    kept = len(fitting((3, side, side + 3), range(1, 9)))
    halved = [-(-side // 2**i) for i in range(9)]
    assert kept == max(1, sum(n >= 2 for n in halved[1:]))


def test_layer_by_layer_trains_every_rung_once_from_the_pictures_inwards() -> None:
    more = {"lingrand-2021-stacked": 0, "lingrand-2021-classifier": 0, "hinton-2006-deep": 1}
    for name, bottleneck in more.items():
        made = recipe(name)(DIGITS)
        rungs = [phase.scheme.arguments["rung"] for phase in made.phases[:-1]]
        assert rungs == list(range(len(made.ladder.arguments["widths"]) + bottleneck))
        assert made.phases[-1].scheme.name != "rung"
    assert [p.batch_size for p in rung_by_rung(2, batch_size=7)] == [7, 7]


def test_kovenko_tries_three_variances_and_warms_up_for_forty_epochs() -> None:
    for variance in ("0.1", "0.01", "0.001"):
        made = adjusted("kovenko-2020-vae", (3, 32, 32), {"variance": variance})
        assert made.likelihood == Part("gaussian", {"variance": float(variance)})
    (phase,) = recipe("kovenko-2020-vae-warm-up")().phases
    grows = build("schedule", phase.bound.arguments["weight"])
    assert [grows.weight(epoch) for epoch in (0, 20, 40, 240)] == [0, 0.5, 1, 1]
    assert phase.epochs == 240


def test_the_code_size_of_a_convolutional_code_is_its_channels() -> None:
    for name in ("lingrand-2021-convolutional", "lingrand-2021-segnet", "oord-2017-vq-vae"):
        made = recipe(name)((3, 32, 32), 5)
        with torch.device("meta"):
            channels, height, width = made.build().code_shape
        assert channels == 5 and height == width > 1


def test_infovae_divides_what_the_kl_weighs() -> None:
    """eq. 6 at α = 0, λ = 1 is the ELBO; at α = 1 the KL weighs nothing."""
    plain = recipe("zhao-2019-info-vae")(DIGITS, alpha=0.0, strength=1.0).phases[0]
    assert plain.bound.arguments["weight"] == Part("constant", {"value": 1.0})
    assert plain.penalties[0].arguments["weight"] == 0
    only = recipe("zhao-2019-info-vae")(DIGITS, alpha=1.0, strength=10.0).phases[0]
    assert only.bound.arguments["weight"] == Part("constant", {"value": 0.0})
    assert only.penalties[0].arguments["weight"] == 10


def test_a_part_is_changed_by_its_name_and_its_numbers() -> None:
    changes = {"bottleneck": "gaussian", "bottleneck.size": "5", "scheme.variance": "0.1"}
    made = adjusted("ray-2022-recursive", (1, 16, 16), changes)
    assert made.bottleneck == Part("gaussian", {"size": 5})
    assert [phase.scheme for phase in made.phases] == [Part("recursive", {"variance": 0.1})]
    again = adjusted("ray-2022-recursive", (1, 16, 16), {"scheme": "end-to-end"})
    assert again.phases[0].scheme == Part("end-to-end")
    with pytest.raises(ValueError, match="did you mean 'gaussian'"):
        adjusted("ray-2022-recursive", (1, 16, 16), {"bottleneck": "gausian"}).build()


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("conv-vae", {"widths": "16"}, r"widths is a list, such as widths=\[16, 32\]; we got 16"),
        ("conv-vae", {"code_size": "many"}, "code_size is a number; we got many"),
        ("kovenko-2020-vae", {"variance": "[1]"}, "variance is a number"),
    ],
)
def test_an_argument_of_the_wrong_kind_is_one_sentence(name, changes, said):
    with pytest.raises(ValueError, match=said):
        adjusted(name, (1, 16, 16), changes)
