"""How long restoring and compressing take: 4 megapixels, 100 projections, 1,000 files and back.

    python benchmarks/restoring.py [--threads 2] [--quick] [--out results.json]

The models are conv-vae and, for files, conv-autoencoder for 64×64 colour pictures in their default
widths with random weights: what they answer is nonsense, what it costs is not. The best of three
tries counts for files, whose reading and writing takes a few seconds.
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
from narrows.applications import (
    Codec,
    CodeGaussian,
    by_projection,
    codec_model,
    denoise_batch,
    inpaint_batch,
)
from narrows.training import select_device


def timed(what: Callable[[], Any]) -> dict[str, float]:
    """Seconds on the wall, and of the processors: they differ where others work on the machine."""
    wall, busy = time.perf_counter(), time.process_time()
    what()
    return {"seconds": time.perf_counter() - wall, "processor_seconds": time.process_time() - busy}


def compression(count: int, draw: torch.Generator) -> dict[str, dict[str, float]]:
    """So many pictures to files of their own and back."""
    model = nw.recipes.conv_autoencoder((3, 64, 64)).build().eval()
    coarse = torch.rand(count, 3, 8, 8, generator=draw)
    pictures = torch.nn.functional.interpolate(coarse, size=64, mode="bicubic").clamp(0, 1)
    pixels = (pictures * 255).byte().numpy()
    codec = Codec.fit(codec_model(model), pixels[:100])
    made = codec.compress(pixels).files
    tries = [
        {
            "compress": timed(lambda: codec.compress(pixels)),
            "decompress": timed(lambda: [codec.decompress(file) for file in made]),
        }
        for _ in range(3)
    ]
    return {
        name: min((one[name] for one in tries), key=lambda each: each["seconds"])
        for name in ("compress", "decompress")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    model = nw.recipes.conv_vae((3, 64, 64)).build().eval()
    select_device("cpu", "float32").place(model)
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
    files = 100 if asked.quick else 1000
    found = {
        "threads": asked.threads,
        "megapixels": side * side / 1e6,
        "denoise": timed(lambda: denoise_batch(model, large, (64, 64))),
        "pictures": pictures,
        "starts": 4,
        "evaluations": 60,
        "projection": timed(lambda: inpaint_batch(fill, x, hole, (64, 64))),
        "files": files,
        **compression(files, draw),
    }
    print(json.dumps(found, indent=2))
    if asked.out:
        asked.out.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
