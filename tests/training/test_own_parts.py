"""What is not listed as a part can be trained; only writing it down asks for its part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import narrows as nw
from narrows.bottlenecks import Bottleneck, Code
from narrows.networks import Descent, Ladder
from narrows.objectives import Likelihood, Loss, Penalty, Step
from narrows.parts import Part
from narrows.recipes import model_in_words, training_in_words

SHAPE = (1, 6, 6)
DENSE = Part("dense", {"shape": SHAPE, "widths": (8,)})
POINT, MSE = Part("point", {"size": 3}), Part("mse")


class Halved(nn.Module):
    """A rung of one's own: 36 pixels, half as many units."""

    def __init__(self) -> None:
        super().__init__()
        self.above, self.below = SHAPE, (18,)
        self.inwards, self.outwards = nn.Linear(36, 18), nn.Linear(18, 36)

    def down(self, h: Tensor) -> tuple[Tensor, Tensor | None]:
        return self.inwards(h.flatten(1)), None

    def up(self, h: Tensor, pooling_indices: Tensor | None = None) -> Tensor:
        return self.outwards(h).unflatten(1, SHAPE)


class Rounded(Bottleneck):
    """A code of one's own: the lowest activation, cut to [−1, 1]."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = self.code_shape = shape

    def encode(self, descent: Descent, ladder: Ladder, samples: int | None, draws: Any) -> Code:
        z = descent.levels[-1].tanh()
        return Code(z if samples is None else z.expand(samples, *z.shape), sampled=bool(samples))

    def expand(self, code: Code, ladder: Ladder, draws: Any = None) -> tuple[Tensor, int]:
        return code.z.reshape(-1, *self.code_shape), len(ladder)


class Quartic(Likelihood):
    """A likelihood of one's own, up to its constant."""

    def mean(self, raw: Tensor) -> Tensor:
        return raw.sigmoid()

    def log_prob(self, raw: Tensor, x: Tensor) -> Tensor:
        return -(x - self.mean(raw)).pow(4).sum((-3, -2, -1))


@dataclass(frozen=True)
class Centred(Penalty):
    weight: float = 0.5

    def penalty(self, step: Step) -> Tensor:
        return step.code.z.mean((0, 1)).square().sum()


class Guess(Penalty, nn.Module):
    """An opponent of one's own: it learns what the codes' mean is."""

    opponent = True

    def __init__(self, size: int) -> None:
        super().__init__()
        self.at = nn.Parameter(torch.full((size,), 5.0))

    def penalty(self, step: Step) -> Tensor:
        return (step.code.z.mean((0, 1)) - self.at.detach()).square().sum()

    def own_loss(self, step: Step) -> Loss:
        return Loss((step.code.z.detach().mean((0, 1)) - self.at).square().sum(), {})


def pictures() -> Tensor:
    return torch.randint(256, (24, *SHAPE), generator=torch.Generator().manual_seed(0)).byte()


class Kept(nw.training.reporting.Quiet):
    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def epoch(self, record: dict[str, Any]) -> None:
        self.records.append(record)


def fit(recipe: Any, **options: Any) -> tuple[nw.Autoencoder, list[dict[str, Any]]]:
    kept = Kept()
    return nw.fit(recipe, pictures(), epochs=40, report=kept, device="cpu", **options), kept.records


def test_penalties_of_ones_own() -> None:
    def size(step: Step) -> Tensor:
        return step.code.z.square().sum(-1).mean()

    phase = nw.Phase(penalties=(Centred(), size, lambda step: 0 * size(step), Part("l1")))
    _, records = fit(nw.Recipe("r", DENSE, POINT, MSE, (phase,)))
    first = records[0]
    assert first["penalty"] == 0 and first["centred"] >= 0 and first["size"] > 0
    total = first["reconstruction"] + 0.5 * first["centred"] + first["size"] + 1e-3 * first["l1"]
    assert first["loss"] == pytest.approx(total, rel=1e-5)


def test_an_opponent_of_ones_own_moves_and_the_recipe_stays() -> None:
    guess = Guess(3)
    recipe = nw.Recipe("r", DENSE, POINT, MSE, (nw.Phase(penalties=(guess,)),))
    one, records = fit(recipe)
    assert records[-1]["guess_loss"] < records[0]["guess_loss"]
    assert bool((guess.at == 5).all()) and bool((one.auxiliary["guess"].at != 5).any())
    other, _ = fit(recipe)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("whole", [True, False], ids=["all three", "ladder"])
def test_a_model_of_ones_own_modules(whole: bool, tmp_path: Path) -> None:
    ladder = Ladder([Halved()])
    bottleneck = Rounded((18,)) if whole else Part("gaussian", {"size": 2})
    likelihood = Quartic() if whole else MSE
    recipe = nw.Recipe("own", ladder, bottleneck, likelihood)
    before = {name: tensor.clone() for name, tensor in ladder.state_dict().items()}
    model, records = fit(recipe)
    assert records[-1]["loss"] < records[0]["loss"]
    assert all(torch.equal(before[n], t) for n, t in ladder.state_dict().items())
    assert recipe.shape == SHAPE and model.encode(pictures()).z.shape == (24, *model.code_shape)
    with pytest.raises(ValueError, match="Ladder is no listed part, .* or train without a folder"):
        nw.save(model, tmp_path / "saved")
    with pytest.raises(ValueError, match="Ladder is no listed part, .* or train without a folder"):
        fit(recipe, to=tmp_path / "run")
    assert not list(tmp_path.iterdir())
    assert model_in_words(recipe).startswith("Ladder → ") and training_in_words(recipe)


def test_a_model_built_by_hand_is_trained_in_place() -> None:
    model = nw.Autoencoder(Ladder([Halved()]), Rounded((18,)), Quartic())
    before = model.ladder.state_dict()["rungs.0.inwards.weight"].clone()
    trained, _ = fit(model)
    assert trained is model
    assert not torch.equal(before, model.ladder.state_dict()["rungs.0.inwards.weight"])


def test_what_is_no_penalty_is_refused() -> None:
    recipe = nw.Recipe("r", DENSE, POINT, MSE, (nw.Phase(penalties=(object(),)),))
    with pytest.raises(ValueError, match=r"a penalty has a weight and penalty\(step\); we .* obj"):
        recipe.build()
