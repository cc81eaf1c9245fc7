"""Bytes at the PSNR of JPEG quality 30, and lossless MNIST: ours beside PCA, JPEG, WebP, AVIF and xz.

    python benchmarks/compression/run.py --set utkface kodak anime_faces mnist --seed 0
    python benchmarks/compression/run.py --set utkface --choose            on a fifth of the training part
    python benchmarks/compression/run.py --set utkface --quick             a minute: does it work?
    python benchmarks/compression/run.py --set utkface --epochs 100 --channels 192 --device cuda

``utkface`` and ``anime_faces`` are cut to a square and resized to 64×64 by Lanczos; a fifth is held
out by content and only looked at at the end. What there was to choose was chosen on a fifth of the
training part. Two thousand pictures are few: views of them, mirrored, and the large originals a
little turned, moved, nearer or further, stand in for those that are missing.

Ours is the recipe ``codec``: a ladder of one projection with a Gaussian bottleneck. It begins as PCA
of all views, which stays as it is; convolutions on both sides of it are trained by the ELBO, whose
likelihood has the variance that makes a nat worth what it is worth here: distortion plus rate. The
baseline is PCA of the training pictures, and of them and their mirrored ones, with the same
quantiser, coder and header. Our own beginning, PCA of all views, stands there twice: what the
convolutions add, and what choosing numbers together and coding them in context adds to the coder that
cut each unit by itself (``independent.py``). ``--beginning`` leaves the training out.

What was chosen on a fifth of the training part of ``utkface`` (388 pictures, seed 0; bytes at 30.14 dB,
the header counted): units by themselves 250.0 with 800 components and 251.9 with 1,100; a trellis of
four states and tables of what it chose, no contexts, 236; with contexts 231.5, and 229.3 with
1,000 components. What a nat is worth, 0.5 to 0.7 squared half steps, makes no difference, nor does a
third pass of learning; eight states are no better than four; values moved to the mean of what they
stand for take 0.4 % off the coded error. Contexts alone are worth some 3 %: codes of faces are nearly
normal given their own unit, and a linear map from each unit's magnitudes to each other's scale, learnt
freely, had the same 2.4 % at its best and then overfitted. The convolutions of the default recipe
after 138 steps of 64 views gave 233.1 where they began at 231.9: no gain, but far too short to judge.

Rows without a ``width`` are of the coder before (files of version 1), and of first weights drawn from
another seed.

``kodak`` goes through the model of ``utkface`` in tiles: what a codec of faces makes of landscapes.
``mnist`` is lossless: single files beside WebP, all in one beside xz.

Bytes are whole files, headers counted. Each curve is interpolated between its two neighbouring
qualities, in the logarithm of the bytes, at the PSNR where JPEG quality 30 (optimised Huffman
tables) stands; both are means over the held-out pictures.
"""

from __future__ import annotations

import argparse
import json
import lzma
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import narrows as nw
from narrows.applications import Codec, codec_model, pca_codec_model
from narrows.figures import rate_curves, save
from narrows.measures import Pca, formats
from narrows.parts import Part
from narrows.training import Recipe, history_of, select_device

sys.path.append(str(Path(__file__).parents[1]))
from independent import with_independent_units  # noqa: E402

from faces import SIZE, by_lanczos, joined, mirrored, views  # noqa: E402

RESULTS = Path(__file__).with_name("results.json")
SETS = ("utkface", "anime_faces", "kodak", "mnist")
QUALITY = 30
COMPONENTS = 1000  # of the baseline
WIDTH = 1000  # of ours
QUALITIES = range(40, 71, 6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=float, help="default: 6 for faces, 5 for mnist")
    parser.add_argument("--channels", type=int, default=64, help="of the convolutions")
    parser.add_argument("--blocks", type=int, default=1)
    parser.add_argument(
        "--choose", action="store_true", help="judge on a part of the training part"
    )
    parser.add_argument("--beginning", action="store_true", help="faces: train no network")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="few pictures, a step or two")
    parser.add_argument("--to", type=Path, default=Path("runs/compression"))
    parser.add_argument(
        "--results", type=Path, help="default: results.json here, none if quick or choosing"
    )
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    for name in given.set:
        said(given, {"mnist": of_mnist, "kodak": of_kodak}.get(name, of_faces)(given, name))


def said(given: argparse.Namespace, row: dict[str, Any]) -> None:
    """Print a row, and put it among the results."""
    path = given.results or (None if given.quick or given.choose else RESULTS)
    print(json.dumps({k: v for k, v in row.items() if k != "curves"}, indent=1), flush=True)
    if path is not None:
        write(path, row)


