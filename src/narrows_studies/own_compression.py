"""Compression: faces in a few hundred bytes, photographs by a codec of faces, digits without loss."""

from __future__ import annotations

import lzma
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from narrows.applications import Codec, codec_model, pca_codec_model
from narrows.figures import picture_rows, rate_curves
from narrows.measures import Pca, formats
from narrows.parts import Part
from narrows.recipes import codec, mlp_autoencoder
from narrows.training import Recipe

from .experiment import Finding, Row, by_name, experiment
from .lab import Lab, few
from .own_faces import SETS, SIZE, faces, mirrored
from .own_independent import with_independent_units
from .verdicts import Verdict, verdict_of

__all__ = ["EXPERIMENTS", "judge_digits", "judge_faces", "judge_photographs", "rows_of"]

QUALITY = 30  # of JPEG, whose PSNR is met
NUMBERS = 1000  # of ours, and components of PCA
EPOCHS = 6.0
QUALITIES = range(40, 71, 6)
FEW, SMALL, STEPS, CHANNELS = 250, 100, 30, 16  # faces, numbers, steps, channels of the small scale
SAVED = 0.85  # of the bytes of its beginning
REACHED = 0.01  # dB, within which a PSNR is that which was wanted
BEGINNING = "PCA of all views"
ALONE = f"{BEGINNING}, units coded independently"
PCAS = ("PCA", "PCA, mirrored too")

Curve = Sequence[tuple[float, float]]
"""(bytes, PSNR) at each quality."""


def judge_faces(rows: Sequence[Row]) -> Verdict:
    """In every set JPEG's PSNR is reached, with fewer bytes than every format takes and than the codec of PCA, and
    with the wanted part of those that the linear beginning takes."""
    row = by_name(rows)
    facts = []
    for name in (each.what.removesuffix(": PSNR") for each in rows if each.what.endswith(": PSNR")):
        reached, size = row[f"{name}: PSNR"], row[f"{name}: bytes"]
        wanted = max(reached.baselines[each] for each in formats.LOSSY)
        there = reached.mean >= wanted - REACHED
        others = [size.baselines[each] for each in (*formats.LOSSY, *PCAS)]
        facts += [
            there and size.mean < min(others),
            there and size.mean <= SAVED * size.baselines[BEGINNING],
        ]
    return verdict_of(*facts)


@experiment(
    "faces as files",
    title="Faces in a few hundred bytes",
    claim="At the PSNR of JPEG's quality 30 a held-out face takes fewer bytes by the recipe `codec` than as JPEG, WebP or "
    "AVIF and than by the codec of PCA, and at most 0.85 of those of its own linear beginning.",
    data=SETS[:1],
    paper_data=SETS,
    judge=judge_faces,
)
def faces_as_files(lab: Lab) -> Finding:
    """Whole files, headers counted, of held-out faces of two sets."""
    rows, said, pictures = [], [], {}
    for name in lab.of(small=SETS[:1], paper=SETS):
        of, held, numbers = _parts(lab, name)
        every = mirrored(of.viewed())
        linear = _pca_codec(every, numbers)
        beside = {
            BEGINNING: _curve(linear, held),
            ALONE: _curve(with_independent_units(linear), held),
            PCAS[0]: _curve(_pca_codec(of.train, numbers), held),
            PCAS[1]: _curve(_pca_codec(mirrored(of.train), numbers), held),
        }
        ours = [_curve(_face_codec(lab, every, numbers, seed), held) for seed in lab.seeds]
        more, words, picture = _found(lab, name, held, ours, beside)
        rows += more
        said.append(words)
        pictures[f"{name}: PSNR by bytes of a face"] = picture
    return Finding(
        judge_faces(rows),
        " ".join(said),
        pictures,
        rows,
        (*_smaller(lab), "Headers are counted. Ours begins as PCA of views of the training faces (turned, moved, nearer, "
        "mirrored), and PCA has the same quantiser, coder and header.", SHORT),
    )  # fmt: skip


