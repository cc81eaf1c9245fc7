"""Codes of many pictures: a model as it was built, as it is opened, and in bfloat16.

    python benchmarks/encode_speed.py

Each side is a process of its own, because what the C library does with freed memory is settled once in
each; they take turns. Processor seconds of one thread are compared, and codes with those of the model as
it was built.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from measuring import arguments, median, report

SIDES = ("built", "opened", "bfloat16")
CASES = (
    ("conv-vae", (3, 64, 64), 1024),
    ("conv-autoencoder", (3, 64, 64), 1024),
    ("conv-autoencoder", (1, 28, 28), 4096),
)
CHILD = """
import json, sys, time
from pathlib import Path
import numpy as np, torch
import narrows as nw
from narrows.training.checkpoints import load_weights

side, folder, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.set_num_threads(1)
if side == "opened":
    model = nw.load(folder)
else:  # the same weights in the usual layout, and memory that is handed back
    model = load_weights(Path(folder)).eval()
draw = torch.Generator().manual_seed(0)
images = nw.images.Images(torch.randint(256, (count, *model.shape), generator=draw, dtype=torch.uint8))

def encode():
    with torch.autocast("cpu", torch.bfloat16, enabled=side == "bfloat16"):
        return model.encode(images).z

encode()
began = time.process_time()
codes = encode()
print(json.dumps({"ms": (time.process_time() - began) * 1000 / count}))
np.save(sys.argv[4], codes.float().numpy())
"""


def main() -> None:
    """Milliseconds of a processor for a picture, ratios, and how far codes move."""
    import numpy as np

    import narrows as nw

    given = arguments(__doc__, rounds=3).parse_args()
    measured, rows = [], []
    with tempfile.TemporaryDirectory() as place:
        for name, shape, count in CASES:
            folder, codes = Path(place, name, str(shape[1])), Path(place, "codes.npy")
            pictures = np.random.default_rng(0).integers(0, 256, (64, *shape), dtype=np.uint8)
            nw.fit(nw.recipes.recipe(name)(shape), pictures, to=folder, epochs=1, report="quiet")
            taken: dict[str, list[float]] = {side: [] for side in SIDES}
            found: dict[str, Any] = {}
            for _ in range(1 if given.quick else given.rounds):
                for side in SIDES:
                    many = (64 if given.quick else count) // (16 if side == "bfloat16" else 1)
                    command = [sys.executable, "-c", CHILD, side, str(folder), str(many)]
                    told = subprocess.run(
                        [*command, str(codes)], capture_output=True, text=True, check=True,
                        env=os.environ | {"OMP_NUM_THREADS": "1"},
                    )  # fmt: skip
                    taken[side].append(json.loads(told.stdout)["ms"])
                    found[side] = np.load(codes)
            ms = {side: median(times) for side, times in taken.items()}
            few = found["built"][: len(found["bfloat16"])]
            moved = {
                side: float(np.abs(found[side][: len(few)] - few).max() / np.abs(few).max())
                for side in SIDES[1:]
            }
            measured.append({"recipe": name, "shape": shape, "ms": ms, "moved": moved})
            rows += [
                [
                    f"{name}, {'×'.join(map(str, shape))}", side, f"{ms[side]:.3f}",
                    f"{ms['built'] / ms[side]:.2f}", f"{moved.get(side, 0):.1g}",
                ]
                for side in SIDES
            ]  # fmt: skip
    columns = ["model", "side", "ms of a processor for a picture", "times as fast", "codes move by"]
    report(given, "encode_speed", columns, rows, {"measured": measured})


if __name__ == "__main__":
    main()
