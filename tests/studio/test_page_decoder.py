"""A page with a decoder, opened from a disk: it asks for nothing, and draws what torch draws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import narrows as nw

pytest.importorskip("onnxruntime", reason="no ONNX here: pip install 'narrows[export]'")

PIXELS = """canvas => [canvas.width, canvas.height,
  Array.from(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data)]"""


@pytest.fixture(scope="module")
def model(model_folder: Path) -> nw.Autoencoder:
    return nw.load(model_folder)


@pytest.fixture(scope="module")
def page_file(
    model: nw.Autoencoder, digits: nw.images.Images, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    to = tmp_path_factory.mktemp("page") / "digits & more.html"
    some = digits.select([0, 1, 2])
    return nw.export(model, "html", to, pictures=some, progress=False)


@pytest.fixture(scope="module", params=[(1280, 800), (360, 780)], ids=["wide", "narrow"])
def page(request: Any, chromium: Any, page_file: Any) -> Any:
    width, height = request.param
    context = chromium.new_context(viewport={"width": width, "height": height})
    found = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    found.on("console", lambda message: said.append(message.text))  # Canvas2D: of reading it here
    found.on("pageerror", lambda error: said.append(str(error)))
    found.on("request", lambda one: asked.append(one.url))
    found.goto(page_file.path.as_uri())
    found.wait_for_selector("canvas.decoded[data-ready]", timeout=60_000)
    yield found
    assert not [one for one in said if not one.startswith("Canvas2D")] and asked == [
        page_file.path.as_uri()
    ]
    context.close()


def shown(page: Any) -> np.ndarray[Any, Any]:
    """The large picture (H, W), once it no longer changes."""
    before: Any = None
    for _ in range(100):
        page.wait_for_timeout(50)
        width, height, values = page.locator("canvas.decoded").evaluate(PIXELS)
        now = np.array(values, np.uint8).reshape(height, width, 4)
        if before is not None and (now == before).all():
            break
        before = now
    assert (now[..., 3] == 255).all() and (now[..., 0] == now[..., 1]).all()
    pixels: np.ndarray[Any, Any] = now[..., 0]
    return pixels


def drawn(model: nw.Autoencoder, z: torch.Tensor) -> np.ndarray[Any, Any]:
    with model.evaluating():
        picture = model.decode(z[None])[0, 0].clamp(0, 1)
    pixels: np.ndarray[Any, Any] = (picture * 255).round().byte().numpy()
    return pixels


def test_it_draws_what_torch_draws(
    page: Any, model: nw.Autoencoder, digits: nw.images.Images
) -> None:
    codes = model.encode(digits.select([0, 1, 2])).z
    assert (shown(page) == drawn(model, codes[0])).all()
    page.get_by_label("Begin at 2").click()
    assert (shown(page) == drawn(model, codes[2])).all()
    page.get_by_label("Place on the way").fill("0.5")
    half = drawn(model, (codes[0] + codes[1]) / 2)
    assert np.abs(shown(page).astype(int) - half).max() <= 1

    found = nw.applications.traversals(model, start=codes[0], steps=3, reach=3.0, progress=False)
    page.get_by_label("Begin at 0").click()
    page.get_by_label("axis 1: to its high end").click()
    moved = drawn(model, codes[0] + 3 * found.steps[0])
    assert np.abs(shown(page).astype(int) - moved).max() <= 1
    page.get_by_role("button", name="Sliders to the middle").click()
    assert (shown(page) == drawn(model, codes[0])).all()

    page.get_by_label("Begin at sample 1", exact=True).click()
    made = nw.generate(model, 48, progress=False)
    assert np.abs(shown(page).astype(int) - drawn(model, made.codes[0])).max() <= 1


def test_it_fits_and_each_control_has_a_name(page: Any) -> None:
    wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1]
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input')].filter(one => "
        "!(one.textContent.trim() || one.getAttribute('aria-label') || one.labels?.length)).length"
    )
    assert unnamed == 0


def test_it_says_what_it_is(page: Any, page_file: Any, model: nw.Autoencoder) -> None:
    assert page.get_by_role("heading", level=1).inner_text() == "The decoder of pca-vae"
    assert model.fingerprint() in page.locator("footer").inner_text()
    text = page_file.path.read_text(encoding="utf-8")
    assert "default-src 'none'" in text and "unsafe-inline" not in text
    assert page_file.bytes < 6_500_000
