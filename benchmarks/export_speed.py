"""An exported encoder beside the library's own encode: both in turn, on one thread, ratio printed.

python benchmarks/export_speed.py
"""

from __future__ import annotations

import io
import json
import statistics
import tempfile
import time
from pathlib import Path

import onnxruntime
import torch

import narrows as nw
from narrows.applications.export import export

SHAPE, BATCH, ROUNDS = (3, 64, 64), 32, 15


def main() -> None:
    """Median milliseconds of a batch either way, and what int8 makes of it."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = nw.recipes.conv_vae(SHAPE).build().eval()
    pixels = torch.randint(256, (BATCH, *SHAPE[1:], SHAPE[0]), dtype=torch.uint8)
    images = nw.images.Images(pixels.permute(0, 3, 1, 2).contiguous())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    ways = {"narrows": lambda: model.encode(images)}
    with tempfile.TemporaryDirectory() as folder:
        for to in ("onnx", "onnx-int8"):
            path = Path(folder, f"{to}.onnx")
            export(model, to, path, part="encode", pictures=images, progress=False)
            session = onnxruntime.InferenceSession(
                path.read_bytes(), options, providers=["CPUExecutionProvider"]
            )
            given = {"pixels": pixels.numpy()}
            ways[to] = lambda session=session, given=given: session.run(None, given)
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, way in ways.items():
                began = time.perf_counter()
                way()
                taken[name].append((time.perf_counter() - began) * 1000)
    ms = {name: statistics.median(times) for name, times in taken.items()}
    ratio = {name: ms["narrows"] / value for name, value in ms.items() if name != "narrows"}
    for name, value in ms.items():
        print(f"{name:10} {value:8.1f} ms a batch of {BATCH}")
    for name, value in ratio.items():
        print(f"{name} is {value:.2f} times as fast as narrows' own encode")
    out = io.StringIO()
    json.dump({"shape": SHAPE, "batch": BATCH, "ms": ms, "ratio": ratio}, out, indent=2)
    (Path(__file__).parent / "results" / "export_speed.json").write_text(out.getvalue() + "\n")


if __name__ == "__main__":
    main()
