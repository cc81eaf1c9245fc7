"""Write the golden runs again, after a change that is meant to move them:

python tests/golden/write.py

Each is a recipe trained for 50 steps on 500 digits of scikit-learn, ten steps to an epoch; what the
metrics say after every epoch stands in NAME.json, beside the kind of machine that it was found on.
"""

from __future__ import annotations

import json
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import narrows as nw
from narrows.training import Recipe, history_of

FOLDER = Path(__file__).parent
DIGITS, STEPS = (1, 8, 8), 50


def conv_vae() -> Recipe:
    """A pyramid, noise and an average. Without batch normalisation: before it a bias has no slope

    but rounding's, which Adam makes steps of, so that averages differ by percents between machines.
    """
    made = nw.recipes.conv_vae(DIGITS, 8, widths=(8, 16))
    return made.with_(ladder=made.ladder.with_(norm="none"), ema_decay=0.9)


# besides, a code book, and two players in turn
RECIPES: dict[str, Callable[[], Recipe]] = {
    "conv-vae": conv_vae,
    "vq-vae": lambda: nw.recipes.oord_2017_vq_vae(DIGITS, 8),
    "adversarial": lambda: nw.recipes.makhzani_2016_adversarial(DIGITS, 4),
}
TIMES = ("seconds", "images_per_second")


def machine() -> dict[str, str]:
    """What rounds: the processor's kind and instructions, and PyTorch's version."""
    return {
        "machine": platform.machine(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
    }


def run(name: str) -> list[dict[str, Any]]:
    """The metrics of a golden run, a record for every epoch, on one thread."""
    images = nw.images.named("digits")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            nw.fit(
                RECIPES[name]().with_(epochs=STEPS / 10, batch_size=50),
                images.select(range(500)),
                validation=images.select(range(500, 600)),
                to=Path(folder) / "run",
                device="cpu",
                precision="float32",
                report="quiet",
            )
            found = history_of(Path(folder) / "run")
    finally:
        torch.set_num_threads(threads)
    return [{k: v for k, v in record.items() if k not in TIMES} for record in found]


def main() -> None:
    for name in RECIPES:
        path = FOLDER / f"{name}.json"
        document = {"machine": machine(), "records": run(name)}
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        print(f"{path.relative_to(FOLDER.parents[1])}: {document['history'][-1]['loss']:.6f}")


if __name__ == "__main__":
    main()