SHORT = (
    "Where a curve does not come to JPEG's PSNR, because so few numbers do not hold so much, its PSNR is the most that it "
    "reaches and its bytes are those there."
)


def judge_photographs(rows: Sequence[Row]) -> Verdict:
    """JPEG's PSNR is reached, with fewer bytes."""
    row = by_name(rows)
    reached, size = row["kodak: PSNR"], row["kodak: bytes"]
    there = reached.mean >= reached.baselines["JPEG"] - REACHED
    return verdict_of(there and size.mean < size.baselines["JPEG"])


@experiment(
    "photographs by a codec of faces",
    title="Photographs in tiles through a model of faces",
    claim="Photographs, too, take fewer bytes than JPEG at its quality 30 where they go through the codec of faces in "
    "tiles.",
    data=("utkface", "kodak"),
    judge=judge_photographs,
    shown=("kodak",),
)
def photographs(lab: Lab) -> Finding:
    """Whole files, headers counted, of Kodak's 24 photographs."""
    of, _, numbers = _parts(lab, "utkface")
    every = mirrored(of.viewed())
    size = lab.of(small=(128, 192), paper=(512, 768))
    held = lab.images("kodak", size=size, fit="stretch", limit=lab.of(small=6, paper=None))
    ours = [_curve(_face_codec(lab, every, numbers, seed), held) for seed in lab.seeds]
    rows, words, picture = _found(lab, "kodak", held, ours, {})
    return Finding(
        judge_photographs(rows),
        words,
        {"PSNR by bytes of a photograph": picture},
        rows,
        (*_smaller(lab), "Upright photographs are stretched to lie.", SHORT),
    )


def judge_digits(rows: Sequence[Row]) -> Verdict:
    """Fewer bits per value than xz and than are published, and fewer bytes a file than WebP's."""
    row = by_name(rows)
    bits, single = row["bits per value, all in one file"], row["bytes, a file each"]
    others = (*bits.baselines.values(), BB_ANS, BIT_SWAP)
    return verdict_of(bits.mean < min(others), single.mean < min(single.baselines.values()))


DIGITS = "mnist"
BB_ANS, BIT_SWAP = 1.41, 1.29  # bits per value of MNIST's test pictures, as published
DIGIT_NUMBERS, DIGIT_EPOCHS = 32, 5.0


@experiment(
    "digits without loss",
    title="Digits compressed without loss",
    claim="Without loss all test digits in one file take fewer bits per value than by xz and than BB-ANS and Bit-Swap "
    "publish (1.41 and 1.29), and in a file each fewer bytes than by WebP.",
    data=(DIGITS,),
    judge=judge_digits,
)
def digits(lab: Lab) -> Finding:
    """Bytes of single files and of one file; every byte comes back."""
    train = lab.images(DIGITS, "train", limit=lab.of(small=5_000, paper=None))
    test = lab.images(DIGITS, "test", limit=lab.of(small=500, paper=None))
    pixels = (few(test) * 255).round().byte()
    values = pixels[0].numel()
    recipe = mlp_autoencoder(train.shape, DIGIT_NUMBERS).with_(epochs=DIGIT_EPOCHS)
    single, whole = [], []
    for seed in lab.seeds:
        made = Codec.fit(codec_model(lab.model(recipe, train, seed=seed).model), train, seed=seed)
        each = made.compress(test, max_error=0)
        one = made.compress(test, max_error=0, together=True)
        for files, count in ((each.files[:100], min(100, len(test))), (one.files, len(test))):
            again = torch.cat([made.decompress(file) for file in files])
            if not torch.equal(again, pixels[:count]):
                raise RuntimeError("a digit did not come back as it was")
        single.append(each.bytes)
        whole.append(one.bytes)
    written = {name: formats.written(pixels, name) for name in ("WebP lossless", "PNG")}
    others = {name: float(f.bytes.mean()) for name, f in written.items() if f is not None}
    xz = len(lzma.compress(pixels.numpy().tobytes(), preset=9)) / len(test)
    rows = [
        Row("bytes, a file each", single, "", others, "", "lower"),
        Row("bytes, all in one file", whole, "", {"xz -9": xz}, "", "lower"),
        Row(
            "bits per value, all in one file",
            [8 * size / values for size in whole],
            f"{BB_ANS} (BB-ANS), {BIT_SWAP} of 32×32 (Bit-Swap)",
            {"xz -9": 8 * xz / values},
            "",
            "lower",
        ),
    ]
    words = (
        f"{len(test):,} test digits take {rows[0].mean:.1f} bytes in a file each and {rows[1].mean:.1f} in one file, "
        f"which are {rows[2].mean:.3f} bits per value; xz -9 takes {xz:.1f} bytes, {8 * xz / values:.3f} bits."
    )
    small = "At the small scale 5,000 training pictures and 500 test pictures."
    return Finding(
        judge_digits(rows),
        words,
        {"Test digits": picture_rows([("", few(test, 10))])},
        rows,
        (*lab.of(small=(small,), paper=()), COUNTED),
    )


