"""A model's own files: no byte of them changes unnoticed, and nothing in them is taken on trust."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import narrows as nw
from narrows import files
from narrows.applications.codec import Codec, codec_model, load_codec
from narrows.errors import BadFile, Interrupted
from narrows.images import Images
from narrows.priors import fit_prior, load_prior, save_prior
from narrows.training import history_of, run_info

SHAPE = (1, 6, 5)


@pytest.fixture(scope="module")
def images() -> Images:
    return Images(np.random.default_rng(0).integers(0, 256, (24, *SHAPE), np.uint8))


def recipe(**changes: Any) -> nw.Recipe:
    made = nw.recipes.mlp_vae(SHAPE, widths=(6,), code_size=2)
    return made.with_(epochs=2, batch_size=8, **changes)


@pytest.fixture(scope="module")
def whole(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with a prior and tables."""
    folder = tmp_path_factory.mktemp("damage") / "whole"
    model = nw.fit(recipe(), images, validation=0.2, to=folder, report="quiet")
    save_prior(fit_prior(model, images, "mixture", components=2), model, folder)
    Codec.fit(codec_model(model), images).save(folder / "entropy.safetensors")
    return folder


@pytest.fixture(scope="module")
def begun(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped after its first step, with an average of the weights."""
    folder, stop = tmp_path_factory.mktemp("damage") / "begun", threading.Event()
    stop.set()
    with pytest.raises(Interrupted):
        nw.fit(recipe(ema_decay=0.9), images, to=folder, report="quiet", stop=stop)
    return folder


def copied(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to / "copy"))


def test_no_flipped_byte_is_read_in_silence(whole: Path, tmp_path: Path) -> None:
    draws = np.random.default_rng(1)
    path = tmp_path / "flipped.safetensors"
    tried = 0
    for file in sorted(whole.glob("*.safetensors")):
        content = file.read_bytes()
        places = draws.integers(0, len(content), 80)
        for place in {*map(int, places), 0, 7, 8, len(content) - 1}:
            flipped = bytearray(content)
            flipped[place] ^= 1 << int(draws.integers(8))
            path.write_bytes(flipped)
            with pytest.raises(BadFile):
                files.load_tensors(path)
            tried += 1
        files.load_tensors(file)
    assert tried > 300


def test_cut_lengthened_and_joined_files_are_refused(whole: Path, tmp_path: Path) -> None:
    content, path = (whole / "model.safetensors").read_bytes(), tmp_path / "x.safetensors"
    other = (whole / "prior-mixture.safetensors").read_bytes()
    for made in (content + b"\0", content[:-1], content + other, content[:8] + other[8:], b""):
        path.write_bytes(made)
        with pytest.raises(BadFile, match="is damaged or no safetensors file"):
            files.load_tensors(path)


def test_a_file_without_a_digest_is_refused_in_a_sentence(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "old.safetensors"
    save_file({"x": torch.ones(2)}, path, {"narrows": '{"version": 2}'})
    with pytest.raises(BadFile, match="carries no digest of its content.*train the model again"):
        files.load_tensors(path)


def test_a_header_that_is_too_long_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "many.safetensors"
    path.write_bytes((5 << 20).to_bytes(8, "little") + b" " * (5 << 20))
    with pytest.raises(BadFile, match="its header takes"):
        files.load_tensors(path)


# how tensors of the right names become those of another thing
CHANGES: dict[str, Callable[[dict[str, Tensor]], dict[str, Tensor]]] = {
    "complex": lambda t: {n: x.to(torch.complex64) for n, x in t.items()},
    "int64": lambda t: {n: x.to(torch.int64) for n, x in t.items()},
    "one missing": lambda t: dict(list(t.items())[1:]),
    "one more": lambda t: t | {"more": torch.zeros(2)},
    "flat": lambda t: {n: x.flatten()[None] for n, x in t.items()},
    "NaN": lambda t: {n: x * float("nan") for n, x in t.items()},
    "empty": lambda t: {},
}


def rewritten(path: Path, change: str, **header: Any) -> None:
    tensors, before = files.load_tensors(path)
    files.save_tensors(path, CHANGES[change](tensors), before | header)


@pytest.mark.parametrize("change", CHANGES)
def test_tensors_of_another_kind_are_one_sentence(
    whole: Path, begun: Path, images: Images, tmp_path: Path, change: str
) -> None:
    folder = copied(whole, tmp_path)
    model = nw.load(folder)
    for name in ("prior-mixture", "entropy", "seen", "model"):
        rewritten(folder / f"{name}.safetensors", change)
    with pytest.raises(BadFile, match="prior-mixture.safetensors holds no prior that can be used"):
        load_prior(model, folder, "mixture")
    with pytest.raises(BadFile, match=r"tables"):
        load_codec(codec_model(model), folder / "entropy.safetensors")
    with pytest.raises(BadFile, match=r"model.safetensors (does not fit .*: |holds NaN)"):
        nw.load(folder)
    (tmp_path / "begun").mkdir()
    going = copied(begun, tmp_path / "begun")
    rewritten(going / "checkpoint.safetensors", change)
    with pytest.raises(BadFile, match=r"checkpoint.safetensors is damaged or foreign \("):
        nw.fit(recipe(ema_decay=0.9), images, to=going, resume=True, report="quiet")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("optimizer.model.0.exp_avg", None),
        ("optimizer.model.0.exp_avg", torch.zeros(3)),
        ("optimizer.model.0.step", torch.zeros(2, dtype=torch.int64)),
        ("optimizer.model.99.step", torch.zeros(())),
        ("optimizer.model.x", torch.zeros(())),
        ("optimizer.model.0.more", torch.zeros(())),
        ("average.bottleneck.head.weight", torch.zeros(3)),
        ("sums", torch.zeros(9)),
    ],
)
def test_moments_are_those_that_the_optimiser_leaves(
    begun: Path, images: Images, tmp_path: Path, name: str, change: Tensor | None
) -> None:
    folder = copied(begun, tmp_path)
    tensors, header = files.load_tensors(folder / "checkpoint.safetensors")
    tensors.pop(name, None)
    if change is not None:
        tensors[name] = change
    files.save_tensors(folder / "checkpoint.safetensors", tensors, header)
    with pytest.raises(BadFile, match=r"checkpoint.safetensors is damaged or foreign \("):
        nw.fit(recipe(ema_decay=0.9), images, to=folder, resume=True, report="quiet")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("phase", v) for v in (-1, 7, 1.5, "0", None)),
        *(("step", v) for v in (-3, float("inf"), True, 10**30)),
        ("counted", float("inf")),
        ("metrics_length", -1),
        ("best", float("nan")),
        ("spent", "long"),
        ("began", []),
        ("names", [1, 2]),
        ("names", "loss"),
        ("finished", 1),
        ("objective", {"elbo": {"sum": 1.0}}),
        ("objective", 3),
        ("model", "0" * 16),
    ],
)
def test_numbers_of_a_checkpoint_are_in_range(
    begun: Path, images: Images, tmp_path: Path, key: str, value: Any
) -> None:
    folder = copied(begun, tmp_path)
    tensors, header = files.load_tensors(folder / "checkpoint.safetensors")
    files.save_tensors(folder / "checkpoint.safetensors", tensors, header | {key: value})
    with pytest.raises(BadFile, match=r"checkpoint.safetensors is damaged or foreign \("):
        nw.fit(recipe(ema_decay=0.9), images, to=folder, resume=True, report="quiet")


def test_a_checkpoint_that_names_a_longer_log_makes_no_sparse_file(
    begun: Path, images: Images, tmp_path: Path
) -> None:
    folder = copied(begun, tmp_path)
    tensors, header = files.load_tensors(folder / "checkpoint.safetensors")
    header["metrics_length"] = 10**12
    files.save_tensors(folder / "checkpoint.safetensors", tensors, header)
    nw.fit(recipe(ema_decay=0.9), images, to=folder, resume=True, report="quiet")
    assert (folder / "metrics.jsonl").stat().st_size < 10_000
    assert history_of(folder).damaged == 0


# -- recipe.toml -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [('part = "bernoulli"', 'part = "gaussian"'), ("size = 2", "size = 2\nfree_bits = 0.5")],
)
def test_a_recipe_that_was_changed_beside_its_weights_is_noticed(
    whole: Path, tmp_path: Path, before: str, after: str
) -> None:
    folder = copied(whole, tmp_path)
    path = folder / "recipe.toml"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(BadFile, match=r"recipe.toml describes (another model|no model that)"):
        nw.load(folder)


def test_another_activation_is_another_model(whole: Path, tmp_path: Path) -> None:
    folder = copied(whole, tmp_path)
    path = folder / "recipe.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("[ladder]", '[ladder]\nactivation = "silu"'), encoding="utf-8")
    with pytest.raises(BadFile, match="describes another model than the one .* put the right one"):
        nw.load(folder)


def test_the_fingerprint_of_a_model_is_of_what_it_computes() -> None:
    def model(activation: str, likelihood: Any) -> nw.Autoencoder:
        ladder = nw.networks.dense_ladder(SHAPE, (4,), activation=activation)
        built = nw.Autoencoder(ladder, nw.bottlenecks.Point(ladder.narrowest, 2), likelihood)
        with torch.no_grad():
            for weight in built.parameters():
                weight.fill_(0.5)
        return built

    likelihoods = (
        nw.objectives.Laplace(0.1),
        nw.objectives.Laplace(0.2),
        nw.objectives.Bernoulli(),
    )
    made = [model(a, one) for a in ("relu", "silu") for one in likelihoods]
    assert len({one.fingerprint() for one in made}) == len(made)
    assert made[0].fingerprint() == model("relu", nw.objectives.Laplace(0.1)).fingerprint()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("version = 2", 'version = 2\nlader = "x"', "it has lader, and a recipe has"),
        ("    6,\n", "    6.5,\n", "the shape of its pictures is three whole numbers"),
        ("    6,\n", "    6,\n    5,\n", "the shape of its pictures is three whole numbers"),
        ("epochs = 2.0", "epochs = 1e18", "epochs must be finite and at most 1e.09"),
        ("epochs = 2.0", "epochs = 2.0, learning_rate_schedule = 3", "must be a name"),
        ("epochs = 2.0", "epochs = 2.0, weight_decay = nan", "weight_decay must be finite"),
        ("epochs = 2.0", "epochs = 2.0, samples = 1.5", "samples must be a whole number"),
    ],
)
def test_what_no_recipe_says_is_refused(
    whole: Path, tmp_path: Path, before: str, after: str, said: str
) -> None:
    path = tmp_path / "recipe.toml"
    text = (whole / "recipe.toml").read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(BadFile, match=said):
        nw.Recipe.load(path)


def bombs() -> dict[str, str]:
    """Recipes that ask for far too much, in few bytes."""
    rest = '[bottleneck]\npart = "gaussian"\nsize = 2\n[likelihood]\npart = "bernoulli"\n'
    head = 'version = 2\nname = "x"\nphases = [{}]\n'
    said = {
        "rungs": f"widths = [{'4,' * 20_000}]",
        "deep": "widths = " + "[" * 50_000,
        "dotted": ".".join("a" * 50_000) + " = 1",
        "long": f"widths = [{'4,' * 200_000}]",
    }
    ladder = f'{head}[ladder]\npart = "dense"\nshape = [1, 8, 8]\n'
    return {name: f"{ladder}{text}\n{rest}" for name, text in said.items()}


def test_a_recipe_that_asks_for_too_much_is_refused_in_a_second(tmp_path: Path) -> None:
    for text in bombs().values():
        (tmp_path / "recipe.toml").write_text(text, encoding="utf-8")
        began = time.process_time()
        with pytest.raises(BadFile):
            run_info(tmp_path)
        assert time.process_time() - began < 1


# -- metrics.jsonl -----------------------------------------------------------------------------

DAMAGED = (
    b'{"phase": 0}', b"[1, 2]", b"null", b"3", b'"text"', b"{" * 10_000, b"[" * 100_000, b"\xff\xfe",
    b"\0" * 50, b'{"phase": 0, "epoch": "1", "loss": 1.0, "seconds": 1.0}',
    b'{"phase": 0, "epoch": 1, "loss": NaN, "seconds": 1.0}',
    b'{"phase": 0, "epoch": 1, "loss": 1e999, "seconds": 1.0}',
    b'{"phase": 0, "epoch": 1, "loss": 1.0, "seconds": {}}',
    b'{"phase": [], "epoch": 1, "loss": 1.0, "seconds": 1.0}',
    b'{"phase": 0, "epoch": 1, "loss": 1.0, "seconds": 1.0, "best": 1}',
    b'{"phase": 0, "epoch": 1, "loss": 1.0, "seconds": 1.0, "validation_loss": "x"}',
    b'{"phase": 0, "epoch": 1, "loss": 1.0, "seconds": 1.0, "kl": 1' + b"0" * 400 + b"}",
)  # fmt: skip


def test_damaged_lines_of_metrics_are_left_out_and_counted(whole: Path, tmp_path: Path) -> None:
    folder = copied(whole, tmp_path)
    before = history_of(folder)
    assert len(before) == 2 and before.damaged == 0
    lines = (folder / "metrics.jsonl").read_bytes().splitlines()
    (folder / "metrics.jsonl").write_bytes(b"\n".join([lines[0], *DAMAGED, lines[1][:30]]))
    history = history_of(folder)
    assert history == before[:1] and history.damaged == len(DAMAGED) + 1
    assert run_info(folder)["damaged"] == f"{len(DAMAGED) + 1} lines of metrics.jsonl, left out"
    assert nw.load(folder).history == before[:1]


@pytest.mark.parametrize("content", [*DAMAGED, b""])
def test_a_log_never_makes_a_model_unreadable(whole: Path, tmp_path: Path, content: bytes) -> None:
    folder = copied(whole, tmp_path)
    (folder / "metrics.jsonl").write_bytes(content)
    assert run_info(folder)["recipe"] == "mlp-vae"
    assert nw.load(folder).history == []


def test_a_run_goes_on_over_damaged_lines(begun: Path, images: Images, tmp_path: Path) -> None:
    folder = copied(begun, tmp_path)
    tensors, header = files.load_tensors(folder / "checkpoint.safetensors")
    (folder / "metrics.jsonl").write_bytes(b'{"phase": 0}\n')
    header["metrics_length"] = 13
    files.save_tensors(folder / "checkpoint.safetensors", tensors, header)
    model = nw.fit(recipe(ema_decay=0.9), images, to=folder, resume=True, report="quiet")
    assert len(model.history) == 2
