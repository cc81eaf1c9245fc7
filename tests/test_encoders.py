"""Networks of somebody else as encoders: what they give, what they are known by, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import narrows as nw
from narrows.errors import BadFile, NarrowsError

SHAPE = (1, 8, 8)
MEAN, DEVIATION = 0.3, 0.7


class Network(nn.Module):
    """Two layers of 8×8 pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 3, 3), nn.Linear(108, 5)

    def forward(self, x: Any) -> Any:
        return self.second(self.first(x).relu().flatten(1))


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    return Network()


def written(network: Network, path: Path, batch: Any = "N", side: Any = 8) -> Path:
    """The network as an ONNX file, by hand."""
    onnx = pytest.importorskip("onnx", reason="pip install 'narrows[export]'")
    helper, kinds = onnx.helper, onnx.TensorProto
    weights = {
        name: onnx.numpy_helper.from_array(tensor.detach().numpy(), name)
        for name, tensor in network.state_dict().items()
    }
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "first.weight", "first.bias"], ["a"]),
            helper.make_node("Relu", ["a"], ["b"]),
            helper.make_node("Flatten", ["b"], ["c"], axis=1),
            helper.make_node("Gemm", ["c", "second.weight", "second.bias"], ["z"], transB=1),
            helper.make_node("Neg", ["z"], ["minus"]),
        ],
        "network",
        [helper.make_tensor_value_info("x", kinds.FLOAT, [batch, 1, side, side])],
        [
            helper.make_tensor_value_info("z", kinds.FLOAT, [batch, 5]),
            helper.make_tensor_value_info("minus", kinds.FLOAT, [batch, 5]),
        ],
        list(weights.values()),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture(scope="module")
def digits() -> Any:
    return nw.images.named("digits").select(slice(0, 300))


@pytest.fixture(scope="module", params=["onnx", "torch"])
def encoder(request: Any, network: Network, tmp_path_factory: pytest.TempPathFactory) -> Any:
    if request.param == "torch":
        return nw.encoders.torch(network, SHAPE, mean=MEAN, deviation=DEVIATION)
    path = written(network, tmp_path_factory.mktemp("onnx") / "network.onnx")
    return nw.encoders.onnx(path, mean=MEAN, deviation=DEVIATION)


def test_codes_are_those_of_the_network(encoder: Any, network: Network, digits: Any) -> None:
    assert isinstance(encoder, nw.Encoder)
    assert (encoder.shape, encoder.code_shape) == (SHAPE, (5,))
    x = digits.batch(torch.arange(len(digits)))
    with torch.no_grad():
        wanted = network((x - MEAN) / DEVIATION)
    assert torch.allclose(encoder.encode(digits), wanted, atol=1e-5)
    with pytest.raises(ValueError, match=r"takes pictures of \(1, 8, 8\); we got \(1, 9, 9\)"):
        encoder.encode(np.zeros((2, 1, 9, 9), np.uint8))


def test_a_collection_knows_it_and_verbs_take_it(encoder: Any, digits: Any, tmp_path: Path) -> None:
    to = tmp_path / "codes"
    nw.index(encoder, digits, to, progress=False)
    found = nw.search(to, ids=[digits.ids[3]], k=4, model=encoder)
    codes = encoder.encode(digits).numpy()
    nearest = np.argsort(np.linalg.norm(codes - codes[3], axis=1), kind="stable")[1:5]
    assert set(found.ids) == {digits.ids[i] for i in nearest}
    classes = nw.classify(encoder, digits, labels="label", by=("knn",), progress=False)
    assert len(classes.table()) > 0
    outliers = nw.outliers(
        encoder, digits, normal=digits.select(slice(0, 200)), score="cosine-knn", progress=False
    )
    assert len(outliers.ids) == 300
    assert nw.duplicates(to, by="codes", model=encoder, progress=False) is not None
    other = nw.encoders.torch(Network(), SHAPE)
    with pytest.raises(BadFile, match="do not mix with them"):
        nw.search(to, like=[digits.batch(torch.arange(1))[0].numpy()], model=other)


