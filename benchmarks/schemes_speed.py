"""What a scheme and a penalty cost: recursive in one pass, rung by rung, end to end; contractive.

    python benchmarks/schemes_speed.py

Recursive training in one pass against the way of Ray & Hannon 2022, a model per rung with all above
it frozen, for the same number of updates of every rung of the seven-rung ladder; the memory of one
pass beside end-to-end's; and a step with a contractive penalty (one probe) beside a plain one.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Callable

import torch

import narrows as nw
from measuring import arguments, median, report, rounds
from narrows.parts import Part
from narrows.recipes import ray

SHAPE = (3, 128, 128)
MEMORY = """
import sys
import torch
import narrows as nw
from narrows.recipes import ray

torch.set_num_threads(1)
makes = {"end-to-end": ray.ray_2022_stacked, "recursive": ray.ray_2022_recursive}
images = torch.randint(256, (64, 3, 128, 128), dtype=torch.uint8)
recipe = makes[sys.argv[1]]((3, 128, 128)).with_(batch_size=32)
nw.fit(ray.ray_2022_stacked((3, 16, 16)), images[:2, :, :16, :16].contiguous(), epochs=1, report="quiet")
with open("/proc/self/clear_refs", "w") as opened:
    opened.write("5")  # the peak begins anew

def status(key):
    with open("/proc/self/status") as opened:
        return next(int(line.split()[1]) for line in opened if line.startswith(key + ":"))

before = status("VmRSS")
nw.fit(recipe, images, epochs=3, report="quiet")
print(status("VmHWM") - before)
"""


def seconds(recipe: nw.Recipe, images: torch.Tensor) -> float:
    """How long one training takes."""
    began = time.perf_counter()
    nw.fit(recipe, images, report="quiet")
    return time.perf_counter() - began


def peak(scheme: str) -> float:
    """MiB that training takes at its peak beyond what is there before, in a fresh process."""
    command = [sys.executable, "-c", MEMORY, scheme]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)) / 1024


def main() -> None:
    """Measure, print, write."""
    given = arguments(__doc__, rounds=3).parse_args()
    torch.set_num_threads(given.threads or 1)
    number, batch = (64, 16) if given.quick else (320, 32)
    if not sys.platform.startswith("linux"):
        sys.exit("schemes_speed.py needs Linux: the peak of the memory is read from /proc")
    images = torch.randint(256, (number, *SHAPE), dtype=torch.uint8)
    numbers = {"epochs": 1.0, "batch_size": batch}
    plain = nw.recipes.conv_autoencoder((1, 28, 28)).with_(**numbers)
    penalty = Part("contractive-hutchinson", {"weight": 1e-3, "probes": 1})
    contractive = plain.with_(phases=(dataclasses.replace(plain.phases[0], penalties=(penalty,)),))
    digits = torch.randint(256, (4 * number, 1, 28, 28), dtype=torch.uint8)
    faces: dict[str, nw.Recipe] = {
        "one pass": ray.ray_2022_recursive(SHAPE).with_(**numbers),
        "one at a time": ray.ray_2022_one_at_a_time(SHAPE).with_(**numbers),
        "end to end": ray.ray_2022_stacked(SHAPE).with_(**numbers),
    }
    sides: dict[str, Callable[[], float]] = {
        name: (lambda recipe=recipe: seconds(recipe, images)) for name, recipe in faces.items()
    }
    sides["plain step"] = lambda: seconds(plain, digits)
    sides["contractive step"] = lambda: seconds(contractive, digits)
    took = {name: median(found) for name, found in rounds(sides, given.rounds).items()}
    memory = {name: peak(name) for name in ("end-to-end", "recursive")}
    gain = took["one at a time"] / took["one pass"]
    cost = took["contractive step"] / took["plain step"]
    rows = [
        ["recursive, seven rungs: one at a time / one pass", f"{gain:.2f}×", "at least 1.25×"],
        [
            "recursive in one pass / end to end",
            f"{took['one pass'] / took['end to end']:.2f}×",
            "",
        ],
        ["peak memory, end to end", f"{memory['end-to-end']:.0f} MiB", ""],
        ["peak memory, recursive in one pass", f"{memory['recursive']:.0f} MiB", ""],
        ["contractive step (Hutchinson, one probe) / plain", f"{cost:.2f}×", "at most 2.5×"],
    ]
    measured = {"seconds": took, "peak_mebibytes": memory, "updates_per_rung": number // batch}
    report(given, "schemes_speed", ["what", "measured", "wanted"], rows, measured)


if __name__ == "__main__":
    main()
