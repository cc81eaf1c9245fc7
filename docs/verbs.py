"""Writes docs/verbs.md from what stands here and the numbers in docs/verbs.json: `python docs/verbs.py`.

The numbers are those of `python tests/verbs/run.py -o docs/verbs.json`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_suffix(".md")
NUMBERS = Path(__file__).with_suffix(".json")


@dataclass(frozen=True)
class Verb:
    """What to know before a verb is typed.

    Attributes:
        use, avoid: when to, and when not.
        beside: the obvious free alternative.
        default: what it does without an option, in a line.
        judged: names of the judge's verbs whose numbers stand below.
    """

    name: str
    use: str
    avoid: str
    beside: str
    default: str
    judged: tuple[str, ...] = ()


GROUPS: dict[str, tuple[Verb, ...]] = {
    "Train and look": (
        Verb(
            "train",
            "You have some hundred pictures of one kind, or more, and want codes of them.",
            "Fewer than about fifty pictures, or each of another kind: PCA says as much.",
            "PCA with as many numbers; its last line says how it compares.",
            "`pca-vae`: begins as PCA of the pictures, codes of 64 numbers, 4,000 steps or until "
            "validation stops improving.",
        ),
        Verb(
            "evaluate",
            "Before anything else is done with a model.",
            "To choose between models by their test pictures: choose by validation.",
            "PCA and the mean picture, which it prints.",
            "New pictures if there are any, else those kept for validation.",
            ("evaluate",),
        ),
        Verb(
            "reconstruct",
            "To see what a code keeps, and on which pictures it fails.",
            "To enhance a picture: what comes out is blurrier than what went in.",
            "PCA.",
            "Every picture at the model's size, a sheet and a PNG of each.",
            ("reconstruct",),
        ),
        Verb(
            "size",
            "Before the first training, to know about how many numbers a code needs.",
            "To choose between two sizes that are close: train both.",
            "It is of PCA itself.",
            "PCA's error on a tenth of the pictures that is held out, and the intrinsic dimension by two estimators.",
        ),
        Verb(
            "tune",
            "To choose a recipe's options, or among recipes, at equal seconds of training.",
            "To make a code larger: that always reconstructs better. For the last word: evaluate on other pictures.",
            "PCA of as many numbers, of mirrored pictures and of views: arms like the others.",
            "Arms by the PSNR of validation pictures after each round, the runs, and the best one's recipe. It says "
            "where PCA wins.",
        ),
        Verb(
            "kernels",
            "To show what the first layer looks at, in a lecture.",
            "To judge a model.",
            "Nothing.",
            "Kernels of the first layer; with a picture, its feature maps.",
        ),
    ),
    "Restore pictures": (
        Verb(
            "denoise",
            "Noise of one kind on pictures of one kind, and a model trained for it (`denoiser`).",
            "A model of `train` alone; noise of another kind or strength than it was trained on.",
            "Median filter, cosine threshold, non-local means.",
            "The pictures as they are, large ones in tiles. It says how the model did beside filters when its "
            "training ended.",
            ("denoise", "denoise, a model of train"),
        ),
        Verb(
            "inpaint",
            "Holes in pictures of one kind (faces, parts, clothes): a model knows what belongs there.",
            "A scratch on a photograph of anything: OpenCV is as good.",
            "OpenCV's Telea and Navier–Stokes.",
            "By projection onto the model's pictures; once through a model trained on holes. It says how the "
            "model did beside OpenCV when its training ended, or tries both on known parts.",
            ("inpaint", "inpaint, a model of train"),
        ),
        Verb(
            "upscale",
            "Small pictures of the kind that an `upscaler` was trained on.",
            "A model of `train` alone; another factor than it was trained for.",
            "Bicubic and Lanczos enlargement.",
            "Four times larger.",
            ("upscale", "upscale, a model of train"),
        ),
        Verb(
            "restore",
            "An album of old photographs, scratched, dusty, folded, faded, brown or grainy, and clean pictures to "
            "learn from.",
            "One fault alone, of which you know where or how strong it is: `inpaint` or `denoise`. Lost colours do "
            "not come back.",
            "`denoise`, then `inpaint`; a membrane over what is hidden, then a cosine threshold.",
            "It trains for ten minutes on the clean pictures and the album, or takes a model with `--model`, and "
            "writes the masks of what it found hidden.",
        ),
        Verb(
            "segment",
            "You have masks of some pictures and want them of others like these.",
            "Masks of other things than those it was trained on.",
            "Always saying the most frequent class.",
            "SegNet, as large as the pictures.",
        ),
    ),
    "Make and change pictures": (
        Verb(
            "generate",
            "New pictures of one kind, to see what a model takes for typical.",
            "As training pictures for something else: they are few kinds and blurry. Draws with edges: "
            "`narrows train PICTURES --recipe pca-vae-gan`, at a cost in squared error.",
            "Draws from a Gaussian of principal components.",
            "64 pictures on a sheet; it says where a Gaussian of PCA covered more of the real pictures.",
            ("generate",),
        ),
        Verb(
            "prior",
            "`generate` draws pictures that look like none.",
            "Hardly ever needed by hand.",
            "A Gaussian of the codes.",
            "A mixture of Gaussians, of as many as validation likes best.",
            ("prior",),
        ),
        Verb(
            "morph",
            "To show how a model orders pictures of one kind.",
            "To blend two photographs: a fade is sharper.",
            "A fade of the pixels.",
            "Nine frames, the fade beside them.",
            ("morph",),
        ),
        Verb(
            "steer",
            "To ask which direction of the codes goes with brightness, size, or a label.",
            "Where the held-out R² that it prints is near 0 or below: there is no such direction.",
            "Changing the pixels themselves, where that is possible.",
            "One step along a direction fitted to other pictures.",
        ),
        Verb(
            "edit",
            "To change something that has a meaning by painting it roughly: hair, a mouth, a stroke of a digit.",
            "To touch up a few pixels: a stroke moves the whole code, and it says how much else moved. What "
            "the model has never seen is not followed.",
            "A paint program, which changes the stroke and nothing else.",
            "The code goes from the picture's own to where the decoded picture has what was painted, and no "
            "further; the change is laid on the picture at its own size.",
        ),
    ),
    "Search and organise": (
        Verb(
            "duplicates",
            "Copies in a folder, also resized, recompressed, cropped or brightened. No model needed.",
            "Pictures of one scene a second apart, where alike is not the same.",
            "A perceptual hash, which needs a threshold.",
            "Laid onto each other; the threshold is made of copies of these very pictures.",
            ("duplicates",),
        ),
        Verb(
            "search",
            "More like this one, in a folder of one kind.",
            "By meaning (a dog, whatever the picture): a model of your folder knows none. By colour: index "
            "with `--features colours`.",
            "16×16 pixels, a histogram of colours: `index --features pixels`, `--features colours`.",
            "The twelve nearest rows of the collection: codes by the Euclidean distance, unless it was "
            "indexed with `--features` or `--distance`. Where the collection has labels, it says whether "
            "pixels or colours find the same label more often.",
            ("search",),
        ),
        Verb(
            "outliers",
            "Pictures that are of another kind, among normal ones.",
            "Small flaws on large parts, without looking at the numbers of its scores first.",
            "The residual of PCA.",
            "The mean rank of cosine-knn, local-excess and pca-residual, a threshold set on normal pictures "
            "that are held out; flaws painted on those tell whether PCA alone finds small ones better.",
            ("outliers",),
        ),
        Verb(
            "flaws",
            "Pictures of parts, cloth or ground that should look alike, and where they do not.",
            "Pictures of another kind: `outliers`. Stains as wide as the part.",
            "The residual of PCA of whole pictures; `narrows reproduce narrows --only \"flaws of tiles\"`.",
            "No model: patches beside those of normal pictures, cut as finds painted flaws best.",
            ("flaws",),
        ),
        Verb(
            "map",
            "To see what is in a folder at one glance.",
            "To measure distances: only neighbours mean something on it.",
            "PCA of the pixels.",
            "t-SNE and PCA, as a picture and as a page; with labels it says whether PCA of the pixels keeps "
            "them together better.",
            ("map",),
        ),
        Verb(
            "classify",
            "Few labels and many pictures, or groups without any.",
            "Many labels: pixels and a support vector machine, or a network of your own, do better.",
            "The same classifiers on pixels, PCA, colour histograms and k-means patches, which it prints; "
            "where one is better a note names it, and `--features` learns from it.",
            "Four classifiers on codes, the best by a fifth of the training.",
            ("classify",),
        ),
    ),
    "Keep pictures and models whole": (
        Verb(
            "check",
            "After a power cut, a copy or a download: whether each file of a model or run is whole.",
            "To mend: it changes nothing.",
            "Training again.",
            "Reads every file, compares digests and says what is damaged.",
            ("check",),
        ),
    ),
    "Take a model elsewhere": (
        Verb(
            "export",
            "To run a model where Narrows or torch is not: a server, a device, a browser.",
            "To give a model to somebody who has Narrows: send the folder, which knows what it has seen.",
            "The folder itself; the file gives the same answers, or is not written.",
            "ONNX of the whole model, bytes of any size in, pictures, codes and errors out; see "
            "[export.md](export.md).",
        ),
        Verb(
            "push",
            "To give a model to others, who have Narrows, with its numbers and what it has seen.",
            "To run it elsewhere: export it. Pictures that nobody may know of: weights and priors remember.",
            "Sending the folder without `local.toml`.",
            "One commit: weights, recipe, card; no picture of yours, no path; see [hub.md](hub.md).",
        ),
        Verb(
            "pull",
            "To use a model of others, or to look whether it is newer: `hf://owner/name` pulls by itself once.",
            "A model whose numbers you did not see: `narrows evaluate hf://owner/name PICTURES` shows them.",
            "A model of your own pictures, trained for some minutes.",
            "The newest commit of the main branch, into the cache.",
        ),
    ),
    "Keep pictures small": (
        Verb(
            "compress",
            "Many small pictures of one kind, where the header of a JPEG is larger than they are.",
            "Photographs: AVIF and WebP are far better.",
            "JPEG, WebP and AVIF at the same PSNR, which it prints.",
            "Codes at quality 50; without loss with `--lossless`.",
            ("compress",),
        ),
    ),
}  # fmt: skip

HEAD = """# Which verb, and when

