"""Maps as figures and as a page, confusion matrices, and curves of few labels."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from narrows.figures import confusion_matrix, label_curves, map_page, maps, png
from narrows.figures.maps import OTHER, PALETTE, colouring

BROWSER = Path(__file__).with_name("map_page_browser.js")


def drawn(figure) -> np.ndarray:
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(png(figure))).convert("RGB"))


def test_colours_of_classes() -> None:
    found = colouring(["b", "a", "", "b"], 4)
    assert found.names == ("a", "b", "no label") and found.which.tolist() == [1, 0, 2, 1]
    assert found.colours == (*PALETTE[:2], OTHER)
    assert colouring([10, 9, 2], 3).names == ("2", "9", "10")  # as numbers, not as text
    many = colouring([str(i) for i in range(30)] + ["x"] * 9, 39)
    assert len(many.names) == 20 and "x" in many.names and many.names[-1] == "12 others"
    assert colouring(None, 4).names == ()
    assert colouring([1.0, 0.0, np.nan], 3).names == ("0", "1", "no label")


def test_the_list_of_names_is_not_cut_and_names_do_not_cover_each_other() -> None:
    """The names beside a map end before its edge, however wide; at one place stands one name only."""
    points = np.repeat([[0.0, 0.0], [0.01, 0.0], [9.0, 9.0]], 4, 0)
    for name in ("x", "Wiiiiiiiiiiiiiiiiiiiiiiiiide", "WWWWWWWWWWWWWWWWWWWWWWWWW"):
        figure = maps({"PCA": points}, [name] * 4 + ["b"] * 4 + ["c"] * 4, title="a title")
        shown = drawn(figure)
        assert (shown[:, -3:] == 255).all()
        assert len([t for t in figure.axes[0].texts if t.get_fontweight() == "bold"]) == 2


def test_colours_of_numbers() -> None:
    ages = np.append(np.linspace(1, 90, 200), np.nan)
    found = colouring(ages, 201)
    assert found.numbers is not None and found.numbers[0] < 3 and found.numbers[1] > 85
    assert found.which[0] == 0 and found.which[-2] == 31
    assert found.colours[found.which[-1]] == OTHER


def test_a_map_shows_its_classes_and_rings(digits: np.ndarray) -> None:
    draw = np.random.default_rng(0)
    points = {"t-SNE": draw.normal(size=(60, 2)), "PCA": draw.normal(size=(60, 2))}
    names = np.array(["cost $5", "b", "c"])[np.arange(60) % 3]
    plain = drawn(maps(points, names, title="kind", notes={"PCA": "a note"}))
    for colour in PALETTE[:3]:
        shade = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        assert (np.abs(plain.astype(int) - shade).sum(2) < 60).sum() > 100
    ringed = drawn(
        maps(points, names, title="kind", notes={"PCA": "a note"}, new={"PCA": [[0, 0]]})
    )
    assert ringed.shape == plain.shape and (ringed != plain).any()
    pictured = drawn(maps(points, pictures=digits[:60]))
    assert (pictured.mean(2) < 40).sum() > 5000  # the black of the digits
    assert drawn(maps({"PCA": points["PCA"]}, np.linspace(0, 1, 60), title="age")).std() > 5
    with pytest.raises(ValueError, match="one point"):
        maps(points, names[:5])


HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    'é"&\u2028',
    "@DATA@",
]


def page(n: int = 40, **changes) -> str:
    draw = np.random.default_rng(0)
    given = {
        "points": {"t-SNE": draw.normal(size=(n, 2)), "PCA": draw.normal(size=(n, 2))},
        "thumbnails": draw.integers(0, 256, (n, 1, 8, 6), dtype=np.uint8),
        "names": [HOSTILE[i % 4] + str(i) for i in range(n)],
        "labels": [HOSTILE[i % 3] for i in range(n)],
        "notes": {"t-SNE": "<b>note</b>"},
        "label_name": "</script>",
        **changes,
    }
    return map_page('<a> & "b" @DATA@', **given)


def data(text: str) -> dict:
    return json.loads(text.split('id="data">')[1].split("</script>")[0])


def test_the_page_asks_for_nothing_and_escapes() -> None:
    text = page()
    assert "default-src 'none'" in text
    assert "http:" not in text and "https:" not in text and "src=x" not in text.split("@")[0]
    assert text.count("<script") == 2 and text.count("</script>") == 2
    assert "<img" not in text and "innerHTML" not in text
    assert "<title>&lt;a&gt; &amp; &quot;b&quot; @DATA@</title>" in text
    found = data(text)
    assert found["names"][:3] == [HOSTILE[0] + "0", HOSTILE[1] + "1", HOSTILE[2] + "2"]
    assert found["n"] == 40 and len(found["sheets"]) == 1 and found["size"] == [6, 8]
    assert [m["name"] for m in found["maps"]] == ["t-SNE", "PCA"]


def test_the_sheets_hold_the_pictures() -> None:
    import base64
    import io

    from PIL import Image

    small = np.zeros((1030, 3, 8, 8), np.uint8)
    small[1028, 0] = 255
    draw = np.random.default_rng(0).normal(size=(1030, 2))
    found = data(map_page("a", {"PCA": draw}, small, list(map(str, range(1030)))))
    assert len(found["sheets"]) == 2 and found["labels"] is None
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(found["sheets"][1]))))
    assert sheet.shape == (8, 256, 3)
    assert sheet[:, 32:40].mean((0, 1)) == pytest.approx([255, 0, 0], abs=6)
    raw = np.frombuffer(base64.b64decode(found["maps"][0]["points"]), "<u2").reshape(-1, 2)
    flipped = raw * [1, -1]
    assert np.corrcoef(flipped[:, 1], draw[:, 1])[0, 1] > 0.9999


def test_a_page_of_something_else() -> None:
    with pytest.raises(ValueError, match="a page needs a point"):
        page(names=["a"])


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the page")
def test_the_page_runs(tmp_path: Path) -> None:
    (tmp_path / "map.html").write_text(page(), encoding="utf-8")
    done = subprocess.run(
        ["node", str(BROWSER), str(tmp_path / "map.html")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["drawn"] == 40 and said["maps"] == 2 and said["legend"] == 4
    assert said["nearest"] == 10 and said["name"] == HOSTILE[2] + "10"
    assert said["label"] == "</script>: " + HOSTILE[1]
    assert said["pressed"] == [False, True] and said["alone"] == 14
    assert said["followed"]  # what was in view of a zoomed map is in view of the other
    assert 20 < said["pictured"] <= 40  # a picture for each cell that holds one


def test_confusions() -> None:
    counts = np.diag([90, 80, 70])
    counts[0, 2] = 10
    shown = drawn(confusion_matrix(counts, ["a", "b", "a long name of a class"], title="what"))
    orange = (shown[..., 0] > 200) & (shown[..., 2] < 190) & (shown[..., 2] < shown[..., 0] - 30)
    assert orange.sum() > 500
    assert drawn(confusion_matrix(np.eye(60), list(range(60)))).shape[0] > 400
    with pytest.raises(ValueError, match=r"counts \(C, C\)"):
        confusion_matrix(counts, ["a"])


def test_curves_of_labels() -> None:
    draws = np.random.default_rng(0).random((3, 5))
    shown = drawn(label_curves({"codes": ([1, 2, 5], draws), "PCA": ([1, 2, 5], draws / 2)}))
    assert shown.shape == (460, 760, 3) and shown.std() > 5
    with pytest.raises(ValueError, match="needs curves"):
        label_curves({})
