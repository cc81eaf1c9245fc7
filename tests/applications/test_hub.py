"""Models on a hub: pushed without a word of the machine, pulled whole or not at all, then offline."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from fakehub import FakeHub, hub_here
from PIL import Image

import narrows as nw
from narrows.applications.opening import is_collection
from narrows.cli import main
from narrows.errors import BadFile, NarrowsError, Unavailable
from narrows.training import address_of, hub, located

pytest.importorskip("huggingface_hub")

FOLDER, AUTHOR = "Aunt-Hildegards-Album", "Erna-Musterfrau"
TO = "jane/album"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a folder with a telling path, of classes, with a prior; its figures and card."""
    place = tmp_path_factory.mktemp("hub") / f"home-of-{AUTHOR}"
    pictures, draws = place / FOLDER, np.random.default_rng(0)
    for number in range(24):
        path = pictures / f"{AUTHOR}-{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draws.integers(0, 256, (8, 8), np.uint8)).save(path)
    to = place / f"of-{FOLDER}"
    nw.train(
        str(pictures), "mlp-vae", size=(8, 8), mode="gray", epochs=1, code_size=2, to=to,
        report="quiet", progress=False, facts={"command": f"narrows train {pictures} --to {to}"},
    )  # fmt: skip
    (to / "my-notes.txt").write_text(AUTHOR)
    nw.save(nw.load(to), place / "other")
    (place / "other" / "model.safetensors").rename(to / f"{FOLDER.lower()}.safetensors")
    return to


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeHub]:
    """A hub, and a cache that is empty."""
    with hub_here(tmp_path / "cache") as running:
        yield running


@pytest.fixture
def there(fake: FakeHub, trained: Path) -> FakeHub:
    """A hub with the model."""
    names = ("recipe.toml", "model.safetensors", "run.toml", "seen.safetensors", "metrics.jsonl")
    fake.add(TO, {name: (trained / name).read_bytes() for name in names})
    return fake


def run(*arguments: object) -> Any:
    before, sys.argv = sys.argv, ["narrows", *map(str, arguments)]
    try:
        main()
    except SystemExit as left:
        return left.code
    finally:
        sys.argv = before
    return 0


def cached(tmp_path: Path) -> list[Path]:
    """The folders of models that are in the cache, and what is left of others."""
    return sorted((tmp_path / "cache" / "models").glob("*/*/*/"))


