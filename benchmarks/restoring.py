"""How long restoring takes: 4 megapixels through tiles, and 100 pictures projected on the manifold.

    python benchmarks/restoring.py [--threads 2] [--quick] [--out results.json]

The model is conv-vae for 64×64 colour pictures in its default widths with random weights: what it
answers is nonsense, what it costs is not.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import narrows as nw
from narrows.applications import CodeGaussian, by_projection, denoise, inpaint
from narrows.training import choose


def timed(what: Callable[[], Any]) -> dict[str, float]:
    """Seconds on the wall, and of the processors: they differ where others work on the machine."""
    wall, busy = time.perf_counter(), time.process_time()
    what()
    return {"seconds": time.perf_counter() - wall, "processor_seconds": time.process_time() - busy}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    model = nw.recipes.conv_vae((3, 64, 64)).build().eval()
    choose("cpu", "float32").place(model)
    side, pictures = (632, 10) if asked.quick else (2000, 100)
    draw = torch.Generator().manual_seed(0)
    large = torch.rand(1, 3, side, side, generator=draw)
    x = torch.rand(pictures, 3, 64, 64, generator=draw)
    hole = torch.zeros(1, 1, 64, 64, dtype=torch.bool)
    hole[:, :, 16:48, 16:48] = True
    codes = CodeGaussian.standard(model.code_shape)
    fill = by_projection(lambda p: model.posterior(p).z, model.decode, codes)
    with torch.no_grad():
        model(x[:8])  # the first call is slower
    found = {
        "threads": asked.threads,
        "megapixels": side * side / 1e6,
        "denoise": timed(lambda: denoise(model, large, (64, 64))),
        "pictures": pictures,
        "starts": 4,
        "evaluations": 60,
        "projection": timed(lambda: inpaint(fill, x, hole, (64, 64))),
    }
    print(json.dumps(found, indent=2))
    if asked.out:
        asked.out.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
