"""What is opened: what works without a model, a folder without one, what is wrong, what changes meanwhile."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from asking import HERE, Studio, columns, of
from PIL import Image
from starlette.testclient import TestClient

import narrows as nw
from narrows.collection import Collection
from narrows.errors import NoImages
from narrows.studio import opened as open_session
from narrows.studio import studio
from narrows.studio.page import EarlyPage


@pytest.fixture
def closing() -> Any:
    """Sessions that are closed at the end."""
    kept: list[Any] = []
    yield lambda app: kept.append(app.session) or app
    for session in kept:
        session.close()


def test_without_its_model_a_collection_still_shows_and_finds(
    collection_folder: Path, tmp_path: Path, closing: Callable[..., Any]
) -> None:
    to = tmp_path / "moved"
    shutil.copytree(collection_folder, to)
    Collection.open(to).change(model=str(tmp_path / "gone"))
    there = of(closing(studio(to, cache=tmp_path / "cache")))
    state = there.client.get("/api/state").json()
    rooms = state["rooms"]
    assert state["model"] is False and rooms["map"] == rooms["search"] == rooms["duplicates"] == ""
    assert "holds no model" in rooms["latent"] and "holds no model" in rooms["restore"]
    assert "model of this collection cannot be read" in state["missing"]["model"]
    assert str(tmp_path) not in str(state)
    assert len(columns(there.ask("/api/map/points").content)["x"]) == 300
    assert len(there.tell("/api/search", like=[3], k=5).json()["hits"]) == 5
    for path, body in (
        ("/api/map/morph", {"first": 1, "last": 2}),
        ("/api/search", {"like_uploads": [upload(there)]}),
    ):
        answer = there.tell(path, **body)
        assert answer.status_code == 422 and "cannot be read" in answer.json()["message"]
        assert str(tmp_path) not in answer.text


def upload(there: Studio) -> str:
    import io

    out = io.BytesIO()
    Image.new("L", (8, 8), 90).save(out, format="PNG")
    return there.client.post("/api/uploads", content=out.getvalue()).json()["upload"]


@pytest.fixture
def folder(tmp_path: Path, digits: nw.images.Images) -> Path:
    """Thirty PNG files in two folders with names of several languages, and one that is damaged."""
    root = tmp_path / "Urlaub & été"
    for n in range(30):
        place = root / ("größe" if n % 2 else "à la mer") / f"{n}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        pixels = (digits.batch(torch.tensor([n]))[0, 0] * 255).byte().numpy()
        Image.fromarray(np.kron(pixels, np.ones((2, 2), np.uint8))).save(place)
    (root / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    return root


def test_a_folder_says_what_is_in_it_and_can_be_looked_at(
    folder: Path, tmp_path: Path, closing: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NARROWS_CACHE", str(tmp_path / "narrows"))
    there = of(closing(studio(folder, cache=tmp_path / "cache")))
    state = there.client.get("/api/state").json()
    assert state["title"] == "Urlaub & été" and state["rows"]["count"] == 30
    held = state["folder"]
    assert (held["pictures"], held["unreadable"]) == (30, 1)
    assert held["formats"] == {"PNG": 30} and held["sizes"] == "all 16×16"
    assert held["skipped"][0][0] == "broken.png"
    assert "principal components" in state["standing"]
    frames = columns(there.tell("/api/map/morph", first=0, last=9, frames=3).content)["frames"]
    assert frames.shape[0] == 3
    # the file itself, at its own size; once it has changed only what was indexed
    row = next(r for r in range(30) if there.session.rows.ids[r].endswith("/4.png"))
    answer = there.ask(f"/api/pictures/{row}")
    assert Image.open(answer_of(answer)).size == (16, 16)
    (folder / "à la mer" / "4.png").write_bytes((folder / "größe" / "5.png").read_bytes())
    after = np.asarray(Image.open(answer_of(there.ask(f"/api/pictures/{row}"))), int)
    before = np.asarray(Image.open(answer_of(answer)), int)
    assert np.abs(after - before).mean() < 12


def answer_of(answer: Any) -> Any:
    import io

    assert answer.headers["content-type"] == "image/webp"
    return io.BytesIO(answer.content)


def test_a_model_s_pictures_are_found_and_encoded(
    model_folder: Path, tmp_path: Path, closing: Callable[..., Any]
) -> None:
    there = studio(model_folder, cache=tmp_path)
    closing(there)
    assert there.session.jobs.wait("opening").state == "done"
    # it was fitted from Python, and says nothing of where its pictures lie
    state = TestClient(there, base_url=HERE).get("/api/state").json()
    assert "which pictures" in state["missing"]["rows"] and state["rooms"]["map"]


def test_a_run_that_has_no_weights_yet_says_so(tmp_path: Path, closing: Callable[..., Any]) -> None:
    run = tmp_path / "run"
    run.mkdir()
    nw.recipes.mlp_vae((1, 8, 8)).save(run / "recipe.toml")
    there = of(closing(studio(run, cache=tmp_path)))
    assert "no weights yet" in there.client.get("/api/state").json()["rooms"]["map"]
    answer = there.ask("/api/map/points")
    assert answer.status_code == 422 and "no weights yet" in answer.json()["message"]


def test_a_collection_that_changes_is_read_again(
    collection_folder: Path,
    tmp_path: Path,
    closing: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("narrows.studio.session.LOOKS", 0.0)
    to = tmp_path / "c"
    shutil.copytree(collection_folder, to)
    there = of(closing(studio(to, cache=tmp_path / "cache")))
    Collection.open(to).delete(ids=list(there.session.rows.ids[:5]))
    there.session.look()
    assert there.session.jobs.wait("reading").state == "done"
    stale = there.ask("/api/map/points")
    assert stale.status_code == 409 and "has changed" in stale.json()["message"]
    picture = there.ask("/api/pictures/0")  # an image on its way is no error of the page
    assert picture.status_code == 204 and picture.content == b""
    state = there.client.get("/api/state").json()
    assert state["rows"]["count"] == 295 and state["rows"]["key"] != there.key
    there.session.look()
    assert there.session.jobs.of("reading").state == "done"


@pytest.mark.parametrize(
    ("make", "code", "told"),
    [
        (lambda p: p / "nothing", 1, "there is no model, collection, run or folder"),
        (lambda p: p, 1, "there is no picture in"),
        (lambda p: damaged(p), 1, "holds no model"),
        (lambda p: None, 1, "run `narrows demo` first"),
    ],
    ids=["nothing", "empty", "damaged", "no demo"],
)
def test_a_bad_source_ends_in_a_sentence(
    make: Any, code: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from narrows.cli import main

    source = make(tmp_path)
    monkeypatch.chdir(tmp_path)
    given = [] if source is None else [str(source)]
    monkeypatch.setattr(sys, "argv", ["narrows", "studio", *given, "--no-browser", "--port", "0"])
    with pytest.raises(SystemExit) as left:
        main()
    err = capsys.readouterr().err
    assert left.value.code == code and told in err and len(err.splitlines()) == 1


def damaged(folder: Path) -> Path:
    (folder / "model.safetensors").write_bytes(b"not weights")
    return folder


def test_without_the_extra_there_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from narrows.cli import main

    monkeypatch.setattr(
        nw, "studio", sys.modules["narrows.studio"]
    )  # what is there again afterwards
    for name in [name for name in sys.modules if name.startswith("narrows.studio")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    monkeypatch.setattr(sys, "argv", ["narrows", "studio", "--no-browser"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    assert "pip install 'narrows[studio]'" in capsys.readouterr().err


def test_other_machines_need_the_token_and_hear_so(
    collection_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from narrows.studio import serve

    monkeypatch.setattr("uvicorn.Server.run", lambda self, sockets: sockets[0].close())
    said: list[str] = []
    session = open_session(collection_folder, read_only=True)
    monkeypatch.setattr(serve, "opened", lambda source, **_: session)
    monkeypatch.setattr(session, "begin", lambda: session.jobs.start("opening", "", lambda p: None))
    serve.serve(
        collection_folder, host="0.0.0.0", port=0, read_only=True, browser=False, say=said.append
    )
    assert "?token=" in said[1] and "can be reached from other machines" in said[2]
    assert said[0] == "Narrows studio: the collection digits & more, read-only"
    session.close()


def test_what_is_of_this_machine_stays_here(tmp_path: Path) -> None:
    with pytest.raises(NoImages):
        open_session(tmp_path / "nothing")
    session = open_session(tmp_path)
    said = session.said(
        f"cannot read {tmp_path}/a b.png: {Path.home()}/x and /usr/lib/python3/y.py"
    )
    assert str(tmp_path) not in said and "/usr" not in said and "y.py" in said
    session.close()


def test_the_page_is_there_before_the_rooms_are() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "import narrows.studio.serve, sys; print(*sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert not {"torch", "fastapi", "lancedb", "sklearn"} & {*said.stdout.split()}


def test_what_is_asked_before_the_rooms_are_there_waits_for_them(opened: Studio) -> None:
    page = EarlyPage()
    client = TestClient(page, base_url=HERE)
    assert "Narrows studio" in client.get("/").text and not page.sent.is_set()
    assert client.get("/static/main.js").status_code == 200 and page.sent.is_set()
    with ThreadPoolExecutor(1) as other:
        asked = other.submit(client.get, "/api/state")
        time.sleep(0.1)
        assert not asked.done()
        page.rooms = opened.app
        assert asked.result(10).json()["title"] == opened.session.title
