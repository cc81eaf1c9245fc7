"""Four people, each with about ten clicks: a photographer, a doctoral student, a quality engineer, a teacher.

Every click, key and drag of a hand is counted; what a story needs more of is too hard to find on the page.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from asking import Studio, columns, of
from browsing import browsing, serving
from PIL import Image, ImageDraw
from test_page import WIDE, apart, drawn, expect, place

import narrows as nw
from narrows.studio import studio

MOST = 12
LESSON = 18  # a lesson has eight steps, of which each is a click to get there and a thing to do
VERDICTS = 10  # of the quality engineer: "10 are enough"


class Hand:
    """A page, and how often somebody did something on it."""

    def __init__(self, page: Any) -> None:
        self.page, self.did = page, 0

    def click(self, role: str, name: str, **options: Any) -> None:
        """One click on what has this role and name."""
        self.did += 1
        self.page.get_by_role(role, name=name, **options).first.click()

    def on(self, what: Any, **options: Any) -> None:
        """One click on a locator."""
        self.did += 1
        what.click(**options)

    def key(self, name: str) -> None:
        """One key."""
        self.did += 1
        self.page.keyboard.press(name)

    def drag(self, *points: tuple[float, float]) -> None:
        """From one point to the next ones."""
        self.did += 1
        self.page.mouse.move(*points[0])
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*point, steps=4)
        self.page.mouse.up()

    def across(self, what: Any, *shares: tuple[float, float]) -> None:
        """The same within a locator's box, in shares of it."""
        box = what.bounding_box()
        self.drag(*((box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in shares))

    def saved(self, act: Any) -> bytes:
        """The file that something hands out."""
        with self.page.expect_download(timeout=60000) as got:
            act()
        return Path(got.value.path()).read_bytes()


@pytest.fixture(scope="module", autouse=True)
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that is worked in, with a cache of its own."""
    root = tmp_path_factory.mktemp("stories")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("NARROWS_CACHE", str(root / "narrows"))
        patched.chdir(root)
        yield root


def photographs(to: Path, count: int = 60) -> Path:
    """Painted landscapes as JPEG and PNG, two of them twice, and a file that cannot be read."""
    draws = np.random.default_rng(0)
    to.mkdir(parents=True)
    for number in range(count):
        sky, land = (tuple(int(v) for v in draws.integers(40, 230, 3)) for _ in range(2))
        image = Image.new("RGB", (64, 48), sky)
        pen = ImageDraw.Draw(image)
        height = int(draws.integers(18, 40))
        pen.polygon(
            [(0, height), (20, height - 8), (44, height + 4), (64, height), (64, 48), (0, 48)], land
        )
        x, y, r = (int(v) for v in draws.integers((6, 4, 3), (58, 14, 6)))
        pen.ellipse(
            (x - r, y - r, x + r, y + r), tuple(int(v) for v in draws.integers(150, 255, 3))
        )
        image.save(to / f"été {number:02}.{'png' if number % 3 else 'jpg'}")
        if number < 2:
            shutil.copy(
                to / f"été {number:02}.{'png' if number % 3 else 'jpg'}",
                to / f"été {number:02} (1).{'png' if number % 3 else 'jpg'}",
            )
    (to / "kaputt.jpg").write_bytes(b"\xff\xd8\xff no more")
    return to  # fmt: skip


def looks_for_copies(hand: Hand) -> None:
    """What is here, the duplicates, one of each is kept, the others are moved."""
    page = hand.page
    hand.on(page.locator(".here summary").first)
    here = page.get_by_role("region", name="What is here")
    here.get_by_text("JPEG").first.wait_for()
    hand.click("button", "Look at duplicates")
    hand.click("button", "Find duplicates")
    page.get_by_role("button", name="Agree, next").wait_for(timeout=20000)
    hand.click("button", "Agree with the rest")
    hand.click("button", "Move 2")


@pytest.mark.slow
def test_a_photographer_sorts_out_copies(chromium: Any, here: Path) -> None:
    pictures = photographs(here / "kurz", 20)
    there = of(studio(pictures, cache=here / "cache"))
    with serving(there.session) as address, browsing(chromium, address) as made:
        hand = Hand(made.page(*WIDE))
        looks_for_copies(hand)
        expect(hand.page, "document.body.innerText.includes('20 pictures')")
        hand.click("button", "Bring back")
        expect(hand.page, "document.body.innerText.includes('22 pictures')")
        assert hand.did <= 6
    assert len(list(pictures.glob("été*"))) == 22
    there.session.close()


@pytest.mark.slow
def test_a_photographer(chromium: Any, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("narrows.studio.train.NICE", 0)  # other tests may keep this machine busy
    pictures = photographs(here / "Urlaub")
    there = of(studio(pictures, cache=here / "cache", minutes=0.1))
    with serving(there.session) as address, browsing(chromium, address) as made:
        hand = Hand(made.page(*WIDE))
        page = hand.page
        page.get_by_text("better in about").wait_for()  # and all of it goes on meanwhile
        looks_for_copies(hand)
        expect(page, "document.body.innerText.includes('60 pictures')")
        hand.click("link", "Map")
        drawn(page)
        # a lasso around the left half, and an album of it
        page.keyboard.down("Shift")
        box = page.locator("canvas.plane").bounding_box()
        x, y, w, h = box["x"], box["y"], box["width"], box["height"]
        hand.drag(
            (x + 4, y + 60), (x + w / 2, y + 60), (x + w / 2, y + h - 40), (x + 4, y + h - 40)
        )
        page.keyboard.up("Shift")
        page.get_by_role("region", name="Selection").wait_for()
        album = hand.saved(lambda: hand.click("button", "Save as ZIP"))
        names = zipfile.ZipFile(io.BytesIO(album)).namelist()
        assert 3 < len(names) < 60 and all(name.startswith("été") for name in names)
        # the model takes over when it is there, and nobody has to do anything for it
        expect(page, "!document.querySelector('.here .tag')", 120)
        assert "is in use" in there.session.trained
        page.get_by_text(f"{len(names)} selected").wait_for()
        drawn(page)
        hand.on(page.locator("canvas.plane"), position=dict(zip("xy", spot(page), strict=True)))
        panel = page.get_by_role("complementary", name="Picture")
        panel.get_by_text("Nearest by code").wait_for()
        assert panel.locator(".tile").count() == 8
        hand.on(panel.get_by_role("button", name="Restore"))
        hand.across(page.locator(".mask"), (0.4, 0.4), (0.6, 0.6))
        hand.click("button", "Fill it")
        page.get_by_label("How much of with its hole is shown beside model").wait_for(timeout=30000)
        # the tenth: a page of it all to share, from the room that makes such pages
        assert hand.did <= MOST, hand.did
    there.session.close()


def spot(page: Any) -> tuple[float, float]:
    """Where on the map a picture lies that nothing covers."""
    row, _ = apart(page)
    box = page.locator("canvas.plane").bounding_box()
    x, y = place(page, row)
    return x - box["x"], y - box["y"]


@pytest.mark.slow
def test_a_student(chromium: Any, here: Path) -> None:
    images = nw.images.named("digits").select(range(400))
    folder = here / "digits"
    folder.mkdir()
    for number in range(200):
        pixels = (images.batch(torch.tensor([number]))[0, 0] * 255).byte().numpy()
        Image.fromarray(pixels).resize((16, 16)).save(folder / f"{number}.png")
    there = of(studio(folder, cache=here / "cache"))
    with serving(there.session) as address, browsing(chromium, address) as made:
        hand = Hand(made.page(*WIDE))
        page = hand.page
        hand.click("link", "Train")
        # two recipes, a budget for each; the second waits for the first
        page.get_by_label("Minutes").fill("0.1")
        page.get_by_label("Pixels").fill("16")
        page.get_by_label("Recipe").select_option("mlp-vae")
        hand.click("button", "Begin")
        hand.did += 1
        page.get_by_label("Recipe").select_option("mlp-autoencoder")
        hand.click("button", "Begin after the others")
        for name in ("mlp-vae-digits", "mlp-autoencoder-digits"):
            box = page.get_by_label(f"Compare {name}")
            box.wait_for(timeout=120000)
            expect(page, f"!document.querySelector('[aria-label=\"Compare {name}\"]').disabled", 60)
        for _ in range(480):  # until both are over
            if not any(
                one["going"] or one["ours"] for one in there.client.get("/api/train").json()["runs"]
            ):
                break
            page.wait_for_timeout(500)
        for name in ("mlp-vae-digits", "mlp-autoencoder-digits"):
            hand.on(page.get_by_label(f"Compare {name}"))
        hand.click("button", "Compare 2 runs")
        page.get_by_role("heading", name="Side by side").wait_for(timeout=30000)
        page.get_by_role("rowheader", name="PCA with as many").wait_for()
        assert page.locator(".strips canvas").count() >= 5
        hand.click("button", "Measure samples and bits")
        page.get_by_role("rowheader", name="Fréchet distance of samples").wait_for(timeout=120000)
        page.get_by_role("rowheader", name="bits per dimension (ELBO)").wait_for()
        save = page.get_by_role("button", name="Save table as CSV")
        table = hand.saved(save.click)  # which the next click brings too
        lines = list(csv.reader(io.StringIO(table.decode())))
        assert lines[0][1:] == ["mlp-vae-digits", "mlp-autoencoder-digits"]
        assert any(line[0].startswith("PSNR") and "dB" in line[1] for line in lines)
        assert any(line[0].startswith("Fréchet") for line in lines)
        packed = hand.saved(lambda: hand.click("button", "Save for a paper"))
        with zipfile.ZipFile(io.BytesIO(packed)) as pack:
            lines = list(csv.reader(io.StringIO(pack.read("runs.csv").decode())))
            assert b"kingmawelling2014" in pack.read("papers.bib")
            assert {"runs.svg", "runs.pdf", "recipes/mlp-vae-digits.toml"} <= {*pack.namelist()}
        assert lines[0][1:] == ["mlp-vae-digits", "mlp-autoencoder-digits"]
        known = {line[0]: line[1:] for line in lines}
        assert all(float(value) > 5 for value in known["PSNR of reconstructions, dB"])
        assert "–" not in known["Fréchet distance of samples"]
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        hand.click("button", "Copy as Python")
        page.get_by_text("It is in the clipboard").wait_for()
        code = page.evaluate("navigator.clipboard.readText()")
        # the map, and what the model makes of the picture under the pointer
        hand.click("link", "Map")
        drawn(page)
        hand.did += 1
        page.mouse.move(*place(page, apart(page)[0]))
        page.locator(".card .twice canvas").wait_for()
        hand.click("link", "Latent space")
        slider = page.get_by_role("slider", name="axis 1", exact=True)
        before = page.locator(".decoded").evaluate("c => c.toDataURL()")
        hand.across(slider, (0.5, 0.5), (0.95, 0.5))
        expect(page, f"document.querySelector('.decoded').toDataURL() !== {before!r}")
        assert hand.did <= MOST + 2, hand.did  # two recipes are begun and ticked one by one
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=dict(os.environ),
        check=False,
    )
    assert ran.returncode == 0 and "runs/mlp-vae-digits" in ran.stdout, ran.stderr
    there.session.close()  # fmt: skip


def parts(to: Path) -> Path:
    """Good parts, and a few unknown ones of which some have a scratch."""
    draws = np.random.default_rng(1)
    for number in range(150):
        good = number < 120
        pixels = np.full((32, 32), 120, np.float32) + draws.normal(0, 4, (32, 32))
        pixels[8:24, 8:24] += 70 + draws.normal(0, 6)
        if not good and number % 3 == 0:
            x = int(draws.integers(9, 22))
            pixels[6:28, x : x + 2] = 20
        path = to / ("good" if good else "unknown") / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
    return to


@pytest.mark.slow
def test_a_quality_engineer(chromium: Any, here: Path) -> None:
    pictures = parts(here / "Teile")
    there = of(studio(pictures, cache=here / "cache", watch=True))
    with serving(there.session) as address, browsing(chromium, address) as made:
        hand = Hand(made.page(*WIDE))
        page = hand.page
        hand.click("link", "Outliers")
        hand.click("button", "those that pass a filter")
        hand.click("button", "Add a condition")  # label = good, which most are
        assert page.get_by_label("Value").input_value() == "good"
        hand.click("button", "Find outliers")
        queue = page.get_by_role("region", name="Queue")
        queue.wait_for(timeout=60000)
        assert queue.locator(".tile").count() == 30
        page.get_by_role("img", name="Where it differs from its reconstruction").wait_for()
        scratched = {f"unknown/{n:03}.png" for n in range(120, 150) if n % 3 == 0}
        key = there.session.rows.key
        first = columns(there.client.get("/api/outliers", params={"key": key}).content)["rows"]
        names = [there.session.rows.ids[row] for row in first[:VERDICTS]]
        assert len(scratched & set(names)) >= 6  # chance: 3.3
        for name in names:
            hand.key("c" if name in scratched else "d")
        # what each score is expected to find, and one click to take the best
        best = page.get_by_role("region", name="Which score").get_by_role("button").first
        best.wait_for()
        taken = best.inner_text()
        hand.on(best)
        expect(
            page, f"document.querySelector('[aria-label=\"Take {taken}\"]').ariaPressed === 'true'"
        )
        hand.across(
            page.get_by_role("slider", name="Threshold", exact=True), (0.3, 0.5), (0.6, 0.5)
        )
        counts = page.locator(".counts")
        counts.get_by_text("missed").wait_for()
        told = [int(n.inner_text()) for n in counts.locator("td b").all()]
        assert sum(told) == VERDICTS and told[0] + told[1] == len(scratched & set(names))
        # the true flaw of the picture at hand, beside the heat
        hand.key("m")
        hand.across(page.locator(".marked .mask"), (0.5, 0.2), (0.5, 0.85))
        page.get_by_text("AUROC of pixels").wait_for()
        assert len(list((Path(there.session.collection.address) / "masks").iterdir())) == 1
        hand.did += 1
        unknown = sorted((pictures / "unknown").iterdir())[:6]
        page.get_by_label("Pictures of a batch").set_input_files(list(map(str, unknown)))
        page.get_by_text("of 6 above the threshold").wait_for(timeout=20000)
        table = hand.saved(lambda: hand.on(page.locator(".threshold a", has_text="Save as CSV")))
        lines = list(csv.reader(io.StringIO(table.decode())))
        assert len(lines) == 31 and lines[0][1] == taken
        said = {line[0]: line[4] for line in lines[1:] if line[4]}
        assert said == {n: "anomaly" if n in scratched else "normal" for n in names}
        # a part comes while the page is open
        shutil.copy(pictures / "unknown" / "120.png", pictures / "unknown" / "900.png")
        page.locator(".toasts", has_text="1 new picture").wait_for(timeout=40000)
        page.get_by_text("1 new picture,").first.wait_for()
        hand.click("button", "Report …")
        page.get_by_role("img", name="heat of").first.wait_for(timeout=20000)
        assert page.pdf().startswith(b"%PDF")
        page.emulate_media(media="print")
        assert not page.get_by_role("navigation", name="Rooms").is_visible()
        assert hand.did <= MOST + VERDICTS - 1, hand.did  # to look at ten is one step of the story
    there.session.close()  # fmt: skip


@pytest.mark.slow
def test_a_teacher(chromium: Any, opened: Studio, served: str) -> None:
    with browsing(chromium, served) as made:
        hand = Hand(made.page(*WIDE))
        page = hand.page
        drawn(page)
        # between two pictures: decoded codes above the fade of pixels
        hand.click("button", "Morph", exact=True)
        first, last = apart(page)
        hand.drag(place(page, first), place(page, last))
        page.get_by_role("img", name="decoded codes").wait_for()
        page.get_by_role("img", name="faded pixels").wait_for()
        # a slider, and the picture follows; then a digit of one's own comes back through the model
        hand.click("link", "Latent space")
        before = "document.querySelector('.decoded')?.toDataURL()"
        slider = page.get_by_role("slider", name="axis 1", exact=True)
        slider.wait_for()
        page.wait_for_timeout(500)
        old = page.evaluate(before)
        hand.across(slider, (0.5, 0.5), (0.95, 0.5))
        expect(page, f"{before} !== {old!r}")
        hand.on(page.get_by_role("region", name="Mixture").get_by_role("button", name="Draw one"))
        old = page.evaluate(before)
        hand.across(page.locator(".pad"), (0.5, 0.15), (0.5, 0.85))
        page.get_by_alt_text("sketch").wait_for()
        expect(page, f"{before} !== {old!r}")
        # a part is erased and filled; noise goes, beside a median
        hand.click("link", "Map")
        drawn(page)
        hand.click("button", "Move", exact=True)
        if page.locator(".morph").count():
            page.locator(".morph").get_by_role("button", name="Close").click()
        hand.on(page.locator("canvas.plane"), position=dict(zip("xy", spot(page), strict=True)))
        hand.on(
            page.get_by_role("complementary", name="Picture").get_by_role("button", name="Restore")
        )
        hand.across(page.locator(".mask"), (0.4, 0.4), (0.6, 0.6))
        hand.click("button", "Fill it")
        page.get_by_label("How much of with its hole is shown beside model").wait_for(timeout=30000)
        assert page.locator(".ways figure").count() > 2
        assert hand.did <= MOST, hand.did
    # fmt: skip


@pytest.mark.slow
def test_a_teacher_gives_a_lesson(chromium: Any, opened: Studio, served: str) -> None:
    with browsing(chromium, served) as made:
        hand = Hand(made.page(*WIDE))
        page = hand.page
        decoded = "document.querySelector('.decoded')?.toDataURL()"

        def kept() -> None:  # what goes into the handout is no step of the lesson
            page.get_by_role("button", name="Keep for the handout").click()

        hand.click("link", "Lesson", exact=True)
        # two numbers: the picture follows
        hand.click("link", "Two numbers")
        square = page.locator(".square")
        square.wait_for()
        page.wait_for_timeout(500)
        old = page.evaluate(decoded)
        hand.across(square, (0.5, 0.5), (0.85, 0.2))
        expect(page, f"{decoded} !== {old!r}")
        kept()
        # fewer of them: the picture blurs, and the error is said
        hand.click("link", "Next: How many numbers")
        numbers = page.get_by_role("slider", name="How many numbers")
        numbers.wait_for()
        page.get_by_text("6 of 6 numbers").wait_for()
        hand.across(numbers, (0.99, 0.5), (0.02, 0.5))
        page.get_by_text("1 of 6 numbers").wait_for()
        kept()
        # noise, beside a median and a linear baseline
        hand.click("link", "Next: Noise")
        hand.on(page.locator(".options .main"))
        page.locator(".ways figure", has_text="PCA-Wiener").wait_for(timeout=30000)
        page.locator(".ways figure", has_text="median 3×3").wait_for()
        kept()
        # a picture of one's own comes back
        hand.click("link", "Next: A picture of your own")
        page.locator(".pad").wait_for()
        hand.across(page.locator(".pad"), (0.5, 0.15), (0.5, 0.85))
        page.get_by_alt_text("sketch").first.wait_for()
        page.get_by_text("6 of 6 numbers").wait_for()
        # a part is erased, and filled
        hand.click("link", "Next: A part erased")
        hand.across(page.locator(".mask"), (0.4, 0.4), (0.6, 0.6))
        hand.click("button", "Fill it")
        page.get_by_label("How much of with its hole is shown beside model").wait_for(timeout=30000)
        # codes or pixels
        hand.click("link", "Next: Codes or pixels")
        way = page.get_by_role("slider", name="Place on the way")
        way.wait_for()
        hand.across(way, (0.5, 0.5), (0.2, 0.5))
        # what does not belong: the drawing is there
        hand.click("link", "Next: What does not belong")
        page.get_by_text("Anomaly score").wait_for()
        # the handout
        hand.click("link", "To the handout")
        text = hand.saved(lambda: hand.click("button", "Save the handout")).decode()
        assert "A plane of two numbers" in text and "1 of 6 numbers" in text
        assert "PCA-Wiener" in text and "own walk" in text and "<script" not in text
        assert hand.did <= LESSON, hand.did
