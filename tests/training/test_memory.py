"""Pictures need not fit in memory: training reads them from the mapped file, batch by batch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SHAPE = (3, 64, 64)
MEBIBYTE = 1 << 20
FILE = 450 * MEBIBYTE
HEADROOM = 250 * MEBIBYTE

TRAIN = """
import json, resource, sys
import numpy as np, torch
import narrows as nw

torch.set_num_threads(1)
recipe = nw.recipes.mlp_autoencoder((3, 64, 64), 8, widths=(8,)).with_(batch_size=128)
nw.fit(recipe, np.zeros((8, 3, 64, 64), np.uint8), epochs=1, report="quiet")  # loads the libraries
with open("/proc/self/status") as opened:
    held = next(int(line.split()[1]) * 1024 for line in opened if line.startswith("VmData:"))
resource.setrlimit(resource.RLIMIT_DATA, (held + int(sys.argv[2]),) * 2)
try:
    np.load(sys.argv[1])
    whole = "read"
except MemoryError:
    whole = "refused"
images = nw.images.open_source(sys.argv[1])
seen = []
class Reads(nw.images.Images):
    def batch(self, indices):
        seen.append(len(indices))
        return super().batch(indices)
nw.fit(recipe, Reads(images.pixels), epochs=1, report="quiet")
print(json.dumps({"whole": whole, "seen": sum(seen)}))
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_DATA is Linux's")
def test_trains_on_more_pixels_than_the_process_may_hold(tmp_path: Path) -> None:
    number = FILE // int(np.prod(SHAPE))
    path = tmp_path / "pictures.npy"
    np.lib.format.open_memmap(path, "w+", np.uint8, (number, *SHAPE)).flush()  # sparse: all zero
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, str(path), str(HEADROOM)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found == {"whole": "refused", "seen": number}