def test_what_is_pushed_comes_back_and_needs_no_network_then(
    fake: FakeHub, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed = nw.push(trained, TO, licence="cc-by-4.0", progress=False)
    assert pushed.revision == fake.commit(TO) and pushed.licence == "cc-by-4.0"
    assert (
        set(pushed.files)
        == set(fake.files(TO)) - {".gitattributes"}
        == {
            *("README.md", "losses.png", "metrics.jsonl", "model.safetensors", "recipe.toml"),
            *("prior-mixture.safetensors", "run.toml", "seen.safetensors"),
        }
    )
    assert pushed.notes == [] and TO in str(pushed) and json.dumps(pushed.document())
    pulled = nw.pull(f"{TO}@{pushed.revision}", progress=False)
    assert pulled.revision == pushed.revision and pulled.files == pushed.files
    for name in pulled.files:
        assert (pulled.folder / name).read_bytes() == fake.files(TO)[name]
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    model = nw.load(f"hf://{TO}@{pushed.revision}")
    assert model.fingerprint() == nw.load(trained).fingerprint()
    assert model.run.seen is not None and model.run.folder == pulled.folder


def test_no_pushed_byte_names_a_path_a_file_or_a_picture(fake: FakeHub, trained: Path) -> None:
    nw.push(trained, TO, show_pictures=True, progress=False)
    assert "reconstructions.png" in fake.files(TO)
    sent = b"\n".join([*fake.sent, *fake.files(TO).values(), *fake.storage.values()])
    assert b"narrows" in sent and len(sent) > (trained / "model.safetensors").stat().st_size
    for word in (FOLDER, FOLDER.lower(), AUTHOR, str(trained), str(Path.home()), "local.toml"):
        assert word.encode() not in sent and word.encode("utf-16-le") not in sent, word
    assert not any(name.endswith("checkpoint.safetensors") for name in fake.files(TO))


def test_pictures_of_the_training_are_pushed_only_if_asked_for(
    fake: FakeHub, trained: Path
) -> None:
    pushed = nw.push(nw.load(trained), TO, private=True, progress=False)
    assert TO in fake.private and not any(name.endswith(".png") for name in pushed.files)
    assert [note for note in pushed.notes if "no licence" in note]


def test_the_card_has_the_header_of_the_hub_and_our_numbers(fake: FakeHub, trained: Path) -> None:
    nw.push(trained, TO, licence="apache-2.0", progress=False)
    card = fake.files(TO)["README.md"].decode()
    header = yaml.safe_load(card.split("---")[1])
    assert header["library_name"] == "narrows" and header["license"] == "apache-2.0"
    assert header["pipeline_tag"] == "image-feature-extraction" and "mlp-vae" in header["tags"]
    measured = nw.load(trained).run.facts["measured"]
    (index,) = header["model-index"]
    values = {one["type"]: one["value"] for one in index["results"][0]["metrics"]}
    assert values == {"psnr": round(measured["psnr"], 6), "mse": round(measured["mse"], 6)}
    assert header["metrics"] == ["psnr", "mse"] and f"hf://{TO}" in card
    assert "![losses](losses.png)" in card and "reconstructions" not in card.split("##")[-1]
    nw.push(trained, TO, progress=False)  # the licence that is there stays
    again = fake.files(TO)["README.md"].decode()
    assert yaml.safe_load(again.split("---")[1])["license"] == "apache-2.0"


def test_a_push_leaves_no_file_of_the_model_before_and_nothing_of_others_is_lost(
    fake: FakeHub, trained: Path
) -> None:
    fake.add(TO, {"recipe.toml": b"", "prior-flow.safetensors": b"x", "theirs.pdf": b"y"})
    nw.push(trained, TO, progress=False)
    assert "prior-flow.safetensors" not in fake.files(TO) and fake.files(TO)["theirs.pdf"] == b"y"
    fake.add("jane/bert", {"pytorch_model.bin": b"z"})
    with pytest.raises(NarrowsError, match="something else than a model of Narrows"):
        nw.push(trained, "jane/bert", progress=False)
    assert list(fake.files("jane/bert")) == ["pytorch_model.bin"]


def test_a_push_that_cannot_be_says_why(
    fake: FakeHub, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="owner/name"):
        nw.push(trained, "jane/album/x", progress=False)
    with pytest.raises(ValueError, match="makes the revision itself"):
        nw.push(trained, f"{TO}@v1", progress=False)
    with pytest.raises(BadFile, match="no finished model"):
        nw.push(tmp_path, TO, progress=False)
    with pytest.raises(ValueError, match=r"refuses this card: .*license is none"):
        nw.push(trained, TO, licence="no-such-licence", progress=False)
    fake.repositories.clear()
    monkeypatch.setenv("HF_TOKEN", "hf_of-nobody")
    with pytest.raises(NarrowsError, match="HF_TOKEN to a token that may write"):
        nw.push(trained, TO, progress=False)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(NarrowsError, match="log in with `hf auth login`, or set HF_TOKEN"):
        nw.push(trained, TO, progress=False)
    assert fake.repositories == {}


def test_a_damaged_model_is_not_pushed(fake: FakeHub, trained: Path, tmp_path: Path) -> None:
    nw.save(nw.load(trained), tmp_path / "copy")
    (tmp_path / "copy" / "prior-mixture.safetensors").write_bytes(b"no such thing")
    with pytest.raises(BadFile, match=r"prior-mixture\.safetensors is not whole"):
        nw.push(tmp_path / "copy", TO, progress=False)
    assert fake.asked == []


def test_pulling_again_is_what_brings_a_newer_one(there: FakeHub, trained: Path) -> None:
    assert located(f"hf://{TO}") == located(f"hf://{TO}") == nw.pull(TO, progress=False).folder
    first = there.commit(TO)
    content = dict(there.files(TO)) | {"losses.png": b"\x89PNG"}
    second = there.add(TO, content)
    asked = len(there.asked)
    assert located(f"hf://{TO}").name == first and len(there.asked) == asked
    newer = nw.pull(f"hf://{TO}", progress=False)
    assert newer.revision == second == located(Path(f"hf://{TO}")).name
    assert located(f"hf://{TO}@{first}").name == first  # both are kept
    asked = len(there.asked)
    nw.pull(f"{TO}@{first}", progress=False)
    assert len(there.asked) == asked  # a commit stays what it is


def test_only_files_of_known_names_come(there: FakeHub, tmp_path: Path) -> None:
    strange = {
        "evil.py": b"raise SystemExit", "model.pkl": b"\x80", "../up.toml": b"", "local.toml": b"",
        "checkpoint.safetensors": b"", "sub/model.safetensors": b"", "config.json": b"{}",
    }  # fmt: skip
    there.add(TO, there.files(TO) | strange)
    pulled = nw.pull(TO, progress=False)
    assert {*pulled.files} == {*there.files(TO)} - {*strange}
    assert {p.name for p in pulled.folder.iterdir()} == {*pulled.files}
    assert not any("evil" in line or "pkl" in line for line in there.asked)


def test_what_is_too_large_is_refused_before_it_is_fetched(
    there: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.said["recipe.toml"] = 10**9
    with pytest.raises(BadFile, match=r"recipe\.toml of hf://jane/album has 1,000,000,000 bytes"):
        nw.pull(TO, progress=False)
    there.said.clear()
    monkeypatch.setattr(hub, "MOST_WEIGHTS", 100)
    with pytest.raises(BadFile, match="at most 100 are taken"):
        nw.pull(TO, progress=False)
    assert not any("/resolve/" in line for line in there.asked) and cached(tmp_path) == []


def test_what_did_not_come_whole_leaves_nothing(
    there: FakeHub, trained: Path, tmp_path: Path
) -> None:
    there.said["model.safetensors"] = 1000  # more comes than was said
    with pytest.raises(BadFile, match=r"model\.safetensors of hf://jane/album did not come as"):
        nw.load(f"hf://{TO}")
    there.said.clear()
    for name in ("recipe.toml", "model.safetensors"):
        there.cut = {name}
        with pytest.raises(BadFile, match="did not come as the hub has it"):
            nw.load(f"hf://{TO}")
    there.cut.clear()
    damaged = bytearray((trained / "model.safetensors").read_bytes())
    damaged[-1] ^= 1
    there.add(TO, there.files(TO) | {"model.safetensors": bytes(damaged)})
    with pytest.raises(BadFile, match=r"cannot be used: model\.safetensors is damaged"):
        nw.load(f"hf://{TO}")
    assert cached(tmp_path) == []


def test_a_pull_that_is_stopped_leaves_no_half_of_a_model(
    there: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(stage: str, done: int, total: int) -> None:
        assert done <= total
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nw.pull(TO, progress=stop)
    assert cached(tmp_path) == []
    killed = tmp_path / "cache" / "models" / "jane" / "album" / f".{'0' * 40}.x.part"
    killed.mkdir()
    with monkeypatch.context() as patched, contextlib.suppress(OSError):
        patched.setattr(hub.shutil, "rmtree", lambda *a, **k: None)
        with pytest.raises(KeyboardInterrupt):
            nw.pull(TO, progress=stop)
    assert [one.name for one in cached(tmp_path)] != []
    folder = nw.pull(TO, progress=False).folder
    assert cached(tmp_path) == [folder]


def test_what_is_not_there_is_one_sentence(
    there: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    there.add("jane/bert", {"config.json": b"{}"})
    monkeypatch.delenv("HF_TOKEN")
    told = {
        "hf://jane/nothing": "there is no model jane/nothing on http://127.0.0.1:",
        "hf://jane/album@v9": "jane/album has no revision 'v9'",
        "hf://jane/bert": "hf://jane/bert is no model of Narrows: it has no recipe.toml",
    }
    for name, sentence in told.items():
        assert run("info", name) == 1
        said = capsys.readouterr().err.strip()
        assert sentence in said and said.count("\n") == 0, said
    assert run("pull", "hf://jane") == 2 and "owner/name" in capsys.readouterr().err
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(
        Unavailable, match=r"http://127\.0\.0\.1:9 cannot be reached \(ConnectError\)"
    ):
        nw.load(f"hf://{TO}")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(Unavailable, match=r"pip install 'narrows\[hub\]'"):
        nw.load(f"hf://{TO}")


def test_an_address_is_read_as_text_and_as_a_path() -> None:
    for text in (f"hf://{TO}", Path(f"hf://{TO}"), f"hf:\\\\{TO}"):
        assert str(address_of(text)) == f"hf://{TO}" and not is_collection(text)
    assert address_of(f"hf://{TO}@v1.0/x").revision == "v1.0/x"
    assert address_of("runs/hf") is None and address_of(nw) is None
    for wrong in (
        "hf://",
        "hf://jane",
        "hf://a/b/c",
        "hf://../b",
        "hf://a/b@",
        "hf://a/b@..",
        "hf://a/.b",
    ):
        with pytest.raises(ValueError, match="owner/name"):
            address_of(wrong)


def test_verbs_take_it_and_a_collection_keeps_the_revision(
    there: FakeHub, trained: Path, tmp_path: Path, capsys: Any
) -> None:
    name, pictures = f"hf://{TO}", trained.parent / FOLDER
    assert run("info", name, "--json") == 0
    assert json.loads(capsys.readouterr().out)["recipe"] == "mlp-vae"
    assert run("evaluate", name, pictures, "--json") == 0
    capsys.readouterr()
    indexed = nw.index(name, pictures, tmp_path / "codes", progress=False)
    assert indexed.collection.about.model == f"{name}@{there.commit(TO)}"
    found = nw.search(tmp_path / "codes", str(pictures / f"{AUTHOR}-3.png"), k=1, progress=False)
    assert found.ids == [f"{AUTHOR}-3.png"] or found.ids[0][0] == f"{AUTHOR}-3.png"
    assert nw.generate(name, 2, prior="normal", progress=False).pictures.shape == (2, 1, 8, 8)
    assert nw.check(name).whole and nw.evaluate(name, str(pictures), progress=False)