*Written by `python docs/verbs.py`; do not edit it.*

For each verb when to use it, when not, what to compare it with, and what it does by default. The tables
hold what `python tests/verbs/run.py` measured: each verb with no option but its inputs, beside the obvious
free alternative, on pictures that the models have not seen. Bold is the better number. *says so* means
that the result itself tells that the alternative is better, or that this is no model for it.
"""


def page() -> str:
    """The whole of it."""
    numbers: dict[str, Any] = json.loads(NUMBERS.read_text(encoding="utf-8"))
    how = (
        f"Models of {numbers['minutes']:g} minutes of training, with the defaults of "
        f"`narrows train`, on one core ({numbers['machine']}).\n"
    )
    pieces = [HEAD, how]
    for title, verbs in GROUPS.items():
        pieces.append(f"## {title}\n")
        for verb in verbs:
            pieces += _section(verb, numbers["verdicts"])
    return "\n".join(pieces).rstrip() + "\n"


def _section(verb: Verb, verdicts: list[dict[str, Any]]) -> list[str]:
    pieces = [
        f"### {verb.name}\n",
        f"- **Use it:** {verb.use}",
        f"- **Not:** {verb.avoid}",
        f"- **Compare with:** {verb.beside}",
        f"- **By default:** {verb.default}",
        "",
    ]
    rows = [each for each in verdicts if each["verb"] in verb.judged]
    if rows:
        pieces += [
            "| pictures | measured | narrows | alternative | |",
            "| --- | --- | --: | --: | --- |",
        ]
        pieces += [_row(each, verb.name) for each in rows]
        pieces.append("")
    return pieces


def _row(each: dict[str, Any], name: str) -> str:
    kind = each["kind"] + each["verb"].removeprefix(name)
    if each["ours"] is None:
        return f"| {kind} | | | | refused: {each['said']} |"
    ours, other = (_number(abs(each[key]), each["what"]) for key in ("ours", "other"))
    if each["ours"] >= each["other"]:
        ours = f"**{ours}**"
    if each["other"] >= each["ours"]:
        other = f"**{other}**"
    said = "says so" if each["outcome"] == "said" else ""
    return f"| {kind} | {each['what']} | {ours} | {other} ({each['against']}) | {said} |"


def _number(value: float, what: str) -> str:
    if what.endswith("dB"):
        return f"{value:.2f}"
    return f"{value:.0f}" if what.startswith("bytes") else f"{value:.3f}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
