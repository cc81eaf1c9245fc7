"""Training on more pixels than the process may hold: does it work, and what does it take?

    python benchmarks/memory.py

A .npy file of uint8 pictures is made (sparse, so it takes no disk), and a process that may hold
less than it in private memory trains on all of it. The same process shows that reading the file
whole would fail. Linux only: the limit is RLIMIT_DATA.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from measuring import arguments, report

SHAPE = (3, 64, 64)
MEBIBYTE = 1 << 20
CHILD = """
import json, resource, sys, threading, time
import numpy as np, torch
import narrows as nw

torch.set_num_threads(1)
path, headroom = sys.argv[1], int(sys.argv[2])

def status(key):
    with open("/proc/self/status") as opened:
        return next(int(line.split()[1]) * 1024 for line in opened if line.startswith(key + ":"))

tiny = np.zeros((8, 3, 64, 64), np.uint8)
recipe = nw.recipes.mlp_autoencoder((3, 64, 64), 8, widths=(8,))
nw.fit(recipe, tiny, epochs=1, report="quiet")          # loads what training loads
before = status("RssAnon")
limit = status("VmData") + headroom
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
try:
    np.load(path)
    refused = False
except MemoryError:
    refused = True

peak = 0
def watch():
    global peak
    while True:
        peak = max(peak, status("RssAnon"))
        time.sleep(0.01)
threading.Thread(target=watch, daemon=True).start()
images = nw.images.open_source(path)
began = time.perf_counter()
nw.fit(recipe, images, epochs=1, report="quiet")
print(json.dumps({"whole_refused": refused, "pictures": len(images), "before": before,
                  "peak": peak, "seconds": time.perf_counter() - began}))
"""


def main() -> None:
    """Make the file, train under the limit, print and write what it took."""
    given = arguments(__doc__).parse_args()
    if not sys.platform.startswith("linux"):
        sys.exit("memory.py needs Linux: the limit is RLIMIT_DATA")
    size = (300 if given.quick else 1500) * MEBIBYTE
    headroom = (150 if given.quick else 500) * MEBIBYTE
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pictures.npy"
        shape = (size // int(np.prod(SHAPE)), *SHAPE)
        np.lib.format.open_memmap(path, "w+", np.uint8, shape).flush()
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(path), str(headroom)], capture_output=True, text=True
        )
    if done.returncode:
        sys.exit(f"the training under the limit failed: {done.stderr.strip().splitlines()[-1]}")
    found = json.loads(done.stdout)
    if not found["whole_refused"]:
        sys.exit("the limit does not bind: the whole file could be read")
    found |= {"file": size, "limit_beyond_start": headroom}
    taken = found["peak"] - found["before"]
    rows = [
        ["pixels in the file", f"{size / MEBIBYTE:,.0f} MiB"],
        ["private memory allowed beyond the start", f"{headroom / MEBIBYTE:,.0f} MiB"],
        ["reading the file whole", "refused (MemoryError)"],
        ["one epoch over all of it", f"done, {found['pictures']:,} pictures"],
        ["private memory at its peak, beyond the start", f"{taken / MEBIBYTE:,.0f} MiB"],
    ]
    report(given, "memory", ["what", "measured"], rows, found)


if __name__ == "__main__":
    main()
