"""What a phase begins as: PCA to float precision, kept where nothing better comes, and made again."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import narrows as nw
from narrows.errors import Interrupted
from narrows.images.source import as_source
from narrows.images.views import Mirrored
from narrows.measures import Pca
from narrows.parts import Part
from narrows.randomness import Draws
from narrows.training import Phase, Recipe, history_of, load
from narrows.training.phases import prepared
from narrows.training.reporting import Quiet

SHAPE = (3, 9, 7)
MAKERS = [nw.recipes.pca_autoencoder, nw.recipes.pca_vae]


def pictures(n: int = 60, seed: int = 0, shape: tuple[int, ...] = SHAPE) -> torch.Tensor:
    """Blobs (N, C, H, W) uint8 on a ground of noise."""
    draw = torch.Generator().manual_seed(seed)
    c, h, w = shape
    at = torch.rand(n, c, 3, generator=draw)[..., None, None]
    rows, columns = torch.linspace(0, 1, h)[:, None], torch.linspace(0, 1, w)[None, :]
    blob = torch.exp(-8 * ((rows - at[:, :, 0]) ** 2 + (columns - at[:, :, 1]) ** 2))
    noise = 0.1 * torch.rand(n, *shape, generator=draw)
    return (255 * (0.9 * at[:, :, 2] * blob + noise)).round().byte()


def small(make: Any, shape: tuple[int, ...] = SHAPE, code: int = 6, **changes: Any) -> Recipe:
    made = make(shape, code)
    ladder = made.ladder.with_(channels=(8, 8), dense=(2, 4))
    return made.with_(**{"ladder": ladder, "steps": 40, "precision": "float32", **changes})


def fit(made: Recipe | nw.Autoencoder, images: torch.Tensor, **options: Any) -> nw.Autoencoder:
    return nw.fit(made, images, **{"report": "quiet", "device": "cpu", **options})


def same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    ours, theirs = a.state_dict(), b.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


def held(model: torch.nn.Module) -> set[str]:
    return {name for name, weight in model.named_parameters() if not weight.requires_grad}


class Said(Quiet):
    """Keeps what is said; asks to stop, as Ctrl-C does, at a step."""

    def __init__(self, at: int = 10**9) -> None:
        self.at, self.said = at, list[str]()

    def say(self, text: str) -> None:
        self.said.append(text)

    def step(self, done: int, loss: float) -> None:
        if done >= self.at:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("shape", [SHAPE, (1, 28, 28), (1, 8, 8), (3, 64, 33), (2, 1, 5)])
def test_no_step_is_mirrored_pca(make: Any, shape: tuple[int, ...]) -> None:
    images = pictures(40, shape=shape)
    x = pictures(7, seed=1, shape=shape).float() / 255
    model = fit(small(make, shape, 4, steps=0), images)
    pca = Pca.fit(Mirrored(as_source(images)), 4)
    torch.testing.assert_close(model(x).detach(), pca.reconstruct(x), atol=2e-6, rtol=0)
    z = model.encode(x).z
    torch.testing.assert_close(z, pca.encode(x) / pca.variances.sqrt(), atol=1e-4, rtol=1e-4)


def test_pictures_and_their_mirror_images_have_one_pca() -> None:
    images = pictures(30)
    both = torch.cat([images, images.flip(3)])
    assert torch.equal(
        Mirrored(as_source(images)).batch(torch.arange(60)), as_source(both).batch(torch.arange(60))
    )


@pytest.mark.parametrize("make", MAKERS)
def test_the_first_line_is_of_pca(make: Any, tmp_path: Path) -> None:
    train, validation = pictures(), pictures(20, 1)
    fit(small(make), train, validation=validation, to=tmp_path / "run")
    first, second, *_ = history_of(tmp_path / "run")
    assert (first["step"], first["epoch"], first["best"]) == (0, 0.0, True)
    assert second["step"] == 2  # a twentieth of the way
    x = validation.float() / 255
    pca = Pca.fit(Mirrored(as_source(train)), 6)
    squares = (x - pca.reconstruct(x)).square().sum((1, 2, 3)).mean()
    if make is nw.recipes.pca_autoencoder:
        constant = 0.5 * x[0].numel() * torch.log(torch.tensor(torch.pi))
        assert first["validation_loss"] == pytest.approx(float(squares + constant), abs=1e-3)


@pytest.mark.parametrize("make", MAKERS)
def test_never_kept_below_its_beginning(make: Any, tmp_path: Path) -> None:
    made = small(make, learning_rate=3.0, ema_decay=None, patience=3)
    train, validation = pictures(), pictures(20, 1)
    model = fit(made, train, validation=validation, to=tmp_path / "run")
    lines = history_of(tmp_path / "run")
    assert [line["best"] for line in lines] == [True, False, False, False]
    assert same(model, fit(made.with_(steps=0), train))
    assert same(model, load(tmp_path / "run"))


@pytest.mark.parametrize("make", MAKERS)
def test_it_learns_more_than_pca(make: Any) -> None:
    train, validation = pictures(400), pictures(100, 1)
    model = fit(
        small(make, steps=200, learning_rate=0.02, views=None), train, validation=validation
    )
    start = fit(small(make, steps=0), train)
    x = validation.float() / 255
    after, before = ((m(x) - x).detach().square().mean() for m in (model, start))
    assert after < 0.95 * before


def test_views_of_nothing_change_nothing() -> None:
    nothing = Part(
        "chain",
        {
            "parts": (
                Part("flip", {"p": 0.0}),
                Part("warp", {"turn": 0.0, "zoom": 0.0, "shift": 0.0}),
                Part("light", {"reach": 0.0}),
            )
        },
    )
    made = small(nw.recipes.pca_vae, steps=5)
    without, with_nothing = (fit(made.with_(views=v), pictures()) for v in (None, nothing))
    assert same(without, with_nothing)
    assert not same(without, fit(made, pictures()))


def test_many_pictures_need_fewer_views() -> None:
    phase = small(nw.recipes.pca_vae, views=Part("light", {"reach": 0.5})).phases[0]
    x = torch.full((4000, 1, 2, 2), 0.5)
    changed = [
        float((prepared(phase, training_on=n)(x, Draws())[0] != x).float().mean())
        for n in (20, 10_000, 40_000)
    ]
    assert changed == pytest.approx([1, 1, 0.25], abs=0.03)
    assert torch.equal(prepared(phase)(x, Draws())[0], x)


def test_validation_sees_pictures_as_they_are(tmp_path: Path) -> None:
    made = small(nw.recipes.pca_autoencoder, steps=0)
    dark = Part("light", {"reach": 0.9})
    for name, views in (("plain", None), ("dark", dark)):
        fit(made.with_(views=views), pictures(), validation=pictures(9, 1), to=tmp_path / name)
    assert (tmp_path / "plain" / "metrics.jsonl").exists()
    plain, other = (history_of(tmp_path / name)[0]["validation_loss"] for name in ("plain", "dark"))
    assert plain == other


@pytest.mark.parametrize("make", MAKERS)
def test_frozen_weights_come_back_frozen(make: Any, tmp_path: Path) -> None:
    model = fit(small(make, steps=3), pictures(), to=tmp_path / "run")
    start = fit(small(make, steps=0), pictures())
    frozen = held(model)
    assert {n.removeprefix("ladder.rungs.0.linear.") for n in frozen} >= {"mean", "components"}
    assert all(torch.equal(model.state_dict()[n], start.state_dict()[n]) for n in frozen)
    loaded = load(tmp_path / "run")
    assert held(loaded) == frozen and same(loaded, model)
    # trained on in place: no second beginning, and what was frozen stays so
    further = fit(load(tmp_path / "run"), pictures())
    assert held(further) == frozen and not same(further, model)
    assert all(torch.equal(further.state_dict()[n], model.state_dict()[n]) for n in frozen)


def test_a_model_frozen_by_hand_comes_back_so(tmp_path: Path) -> None:
    model = nw.recipes.mlp_autoencoder(SHAPE, 4, widths=(8,)).with_(epochs=1).build()
    model.bottleneck.head.requires_grad_(False)
    before = model.bottleneck.head.weight.clone()
    fit(model, pictures(), to=tmp_path / "run")
    loaded = load(tmp_path / "run")
    assert held(loaded) == {"bottleneck.head.weight", "bottleneck.head.bias"}
    assert torch.equal(loaded.bottleneck.head.weight, before)
    again = fit(Recipe.load(tmp_path / "run" / "recipe.toml"), pictures())
    assert held(again) == held(loaded)


def test_a_later_phase_lets_go(tmp_path: Path) -> None:
    first = small(nw.recipes.pca_autoencoder, steps=2)
    phases = (first.phases[0], Phase(epochs=1, batch_size=20, learning_rate=1e-3))
    both = first.with_(phases=phases)
    model = fit(both, pictures(), to=tmp_path / "run")
    assert held(model) == set() == held(load(tmp_path / "run"))
    start = fit(first.with_(steps=0), pictures())
    name = "ladder.rungs.0.linear.mean"
    assert not torch.equal(model.state_dict()[name], start.state_dict()[name])


@pytest.mark.parametrize("make", MAKERS)
def test_interrupted_resumed_and_retrained_are_the_same(make: Any, tmp_path: Path) -> None:
    made = small(make, steps=24)
    options: dict[str, Any] = {"validation": pictures(20, 1)}
    whole = fit(made, pictures(), to=tmp_path / "whole", **options)
    with pytest.raises(Interrupted, match="--resume goes on from here"):
        fit(made, pictures(), to=tmp_path / "cut", report=Said(1), checkpoint_seconds=0, **options)
    again = fit(made, pictures(), to=tmp_path / "cut", resume=True, **options)
    assert same(whole, again) and held(whole) == held(again)
    lines, others = (
        [{k: v for k, v in r.items() if "second" not in k} for r in history_of(tmp_path / name)]
        for name in ("whole", "cut")
    )
    assert lines == others
    written = Recipe.load(tmp_path / "whole" / "recipe.toml")
    assert written == made
    assert same(whole, fit(written, pictures(), **options))


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("n", [1, 2, 20])
def test_fewer_pictures_than_numbers(make: Any, n: int) -> None:
    said = Said()
    images = pictures(n)
    model = fit(small(make, code=64, steps=3), images, report=said)
    x = images.float() / 255
    assert bool(torch.isfinite(model(x)).all())
    assert any(f"PCA of {n} pictures and their mirror images" in text for text in said.said)
    assert any("numbers begin at nothing" in text for text in said.said)
    start = fit(small(make, code=64, steps=0), images)
    torch.testing.assert_close(start(x).detach(), x, atol=1e-3, rtol=0)  # they span themselves


def test_constant_pictures() -> None:
    images = torch.full((12, *SHAPE), 77, dtype=torch.uint8)
    model = fit(small(nw.recipes.pca_vae, steps=3), images)
    assert float((model(images.float() / 255).detach() - 77 / 255).abs().max()) < 0.05


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ladder": Part("dense", {"shape": SHAPE})}, "'mirrored-pca' needs a ladder with one linear map"),
        ({"bottleneck": Part("gaussian", {"size": 5})}, "needs the bottleneck 'point' without a size"),
        ({"frozen": ("ladder.rungs.9",)}, "freezes 'ladder.rungs.9', which this model has not"),
        ({"begin": Part("pcca")}, "no begin named 'pcca'.* did you mean 'pca'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_before_training(change: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        small(nw.recipes.pca_autoencoder, **change).build()


def test_minutes(tmp_path: Path) -> None:
    made = small(nw.recipes.pca_autoencoder, patience=None)
    began = time.monotonic()
    fit(made, pictures(), minutes=0.02, validation=pictures(9, 1), to=tmp_path / "run")
    assert time.monotonic() - began > 1.2
    lines = history_of(tmp_path / "run")
    assert lines[0]["step"] == 0 and lines[-1]["step"] > 4
    document = (tmp_path / "run" / "recipe.toml").read_text()
    assert "minutes = 0.02" in document
    two = small(nw.recipes.pca_autoencoder).with_(phases=(made.phases[0], made.phases[0]))
    fit(two, pictures(), minutes=0.02, to=tmp_path / "two")
    assert json.loads((tmp_path / "two" / "metrics.jsonl").read_text().splitlines()[-1])["phase"]
    with pytest.raises(ValueError, match="epochs or minutes, not both; we got 3 and 0.1"):
        fit(made, pictures(), epochs=3, minutes=0.1)


def test_the_bar_is_there_before_the_first_line() -> None:
    """A reporter is told of a phase before it is told of its beginning."""
    told: list[str] = []

    class Told(Quiet):
        def begin(self, length: Any, done: int) -> None:
            told.append(f"begin {length.steps}")

        def epoch(self, record: dict[str, Any]) -> None:
            told.append(f"epoch {record['epoch']:g}")

        def end(self) -> None:
            told.append("end")

    fit(small(nw.recipes.pca_vae, steps=2, batch_size=30), pictures(), report=Told())
    assert told == ["begin 2", "epoch 0", "epoch 0.5", "epoch 1", "end"]


@pytest.mark.parametrize("wanted", ["pca-autoencoder", nw.recipes.pca_autoencoder])
def test_a_recipe_by_name_begins_too(wanted: Any) -> None:
    said = Said()
    train, validation = pictures(), pictures(20, 1)
    model = nw.fit(
        wanted,
        train,
        epochs=1,
        validation=validation,
        report=said,
        device="cpu",
        precision="float32",
    )
    assert sum("begins as PCA of 60 pictures" in text for text in said.said) == 1
    x = validation.float() / 255
    pca = Pca.fit(Mirrored(as_source(train)), model.code_shape[0])
    squares = (x - pca.reconstruct(x)).square().sum((1, 2, 3)).mean()
    constant = 0.5 * x[0].numel() * torch.log(torch.tensor(torch.pi))
    assert model.run is not None
    first = model.run.history[0]
    assert first["validation_loss"] == pytest.approx(float(squares + constant), abs=1e-2)


def test_a_model_goes_on_from_where_it_is(tmp_path: Path) -> None:
    train, validation = pictures(), pictures(20, 1)
    made = small(nw.recipes.pca_vae)
    model = fit(made, train, validation=validation, to=tmp_path / "run")
    best = min(line["validation_loss"] for line in history_of(tmp_path / "run"))
    again, said = load(tmp_path / "run"), Said()
    frozen = held(again)
    more = pictures(30, 2)
    fit(again, more, epochs=1, validation=validation, report=said, to=tmp_path / "more")
    assert not any("begins as" in text for text in said.said)
    first = history_of(tmp_path / "more")[0]
    assert (first["step"], first["validation_loss"]) == (0, pytest.approx(best, abs=1e-3))
    assert held(again) == frozen == held(model)
    assert again.run is not None
    parts = again.run.split(as_source(torch.cat([train, more, validation, pictures(5, 3)])))
    assert [len(p) for p in (parts.trained, parts.validated, parts.new)] == [90, 20, 5]


def test_many_validation_pictures_do_not_outlast_the_training() -> None:
    class Counted:
        """Counts the pictures that are asked for."""

        shape, asked = (1, 4, 4), 0

        def __len__(self) -> int:
            return 5000

        def batch(self, indices: torch.Tensor) -> torch.Tensor:
            self.asked += len(indices)
            assert int(indices.max()) < 5000
            return torch.rand(len(indices), 1, 4, 4)

    by_steps, by_epochs = Counted(), Counted()
    made = small(nw.recipes.pca_autoencoder, (1, 4, 4), 2, steps=2)
    fit(made, pictures(40, shape=(1, 4, 4)), validation=by_steps)
    # all once, to be remembered; then at the beginning and after either step
    assert by_steps.asked == 5000 + 3 * 1024
    fit(made.with_(epochs=1), pictures(16, shape=(1, 4, 4)), validation=by_epochs)
    assert by_epochs.asked == 5000 + 2 * 5000
