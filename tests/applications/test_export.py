"""Exported files: they take pictures as the model does, answer without torch, and are refused where they drift."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import narrows as nw
from narrows.applications import graphs, onnx_files
from narrows.applications.export import _scoring as scoring
from narrows.applications.export import export
from narrows.errors import NarrowsError
from narrows.images import Preprocessing
from narrows.images.read import fit_pixels

onnx = pytest.importorskip("onnx", reason="no ONNX here: pip install 'narrows[export]'")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture(scope="module")
def model(digits: nw.images.Images) -> nw.Autoencoder:
    recipe = nw.recipes.pca_vae((1, 8, 8), 6).with_(steps=0)
    return nw.fit(recipe, digits.select(range(400)), report="quiet")


@pytest.fixture(scope="module")
def whole(model: nw.Autoencoder, tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("export") / "digits.onnx"
    return export(model, "onnx", path, progress=False)


def answers(path: Path, pixels: Any) -> dict[str, np.ndarray[Any, Any]]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    found = session.run(names, {session.get_inputs()[0].name: np.asarray(pixels)})
    return dict(zip(names, found, strict=True))


def in_bytes(images: nw.images.Images) -> np.ndarray[Any, Any]:
    return images.pixels.permute(0, 2, 3, 1).contiguous().numpy()


def test_the_file_says_what_the_model_says(
    model: nw.Autoencoder, whole: Any, digits: nw.images.Images
) -> None:
    some = digits.select(range(7))
    found = answers(whole.path, in_bytes(some))
    code = model.encode(some).z
    back = model.reconstruct(some).clamp(0, 1)
    assert np.abs(found["code"] - code.numpy()).max() < 1e-5
    wanted = (back * 255).round().byte().permute(0, 2, 3, 1).numpy()
    assert np.abs(found["picture"].astype(int) - wanted).max() <= 1
    told = nw.reconstruct(model, some, progress=False).mse.numpy()
    assert found["error"] == pytest.approx(told, rel=1e-4)


def test_it_tells_whose_it_is_and_nothing_of_this_machine(
    model: nw.Autoencoder, whole: Any
) -> None:
    file = onnx.load(whole.path)
    about = json.loads({each.key: each.value for each in file.metadata_props}["narrows"])
    assert about["fingerprint"] == model.fingerprint() and about["shape"] == [1, 8, 8]
    assert about["recipe"]["name"] == "pca-vae" and any("EXIF" in one for one in about["outside"])
    assert about == whole.document()["about"]
    axes = [d.dim_param or d.dim_value for d in file.graph.input[0].type.tensor_type.shape.dim]
    assert axes == ["batch", "height", "width", 1]
    assert b"/src/" not in whole.path.read_bytes() and b".py" not in whole.path.read_bytes()


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("central", [None, 9])
def test_the_resize_is_that_of_the_reader(fit: Any, central: int | None) -> None:
    how = Preprocessing((3, 12, 8), fit, central)
    read = graphs.Resampled(how)
    source = torch.Generator().manual_seed(1)
    for height, width in ((12, 8), (31, 17), (5, 40), (6, 4), (11, 90), (1, 1), (9, 9)):
        pixels = torch.randint(256, (2, 3, height, width), generator=source, dtype=torch.uint8)
        found = read(pixels.permute(0, 2, 3, 1)) * 255
        wanted = fit_pixels(pixels, how.wanted).float()
        # the reader rounds twice, once along each axis
        assert (found - wanted).abs().max() <= 1.01, (height, width)


def test_what_drifts_is_not_written(
    model: nw.Autoencoder, whole: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = onnx_files.alone
    monkeypatch.setattr("narrows.applications.export.traced", lambda *_: onnx.load(whole.path))

    def off(*args: Any) -> Any:
        found = usual(*args)
        found[3]["code"] = found[3]["code"] + 0.01
        return found

    monkeypatch.setattr("narrows.applications.export.alone", off)
    with pytest.raises(nw.NarrowsError, match=r"exported code .* 0\.01 .*: nothing was written"):
        export(model, "onnx", tmp_path / "a.onnx", progress=False)
    assert not list(tmp_path.iterdir())


class Asking(nn.Module):
    """A layer that no graph can hold: it asks a tensor for its value."""

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        return h if h.sum() > 0 else -h


def test_a_model_that_no_graph_can_hold_is_one_sentence(narrow: Any, tmp_path: Path) -> None:
    odd = narrow("mlp-vae", (1, 6, 6))
    odd.ladder.boundary(0).activation = Asking()
    with pytest.raises(nw.NarrowsError, match="torch cannot export this model") as raised:
        export(odd, "pt2", tmp_path / "a.pt2", progress=False)
    assert len(str(raised.value)) < 450 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("to", ["onnx", "pt2"])
def test_a_hole_has_no_byte_and_what_can_be_done_is_said(to: str, tmp_path: Path) -> None:
    model = nw.recipes.recipe("inpainter")((1, 16, 16)).build().eval()
    target = tmp_path / ("model.onnx" if to == "onnx" else "model.pt2")
    for part in ("encode", "whole", "score"):
        with pytest.raises(NarrowsError, match="no byte has.*`narrows inpaint`.*--part decode"):
            export(model, to, target, part=part, progress=False)
    assert not target.exists()
    export(model, to, target, part="decode", progress=False)
    assert target.exists()


def test_a_score_is_that_of_outliers_with_its_thresholds(
    model: nw.Autoencoder, digits: nw.images.Images
) -> None:
    normal, asked = digits.select(range(700)), digits.select(range(1000, 1040))
    with model.evaluating():
        graph, thresholds = scoring(model, normal, "cosine-knn", False)
        score, p_values = graph(torch.from_numpy(in_bytes(asked)))
    told = nw.outliers(
        model, asked, normal=normal, score="cosine-knn", false_alarms=0.05, progress=False
    )
    assert score.numpy() == pytest.approx(told.scores["cosine-knn"], abs=2e-6)
    assert p_values.numpy() == pytest.approx(told.p_values, abs=0.005)
    assert thresholds["0.05"] == pytest.approx(told.threshold, abs=2e-6)


def test_int8_is_smaller_and_says_what_it_cost(
    model: nw.Autoencoder, whole: Any, digits: nw.images.Images, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("narrows.applications.export.traced", lambda *_: onnx.load(whole.path))
    made = export(
        model, "onnx-int8", tmp_path / "small.onnx", pictures=digits, limit=60, progress=False
    )
    assert made.psnr is not None and 0 <= made.psnr[0] - made.psnr[1] < 0.5
    assert f"{made.psnr[1]:.2f} dB in int8" in str(made)
    kinds = {node.op_type for node in onnx.load(made.path).graph.node}
    assert "DequantizeLinear" in kinds and "DynamicQuantizeLinear" not in kinds


def test_a_program_of_torch_comes_back(
    model: nw.Autoencoder, digits: nw.images.Images, tmp_path: Path
) -> None:
    made = export(model, "pt2", tmp_path / "d.pt2", part="encode", progress=False)
    told = {"narrows.json": ""}
    back = torch.export.load(made.path, extra_files=told).module()
    some = digits.select(range(3))
    assert torch.allclose(back(torch.from_numpy(in_bytes(some))), model.encode(some).z, atol=1e-6)
    assert json.loads(told["narrows.json"])["fingerprint"] == model.fingerprint()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"to": "tflite"}, "exported to onnx, onnx-int8, pt2, html; we got 'tflite'"),
        ({"part": "encoder"}, "a part is encode, decode, whole, score; we got 'encoder'"),
        ({"to": "html", "part": "encode"}, "a page runs the decoder"),
        ({"to": "onnx-int8", "part": "score"}, "a score in int8 would be another"),
        ({"score": "lof"}, "a score that can be exported is"),
        ({"to": "onnx-int8"}, "say which pictures int8 is scaled by"),
        ({"path": "a.pb"}, "a file of onnx ends in .onnx; we got 'a.pb'"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    model: nw.Autoencoder, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        export(model, progress=False, **given)


def test_a_missing_package_is_named(model: nw.Autoencoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        nw.NarrowsError, match=r"onnxruntime is not installed: pip install 'narrows\[export\]'"
    ):
        export(model, "onnx", progress=False)


def test_the_check_loads_no_torch(whole: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", **{"0/pixels": np.zeros((1, 8, 8, 1), np.uint8)})
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['x', {str(whole.path)!r}, {str(tmp_path / 'in.npz')!r}, {str(tmp_path / 'o.npz')!r}]\n"
        f"runpy.run_path({onnx_files.ALONE!r}, run_name='__main__')\n"
        "assert not {'torch', 'narrows'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cosine-knn", "knn", "reconstruction"])
def test_a_score_runs_without_torch(
    model: nw.Autoencoder, digits: nw.images.Images, tmp_path: Path, name: str
) -> None:
    some = digits.select(range(500))
    made = export(
        model, "onnx", tmp_path / "s.onnx", part="score", score=name, pictures=some, progress=False
    )
    found = answers(made.path, in_bytes(some))
    assert set(found) == {"score", "p_value"} and len(found["score"]) == 500
    called = float((found["score"] > made.about["thresholds"]["0.1"]).mean())
    assert 0 < called <= 0.25
