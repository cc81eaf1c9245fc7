"""A game that the decoder of a fitted model plays: what it reads, what it leaves alone, how it resumes."""

from __future__ import annotations

import dataclasses
import itertools
import re
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import narrows as nw
from narrows.bottlenecks import Code
from narrows.errors import Diverged, Interrupted
from narrows.objectives import AdversarialDraws, Step
from narrows.objectives.discriminators import PictureDiscriminator, gradient_penalty
from narrows.parts import Part
from narrows.randomness import Draws
from narrows.training import Phase, Recipe, history_of
from narrows.training.players import optimizer
from narrows.training.reporting import Quiet
from narrows.training.schemes import Batch, EncoderOnly, EndToEnd

SHAPE = (3, 16, 16)


def pictures(n: int = 48, seed: int = 0) -> Tensor:
    """Sharp discs (N, 3, 16, 16) uint8 of any colour."""
    draw = torch.Generator().manual_seed(seed)
    places = torch.linspace(0, 1, 16)
    at = torch.rand(n, 3, generator=draw)[..., None, None]
    far = (places[:, None] - at[:, 0]).square() + (places[None, :] - at[:, 1]).square()
    colour = torch.rand(n, 3, 1, 1, generator=draw)
    return (255 * (far < 0.02 + 0.1 * at[:, 2])[:, None] * colour).byte()


def small(**changes: Any) -> Recipe:
    """pca-vae-gan with few channels, eight steps of each phase, and a gradient penalty at every third."""
    made = nw.recipes.pca_vae_gan(SHAPE, 6)
    made = made.with_(
        ladder=made.ladder.with_(channels=(8, 8), dense=(2, 4)), steps=8, batch_size=8
    )
    game = {"weight": 100.0, "width": 4, "every": 3, **changes}
    phases = [
        *made.phases[:-1],
        dataclasses.replace(made.phases[-1], penalties=(Part("adversarial-draws", game),)),
    ]
    return made.with_(phases=tuple(phases), precision="float32")


def fit(made: Recipe, **options: Any) -> nw.Autoencoder:
    given = {"validation": pictures(8, 1), "report": "quiet", "device": "cpu", **options}
    return nw.fit(made, pictures(), **given)


def same(a: nn.Module, b: nn.Module) -> bool:
    ours, theirs = a.state_dict(), b.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


def taken(model: nw.Autoencoder, number: int = 0, **given: Any) -> tuple[AdversarialDraws, Step]:
    torch.manual_seed(0)
    x = pictures(8).float() / 255
    step = EndToEnd()(model, Batch(x, x, 2, 0.0, number, Draws(0, number)))
    return AdversarialDraws(SHAPE, width=4, **given), step