def test_what_changes_a_code_changes_the_fingerprint(network: Network, tmp_path: Path) -> None:
    path = written(network, tmp_path / "a.onnx")
    made = [
        nw.encoders.onnx(path),
        nw.encoders.onnx(path, mean=0.1),
        nw.encoders.onnx(path, deviation=2),
        nw.encoders.onnx(path, output="minus"),
        nw.encoders.onnx(path, fit="pad"),
        nw.encoders.onnx(written(Network(), tmp_path / "b.onnx")),
        nw.encoders.torch(network, SHAPE),
        nw.encoders.torch(network, SHAPE, mean=0.1),
        nw.encoders.torch(Network(), SHAPE),
    ]
    assert len({one.fingerprint() for one in made}) == len(made)
    assert nw.encoders.onnx(path).fingerprint() == made[0].fingerprint()


def test_a_fixed_batch_and_free_sizes(network: Network, digits: Any, tmp_path: Path) -> None:
    fixed = nw.encoders.onnx(written(network, tmp_path / "fixed.onnx", batch=7))
    free = written(network, tmp_path / "free.onnx", side="S")
    assert torch.allclose(
        fixed.encode(digits), nw.encoders.onnx(free, shape=SHAPE).encode(digits), atol=1e-6
    )
    with pytest.raises(ValueError, match="any size: say which"):
        nw.encoders.onnx(free)
    with pytest.raises(ValueError, match="we got shape"):
        nw.encoders.onnx(tmp_path / "fixed.onnx", shape=(1, 9, 8))


def test_our_own_exported_file_gives_our_own_codes(digits: Any, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="pip install 'narrows[export]'")
    recipe = nw.recipes.mlp_autoencoder(digits.shape, 4, widths=(16,))
    model = nw.fit(recipe, digits, epochs=0.2, report="quiet")
    path = nw.export(model, to="onnx", path=tmp_path / "m.onnx", part="encode", progress=False).path
    encoder = nw.encoders.onnx(path)
    assert encoder.shape == digits.shape
    assert torch.allclose(encoder.encode(digits), model.encode(digits).z.cpu(), atol=1e-4)
    from narrows.applications.opening import opened_model

    assert opened_model(str(path)).fingerprint() == encoder.fingerprint()


def test_what_is_refused(network: Network, tmp_path: Path) -> None:
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"\x08\x09 no network")
    with pytest.raises(BadFile, match="no ONNX file"):
        nw.encoders.onnx(bad)
    with pytest.raises(BadFile, match="cannot be read"):
        nw.encoders.onnx(tmp_path / "none.onnx")
    path = written(network, tmp_path / "a.onnx")
    with pytest.raises(ValueError, match="no output 'y'; it has z, minus"):
        nw.encoders.onnx(path, output="y")
    with pytest.raises(ValueError, match="deviation is above 0"):
        nw.encoders.onnx(path, deviation=0)
    with pytest.raises(ValueError, match="mean is one number, or 1"):
        nw.encoders.onnx(path, mean=(1, 2, 3))
    with pytest.raises(ValueError, match="a torch module was wanted"):
        nw.encoders.torch(len, SHAPE)
    with pytest.raises(NarrowsError, match="does not take such pictures"):
        nw.encoders.torch(network, (3, 8, 8))
    with pytest.raises(NarrowsError, match="no codes"):
        nw.encoders.torch(nn.Flatten(0), SHAPE)


def test_a_file_that_refers_to_others_is_refused(network: Network, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="pip install 'narrows[export]'")
    path = written(network, tmp_path / "a.onnx")
    model = onnx.load(path)
    onnx.save(model, tmp_path / "b.onnx", save_as_external_data=True, size_threshold=0)
    with pytest.raises(BadFile, match="by itself"):
        nw.encoders.onnx(tmp_path / "b.onnx")
