"""Runs watched and compared in Debian's Chromium; see test_page.py. The slow one begins, stops and resumes a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asking import Studio
from test_page import PHONE, WIDE, expect

import narrows as nw
from narrows.training import history_of


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


def run(name: str, size: int) -> None:
    some = nw.images.named("digits").select(range(300))
    parts = nw.images.split(some, validation=0.2)
    nw.fit(
        nw.recipes.mlp_vae((1, 8, 8), code_size=size), parts.train, validation=parts.validation,
        epochs=2, to=f"runs/{name}", report="quiet", facts={"pictures": "digits"},
    )  # fmt: skip


def test_runs_are_watched_and_compared(browse: Any, place: Path) -> None:
    run("größe", 3)
    run("other", 5)
    page = browse.page(*WIDE)
    page.get_by_role("link", name="Train").click()
    page.get_by_role("button", name="größe").click()
    page.get_by_role("heading", name="größe").wait_for()
    page.locator(".chart polyline").first.wait_for()
    page.get_by_role("img", name="reconstructed").wait_for()
    # a line that another process writes is there without a click
    with open("runs/größe/metrics.jsonl", "a") as metrics:
        metrics.write('{"phase": 0, "epoch": 77.0, "step": 9, "loss": 3.5, "seconds": 1.0}\n')
    page.locator(".numbers b", has_text="77").wait_for()
    for name in ("größe", "other"):
        page.get_by_label(f"Compare {name}").check()
    page.get_by_role("button", name="Compare 2 runs").click()
    page.get_by_role("heading", name="Side by side").wait_for(timeout=20000)
    assert page.locator(".effects thead .key").count() == 2
    assert page.locator(".strips canvas").count() == 7  # pictures, 2 models, 2 PCAs, 2 draws
    assert page.evaluate("document.documentElement.scrollWidth") == WIDE[0]


@pytest.mark.slow
def test_a_run_is_begun_stopped_and_resumed(browse: Any, opened: Studio, place: Path) -> None:
    before = opened.session.kind, opened.session.subject
    opened.session.kind, opened.session.subject = "pictures", "digits"
    try:
        page = browse.page(*PHONE)
        page.get_by_role("link", name="Train").click()
        page.get_by_label("Recipe").select_option("mlp-vae")
        page.get_by_label("Minutes").fill("3")
        page.get_by_label("Pixels").fill("8")
        page.get_by_role("button", name="Begin").click()
        folder = place / "runs" / "mlp-vae-digits"
        page.get_by_text("goes on", exact=True).first.wait_for(timeout=60000)
        page.locator(".chart polyline").first.wait_for(timeout=60000)
        page.get_by_role("button", name="Stop").click()
        page.get_by_role("button", name="Resume").wait_for(timeout=60000)
        lines = len(history_of(folder))
        assert (folder / "checkpoint.safetensors").exists()
        page.reload()  # and what was there is there
        page.get_by_role("link", name="Train").click()
        page.get_by_role("button", name="Resume").click()
        for _ in range(120):
            page.wait_for_timeout(500)
            if len(history_of(folder)) > lines:
                break
        assert len(history_of(folder)) > lines
        page.get_by_role("button", name="Stop").click()
        page.get_by_role("button", name="Resume").wait_for(timeout=60000)
        expect(page, "document.documentElement.scrollWidth === 360")
    finally:
        opened.session.kind, opened.session.subject = before
        for end in opened.session.at_end:
            end()