def faces_recipe(given: argparse.Namespace, width: int) -> Recipe:
    """The recipe ``codec``, for pictures that stand there in all their views, mirrored ones too."""
    recipe = nw.recipes.codec((3, SIZE, SIZE), width, channels=given.channels, blocks=given.blocks)
    begin = recipe.phases[0].begin.with_(limit=20_000)
    moved = Part("chain", {"parts": (Part("flip"), Part("shift", {"reach": 1 / SIZE}))})
    return recipe.with_(
        begin=Part("pca", begin.arguments),
        epochs=given.epochs or (0.02 if given.quick else 6.0),
        views=None,
        augmentation=moved,
    )


def trained(given: argparse.Namespace, recipe: Recipe, train: Any, name: str) -> tuple[Any, float]:
    """The model, and the minutes that its training took; a run that was stopped goes on."""
    said = f"-c{given.channels}-b{given.blocks}" if name != "mnist" else ""
    part = "-quick" if given.quick else "-choose" if given.choose else ""
    folder = given.to / f"{name}-seed{given.seed}-{recipe.phases[0].epochs:g}{said}{part}"
    model = nw.fit(
        recipe, train, to=folder, resume=True, seed=given.seed, device=given.device, report="lines"
    )
    return model, sum(line["seconds"] for line in history_of(folder)) / 60


def parts_of(given: argparse.Namespace, name: str) -> tuple[Any, Any, Any]:
    """The pictures to train on, with them all their views, and the pictures to judge on."""
    parts = nw.images.split(by_lanczos(name, 60 if given.quick else None), validation=0.2, seed=0)
    train, held = parts.train, parts.validation
    if given.choose:
        inner = nw.images.split(train, validation=0.2, seed=1)
        train, held = inner.train, inner.validation
    if given.quick:
        held = held.select(np.arange(8))
    return train, mirrored(joined(train, views(name, train.ids, given.seed))), held


def of_faces(given: argparse.Namespace, name: str) -> dict[str, Any]:
    """Curves on held-out faces; each is written as soon as it is there."""
    train, whole, held = parts_of(given, name)
    began = PcaCodec(whole, WIDTH, given.seed)
    linear = began.codec()
    before = with_independent_units(linear)
    curves = {
        "PCA of all views": curve(linear, held),
        "PCA of all views, units coded independently": curve(before, held),
    }
    row = {
        **common(given, name, len(train), len(held), 0.0),
        "width": len(began.pca),
        **speeds(linear, held),
        "units_coded_independently": speeds(before, held),
    }
    row = {**row, **beside(held.pixels, curves), "curves": curves}
    said(given, row)
    pictures = {"PCA": train, "PCA, mirrored too": mirrored(train)}
    for which, of in pictures.items():
        curves[which] = curve(PcaCodec(of, COMPONENTS, given.seed).codec(), held)
        row["bytes_at_this_psnr"][which] = at_psnr(curves[which], row["psnr"])
        said(given, row)
    if not given.beginning:
        codec, minutes = face_codec(given, name, len(began.pca), whole)
        curves["narrows"] = curve(codec, held)
        row["bytes_at_this_psnr"]["narrows"] = at_psnr(curves["narrows"], row["psnr"])
        row |= {"training_minutes": round(minutes, 2), **speeds(codec, held)}
    return row


def of_kodak(given: argparse.Namespace, name: str) -> dict[str, Any]:
    """Photographs in tiles, through the model of faces."""
    train, whole, _ = parts_of(given, "utkface")
    codec, minutes = face_codec(given, "utkface", WIDTH, whole)
    found = nw.images.named("kodak", size=(64, 96) if given.quick else (512, 768), fit="stretch")
    held = found.select(np.arange(2 if given.quick else len(found)))
    curves = {"narrows, of faces, in tiles": curve(codec, held)}
    row = common(given, name, len(train), len(held), minutes)
    return {**row, **beside(held.pixels, curves), "curves": curves}


def face_codec(given: argparse.Namespace, name: str, width: int, whole: Any) -> tuple[Codec, float]:
    """The trained model's codec, and the minutes of its training."""
    model, minutes = trained(given, faces_recipe(given, width), whole, name)
    select_device("cpu", "float32").place(model)
    return Codec.fit(codec_model(model), whole, seed=given.seed), minutes


class PcaCodec:
    """PCA of pictures, and its codec when that is asked for."""

    def __init__(self, pictures: Any, most: int, seed: int) -> None:
        limit = len(pictures)
        self.pca = Pca.fit(pictures, min(most, Pca.most(pictures, limit=limit)), limit=limit)
        self.pictures, self.seed = pictures, seed

    def codec(self) -> Codec:
        return Codec.fit(pca_codec_model(self.pca), self.pictures, seed=self.seed)


