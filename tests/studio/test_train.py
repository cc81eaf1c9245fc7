"""Runs are watched, compared and begun; numbers are those of the library, and nothing is named by the page."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from asking import HERE, Studio, columns
from starlette.testclient import TestClient

import narrows as nw
from narrows.locks import locked
from narrows.measures import psnr
from narrows.studio import Session, studio
from narrows.studio.train import Room, Wanted, _free_folder
from narrows.training import history_of


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working folder with two runs."""
    folder, before = tmp_path_factory.mktemp("place"), Path.cwd()
    os.chdir(folder)
    digits = nw.images.named("digits").select(range(600))
    parts = nw.images.split(digits, validation=0.2)
    for name, size in (("small", 3), ("large", 6)):
        nw.fit(
            nw.recipes.mlp_vae((1, 8, 8), code_size=size), parts.train, validation=parts.validation,
            epochs=2, to=f"runs/{name}", report="quiet",
            facts={"pictures": "digits", "command": f"narrows train digits --to runs/{name}"},
        )  # fmt: skip
        Path(f"runs/{name}/card.md").touch()  # as a training ends
    yield folder
    os.chdir(before)


@pytest.fixture(scope="module")
def there(place: Path) -> Iterator[Studio]:
    yield from made(place)


@pytest.fixture(scope="module")
def shown_only(place: Path) -> Iterator[Studio]:
    yield from made(place, read_only=True)


def made(place: Path, **options: Any) -> Iterator[Studio]:
    session = Session("digits", "pictures", subject="digits", **options)
    session._open = lambda progress: None  # type: ignore[method-assign]
    app = studio(session)
    yield Studio(app, session, TestClient(app, base_url=HERE), "")
    session.close()


@pytest.fixture(scope="module")
def ids(there: Studio) -> dict[str, str]:
    listed = there.client.get("/api/train").json()
    return {one["name"]: one["id"] for one in listed["runs"]}


def test_runs_are_listed_and_told(there: Studio, ids: dict[str, str], place: Path) -> None:
    assert ids.keys() == {"small", "large"}
    about = there.client.get("/api/train").json()
    assert about["pictures"] == "digits" and about["default"] == "pca-vae"
    assert "mlp-vae" in {name for names in about["recipes"].values() for name in names}
    run = there.client.get(f"/api/train/runs/{ids['small']}").json()
    history = history_of("runs/small")
    assert [one["loss"] for _, one in run["records"]] == [one["loss"] for one in history]
    assert [line for line, _ in run["records"]] == list(range(1, len(history) + 1))
    assert run["recipe"] == "mlp-vae" and not run["going"] and not run["resumes"]
    assert str(place) not in json.dumps(about) and str(place) not in json.dumps(run)


def test_what_is_open_is_all_that_others_see(shown_only: Studio, ids: dict[str, str]) -> None:
    assert shown_only.client.get("/api/train").json()["runs"] == []
    assert shown_only.client.get(f"/api/train/runs/{ids['small']}").status_code == 422
    for method, path in (("put", "/api/train/runs"), ("patch", f"/api/train/runs/{ids['small']}")):
        answer = shown_only.client.request(method, path, json={"do": "stop"})
        assert answer.status_code == 403 and "read-only" in answer.json()["message"]


async def events(room: Room, path: Path, after: int, n: int) -> list[str]:
    stream = room.follow("0" * 16, path, after)
    found = [await anext(stream) for _ in range(n)]
    await stream.aclose()
    return found


def test_events_have_the_numbers_of_lines(there: Studio, tmp_path: Path) -> None:
    shutil.copytree("runs/small", tmp_path / "run")
    room, lines = Room(there.session), len(history_of(tmp_path / "run"))
    told = asyncio.run(events(room, tmp_path / "run", 0, lines + 1))
    assert [one.split("\n")[0] for one in told[:-1]] == [f"id: {i + 1}" for i in range(lines)]
    data = json.loads(told[0].split("data: ")[1])
    assert data["loss"] == history_of("runs/small")[0]["loss"]
    assert told[-1].startswith("event: state") and '"going": false' in told[-1]
    with locked(tmp_path / "run"):  # another process's
        told = asyncio.run(events(room, tmp_path / "run", lines - 1, 2))
    assert told[0].startswith(f"id: {lines}\n") and '"going": true' in told[1]
    assert room.streams == 0


def test_a_look_is_what_the_model_makes(there: Studio, ids: dict[str, str]) -> None:
    answer = columns(there.client.get(f"/api/train/runs/{ids['large']}/look").content)
    model = nw.load("runs/large")
    x = answer["given"][..., :1].transpose(0, 3, 1, 2) / np.float32(255)
    again = model.reconstruct(x).clamp(0, 1)
    assert np.abs(answer["made"][..., 0] / 255 - again.numpy()[:, 0]).max() < 0.02
    drawn = nw.generate(model, 8, seed=0)
    assert answer["prior"] == drawn.prior == "normal" and answer["judged"] == "held-out"
    assert np.abs(answer["drawn"][..., 0] / 255 - drawn.pictures.numpy()[:, 0]).max() < 0.01


