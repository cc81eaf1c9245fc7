"""A recipe told in a line."""

from __future__ import annotations

import narrows as nw
from narrows.parts import Part
from narrows.recipes import model_in_words, training_in_words


def test_a_model_is_told_by_its_parts_and_their_numbers() -> None:
    made = nw.recipes.kovenko_2020_vae_warm_up()
    assert model_in_words(made) == (
        "conv 32-64-128-256-256 (down maxpool, norm batch) → gaussian 128 → gaussian (variance 0.01)"
    )
    tied = nw.recipes.lingrand_2021_stacked()
    assert model_in_words(tied) == "dense 128-64-32-10 (tied) → point → mse"


def test_a_training_is_told_phase_by_phase_and_rungs_as_one() -> None:
    told = training_in_words(nw.recipes.lingrand_2021_classifier())
    assert told == (
        "rungs 0 to 3 alone, elbo, 20 epochs of batches of 256, adam at 0.001, constant; then "
        "softmax (classes 10), encoder, 100 epochs of batches of 256, adam at 0.001, constant"
    )
    one = nw.recipes.lingrand_2021_stacked(widths=())
    assert training_in_words(one).startswith("rung 0 alone, elbo, 20 epochs")


def test_rungs_apart_are_told_apart() -> None:
    made = nw.recipes.lingrand_2021_stacked(widths=(8,))
    first, second, whole = made.phases
    told = training_in_words(made.with_(phases=(first, whole, second)))
    assert [text[:6] for text in told.split("; then ")] == ["rung 0", "elbo, ", "rung 1"]


def test_what_pictures_go_through_is_told() -> None:
    noisy = nw.recipes.kovenko_2020_denoising_gaussian()
    assert "input through gaussian-noise (sigma 0.3)" in training_in_words(noisy)
    binary = nw.recipes.burda_2016_iwae()
    assert training_in_words(binary).startswith("iwae, pictures through binarise, 50 samples, ")
    inner = nw.recipes.vincent_2010_stacked_denoising()
    assert "rungs 0 to 2 alone, elbo, its input through dropout-mask" in training_in_words(inner)


def test_a_beginning_and_other_lengths_are_told() -> None:
    made = nw.recipes.pca_autoencoder((1, 28, 28), mirror=False)
    assert training_in_words(made) == (
        "elbo, begins as pca, ladder.rungs.0.linear frozen, views by chain (parts shift (reach 0.04)-"
        "light (reach 0.08)), 4,000 steps of batches by their number, muon at 0.004, one-cycle"
    )
    assert "2.5 minutes of batches of 32" in training_in_words(
        made.with_(minutes=2.5, batch_size=32)
    )
    assert "begins as mirrored-pca" in training_in_words(nw.recipes.pca_vae((1, 28, 28)))


def test_every_penalty_is_told() -> None:
    made = nw.recipes.linear_autoencoder((1, 8, 8)).with_(penalties=(Part("l1"), Part("mmd")))
    assert training_in_words(made).startswith("elbo + l1 + mmd, 2,000 steps")
