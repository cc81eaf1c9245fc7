"""Every verb on digits: what it prints, what it leaves, how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import narrows as nw
from narrows.applications.evaluate import evaluate


def test_train_leaves_a_whole_run(trained: Path) -> None:
    left = {path.name for path in trained.iterdir()}
    assert left == {
        *("recipe.toml", "run.toml", "local.toml", "seen.safetensors", "model.safetensors"),
        "last.safetensors",
        *("checkpoint.safetensors", "metrics.jsonl", "card.md", "prior-mixture.safetensors"),
        *("losses.png", "reconstructions.png"),
    }
    with Image.open(trained / "reconstructions.png") as sheet:
        assert sheet.width > 400 and len(np.unique(np.asarray(sheet.convert("L")))) > 30
    card = (trained / "card.md").read_text()
    assert "narrows train digits" in card and "PSNR" in card
    assert "177 validation" in card and "held-out" not in card


def test_train_refuses_an_existing_run_and_loses_nothing(narrows, trained: Path) -> None:
    before = (trained / "model.safetensors").read_bytes()
    result = narrows("train", "digits", "--recipe", "mlp-vae", "--epochs", 2, "--to", trained)
    assert result.code == 1
    assert "already holds a run; add --resume" in result.err
    assert (trained / "model.safetensors").read_bytes() == before


def test_resume_of_a_finished_run_says_so(narrows, trained: Path) -> None:
    before = (trained / "model.safetensors").read_bytes()
    result = narrows(
        *("train", "digits", "--recipe", "mlp-vae", "--epochs", 2, "--to", trained, "--resume")
    )
    assert result.code == 0
    assert "finished already" in result.err
    assert (trained / "model.safetensors").read_bytes() == before


def test_resume_with_other_numbers_is_refused(narrows, trained: Path) -> None:
    given = ("train", "digits", "--recipe", "mlp-vae", "--to", trained, "--resume")
    result = narrows(*given, "--epochs", 2, "--set", "batch_size=9")
    assert result.code == 1
    assert "was started with another recipe (phases differ)" in result.err
    result = narrows(*given, "--epochs", 1)
    assert result.code == 1
    assert "was trained for 2 epochs already; we got 1 epoch: ask for more" in result.err


def test_train_begins_as_pca_for_so_many_minutes(narrows, tmp_path: Path) -> None:
    run = tmp_path / "run"
    given = ("train", "digits", "--code-size", 5, "--minutes", 0.02, "--no-mirror", "--to", run)
    result = narrows(*given)
    assert result.code == 0, result.err
    assert "begins as PCA of 1,620 pictures, 5 components" in result.err
    made = nw.Recipe.load(run / "recipe.toml")
    (phase,) = made.phases
    assert (made.name, phase.begin.name, phase.minutes) == ("pca-vae", "pca", 0.02)
    result = narrows(*given, "--epochs", 1, "--resume")
    assert result.code == 2 and "epochs or minutes, not both" in result.err


def test_train_json(narrows, tmp_path: Path) -> None:
    result = narrows(
        *("train", "digits", "--recipe", "linear-autoencoder", "--code-size", 5, "--epochs", 1),
        *("--to", tmp_path / "run", "--json", "--validation", 0),
    )
    assert result.code == 0
    document = json.loads(result.out)
    assert document["recipe"] == "linear-autoencoder"
    assert document["code"].startswith("5 numbers")
    assert document["psnr"] > 5
    assert not (tmp_path / "run" / "last.safetensors").exists()


def test_info(narrows, trained: Path) -> None:
    result = narrows("info", trained)
    assert result.code == 0
    assert "mlp-vae" in result.out and "1×8×8 → 512" in result.out
    document = json.loads(narrows("info", trained, "--json").out)
    assert document["trained"].startswith("2 epochs")
    assert document["command"].startswith("narrows train digits")


def test_evaluate_stands_beside_the_baselines(narrows, trained: Path) -> None:
    result = narrows("evaluate", trained, "digits", "--samples", 20)
    assert result.code == 0
    assert "PCA, 16 values" in result.out and "mean picture" in result.out
    assert "log p(x), 20 samples" in result.out
    document = json.loads(narrows("evaluate", trained, "digits", "--json").out)
    rows = {row["name"]: row for row in document["rows"]}
    assert document["evaluated"] == "validation"
    assert document["pictures"] == 177
    assert rows["PCA, 16 values"]["psnr"] > rows["mean picture"]["psnr"]
    assert document["nats"]["elbo"] < 0


def test_reconstruct_files_and_sets(narrows, trained: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "one.png")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    out = tmp_path / "out"
    result = narrows(
        "reconstruct", trained, tmp_path / "one.png", tmp_path / "broken.jpg", "digits",
        "--limit", 3, "-o", out,
    )  # fmt: skip
    assert result.code == 0
    assert "3 reconstructions" in result.out
    assert "skipped" in result.err and "broken.jpg" in result.err
    assert {p.name for p in out.iterdir()} >= {"one.png", "comparison.png"}
    with Image.open(out / "one.png") as picture:
        assert picture.size == (8, 8)


def test_recipes_lists_every_recipe(narrows) -> None:
    from narrows import recipes

    out = narrows("recipes").out
    assert all(name in out for name in recipes.listed())
    rows = json.loads(narrows("recipes", "--json", "--size", "32").out)
    assert all(row["weights"] > 1000 and row["about"] for row in rows)


def test_data_show(narrows, tmp_path: Path) -> None:
    result = narrows("data", "show", "digits", "-o", tmp_path / "sheet.png", "--columns", 3)
    assert result.code == 0 and "look at" in result.out
    with Image.open(tmp_path / "sheet.png") as drawn:
        assert drawn.size[1] > 800  # ten rows
    wrong = narrows("data", "show", "digits", "-o", tmp_path / "sheet.jpg")
    assert wrong.code == 2 and "-o is a PNG" in wrong.err


def test_data_list_describe_verify(narrows, tmp_path: Path, monkeypatch) -> None:
    assert "digits" in narrows("data", "list").out
    described = json.loads(narrows("data", "describe", "digits", "--json").out)
    assert described["pictures"] == 1797 and described["shape"] == [1, 8, 8]
    assert narrows("data", "verify", "digits").code == 0
    monkeypatch.setenv("NARROWS_DATA", str(tmp_path))
    (tmp_path / "mnist").mkdir()
    for name in ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"):
        (tmp_path / "mnist" / name).write_bytes(b"damaged")
    assert narrows("data", "verify", "mnist").code == 1


@pytest.mark.slow
def test_demo_ends_with_a_page(narrows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few_of_each = {"MAPPED": 120, "JUDGED": 6, "HIDDEN": 8, "FRAMES": 2, "STEPS": 2, "TABLES": 4000}
    for name, few in few_of_each.items():
        monkeypatch.setattr(f"narrows.applications.exhibits.{name}", few)
    result = narrows("demo", "digits", "--to", tmp_path / "demo", "--epochs", 0.3)
    assert result.code == 0
    page = (tmp_path / "demo" / "report.html").read_text()
    assert page.count("data:image/png;base64,") >= 2 and "<h2>A plane to walk on</h2>" in page
    assert "http" not in page.split("<body>")[1].replace("http-equiv", "")
    assert result.out.count("narrows ") >= 3
    monkeypatch.setattr("narrows.applications.demo._exhibits", lambda *_: ([], []))
    again = narrows("demo", "digits", "--to", tmp_path / "demo", "--epochs", 0.1, "--json")
    assert json.loads(again.out)["model"].endswith("model-2")


@pytest.mark.parametrize("verb", ["train", "info", "evaluate", "reconstruct", "recipes", "demo"])
def test_every_help_has_an_example(narrows, verb: str) -> None:
    result = narrows(verb, "--help")
    assert result.code == 0
    assert "Example: narrows " in " ".join(result.out.split())


@pytest.fixture
def few_sprites(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer steps of each factor: 3,240 sprites."""
    monkeypatch.setattr("narrows.images.sprites.Sprites.factor_sizes", (3, 6, 5, 6, 6))