def of_mnist(given: argparse.Namespace, name: str) -> dict[str, Any]:
    """Every byte back: single files, and all test pictures in one."""
    train, test = (nw.images.named("mnist", split=part) for part in ("train", "test"))
    if given.quick:
        train, test = train.select(np.arange(500)), test.select(np.arange(50))
    recipe = nw.recipes.mlp_autoencoder(train.shape, code_size=32)
    recipe = recipe.with_(epochs=given.epochs or (0.5 if given.quick else 5.0))
    model, minutes = trained(given, recipe, train, name)
    select_device("cpu", "float32").place(model)
    codec = Codec.fit(codec_model(model), train, seed=given.seed)
    single = codec.compress(test, max_error=0)
    whole = codec.compress(test, max_error=0, together=True)
    few = min(1000, len(test))
    for made, count in ((single.files[:few], few), (whole.files, len(test))):
        again = torch.cat([codec.decompress(file) for file in made])
        assert torch.equal(again, test.pixels[:count]), "lossless is lossless"
    webp = formats.written(test.pixels, "WebP lossless")
    png = formats.written(test.pixels, "PNG")
    everything = test.pixels.numpy().tobytes()
    return {
        **common(given, name, len(train), len(test), minutes),
        "lossless_quality": codec.lossless_quality,
        "bytes_single": round(single.bytes, 2),
        "bytes_png": png and round(float(png.bytes.mean()), 2),
        "bytes_webp_lossless": webp and round(float(webp.bytes.mean()), 2),
        "bytes_in_one": round(whole.bytes, 2),
        "bytes_xz_in_one": round(len(lzma.compress(everything, preset=9)) / len(test), 2),
    }


def curve(codec: Codec, held: Any) -> list[tuple[float, float]]:
    """(bytes, PSNR) at each quality."""
    found = [codec.compress(held, quality) for quality in QUALITIES]
    return [(one.bytes, float(one.psnr.mean())) for one in found]


def beside(x: torch.Tensor, curves: dict[str, list[tuple[float, float]]]) -> dict[str, Any]:
    """The other formats' curves, put among ``curves``, and every one's bytes at JPEG's PSNR."""
    jpeg = formats.written(x, "JPEG", QUALITY)
    assert jpeg is not None
    wanted = float(jpeg.psnr.mean())
    for name in formats.LOSSY:
        found = [formats.written(x, name, quality) for quality in range(2, 81, 6)]
        points = [(float(f.bytes.mean()), float(f.psnr.mean())) for f in found if f is not None]
        if points:
            curves[name] = points
    at = {name: at_psnr(points, wanted) for name, points in curves.items()}
    at["JPEG"] = round(float(jpeg.bytes.mean()), 1)
    return {"psnr": round(wanted, 2), "bytes_at_this_psnr": at}


def at_psnr(points: list[tuple[float, float]], wanted: float) -> float | None:
    """Bytes at a PSNR; None where the curve does not get there."""
    ordered = sorted(points, key=lambda point: point[1])
    sizes, reached = np.log([b for b, _ in ordered]), np.array([db for _, db in ordered])
    if not reached[0] <= wanted <= reached[-1]:
        return None
    return round(float(np.exp(np.interp(wanted, reached, sizes))), 1)


def speeds(codec: Codec, held: Any) -> dict[str, float]:
    """Pictures a second at quality 50, one file each."""
    codec.compress(held, 50)
    began = time.monotonic()
    made = codec.compress(held, 50)
    between = time.monotonic()
    for file in made.files:
        codec.decompress(file)
    count, end = len(held), time.monotonic()
    return {
        "compressed_per_second": round(count / (between - began), 1),
        "decompressed_per_second": round(count / (end - between), 1),
    }


def common(
    given: argparse.Namespace, name: str, train: int, held: int, minutes: float
) -> dict[str, Any]:
    return {
        "set": name,
        "seed": given.seed,
        "epochs": given.epochs,
        "trained_on": train,
        "held_out": held,
        "training_minutes": round(minutes, 2),
        "device": given.device,
        "threads": given.threads,
        "torch": torch.__version__,
    }


def write(path: Path, row: dict[str, Any]) -> None:
    """Put a row in the place of that with the same set and seed, and draw its curves."""
    document = json.loads(path.read_text()) if path.exists() else {}
    rows = {(one["set"], one["seed"]): one for one in [*document.get("rows", []), row]}
    document = {
        "what": "bytes per held-out picture at the PSNR of JPEG quality 30; lossless MNIST",
        "command": "python benchmarks/compression/run.py --seed SEED",
        "rows": [rows[key] for key in sorted(rows)],
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
    if "curves" in row:
        title = f"{row['set']}: PSNR in dB, {row['held_out']:,} held-out pictures"
        save(rate_curves(row["curves"], title=title), path.with_name(f"{row['set']}.png"))


if __name__ == "__main__":
    main()