class StopAt(Quiet):
    """Asks to stop at a line of metrics, counted over all phases."""

    def __init__(self, stop: threading.Event, line: int) -> None:
        self.stop, self.left = stop, line

    def epoch(self, record: dict[str, Any]) -> None:
        self.left -= 1
        if self.left == 0:
            self.stop.set()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of both phases, trained in one go."""
    folder = tmp_path_factory.mktemp("whole")
    fit(small(), to=folder)
    return folder


# -- the gradient penalty ------------------------------------------------------------------------------


@pytest.mark.parametrize("places", [1, 2])
def test_a_gradient_penalty_is_its_closed_form_where_a_discriminator_is_linear(places: int) -> None:
    """D(x) = ⟨w, 2x − 1⟩ + b has ½ ‖2w‖² everywhere; with several logits D is their mean."""
    torch.manual_seed(0)
    linear = nn.Linear(3 * 16 * 16, places)
    found = gradient_penalty(lambda x: linear((2 * x - 1).flatten(1)), torch.rand(5, *SHAPE))
    w = linear.weight.mean(0)
    assert torch.allclose(found, 0.5 * (2 * w).square().sum())
    (gradient,) = torch.autograd.grad(found, linear.weight)
    assert torch.allclose(gradient, (4 * w / places).expand(places, -1))


def test_the_gradient_penalty_comes_now_and_then_with_a_weight_that_makes_up_for_it() -> None:
    model, told = small().build(), {}
    for number in (3, 4, 6):
        one, step = taken(model, number, every=3, r1=0.5)
        seen = one._seen(step)
        false = 0.5 * (F.softplus(seen.again).mean() + F.softplus(seen.drawn).mean())
        rest = one.own_loss(step).total - F.softplus(-seen.real).mean() - false
        steep = gradient_penalty(one.discriminator, step.target)
        told[number] = (rest / (3 * 0.5 * steep)).item()
    assert told == {3: pytest.approx(1, rel=1e-3), 4: pytest.approx(0, abs=1e-3), 6: told[6]}
    assert told[6] == pytest.approx(1, rel=1e-3)


# -- the discriminator of patches ----------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 13, 11), (3, 1, 1), (1, 2, 9), (3, 64, 48)])
def test_patches_have_a_logit_each_and_pictures_any_size(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    discriminator, x = PictureDiscriminator(shape, 4, patches=True), torch.rand(3, *shape)
    logits = discriminator(x)
    (places,) = discriminator.logits(discriminator.features(x)).shape[1:] or (1,)
    assert logits.shape == ((3,) if places == 1 else (3, places))
    assert torch.allclose(discriminator(x[1:2]), logits[1:2], atol=1e-6)


def test_a_patch_does_not_see_the_whole_picture() -> None:
    torch.manual_seed(0)
    discriminator, x = PictureDiscriminator((3, 64, 64), 4, patches=True), torch.rand(1, 3, 64, 64)
    other = x.clone()
    other[..., :16, :16] = 0
    changed = (discriminator(x) != discriminator(other)).squeeze(0).reshape(4, 4)
    assert bool(changed[0, 0]) and not bool(changed[3].any()) and not bool(changed[:, 3].any())


# -- the penalty ---------------------------------------------------------------------------------------


def test_what_both_players_minimise() -> None:
    """By hand: the game over reconstructions and draws, and the squared difference of features."""
    model = small().build()
    one, step = taken(model, 50, features=2.0, every=7)
    x, again = step.target, model.likelihood.mean(step.output).flatten(0, 1)
    drawn = model.decode(one._codes(step))
    look, features = one.discriminator, one.discriminator.features
    apart = (features(again).unflatten(0, (2, 8)) - features(x)).square().mean()
    game = -look(again).sigmoid().log().mean() - look(drawn).sigmoid().log().mean()
    assert torch.allclose(one.penalty(step), game + 2 * apart, atol=1e-5)
    false = (1 - look(again).sigmoid()).log().mean() + (1 - look(drawn).sigmoid()).log().mean()
    assert torch.allclose(one.own_loss(step).total, -look(x).sigmoid().log().mean() - false / 2)


def test_its_weight_grows_from_nothing_and_is_whole_in_validation() -> None:
    model = small().build()
    found = {n: taken(model, n, rise=10) for n in (0, 10)}
    values = {n: one.penalty(step).item() for n, (one, step) in found.items()}
    assert values[0] == 0 < values[10]
    one, step = taken(model, 0, rise=10)
    assert one.penalty(dataclasses.replace(step, epoch=float("inf"))).item() > 0


def test_draws_lie_between_the_codes_and_the_prior() -> None:
    """Of codes with unit variance they have unit variance, wherever on the way."""
    model = small().build()
    x = torch.rand(4000, *SHAPE)
    draws = Draws(0, 0)
    code = Code(draws.normal("codes", (1, 4000, 6)))
    step = Step(x, x, [x], code, None, model, 0.0, 0, draws)
    z = AdversarialDraws(SHAPE, width=4)._codes(step)
    assert z.std() == pytest.approx(1, abs=0.02)
    kept = F.cosine_similarity(z, code.z[0])
    assert 0.5 < float(kept.mean()) < 0.9 and float(kept.min()) < 0.2 and float(kept.max()) > 0.99


@pytest.mark.parametrize("given", [{"r1": -1.0}, {"every": 0}, {"weight": -2.0}, {"rise": 0}])
def test_numbers_that_cannot_be_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="are at least 0, every and rise at least 1; we got"):
        AdversarialDraws(SHAPE, **given)


def test_models_that_it_does_not_fit_are_refused() -> None:
    made = small()
    with pytest.raises(ValueError, match="needs a code with a prior to draw from; .* 'point' has"):
        made.with_(bottleneck=Part("point"), begin=None, frozen=()).build()
    one, step = taken(made.build())
    encoded = EncoderOnly()(step.model, Batch(step.target, step.target, 1, 0.0, 0, Draws()))
    with pytest.raises(ValueError, match="'adversarial-draws' is of reconstructions, but this"):
        one.penalty(encoded)


# -- both phases ---------------------------------------------------------------------------------------


def test_the_second_phase_leaves_all_but_the_finer_convolutions_as_they_are(whole: Path) -> None:
    made = small()
    first = fit(made.with_(phases=made.phases[:1])).state_dict()
    both = nw.load(whole)
    moved = {name for name, w in both.state_dict().items() if not torch.equal(w, first[name])}
    finer = {name for name in first if ".up_finer." in name}
    assert moved == finer and both.state_dict()["ladder.rungs.0.up_finer.last.weight"].any()
    assert {n for n, w in both.named_parameters() if w.requires_grad} == finer  # and so it loads
    x = pictures(4, 2).float() / 255
    first_model = made.build()
    first_model.load_state_dict(first)
    torch.testing.assert_close(first_model.encode(x).z, both.encode(x).z, rtol=1e-5, atol=1e-6)


def test_the_end_of_a_game_is_kept_and_the_beginning_of_it_is_the_best_of_what_was(
    whole: Path,
) -> None:
    """Validation chooses in the first phase; in the second its loss is another at every step."""
    lines = history_of(whole)
    games = [line for line in lines if line["phase"] == 1]
    assert len(games) == 8 and all(line["best"] for line in games)
    assert not (whole / "last.safetensors").exists()
    assert any(b["validation_loss"] > a["validation_loss"] for a, b in itertools.pairwise(games))


def test_it_is_said_what_a_game_costs_and_a_decoder_that_is_gone_is_no_model() -> None:
    """Its loss says neither, as it is another at every step."""
    costly = small(weight=1e5)
    (note,) = fit(costly.with_(learning_rate=1e-2)).run.notes
    assert re.fullmatch(
        r"reconstructions cost [\d,]+ nats per picture more than before phase 2, .*", note
    )
    lost = dataclasses.replace(costly.phases[1], learning_rate=30.0)
    with pytest.raises(Diverged):
        fit(costly.with_(phases=(costly.phases[0], lost)))


@pytest.mark.parametrize("line", [3, 12])
def test_stopped_in_either_phase_and_resumed_is_the_same(
    line: int, whole: Path, tmp_path: Path
) -> None:
    stop = threading.Event()
    with pytest.raises(Interrupted):
        fit(small(), to=tmp_path / "cut", stop=stop, report=StopAt(stop, line))
    fit(small(), to=tmp_path / "cut", resume=True)
    for name in ("model.safetensors", "adversarial_draws.safetensors"):
        assert (tmp_path / "cut" / name).read_bytes() == (whole / name).read_bytes()


def test_a_phase_begins_with_what_the_one_before_it_kept() -> None:
    """Not with its last weights, where validation or an average says otherwise."""
    made = small()
    fitting = made.phases[0]
    wild = dataclasses.replace(fitting, learning_rate=0.3, learning_rate_schedule="constant")
    made = made.with_(phases=(wild, dataclasses.replace(fitting, begin=None, steps=0)))
    kept = fit(made.with_(phases=made.phases[:1]))
    assert same(kept, fit(made))


def test_a_phase_s_words_are_checked() -> None:
    with pytest.raises(ValueError, match="keep must be best or last; we got 'first'"):
        Phase(keep="first")
    with pytest.raises(ValueError, match="momentum must be at least 0 and below 1; we got 1.0"):
        Phase(momentum=1.0)
    made = Phase(momentum=0.0, keep="last")
    assert Phase.read(made.document()) == made


@pytest.mark.parametrize("name", ["adam", "adamw", "adamax", "sgd", "muon"])
def test_momentum_is_the_optimiser_s_unless_a_phase_says(name: str) -> None:
    weight = [nn.Parameter(torch.zeros(2, 2))]
    own, other = (
        optimizer(Phase(optimizer=name, momentum=m), weight).defaults for m in (None, 0.25)
    )
    found = [d["betas"][0] if name.startswith("ada") else d["momentum"] for d in (own, other)]
    assert found == [0.95 if name == "muon" else 0.9, 0.25]
