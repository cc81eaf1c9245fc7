"""What the ways to train promise: where gradients stop, and where two ways are one."""

from __future__ import annotations

import pytest
import torch

import narrows as nw
from narrows.bottlenecks import Gaussian, Point
from narrows.networks import conv_ladder
from narrows.objectives import Elbo
from narrows.objectives import Gaussian as GaussianPixels
from narrows.parts import Part
from narrows.randomness import Draws
from narrows.training.schemes import Batch, DeeplySupervised, EndToEnd, OneRung, Recursive

SHAPE = (1, 7, 5)
SCHEMES = [EndToEnd(), OneRung(0), Recursive(), DeeplySupervised()]


def batch(samples: int = 1) -> Batch:
    x = torch.rand(6, *SHAPE, generator=torch.Generator().manual_seed(0))
    return Batch(x, x, samples, 0.0, 0, Draws(0))


def model_of(rungs: int, bottleneck: type = Gaussian, norm: str = "none") -> nw.Autoencoder:
    torch.manual_seed(0)
    ladder = conv_ladder(SHAPE, (3, 4, 5)[:rungs], activation="selu", norm=norm)
    return nw.Autoencoder(ladder, bottleneck(ladder.narrowest, 2), GaussianPixels(0.1))


def gradients(model: nw.Autoencoder, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    named = dict(model.named_parameters())
    found = torch.autograd.grad(loss, list(named.values()), retain_graph=True, allow_unused=True)
    return {n: g for n, g in zip(named, found, strict=True) if g is not None and bool(g.any())}


@pytest.mark.parametrize("bottleneck", [Gaussian, Point])
@pytest.mark.parametrize("scheme", SCHEMES[1:], ids=str)
def test_with_one_rung_all_schemes_are_the_same_training(scheme, bottleneck, digits) -> None:
    shape = digits.shape
    parts = (
        Part("dense", {"shape": shape, "widths": (9,), "activation": "tanh"}),
        Part("point" if bottleneck is Point else "gaussian", {"size": 3}),
        Part("gaussian", {"variance": 0.1}),
    )
    some = digits.select(torch.arange(200))
    made = [
        nw.fit(
            nw.Recipe("one", *parts, phases=(nw.Phase(epochs=2, scheme=forward),)),
            some,
            report="quiet",
            device="cpu",
            precision="float32",
        ).state_dict()
        for forward in (EndToEnd(), scheme)
    ]
    assert all(torch.equal(made[0][name], made[1][name]) for name in made[0])


def test_a_recursive_rung_is_moved_by_its_own_loss_alone() -> None:
    model = model_of(3)
    step = Recursive()(model, batch())
    losses = {0: step.log_px, 1: step.inner["level_1"], 2: step.inner["level_2"]}
    for i, loss in losses.items():
        found = gradients(model, loss.sum())
        rungs = {name.split(".")[2] for name in found if name.startswith("ladder.rungs")}
        assert rungs == {str(i)}
        assert any(name.startswith("bottleneck") for name in found) == (i == 2)


def test_recursive_in_one_pass_takes_the_gradients_of_the_rungs_apart() -> None:
    model = model_of(3)
    together = gradients(model, Elbo().loss(Recursive()(model, batch())).total)
    for i in range(3):
        alone = gradients(model, Elbo().loss(OneRung(i)(model, batch())).total)
        assert alone.keys() <= together.keys() and alone
        for name, gradient in alone.items():
            assert torch.allclose(gradient, together[name], rtol=1e-5, atol=1e-6), name


def test_one_rung_moves_what_it_says_and_nothing_else() -> None:
    for norm in ("none", "batch", "shared-batch"):
        model = model_of(3, norm=norm)
        for i in range(3):
            scheme = OneRung(i)
            own = {id(p) for m in scheme.trained(model) for p in m.parameters()}
            found = gradients(model, Elbo().loss(scheme(model, batch())).total)
            named = dict(model.named_parameters())
            own_names = {n for n, p in named.items() if id(p) in own}
            shared = {n for n in found if norm == "shared-batch" and "norm_down" in n}
            assert found.keys() - shared <= own_names
            assert own_names - found.keys() <= {n for n in named if "norm" in n or "bias" in n}


def test_frozen_rungs_keep_their_weights_and_statistics(digits) -> None:
    ladder = Part("dense", {"shape": digits.shape, "widths": (9, 5), "norm": "batch"})
    first, second = (nw.Phase(epochs=1, scheme=OneRung(i)) for i in (0, 1))
    parts = (ladder, Part("point"), Part("mse"))
    options = {"report": "quiet", "device": "cpu", "precision": "float32"}
    one = nw.fit(nw.Recipe("r", *parts, phases=(first,)), digits, **options).state_dict()
    two = nw.fit(nw.Recipe("r", *parts, phases=(first, second)), digits, **options).state_dict()
    for name in one:
        frozen = "rungs.0" in name or name.startswith("ladder.boundaries.0.norm_down")
        moved = "rungs.1" in name or name.startswith("ladder.boundaries.1.norm_down")
        if frozen:
            assert torch.equal(one[name], two[name]), name
        elif moved:
            assert not torch.equal(one[name], two[name]), name


def test_deep_supervision_of_no_weight_is_end_to_end() -> None:
    model = model_of(3)
    with_it = DeeplySupervised(0.0)(model, batch(2))
    without = EndToEnd()(model, batch(2))
    assert torch.equal(with_it.output, without.output) and with_it.inner == {}
    losses = [gradients(model, Elbo().loss(step).total) for step in (with_it, without)]
    assert all(torch.equal(losses[0][name], losses[1][name]) for name in losses[1])


def test_deep_supervision_reaches_the_way_down_through_the_way_up_only() -> None:
    """The level that a g_i is compared with is detached: its own rung moves by what follows it."""
    model = model_of(3)
    step = DeeplySupervised((0.5, 2.0))(model, batch())
    found = gradients(model, step.inner["level_2"].sum())
    assert not any(name.startswith("ladder.rungs.0.kernel_up") for name in found)
    assert not any(name.startswith("ladder.rungs.1.kernel_up") for name in found)
    assert any(name.startswith("ladder.rungs.0.conv") for name in found)  # through z
    heavier = DeeplySupervised((1.0, 2.0))(model, batch())
    assert torch.allclose(heavier.inner["level_1"], 2 * step.inner["level_1"])


class Points:
    """400 centred points of twelve dimensions, each half as wide as the one before."""

    shape = (1, 1, 12)

    def __init__(self) -> None:
        drawn = torch.randn(400, 12, generator=torch.Generator().manual_seed(0))
        points = drawn * 0.5 ** (0.5 * torch.arange(12))
        self.x = (points - points.mean(0)).reshape(-1, *self.shape)

    def __len__(self) -> int:
        return len(self.x)

    def batch(self, indices: torch.Tensor) -> torch.Tensor:
        return self.x[indices]


def test_on_a_linear_ladder_one_pass_and_one_rung_at_a_time_reach_the_same_place() -> None:
    """Both end in the space of the first principal components, whose error is PCA's.

    Tied rungs, because their rows end orthonormal: what is nearest in a level is nearest in pixels.
    """
    points = Points()
    least = float((torch.linalg.svdvals(points.x.flatten(1))[2:] ** 2).sum() / 400)
    ladder = Part(
        "dense", {"shape": Points.shape, "widths": (6, 2), "activation": "identity", "tied": True}
    )
    for schemes in ([Recursive()], [OneRung(0), OneRung(1)]):
        phase = {"epochs": 60, "batch_size": 50, "learning_rate": 1e-2, "precision": "float32"}
        phases = tuple(nw.Phase(scheme=scheme, **phase) for scheme in schemes)
        parts = (ladder, Part("point"), Part("mse", {"output": "identity"}))
        model = nw.fit(nw.Recipe("r", *parts, phases=phases), points, report="quiet", device="cpu")
        with torch.no_grad():
            error = float((model(points.x) - points.x).square().sum((1, 2, 3)).mean())
        assert error == pytest.approx(least, rel=0.01)


@pytest.mark.parametrize(
    "scheme, sentence",
    [
        (OneRung(5), "trains rung 5, but this ladder has rungs 0 to 2"),
        (DeeplySupervised((1.0,)), "has 1 weights, but this ladder has 2 levels inside"),
    ],
)
def test_a_scheme_that_does_not_fit_is_refused_when_put_together(scheme, sentence: str) -> None:
    model = model_of(3)
    recipe = nw.Recipe.of(model, nw.Phase(scheme=scheme))
    with pytest.raises(ValueError, match=sentence):
        recipe.build()
