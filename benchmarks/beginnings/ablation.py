"""What each choice of the default's training is worth: each taken out alone, and the old default given all.

    python benchmarks/beginnings/ablation.py --data DATA --set utkface anime_faces --seed 0 1 2
    python benchmarks/beginnings/ablation.py --quick                  a minute: does it work?

DATA holds a folder for each set. The model is ``pca-autoencoder`` with 64 numbers; every model, the
old default too, gets ``--seconds`` of the process's own time on one thread, validates 20 times and keeps
its best weights. A row that is there already is kept.

A fifth is held out by content, under another salt (the seed of the division, ``SALT``) than any
earlier choice or result: nobody has looked at this fifth. Nothing at all was tuned on utkface; the
recipe's numbers were chosen on pictures of anime_faces, of which some are in this fifth too. A tenth of
the rest chooses the weights. PCA, fitted to all pictures that a model may see, stands beside.

What was decided on it, by two or three seeds on utkface: the start at PCA (0.38 dB) and its frozen linear
map (0.21; without it nothing better than the start was found) stay. Views and Muon rather than AdamW at the
same rate are worth 0.03 dB each. That the start is mirrored and that weights decay moves less than their
spread. Averaged weights cost 0.04 dB in this short time (two seeds, 0.01 apart); whether they still do
after minutes was not measured, so they stay. AdamW at its usual 1e-3 never left the start in that time,
and the old default with all of it ends far below PCA.

Errors are means over held-out pictures and values, of reconstructions cut to [0, 1], times 1,000. A
curve holds processor seconds and the validation error, of reconstructions as they come, times 1,000.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from run import SIZE, Noted, error

import narrows as nw
from narrows import files
from narrows.images import split
from narrows.images.views import Mirrored
from narrows.measures import Pca
from narrows.parts import Part
from narrows.training import Recipe, length

sys.path.append(str(Path(__file__).parents[1]))
from measuring import machine  # noqa: E402

RESULTS = Path(__file__).with_name("ablation.json")
CODE = 64
SALT = 1789  # of the division that holds pictures out; 0 and 1 divided them for what was chosen
SHARE = 0.1  # of the rest, which choose the weights

Make = Callable[[Recipe], Recipe]
# what is taken out → the recipe without it
VARIANTS: dict[str, Make] = {
    "the default": lambda made: made,
    "random start": lambda made: made.with_(begin=None, frozen=()),
    "starts at PCA, not mirrored": lambda made: made.with_(begin=Part("pca")),
    "AdamW, the same rate": lambda made: made.with_(optimizer="adamw"),
    "AdamW at 1e-3": lambda made: made.with_(optimizer="adamw", learning_rate=1e-3),
    "no views": lambda made: made.with_(views=None),
    "no weight decay": lambda made: made.with_(weight_decay=0.0),
    "no averaged weights": lambda made: made.with_(ema_decay=None),
    "nothing frozen": lambda made: made.with_(frozen=()),
    "conv-autoencoder, all the rest": lambda made: _old(made),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--set", nargs="+", default=["utkface", "anime_faces"])
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--seconds", type=float, default=50.0, help="processor time of each model")
    parser.add_argument("--variant", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    length.clock = time.process_time
    if given.quick:
        given.set, given.seed, given.seconds = ["digits"], [0], 2.0
    for name in given.set:
        held, rest = divided(name, given.data)
        for seed in given.seed:
            for variant in given.variant:
                keep(given, name, seed, variant, rest, held)


def divided(name: str, data: Path) -> tuple[Any, Any]:
    """The pictures that are held out, and those that are not."""
    whole: Any
    if name == "digits":
        whole = nw.images.named(name)
    else:
        whole = nw.images.folder(data / name / "images", size=SIZE)
    parts = split(whole, (0.8, 0.0, 0.2), seed=SALT)
    return parts.test, parts.train


def _old(made: Recipe) -> Recipe:
    """The default before: a convolutional ladder, with views and training of this one."""
    old = nw.recipes.conv_autoencoder(made.shape, made.ladder.arguments["width"])
    phase = dataclasses.replace(made.phases[0], begin=None, frozen=())
    return dataclasses.replace(old, phases=(phase,))


def trained(variant: str, rest: Any, seed: int, seconds: float) -> tuple[Any, Noted]:
    """The model with its best weights, and its course."""
    small = min(CODE, math.prod(rest.shape) // 4)
    made = VARIANTS[variant](nw.recipes.pca_autoencoder(tuple(rest.shape), small))
    # another seed than that of the salt: a picture's hash would fall on one side again
    parts = split(rest, validation=SHARE, seed=SALT + 1 + seed)
    noted = Noted()
    model = nw.fit(
        made.with_(patience=None),
        parts.train,
        validation=parts.validation,
        minutes=seconds / 60,
        seed=seed,
        device="cpu",
        report=noted,
    )
    return model, noted


def keep(
    given: argparse.Namespace, name: str, seed: int, variant: str, rest: Any, held: Any
) -> None:
    key = {"set": name, "seed": seed, "variant": variant, "seconds": given.seconds}
    rows = read(given.results)["rows"]
    if any(key.items() <= row.items() for row in rows):
        return
    model, noted = trained(variant, rest, seed, given.seconds)
    small = math.prod(model.code_shape)
    mirrored = error(Pca.fit(Mirrored(rest), small).reconstruct, held)
    found = error(model, held)
    values = math.prod(model.shape)
    constant = 0.5 * values * math.log(math.pi)  # of the likelihood, which is no error
    curve = [
        [round(spent, 1), round(1000 * (loss - constant) / values, 4)]
        for _, _, loss, spent in noted.lines
    ]
    row = {
        **key,
        "held_out": len(held),
        "error_x1000": round(found, 4),
        "mirrored_PCA_x1000": round(mirrored, 4),
        "dB_over_mirrored_PCA": round(10 * math.log10(mirrored / found), 3),
        "passes": noted.lines[-1][0],
        "curve": curve,
    }
    print(json.dumps({k: v for k, v in row.items() if k != "curve"}), flush=True)
    if given.quick:
        return
    document = read(given.results)
    document["rows"] = sorted(
        [*document["rows"], row], key=lambda r: (r["set"], list(VARIANTS).index(r["variant"]), r["seed"])
    )  # fmt: skip
    document["summary"] = summary(document["rows"])
    document["machine"] = machine()
    files.write_bytes(given.results, (json.dumps(document, indent=1) + "\n").encode())


def read(path: Path) -> dict[str, Any]:
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text())
        return found
    what = "dB over PCA of mirrored pictures with as many numbers, held-out pictures; each choice taken out alone"
    return {
        "what": what,
        "command": "python benchmarks/beginnings/ablation.py --set utkface anime_faces",
        "rows": [],
    }


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean and deviation over the seeds, and over the same seeds how far below the default."""
    found = []
    for name, variant, seconds in dict.fromkeys(
        (r["set"], r["variant"], r["seconds"]) for r in rows
    ):

        def of(wanted: str, name: str = name, seconds: float = seconds) -> dict[int, float]:
            return {
                r["seed"]: r["dB_over_mirrored_PCA"]
                for r in rows
                if (r["set"], r["variant"], r["seconds"]) == (name, wanted, seconds)
            }

        mine, default = of(variant), of("the default")
        apart = [mine[seed] - default[seed] for seed in mine if seed in default]
        found.append(
            {
                "set": name,
                "variant": variant,
                "seconds": seconds,
                "seeds": len(mine),
                "dB": round(statistics.fmean(mine.values()), 3),
                "deviation": round(statistics.stdev(mine.values()), 3) if len(mine) > 1 else None,
                "against_default": round(statistics.fmean(apart), 3) if apart else None,
            }
        )
    return found


if __name__ == "__main__":
    main()
