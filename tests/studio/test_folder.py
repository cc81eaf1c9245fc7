"""A folder of pictures: what is in it, a model that is trained behind and adopted, what survives that, and stopping."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asking import Studio, columns, of
from reviewing import folder_of

import narrows as nw
from narrows.collection import Collection
from narrows.errors import NarrowsError
from narrows.studio import studio
from narrows.studio.cache import trim
from narrows.studio.folder import copies
from narrows.studio.jobs import Jobs
from narrows.studio.train import Room


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is worked in, with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NARROWS_CACHE", str(tmp_path / "narrows"))
    return tmp_path


@pytest.fixture
def pictures(place: Path, digits: nw.images.Images) -> Path:
    """60 digits as files, six of them twice, and one of those byte by byte."""
    folder = folder_of(digits, place / "Prüfling", 60)
    shutil.copy(folder / "größe 010.png", folder / "größe 010 (1).png")
    return folder


@pytest.fixture
def there(pictures: Path, place: Path) -> Iterator[Studio]:
    made = of(studio(pictures, cache=place / "cache"))
    yield made
    made.session.close()


def trained(pictures: Path, to: Path, size: int = 4) -> Path:
    """A run of these pictures that came to its end, as `narrows train` leaves it."""
    images = nw.images.open_source(pictures)
    recipe = nw.recipes.pca_vae(images.shape, size).with_(steps=0)
    nw.fit(recipe, images, to=to, report="quiet", facts={"pictures": str(pictures)})
    nw.training.write_model_card(to, [{"psnr": 20.0}], "training")
    return to


def test_copies_are_counted_by_their_bytes(pictures: Path) -> None:
    from narrows.images.walk import walked

    told: list[tuple[int, int]] = []
    found = copies(walked(pictures).files(), lambda *step: told.append(step))
    assert found["copies"] == 1
    assert sorted(found["copied"][0]) == ["größe 010 (1).png", "größe 010.png"]
    assert told[-1][0] == told[-1][1] < 60  # only files of one length are read


def test_another_model_is_adopted_and_what_a_person_said_stays(
    there: Studio, pictures: Path, place: Path
) -> None:
    state = there.client.get("/api/state").json()
    assert state["folder"]["copies"] == 1 and "principal components" in state["standing"]
    ids, before = list(there.session.rows.ids), there.session.rows.codes.shape[1]
    assert there.put("/api/label", rows=[3, 5], name="schön").status_code == 200
    there.put("/api/outliers/verdicts", rows=[7], verdict="anomaly")
    run = trained(pictures, place / "runs" / "mine")
    (one,) = [each for each in there.client.get("/api/train").json()["runs"]]
    answer = there.client.patch(f"/api/train/runs/{one['id']}", json={"do": "use"})
    assert answer.status_code == 200, answer.text
    assert there.session.jobs.wait("adopting").state == "done"
    after = there.client.get("/api/state").json()
    assert after["rows"]["key"] != there.key and after["rows"]["order"] == state["rows"]["order"]
    assert after["standing"] == "" and f"model {run.name} is in use" in after["trained"]
    rows = there.session.rows
    assert list(rows.ids) == ids and rows.codes.shape[1] == 4 != before
    assert rows.columns["hand_label"][[3, 5]].tolist() == ["schön"] * 2
    assert rows.columns["verdict"][7] == "anomaly"
    # a question that was on its way is answered by what is there now, and changes it
    assert there.tell("/api/search", like=[3], k=4).json()["hits"]
    assert there.put("/api/label", rows=[4], name="schön").status_code == 200
    kept = Collection.open(there.session.collection.address)
    assert kept.rows(["hand_label"], ids=[ids[4]])["hand_label"][0] == "schön"
    frames = columns(there.tell("/api/map/morph", first=0, last=9, frames=2).content)["frames"]
    assert len(frames) == 2


def test_what_was_moved_before_comes_back_after(there: Studio, pictures: Path, place: Path) -> None:
    there.tell("/api/duplicates", threshold=0.02)
    assert there.session.jobs.wait("duplicates").state == "done"
    found = there.ask("/api/duplicates").json()
    moved = {"group": found["groups"][0]["group"], "keep": [0]}
    there.put("/api/duplicates/moves", number=found["number"], groups=[moved])
    assert there.session.jobs.wait("moving").state == "done"
    fewer = len(there.session.rows)
    there.session.adopt(trained(pictures, place / "runs" / "mine"), lambda *_: None)
    assert len(there.session.rows) == fewer
    assert there.client.delete("/api/duplicates/moves/1").status_code == 200
    assert there.session.jobs.wait("moving").state == "done"
    assert len(there.session.rows) > fewer and there.session.rows.codes.shape[1] == 4


class Process:
    """A training that is over at once, or goes on until it is told to end."""

    def __init__(self, endless: bool) -> None:
        self.pid, self.returncode, self.signals = 2**22 + 1, None if endless else 0, []

    def poll(self) -> int | None:
        return self.returncode

    def send_signal(self, number: int) -> None:
        self.signals.append(number)
        self.returncode = -number

    def wait(self, seconds: float) -> None:
        return None


def begin(monkeypatch: pytest.MonkeyPatch, pictures: Path, endless: bool) -> list[Any]:
    """What `narrows train` was called with, without a process."""
    asked: list[Any] = []

    def start(room: Room, command: list[str], folder: Path) -> str:
        asked.append((command, Process(endless)))
        if not endless:
            trained(pictures, folder)
        room._began["0" * 16] = asked[-1][1]
        return "0" * 16

    monkeypatch.setattr(Room, "_start", start)
    return asked


def test_a_folder_is_trained_behind_and_not_again(
    pictures: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = begin(monkeypatch, pictures, endless=False)
    made = of(studio(pictures, cache=place / "cache", minutes=3))
    job = made.session.jobs.wait("training")
    assert job.state == "done", job.message
    ((command, _),) = asked
    assert command == [
        "train", str(pictures), "--minutes", "3", "--to", "runs/pca-vae-Prüfling",
    ]  # fmt: skip
    assert made.session.standing == "" and made.session.rows.codes.shape[1] == 4
    made.session.close()
    again = of(studio(pictures, cache=place / "cache", minutes=3))
    assert again.session.jobs.of("training") is None and len(asked) == 1
    assert "pca-vae-Prüfling is in use" in again.session.trained
    again.session.close()


def test_what_is_trained_behind_says_when_it_is_better_and_can_be_stopped(
    pictures: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("narrows.studio.train.LOOKS", 0.01)
    asked = begin(monkeypatch, pictures, endless=True)
    made = of(studio(pictures, cache=place / "cache", minutes=3))
    for _ in range(200):
        (job,) = [one for one in made.session.jobs.document() if one["name"] == "training"]
        if job["stage"]:
            break
        time.sleep(0.01)
    assert job["stage"] == "it begins, better in about 3 minutes" and job["stops"]
    assert made.client.post("/api/jobs/stop", json={"name": "training"}).status_code == 200
    assert made.session.jobs.wait("training").state == "stopped"
    ((_, process),) = asked
    assert process.signals and "principal components" in made.session.standing
    made.session.close()


@pytest.mark.parametrize("options", [{"minutes": 0}, {"minutes": 3, "read_only": True}])
def test_nothing_is_trained_where_nobody_wants_it(
    options: dict[str, Any], pictures: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = begin(monkeypatch, pictures, endless=False)
    made = of(studio(pictures, cache=place / "cache", **options))
    assert not asked and made.session.jobs.of("training") is None
    made.session.close()


def test_work_is_stopped_where_it_says_how_far_it_is() -> None:
    jobs, going = Jobs(), threading.Event()

    def work(progress: Any) -> None:
        going.set()
        while True:
            progress("counting", 1, 2)
            time.sleep(0.001)

    jobs.start("endless", "counting", work, stops=True)
    assert going.wait(5)
    jobs.stop("endless")
    assert jobs.wait("endless").state == "stopped"
    with pytest.raises(ValueError, match="over already"):
        jobs.stop("endless")
    held = threading.Event()
    jobs.start("short", "moving files", lambda progress: held.wait(5))
    with pytest.raises(ValueError, match="cannot be stopped"):
        jobs.stop("short")
    held.set()
    jobs.wait("short")


def test_the_cache_keeps_to_its_limit_and_what_was_said(
    there: Studio, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    there.ask("/api/map/sheets/0")
    session, root = there.session, place / "cache"
    old = root / "maps" / "an-old-one"
    old.parent.mkdir(exist_ok=True)
    old.write_bytes(bytes(1000))
    left = root / "collections" / "left"
    shutil.copytree(session.collection.address, left)
    said = root / "collections" / "said"
    shutil.copytree(session.collection.address, said)
    Collection.open(said).update([session.rows.ids[0]], {"hand_label": ["a"]})
    for path in (old, left, said):
        os.utime(path, (1e9, 1e9))
    monkeypatch.setenv("NARROWS_CACHE_LIMIT", "1k")
    trim(root, session._kept())
    assert not old.exists() and not left.exists() and said.exists()
    assert Path(session.collection.address).exists()
    assert (root / "sheets" / session.rows.key).exists()


def test_an_album_holds_the_files_as_they_are(there: Studio, pictures: Path) -> None:
    import io
    import zipfile

    answer = there.tell("/api/pictures/album", rows=[2, 4, 4])
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as album:
        names = album.namelist()
        assert names == [there.session.rows.ids[2], there.session.rows.ids[4]]
        assert album.read(names[0]) == (pictures / names[0]).read_bytes()
    assert not list(there.session._temporary.glob("album-*"))
    assert there.tell("/api/pictures/album", rows=[10_000]).status_code == 400


def test_a_failing_training_is_said(
    pictures: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(room: Room, command: list[str], folder: Path) -> str:
        raise NarrowsError("the disk is full")

    monkeypatch.setattr(Room, "_start", start)
    made = of(studio(pictures, cache=place / "cache", minutes=3))
    assert made.session.jobs.wait("training").message == "the disk is full"
    made.session.close()
