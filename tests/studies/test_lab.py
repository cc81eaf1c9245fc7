"""Models are trained once, and everything is as large as the scale says."""

import torch

from narrows.recipes import mlp_autoencoder
from narrows_studies import Lab


def test_a_model_is_trained_once_for_a_recipe_pictures_and_a_seed(lab):
    images = lab.images("mnist")
    recipe = mlp_autoencoder(images.shape, 4)
    one = lab.model(recipe, images)
    written = (one.folder / "model.safetensors").stat().st_mtime_ns
    again = Lab(lab.folder, tiny=True, report="quiet", named=None).model(recipe, images)
    assert again.folder == one.folder
    assert (again.folder / "model.safetensors").stat().st_mtime_ns == written
    assert torch.equal(
        again.model(images.batch(torch.arange(3))), one.model(images.batch(torch.arange(3)))
    )
    assert again.seconds == one.seconds > 0
    assert lab.model(recipe, images, seed=1).folder != one.folder
    assert lab.model(recipe, images.select(slice(0, 50))).folder != one.folder


def test_a_prior_is_kept_beside_its_model(lab):
    images = lab.images("mnist")
    trained = lab.model(mlp_autoencoder(images.shape, 4), images)
    one = lab.prior(trained, images, "flow")
    again = lab.prior(trained, images, "flow")
    assert (trained.folder / "prior-flow.safetensors").is_file()
    assert torch.equal(one.sample(3, 0), again.sample(3, 0))
    wider = lab.prior(trained, images, "flow", width=32)
    assert wider.part.arguments["width"] == 32


def test_tiny_takes_few_pictures_and_small_takes_what_it_is_told(lab, tmp_path):
    assert len(lab.images("mnist")) == 96
    small = Lab(tmp_path, named=lab._named)
    assert len(small.images("mnist")) == 120
    assert len(small.images("mnist", limit=7)) == 7
    assert small.of(small=1, paper=2) == 1
    assert Lab(tmp_path, "paper").of(small=1, paper=2) == 2
