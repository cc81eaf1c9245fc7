"""Bytes at the PSNR of JPEG quality 30, and lossless MNIST: ours beside PCA, JPEG, WebP, AVIF and xz.

    python benchmarks/compression/run.py --set utkface anime_faces kodak mnist --seed 0
    python benchmarks/compression/run.py --set utkface --quick             a minute: does it work?
    python benchmarks/compression/run.py --set utkface --epochs 1500 --device cuda

``utkface`` and ``anime_faces`` are cut to a square and resized to 64×64 by Lanczos; a fifth is held
out by content and only looked at at the end. The model is a Gaussian bottleneck on an 8×8 map whose
likelihood has the variance of the error aimed at (29.7 dB), so that the ELBO is distortion plus
rate; tables are fitted to the training pictures. PCA has the same quantiser, coder and header.
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
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps

import narrows as nw
from narrows.applications import Codec, functions_of, functions_of_pca
from narrows.figures import rate_curves, save
from narrows.measures import Pca, formats
from narrows.parts import Part
from narrows.training import Phase, Recipe, choose, records

RESULTS = Path(__file__).with_name("results.json")
SETS = ("utkface", "anime_faces", "kodak", "mnist")
SIZE, QUALITY = 64, 30
VARIANCE = 10 ** (-2.97)  # of an error of 29.7 dB
COMPONENTS = 1000
QUALITIES = range(20, 81, 5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=float, help="default: 400 for faces, 5 for mnist")
    parser.add_argument("--channels", type=int, default=32, help="of the code's 8×8 map")
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 96, 128])
    parser.add_argument("--blocks", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="few pictures, a step or two")
    parser.add_argument("--to", type=Path, default=Path("runs/compression"))
    parser.add_argument("--results", type=Path, help="default: results.json here, none if quick")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    path = given.results or (None if given.quick else RESULTS)
    for name in given.set:
        row = {"mnist": of_mnist, "kodak": of_kodak}.get(name, of_faces)(given, name)
        print(json.dumps({k: v for k, v in row.items() if k != "curves"}, indent=1))
        if path is not None:
            write(path, row)


def faces_recipe(given: argparse.Namespace) -> Recipe:
    """Distortion plus rate: the variance says what a bit is worth."""
    ladder = Part(
        "conv",
        {
            "shape": (3, SIZE, SIZE),
            "widths": tuple(given.widths),
            "up": "nearest",
            "activation": "silu",
            "norm": "batch",
            "blocks": given.blocks,
        },
    )
    phase = Phase(
        epochs=given.epochs or (0.5 if given.quick else 400.0),
        batch_size=32,
        learning_rate=1e-3,
        learning_rate_schedule="cosine",
    )
    bottleneck = Part("gaussian", {"size": given.channels, "layout": "map"})
    return Recipe("rate", ladder, bottleneck, Part("gaussian", {"variance": VARIANCE}), (phase,))


def trained(given: argparse.Namespace, recipe: Recipe, train: Any, name: str) -> tuple[Any, float]:
    """The model, and the minutes that its training took; a run that was stopped goes on."""
    epochs = recipe.phases[0].epochs
    folder = given.to / f"{name}-seed{given.seed}-{epochs:g}{'-quick' if given.quick else ''}"
    model = nw.fit(
        recipe, train, to=folder, resume=True, seed=given.seed, device=given.device, report="lines"
    )
    return model, sum(line["seconds"] for line in records(folder)) / 60


def of_faces(given: argparse.Namespace, name: str) -> dict[str, Any]:
    """Curves on held-out faces."""
    parts = nw.images.split(by_lanczos(name, 150 if given.quick else None), validation=0.2, seed=0)
    train, held = parts.train, parts.validation
    if given.quick:
        held = held.select(np.arange(8))
    model, minutes = trained(given, faces_recipe(given), train, name)
    choose("cpu", "float32").place(model)
    codec = Codec.fit(functions_of(model), train, seed=given.seed)
    most = min(COMPONENTS, Pca.most(train))
    pca = Codec.fit(functions_of_pca(Pca.fit(train, most)), train, seed=given.seed)
    curves = {"narrows": curve(codec, held), f"PCA, {most} values": curve(pca, held)}
    row = common(given, name, len(train), len(held), minutes)
    return {**row, **beside(held.pixels, curves), **speeds(codec, held), "curves": curves}


def of_kodak(given: argparse.Namespace, name: str) -> dict[str, Any]:
    """Photographs in tiles, through the model of faces."""
    train = nw.images.split(by_lanczos("utkface", 150 if given.quick else None), validation=0.2)
    model, minutes = trained(given, faces_recipe(given), train.train, "utkface")
    choose("cpu", "float32").place(model)
    codec = Codec.fit(functions_of(model), train.train, seed=given.seed)
    found = nw.images.named("kodak", size=(64, 96) if given.quick else (512, 768), fit="stretch")
    held = found.select(np.arange(2 if given.quick else len(found)))
    curves = {"narrows, of faces, in tiles": curve(codec, held)}
    row = common(given, name, len(train.train), len(held), minutes)
    return {**row, **beside(held.pixels, curves), "curves": curves}


def of_mnist(given: argparse.Namespace, name: str) -> dict[str, Any]:
    """Every byte back: single files, and all test pictures in one."""
    train, test = (nw.images.named("mnist", split=part) for part in ("train", "test"))
    if given.quick:
        train, test = train.select(np.arange(500)), test.select(np.arange(50))
    recipe = nw.recipes.mlp_autoencoder(train.shape, code_size=32)
    recipe = recipe.with_(epochs=given.epochs or (0.5 if given.quick else 5.0))
    model, minutes = trained(given, recipe, train, name)
    choose("cpu", "float32").place(model)
    codec = Codec.fit(functions_of(model), train, seed=given.seed)
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


def by_lanczos(name: str, limit: int | None) -> Any:
    """A folder of the stored sets as Pillow resizes it, which is what the targets were taken on."""
    root = os.environ.get("NARROWS_DATA")
    if root is None or not (Path(root) / name / "images").is_dir():
        raise SystemExit(f"run.py needs the set {name!r}: set NARROWS_DATA to the folder of it")
    files = sorted((Path(root) / name / "images").rglob("*.jpg"))[:limit]
    pixels = np.empty((len(files), 3, SIZE, SIZE), np.uint8)
    for place, file in enumerate(files):
        with Image.open(file) as image:
            small = ImageOps.fit(image.convert("RGB"), (SIZE, SIZE), Image.Resampling.LANCZOS)
        pixels[place] = np.asarray(small).transpose(2, 0, 1)
    return nw.images.Images(pixels, ids=[file.name for file in files], name=name)


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