COUNTED = (
    "All are of raw MNIST, gray and not binarised (256 levels, 28×28); models saw the training part, and their weights "
    "are not counted. Bits per value are bytes × 8 / 784. The code of Bit-Swap (Kingma et al. 2019; `mnist_compress.py`) "
    "adds a border of two black pixels and divides by 1,024 values, so that its number does not compare directly: if it "
    f"is counted so, it is {BIT_SWAP * 1024 / 784:.2f} per pixel of the 28×28. BB-ANS: Townsend et al. 2019."
)

EXPERIMENTS = (faces_as_files, photographs, digits)


def _smaller(lab: Lab) -> tuple[str, ...]:
    said = f"At the small scale {FEW} faces of a set, {SMALL} numbers, {CHANNELS} channels and {STEPS} steps."
    return lab.of(small=(said,), paper=())


def _parts(lab: Lab, name: str) -> tuple[Any, Any, int]:
    """Faces, those that are judged, and the numbers of a code."""
    of = faces(lab, name, 24 if lab.tiny else lab.of(small=FEW, paper=None))
    held = of.held.select(np.arange(min(len(of.held), 8))) if lab.tiny else of.held
    return of, held, 16 if lab.tiny else lab.of(small=SMALL, paper=NUMBERS)


def _face_codec(lab: Lab, every: Any, numbers: int, seed: int) -> Codec:
    """The trained model's codec, of faces that stand there in all their views, mirrored ones too."""
    model = lab.model(_recipe(lab, numbers), every, seed=seed).model
    return Codec.fit(codec_model(model), every, seed=seed)


def _recipe(lab: Lab, numbers: int) -> Recipe:
    recipe = codec((3, SIZE, SIZE), numbers)
    if lab.scale != "paper":
        recipe = codec((3, SIZE, SIZE), numbers, channels=CHANNELS)
    usual = recipe.phases[0].begin
    assert usual is not None  # views of the library's own
    begin = usual.with_(limit=20_000)
    moved = Part("chain", {"parts": (Part("flip"), Part("shift", {"reach": 1 / SIZE}))})
    recipe = recipe.with_(begin=Part("pca", begin.arguments), views=None, augmentation=moved)
    return recipe.with_(epochs=EPOCHS) if lab.scale == "paper" else recipe.with_(steps=STEPS)


def _pca_codec(pictures: Any, most: int) -> Codec:
    limit = len(pictures)
    pca = Pca.fit(pictures, min(most, Pca.most(pictures, limit=limit)), limit=limit)
    return Codec.fit(pca_codec_model(pca), pictures)


def _curve(codec: Codec, held: Any) -> Curve:
    found = [codec.compress(held, quality) for quality in QUALITIES]
    return [(one.bytes, float(one.psnr.mean())) for one in found]