def test_runs_side_by_side(there: Studio, ids: dict[str, str]) -> None:
    body = {"runs": [ids["small"], ids["large"]]}
    job = there.client.post("/api/train/compare", json=body).json()["job"]
    ended = there.session.jobs.wait(job)
    assert ended.state == "done", ended.message
    found = columns(there.client.post("/api/train/compare", json=body).content)
    small, large = found["rows"]
    assert (small["name"], small["code"], large["code"]) == ("small", 3, 6)
    assert np.array_equal(found["given0"], found["given1"])
    model = nw.load("runs/large")
    held = model.run.split("digits").evaluation().images
    some = nw.images.inputs.evenly(held, 200)
    x = some.batch(torch.arange(len(some)))
    assert large["psnr"] == pytest.approx(float(psnr(x, model.reconstruct(some)).mean()), abs=0.01)
    assert large["pca_psnr"] > small["pca_psnr"] and "6" in large["pca"]


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Instead of processes: what would have begun, with its ``words`` and the ``code`` that it ends with."""
    found: list[Any] = []

    class Begun:
        def __init__(self, words: list[str], **options: Any) -> None:
            found.append(self)
            self.words = words
            self.code: int | None = None

        def poll(self) -> int | None:
            return self.code

        def send_signal(self, number: int) -> None:
            self.code = 130

        def wait(self, seconds: float) -> None:
            pass

    monkeypatch.setattr("narrows.studio.train.subprocess.Popen", Begun)
    return found


def test_a_training_is_a_command_of_its_own(
    there: Studio, ids: dict[str, str], begun: list[Any]
) -> None:
    asked = {"recipe": "mlp-vae", "minutes": 2, "size": 8, "gray": True}
    answer = there.client.put("/api/train/runs", json=asked).json()
    assert answer["name"] == "mlp-vae-digits"
    words = "train digits --recipe mlp-vae --minutes 2 --size 8 --to runs/mlp-vae-digits --gray"
    assert begun[0].words[1:] == ["-m", "narrows", *words.split()]
    second = there.client.put("/api/train/runs", json=asked)
    assert second.status_code == 400 and "goes on already" in second.json()["message"]
    path = f"/api/train/runs/{answer['id']}"
    stopped = there.client.patch(path, json={"do": "stop"}).json()
    assert stopped["recipe"] == "beginning" and stopped["ours"] is False
    for do, told in (("stop", "did not begin that run"), ("resume", "does not say how")):
        refused = there.client.patch(f"/api/train/runs/{ids['small']}", json={"do": do})
        assert refused.status_code == 400 and told in refused.json()["message"]
    # one that was stopped half-way goes on by its own words, and only in its own folder
    shutil.copytree("runs/small", "runs/half")
    Path("runs/half/card.md").unlink()
    assert Room(there.session)._resumes(Path("runs/half")) is None  # its words name another folder
    Path("runs/small/card.md").rename("card.md")
    resumed = there.client.patch(f"/api/train/runs/{ids['small']}", json={"do": "resume"})
    Path("card.md").rename("runs/small/card.md")
    assert resumed.status_code == 200
    assert begun[1].words[3:] == ["train", "digits", "--to", "runs/small", "--resume"]
    shutil.rmtree("runs/half")


def test_one_that_is_to_wait_begins_when_the_others_are_over(
    there: Studio, begun: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("narrows.studio.train.LOOKS", 0.01)
    room, asked = Room(there.session), Wanted(recipe="mlp-vae", minutes=2, size=8, after=True)
    assert room.begin(asked)["id"]
    second, third = (room.begin(asked)["job"] for _ in "23")
    assert there.session.jobs.of(second).stops and len(begun) == 1
    begun[0].code = 0
    assert there.session.jobs.wait(second).state == "done" and len(begun) == 2
    there.client.post("/api/jobs/stop", json={"name": third})
    assert there.session.jobs.wait(third).state == "stopped" and len(begun) == 2
    begun[1].code = 0


def test_a_folder_that_is_there_is_not_written_into(place: Path) -> None:
    assert _free_folder(Path("runs/small")) == Path("runs/small-2")
    assert _free_folder(Path("runs/new")) == Path("runs/new")


@pytest.mark.parametrize(
    ("method", "path", "body", "told"),
    [
        ("get", "runs/0123456789abcdef", None, "not here any more"),
        ("get", "runs/..%2f..%2fetc", None, "nothing of that name"),
        ("get", "runs/passwd/look", None, "pattern"),
        ("put", "runs", {"recipe": "no-such"}, "no recipe"),
        ("put", "runs", {"minutes": 0}, "greater than 0"),
        ("put", "runs", {"size": 4096}, "less than or equal to 512"),
        ("post", "compare", {"runs": ["0" * 16]}, "at least 2"),
        ("post", "cost", {"recipe": "../x"}, "no recipe"),
    ],
)
def test_a_wrong_question_is_a_sentence(
    there: Studio, method: str, path: str, body: Any, told: str
) -> None:
    answer = there.client.request(method, f"/api/train/{path}", json=body)
    assert 400 <= answer.status_code < 500 and told in answer.json()["message"]


@pytest.mark.slow
def test_what_a_recipe_costs_is_tried(there: Studio) -> None:
    asked = {"recipe": "mlp-vae", "size": 8, "gray": True}
    job = there.client.post("/api/train/cost", json=asked).json()["job"]
    assert there.session.jobs.wait(job).state == "done"
    found = there.client.post("/api/train/cost", json=asked).json()
    shape = nw.recipes.mlp_vae((1, 8, 8)).build()
    assert found["weights"] == sum(p.numel() for p in shape.parameters())
    assert found["rate"] > 0 and found["pictures"] == 1797


def test_samples_bits_and_time_are_those_of_the_library(there: Studio, ids: dict[str, str]) -> None:
    runs = [ids["small"], ids["large"]]
    asked = there.client.post("/api/train/measured", json={"runs": runs})
    assert asked.status_code == 202
    job = there.session.jobs.wait(asked.json()["job"])
    assert job.state == "done", job.message
    rows = there.client.post("/api/train/measured", json={"runs": runs}).json()["rows"]
    assert [one["name"] for one in rows] == ["small", "large"]
    wanted = nw.applications.measure_run("runs/small", "digits", progress=False)
    assert rows[0]["frechet"] == pytest.approx(wanted.frechet, rel=1e-4)
    assert rows[0]["bits"] == pytest.approx(wanted.bits) and rows[0]["notes"] == wanted.notes
    assert rows[0]["floor"] == rows[1]["floor"]  # the same real pictures
    assert rows[0]["pca_frechet"] != rows[1]["pca_frechet"]  # of as many numbers as each


def test_a_paper_gets_figure_table_references_and_recipes(
    there: Studio, ids: dict[str, str], shown_only: Studio
) -> None:
    runs = {"runs": [ids["small"], ids["large"]]}
    asked = there.client.post("/api/train/compare", json=runs)
    if asked.status_code == 202:
        assert there.session.jobs.wait(asked.json()["job"]).state == "done"
    answer = there.client.post("/api/train/figure", json=runs)
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as pack:
        names = {name: pack.read(name) for name in pack.namelist()}
    assert set(names) == {
        "runs.svg", "runs.pdf", "runs.csv", "papers.bib", "recipes/small.toml", "recipes/large.toml",
    }  # fmt: skip
    assert b"<svg" in names["runs.svg"] and b"PSNR of reconstructions" in names["runs.svg"]
    assert names["runs.pdf"].startswith(b"%PDF")
    lines = list(csv.reader(io.StringIO(names["runs.csv"].decode())))
    assert lines[0] == ["", "small", "large"] and all(len(line) == 3 for line in lines)
    assert b"@inproceedings{kingmawelling2014" in names["papers.bib"]
    assert names["recipes/small.toml"] == Path("runs/small/recipe.toml").read_bytes()
    assert (
        there.client.post("/api/train/figure", json={"runs": runs["runs"][:1]}).status_code == 422
    )
    again = there.client.post("/api/train/figure", json=runs)
    with zipfile.ZipFile(io.BytesIO(again.content)) as pack:
        assert pack.read("runs.svg") == names["runs.svg"]


def test_a_prior_is_fitted_by_a_button(place: Path) -> None:
    """What the sentence of the command line names as a command."""
    digits = nw.images.named("digits").select(range(200))
    nw.fit(
        nw.recipes.mlp_autoencoder((1, 8, 8), code_size=4, widths=(16,)), digits, epochs=1,
        to="runs/plain", report="quiet", facts={"pictures": "digits"},
    )  # fmt: skip
    for one in Path("runs/plain").glob("prior-*"):
        one.unlink()
    there = next(made(place))
    found = {one["name"]: one["id"] for one in there.client.get("/api/train").json()["runs"]}
    seen = columns(there.client.get(f"/api/train/runs/{found['plain']}/look").content)
    assert seen["fits"] and "narrows" not in seen["undrawn"] and "drawn" not in seen
    there.client.patch(f"/api/train/runs/{found['plain']}", json={"do": "prior"})
    assert there.session.jobs.wait("prior").state == "done"
    assert Path("runs/plain/prior-mixture.safetensors").exists()
    seen = columns(there.client.get(f"/api/train/runs/{found['plain']}/look").content)
    assert "undrawn" not in seen and seen["drawn"].shape == (8, 8, 8, 4)
    shutil.rmtree("runs/plain")