@pytest.mark.slow
def test_evaluate_measures_single_units_where_factors_are_known(
    narrows, few_sprites: None, tmp_path: Path
) -> None:
    command = ("sprites", "--recipe", "mlp-vae", "--set", "widths=[16]", "--epochs", 0.1)
    folder = tmp_path / "model"
    given = ("--code-size", 4, "--validation", 0.7, "--to", folder)
    assert narrows("train", *command, *given).code == 0
    document = json.loads(narrows("evaluate", folder, "sprites", "--limit", 50, "--json").out)
    units = document["units"]
    assert document["pictures"] == 50 and 2100 < units["pictures"] < 2500
    assert [row["name"] for row in units["rows"]] == [
        "model",
        "PCA, 4 numbers",
        "encoder, untrained",
    ]
    for row in units["rows"]:
        measures = [value for name, value in row.items() if name != "name"]
        assert len(measures) == 7 and all(0 <= value <= 1 for value in measures)
    lines = str(evaluate(folder, nw.images.named("sprites"), limit=50).units_table()).splitlines()
    assert "MIG" in lines[0] and "FactorVAE score" in lines[0] and len(lines) == 5
    assert f"{units['rows'][1]['mig']:.3f}" in lines[2] and "0.20" in lines[4]
    # three of PCA's four components are of where a shape is
    assert units["rows"][1]["beta_vae"] > 2 * units["chance"]


@pytest.mark.slow
def test_evaluate_says_why_single_units_are_not_measured(
    narrows, few_sprites: None, tmp_path: Path
) -> None:
    command = ("sprites", "--recipe", "mlp-vae", "--set", "widths=[16]", "--epochs", 0.02)
    folder = tmp_path / "model"
    assert narrows("train", *command, "--code-size", 4, "--to", folder).code == 0
    result = narrows("evaluate", folder, "sprites", "--limit", 50)
    assert result.code == 0 and "2,000 pictures are held out; here 4 and 3" in result.err