def _found(
    lab: Lab, name: str, held: Any, ours: Sequence[Curve], beside: Mapping[str, Curve]
) -> tuple[list[Row], str, Any]:
    """The rows of a set, a sentence and the curves, with those of the formats that everybody has."""
    pixels = (few(held) * 255).round().byte()
    jpeg = formats.written(pixels, "JPEG", QUALITY)
    assert jpeg is not None
    wanted = float(jpeg.psnr.mean())
    curves = {**beside, **_formats(pixels, range(2, 81, 26 if lab.tiny else 6))}
    rows = rows_of(name, ours, curves, wanted, float(jpeg.bytes.mean()))
    words = in_words(name, rows[0], rows[1], wanted)
    return rows, words, rate_curves({"narrows": ours[0], **curves}, title=f"{name}: PSNR in dB")


def in_words(name: str, reached: Row, size: Row, wanted: float) -> str:
    """The bytes of a set by each method, with the PSNR of those that do not come to JPEG's."""
    said = []
    for method, value in size.baselines.items():
        short = reached.baselines[method] < wanted - REACHED
        said.append(
            f"{method} {value:,.0f}"
            + (f" (at {reached.baselines[method]:.2f} dB)" if short else "")
        )
    return f"{name}: {size.mean:,.0f} bytes at {reached.mean:.2f} dB where JPEG has {wanted:.2f}; {', '.join(said)}."


def _formats(pixels: Tensor, qualities: range) -> dict[str, Curve]:
    curves: dict[str, Curve] = {}
    for name in formats.LOSSY:
        found = [formats.written(pixels, name, quality) for quality in qualities]
        points = [(float(f.bytes.mean()), float(f.psnr.mean())) for f in found if f is not None]
        if points:
            curves[name] = points
    return curves


def rows_of(
    name: str, ours: Sequence[Curve], beside: Mapping[str, Curve], wanted: float, jpeg: float
) -> list[Row]:
    """PSNR and bytes where JPEG's PSNR is met, or where a curve ends below it; then the ends of curves that end there.

    Args:
        ours: a curve of each seed.
        wanted, jpeg: the PSNR of JPEG's quality, and its bytes.
    """
    met = [at_psnr(curve, wanted) for curve in ours]
    others = {method: at_psnr(curve, wanted) for method, curve in beside.items()}
    others["JPEG"] = (jpeg, wanted)
    sizes, reached = ({k: v[i] for k, v in others.items()} for i in (0, 1))
    there = statistics.fmean(psnr for _, psnr in met) >= wanted - REACHED
    rows = [
        Row(f"{name}: PSNR", [psnr for _, psnr in met], "", reached, "dB", "higher"),
        Row(f"{name}: bytes", [size for size, _ in met], "", sizes, "", "lower" if there else ""),
    ]
    if not there:
        shown = {k: c for k, c in beside.items() if k in (BEGINNING, *formats.LOSSY)}
        for which, at in (("least", 0.0), ("middle", 0.5), ("most", 1.0)):
            points = [_point(curve, at) for curve in ours]
            ends = {method: _point(curve, at) for method, curve in shown.items()}
            for place, (what, unit) in enumerate((("bytes", ""), ("PSNR", "dB"))):
                values = {method: point[place] for method, point in ends.items()}
                label = f"{name}: {what} at the {which}"
                rows.append(Row(label, [point[place] for point in points], "", values, unit))
    return rows


def _point(curve: Curve, at: float) -> tuple[float, float]:
    """The first, the middle or the last of a curve."""
    return curve[min(int(at * len(curve)), len(curve) - 1)]


def at_psnr(curve: Curve, wanted: float) -> tuple[float, float]:
    """(bytes, PSNR) where a curve comes to a PSNR, in the logarithm of the bytes; else its nearest end."""
    ordered = sorted(curve, key=lambda point: point[1])
    sizes, reached = np.log([b for b, _ in ordered]), np.array([db for _, db in ordered])
    size = float(np.exp(np.interp(wanted, reached, sizes)))
    return size, float(np.clip(wanted, reached[0], reached[-1]))
