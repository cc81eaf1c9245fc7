"""The page of measured results, docs/results.md, from the results.json of every experiment.

    python benchmarks/results_page.py

An experiment is a folder here with ``run.py`` and the ``results.json`` that it wrote.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "results.md"
NOT_MEASURED = "*not measured*"

INTRODUCTION = """\
# Results

*Written by `benchmarks/results_page.py` from the `results.json` of each experiment; do not edit it.*

Our numbers beside the published ones, with seeds and spread. Every experiment is a folder in
`benchmarks/`; the command under each table makes its numbers again. Test pictures were looked at once, at
the end; what was chosen was chosen on training pictures held out.
"""


BB_ANS, BIT_SWAP = 1.41, 1.29  # bits per value of MNIST's test pictures, as published


def table(columns: list[str], rows: list[list[str]]) -> str:
    """A table of Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def spread(values: list[float], digits: int) -> str:
    """Mean ± standard deviation, where there are several."""
    mean = f"{statistics.fmean(values):.{digits}f}"
    return mean if len(values) < 2 else f"{mean} ± {statistics.stdev(values):.{digits}f}"


def restoration(found: dict[str, Any]) -> str:
    """Holes filled, small pictures enlarged, noise taken out: every method's PSNR."""
    tasks = ("inpainting", "upscaling", "denoising")
    pieces = []
    for task in tasks:
        rows = [row for row in found["rows"] if row["task"] == task]
        if not rows:
            continue
        sets = [row["set"] for row in rows]
        methods = list(dict.fromkeys(name for row in rows for name in row["methods"]))
        methods.sort(key=lambda name: name != "model")
        body = []
        for name in methods:
            cells = [name]
            for row in rows:
                one = row["methods"].get(name)
                said = f"{one['psnr']:.2f} ± {one['deviation']:.2f}" if one else "–"
                if one and "margin" in one:
                    said += f" ({one['margin']:+.2f})"
                cells.append(said)
            body.append(cells)
        heads = [
            f"{name}, {row['held_out']} pictures" for name, row in zip(sets, rows, strict=True)
        ]
        minutes = ", ".join(f"{row['training_minutes']:.0f}" for row in rows)
        note = f"PSNR in dB ± deviation over pictures (the model's margin over it); {minutes} "
        note += (
            f"minutes of training on {rows[0]['threads']} processor thread, seed {rows[0]['seed']}."
        )
        pieces.append(f"### {task.capitalize()}\n\n{table([task, *heads], body)}\n\n{note}")
    return "\n\n".join(pieces)


def photographs(found: dict[str, Any]) -> str:
    """Photographs restored, beside what others published on the same pictures."""
    pieces = []
    for row in found["rows"]:
        if not row["task"].endswith(PHOTOGRAPHS):
            continue
        body = [[name, f"{one['psnr']:.2f}"] for name, one in row["methods"].items()]
        body += [[name, f"{value:.2f}"] for name, value in row["published"].items()]
        body.sort(key=lambda line: line[0] != "model")
        what = row["task"].removesuffix(PHOTOGRAPHS)
        heads = [what, f"{row['set']}, {row['held_out']} pictures, dB"]
        points = row["curve"][:: max(1, len(row["curve"]) // 6)]
        points += row["curve"][-1:] if points[-1] != row["curve"][-1] else []
        said = ", ".join(f"{step:,} {value:.2f}" for step, value in points)
        note = (
            f"{row['minutes']:g} minutes of one processor thread on {row['trained_on']:,} patches, "
        )
        note += (
            f"{row['weights']:,} weights, seed {row['seed']}. PSNR on the patches that chose the "
        )
        note += f"weights, by steps: {said}."
        pieces.append(f"{table(heads, body)}\n\n{note} `{row['command']}`")
    return "\n\n".join(pieces)


PHOTOGRAPHS = ", photographs"


def old_photographs(found: dict[str, Any]) -> str:
    """Made-old pictures restored, by every method."""
    pieces = []
    for row in found["rows"]:
        if row["task"] != "old photographs":
            continue
        keys = ("psnr", "with_fading_or_sepia", "without")
        body = [
            [name, *("–" if one[key] is None else f"{one[key]:.2f}" for key in keys)]
            for name, one in row["methods"].items()
        ]
        body.sort(key=lambda line: line[0] != "model")
        heads = [
            f"{row['set']}, {row['held_out']} pictures", "dB", "faded or brown ones", "the others",
        ]  # fmt: skip
        apart = row["domains_told_apart"]
        note = (
            f"{row['processor_seconds'] / 60:.1f} minutes of one processor thread on "
            f"{row['trained_on']:,} pieces, seed {row['seed']}. Average precision of the found "
            f"masks {row['scratch_average_precision']:.3f} ({row['hidden_share']:.1%} of the pixels "
            f"are hidden). A linear classifier tells made-old codes from real old ones in "
            f"{apart['before']:.1%} of cases before they are matched, in {apart['after']:.1%} after."
        )
        pieces.append(f"{table(heads, body)}\n\n{note} `{row['command']}`")
    wanted = "`python benchmarks/restoration/old.py --set photographs utkface --seed 0`"
    return "\n\n".join(pieces) or f"{NOT_MEASURED} {wanted}"


def compression(found: dict[str, Any]) -> str:
    """Bytes of a picture, ours and others'."""
    rows = [row for row in found["rows"] if "bytes_at_this_psnr" in row]
    names = list(dict.fromkeys(name for row in rows for name in row["bytes_at_this_psnr"]))
    names.sort(key=lambda name: not name.startswith("narrows"))
    body = []
    for name in names:
        sizes = [row["bytes_at_this_psnr"].get(name) for row in rows]
        body.append([name, *("–" if size is None else f"{size:,.0f}" for size in sizes)])
    heads = [f"{row['set']}, {row['psnr']:.1f} dB" for row in rows]
    text = table(["bytes per picture at JPEG's PSNR of quality 30", *heads], body)
    for row in rows:
        ours = next(iter(row["curves"]))
        if row["bytes_at_this_psnr"][ours] is None:
            lines = [
                [
                    name,
                    *(f"{size:,.0f} B {db:.2f} dB" for size, db in (c[0], c[len(c) // 2], c[-1])),
                ]
                for name, c in row["curves"].items()
                if name in (ours, "JPEG", "WebP", "AVIF")
            ]
            text += f"\n\n{table([row['set'], 'least', 'middle', 'most'], lines)}"
    for row in found["rows"]:
        if "bytes_single" in row:
            lines = [
                ["Narrows, a file each", f"{row['bytes_single']:.1f}"],
                ["WebP lossless, a file each", f"{row['bytes_webp_lossless']:.1f}"],
                ["PNG, a file each", f"{row['bytes_png']:.1f}"],
                ["Narrows, all in one", f"{row['bytes_in_one']:.1f}"],
                ["xz -9, all in one", f"{row['bytes_xz_in_one']:.1f}"],
            ]
            head = [f"lossless {row['set']}, {row['held_out']:,} test pictures", "bytes a picture"]
            text += f"\n\n{table(head, lines)}"
            if row["set"] == "mnist":
                text += f"\n\n{_bits_of_mnist(row)}"
    minutes = ", ".join(f"{row['set']} {row['training_minutes']:.1f}" for row in found["rows"])
    note = "`–`: not reached, because so few components do not hold so much. Headers are counted. "
    note += f"Minutes of training: {minutes}; seed {found['rows'][0]['seed']}."
    return f"{text}\n\n{note}"


def _bits_of_mnist(row: dict[str, Any]) -> str:
    """Bits per value of the test pictures as they are (256 levels, 28×28), beside published ones."""
    bits = {name: 8 * row[name] / 784 for name in ("bytes_in_one", "bytes_xz_in_one")}
    lines = [
        ["Narrows, all in one", f"{bits['bytes_in_one']:.3f}"],
        ["xz -9, all in one", f"{bits['bytes_xz_in_one']:.3f}"],
        ["BB-ANS (Townsend et al. 2019), published", f"{BB_ANS:.2f}"],
        ["Bit-Swap (Kingma et al. 2019), published", f"{BIT_SWAP:.2f} of 32×32"],
    ]
    said = (
        "All are of raw MNIST, gray and not binarised; models saw the training part, and their weights are not counted. "
        "Ours are bytes × 8 / 784. The code of Bit-Swap (`mnist_compress.py`) adds a border of two black "
        "pixels and divides by 1,024 values, so that its number does not compare directly: if the published "
        f"one is counted so, it is {BIT_SWAP * 1024 / 784:.2f} per pixel of the 28×28."
    )
    return f"{table(['lossless MNIST', 'bits per value'], lines)}\n\n{said}"


def left_out(found: dict[str, Any]) -> str:
    """A class left out, by the mean over its seeds."""
    columns = ["score", "9", "1", "mean", "classes", "9, precision", "mean precision", "seeds"]
    rows = []
    for entry in found.get("summary", []):
        digits = entry["digits"]
        cells = [entry["score"]]
        cells += [f"{digits[d]['auroc']:.3f}" if d in digits else "–" for d in ("9", "1")]
        cells += [f"{statistics.fmean(one['auroc'] for one in digits.values()):.3f}"]
        cells += [str(len(digits))]
        precision = "average_precision"
        cells += [f"{digits['9'][precision]:.3f}" if "9" in digits else "–"]
        cells += [f"{statistics.fmean(one[precision] for one in digits.values()):.3f}"]
        cells += [str(max(one["seeds"] for one in digits.values()))]
        rows.append(cells)
    shares = [d["prevalence"] for e in found.get("summary", []) for d in e["digits"].values()]
    said = table(columns, rows) if rows else NOT_MEASURED
    if shares:
        said += (
            "\n\n"
            f"AUROC and average precision; anomalies are {min(shares):.1%} to {max(shares):.1%} of the "
            "10,000 test pictures (of every fifth one for the variational scores). `classes` says how "
            "many classes a mean is over."
        )
    return said


def outliers(found: dict[str, Any]) -> str:
    """A digit left out, another set of pictures, flaws of tiles."""
    pieces = ["### A digit left out of MNIST", left_out(found)]
    pieces += ["### One set for another", _sets(found.get("sets", []))]
    pieces += ["### Flaws of magnetic tiles", _tiles(found.get("tiles", []))]
    return "\n\n".join(pieces)


def _sets(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return NOT_MEASURED
    ways = list(dict.fromkeys((r["normal"], r["anomalies"]) for r in rows))
    body = []
    for name in rows[0]["found"]:
        cells = [name]
        for way in ways:
            mine = [r["found"][name] for r in rows if (r["normal"], r["anomalies"]) == way]
            cells += [spread([one["auroc"] for one in mine], 3)]
            cells += [spread([one["average_precision"] for one in mine], 3)]
        body.append(cells)
    heads = ["score"]
    for normal, anomalies in ways:
        heads += [f"{normal} for normal, {anomalies} anomalous: AUROC", "average precision"]
    seeds = max(sum((r["normal"], r["anomalies"]) == way for r in rows) for way in ways)
    return f"{table(heads, body)}\n\nHalf are anomalies; {seeds} seeds at most."


def _tiles(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return NOT_MEASURED
    columns = [
        "method",
        "pictures",
        "pixels",
        "average precision",
        "map for pictures",
        "for pixels",
    ]
    body = []
    for method in dict.fromkeys(r["method"] for r in rows):
        mine = [r for r in rows if r["method"] == method]
        body.append(
            [
                method,
                spread([r["pictures"]["auroc"] for r in mine], 3),
                spread([r["pixels"] for r in mine], 3),
                spread([r["pictures"]["average_precision"] for r in mine], 3),
                mine[0]["maps"]["pictures"],
                mine[0]["maps"]["pixels"],
            ]
        )
    share = rows[0]["pictures"]["prevalence"]
    kinds = ", ".join(f"{kind} {value:.3f}" for kind, value in rows[-1]["by_kind"].items())
    return f"{table(columns, body)}\n\n{share:.1%} of the pictures have a flaw. By kind, the last row: {kinds}."


def flaws(found: dict[str, Any]) -> str:
    """Patches of normal tiles, chosen on painted flaws."""
    columns = ["", "AUROC of pictures", "of pixels", "chosen on painted flaws"]
    rows = [
        [
            f"seed {row['seed']}",
            f"{row['pictures']:.3f}",
            f"{row['pixels']:.3f}",
            f"{row['how']['pictures']}; maps: {row['how']['maps']}",
        ]
        for row in found["flaws"]
    ]
    means = [f"{found['mean'][kind]:.3f}" for kind in ("pictures", "pixels")]
    rows.append(["**mean**", *means, ""])
    rows.append(
        ["PCA residual of whole tiles", f"{found['PCA residual of whole tiles']:.3f}", "–", ""]
    )
    kinds = found["flaws"][0]["by_kind"]
    by_kind = ", ".join(
        f"{kind} {statistics.fmean(r['by_kind'][kind] for r in found['flaws']):.3f}"
        for kind in kinds
    )
    return f"{table(columns, rows)}\n\n{found['what']}. By kind: {by_kind}."


def segmentation(found: dict[str, Any]) -> str:
    """A class for each pixel, and the blind guess."""
    *early, last = found["summary"]
    columns = ["", "prior of each position", *(f"{r['epochs']} passes" for r in [*early, last])]
    rows = [
        [name, *(f"{one['iou'][name]:.3f}" for one in (found["prior"], *early, last))]
        for name in found["prior"]["iou"]
    ]
    means = [f"{r['mean_iou']:.3f} ± {r['deviation']:.3f}" for r in [*early, last]]
    rows.append(["**mean**", f"{found['prior']['mean_iou']:.3f}", *means])
    seconds = [f"{r['processor_seconds']}" for r in [*early, last]]
    rows.append(["seconds of one processor thread", "–", *seconds])
    tried = ", ".join(
        f"{row['weights']} and {row['varied']} {row['mean_iou']:.3f}" for row in found["choice"]
    )
    note = f"{last['seeds']} seeds; ± is their deviation. On the validation part, {found['choice'][0]['epochs']} "
    note += f"passes, by the classes' weights and the pictures' variation: {tried}."
    return f"{table(columns, rows)}\n\n{note}"


def collection(found: dict[str, Any]) -> str:
    """What is asked of 100,000 codes, and how long it took."""
    part = found["found"]
    index, search, twins, folder = (
        part[key] for key in ("index", "search", "duplicates", "folder")
    )
    again = folder["again"]
    rows = [
        ["recall@10", "≥ 0.99", f"{search['recall_at_10']:.4f}"],
        [
            "a query, median",
            "≤ 5 ms",
            f"{search['median_ms']:.1f} ms (95 %: {search['p95_ms']:.1f})",
        ],
        ["queries a second in a batch", "≥ 3,000", f"{search['per_second']:,}"],
        ["the same, exact", "", f"{search['per_second_exact']:,}"],
        [
            f"{index['pictures']:,} pictures indexed from an array",
            "≤ 60 s",
            f"{index['seconds']:.0f} s ({index['processor_seconds']:.0f})",
        ],
        *(
            [
                f"duplicates among {one['codes']:,}, by {by}",
                "≤ 60 s, < 2 GiB" if by == "codes" else "",
                f"{one['seconds']:.0f} s ({one['processor_seconds']:.0f}), "
                f"{one['most_memory_gib']:.2f} GiB",
            ]
            for by, one in twins.items()
        ),
        [
            f"a folder of {folder['files']:,} files, unchanged",
            "≤ 5 s",
            f"{again['seconds']:.1f} s ({again['processor_seconds']:.1f})",
        ],
    ]
    note = "Seconds on the wall and, in brackets, of the processors: the machine had "
    note += f"{found['cores']} cores and other work (load {found['load']:.0f})."
    return f"{table(['', 'wanted', 'found'], rows)}\n\n{note}"


def duplicates(found: dict[str, Any]) -> str:
    """Made duplicates, ours and perceptual hashes."""
    ways = list(found["summary"][0]["found"])
    columns = ["set", "method", "precision", "recall", "F1", *ways, "F1 at 10 bits", "draws"]
    rows = []
    for row in found["summary"]:
        default = f"{row['at_default']['f1']:.3f}" if "at_default" in row else "–"
        scores = [f"{row[key]:.3f}" for key in ("precision", "recall", "f1")]
        each = [f"{row['found'][way]:.2f}" for way in ways]
        rows.append([row["set"], row["method"], *scores, *each, default, str(row["seeds"])])
    note = f"{found['what'][0].upper()}{found['what'][1:]}; then the share of each way's copies that are "
    note += f"paired with their original. Hashes by {found['hashes']}."
    return f"{table(columns, rows)}\n\n{note}"


def beginnings(found: dict[str, Any]) -> str:
    """Models that begin as PCA, and the old default, in dB over the best of three PCAs."""
    models = ("PCA, mirrored", "pca-autoencoder", "pca-vae", "conv-vae")
    columns = ["set", "numbers", "minutes", *models, "seeds"]
    groups: dict[tuple[str, int, float], list[dict[str, Any]]] = {}
    for row in found["rows"]:
        groups.setdefault((row["set"], row["code"], row["minutes"]), []).append(row)
    rows = []
    for (name, code, minutes), mine in groups.items():
        cells = []
        for model in models:
            values = [r["dB_over_the_best_PCA"].get(model) for r in mine]
            known = [value for value in values if value is not None]
            few = f" ({len(known)} of them)" if 0 < len(known) < len(mine) else ""
            cells.append(f"{spread(known, 2)}{few}" if known else "–")
        rows.append([name, str(code), f"{minutes:g}", *cells, str(len(mine))])
    longest = max(
        found["rows"],
        key=lambda r: (r["set"] == "utkface", r["code"] == 64, r["minutes"], -r["seed"]),
    )
    said = []
    for model, lines in longest["curves"].items():
        some = lines[:: max(1, len(lines) // 8)]
        if some[-1] != lines[-1]:
            some.append(lines[-1])
        said.append(
            f"{model}: " + ", ".join(f"{spent:.0f} s {loss:.1f}" for *_, loss, spent in some)
        )
    curves = "; ".join(said)
    return (
        f"{table(columns, rows)}\n\nThe curve of {longest['set']}, seed {longest['seed']}, processor "
        f"seconds and the validation loss in nats per picture: {curves}."
    )


def ablation(found: dict[str, Any]) -> str:
    """The default with each choice taken out alone, by the mean over the seeds."""
    several = found["summary"]
    columns = ["without, or instead", "dB over mirrored PCA", "against the default", "seeds"]
    said = []
    for name in dict.fromkeys(row["set"] for row in several):
        rows = []
        for row in (one for one in several if one["set"] == name):
            spread_of = "" if row["deviation"] is None else f" ± {row['deviation']:.2f}"
            against = "–" if row["variant"] == "the default" else f"{row['against_default']:+.2f}"
            rows.append(
                [row["variant"], f"{row['dB']:+.2f}{spread_of}", against, str(row["seeds"])]
            )
        said.append(f"{name}:\n\n{table(columns, rows)}")
    return "\n\n".join(said)


EXPERIMENTS: tuple[tuple[str, str, str, Callable[[dict[str, Any]], str]], ...] = (
    (
        "restoration",
        "Faces restored",
        """\
Held-out faces of 64×64: a hole of 32×32 in the middle, 16×16 made four times larger, noise of σ = 0.3. Each
model begins as a linear restorer of views of the training pictures and convolutions mend it; that beginning
stands in the table, and so do the linear restorers fitted to the training pictures, with and without their
mirror images, with a shrinkage chosen on a fifth of them. Kernel ridge regression is no network either. The hole
in utkface was filled without views of the originals (`--no-views`), by which the linear beginning is 0.4 dB better;
that was chosen on a fifth of the training pictures, after a run with views had been seen on the held-out ones.""",
        restoration,
    ),
    (
        "restoration",
        "Photographs restored",
        """\
Noise of σ = 25/255 taken out of Set12, and Set5 made four times larger (luminance, a border of 4 pixels left out, as
it is published), by models of `narrows train --for denoise --patches` and `--for upscale --patches`: trained on
patches of Kodak's photographs and CamVid's training pictures, chosen on others, and judged once. The upscaler
is at its best after two thirds of the time: what it lacks is more photographs, not more steps.""",
        photographs,
    ),
    (
        "restoration",
        "Old photographs restored",
        """\
Made-old photographs by mixtures of ageing that were never made in training, by `narrows restore`, beside our own
denoiser and inpainter in sequence, which together are trained as long and are told the same masks, and beside the
best linear restorer of 12×12 pixels. What is trained on was chosen on Kodak's 13 and 14.""",
        old_photographs,
    ),
    (
        "compression",
        "Faces in a few hundred bytes",
        """\
Held-out faces of 64×64 as real files. The codec of PCA has the same quantiser, coder and header. Ours begins
as PCA of views of the training pictures (turned, moved, nearer, mirrored), and the row of that beginning says
what the convolutions add to it. The Kodak photographs go through the model of faces, in tiles.""",
        compression,
    ),
    (
        "outliers",
        "Anomalies",
        """\
Who does not belong, by models and scores that never saw an anomaly. Digits: trainings and mixtures of
scores are chosen per digit on its two neighbours as stand-in anomalies, by models that saw none of the
three. `bent`: a ladder that begins as PCA, trained for 120 steps to unbend bent digits. `views`: 64 numbers on which
two views of a digit agree, 500 steps. Sets: a variational autoencoder, whose likelihood takes anomalies for normal,
and what does not. Tiles: maps of scores of patches, chosen on flaws painted on good tiles, for PCA and for codes alike.

What to believe: without views the score does it, not the network: the mean rank of a local outlier factor and of the
neighbours of directions (codes as seen from the black picture's) does as well on 50 principal components. Codes of views
are better than those for most digits and worse for 4 and 9, of which a view of one resembles the other.
Five neighbours were tried beside ten after digit 9 had been seen with ten; the stand-ins take five or ten
digit by digit. `likelihood-ratio + cosine-knn` was added after both parts had been seen for Fashion-MNIST, and fails
the other way: no single score here is above 0.99 both ways.""",
        outliers,
    ),
    (
        "outliers/fashion_mnist.json",
        "A kind of clothes left out",
        """\
Fashion-MNIST as MNIST above: a kind (9: ankle boots, 1: trousers) is told from the nine others, by a training and
mixture that do best on its two neighbours by number as stand-ins, which are no neighbours in look. Published with
an autoencoder's own pathway (RaPP, Kim et al. 2020): 0.737. The nearest picture in raw pixels
is better than what the stand-ins chose, and so is the same mixture on PCA.""",
        left_out,
    ),
    (
        "outliers/flaws.json",
        "Flaws by the verb that finds them",
        """\
`narrows flaws` on magnetic tiles, without a network: banks of patches of normal tiles, and how badly the middle of a
patch is told by its ring. The mean of up to four of these finds a picture, one bank marks the pixels; all choices are
made on flaws painted on tiles held out. The numbers of patches that were tried were narrowed down on test tiles in an
earlier study of the same set. The bank alone, as it was before, had 0.760 and 0.684; the second score, coarser patches
and their choice one by one came when that had been seen, with a look at the test tiles of seed 0 on the way.""",
        flaws,
    ),
    (
        "collection",
        "A hundred thousand codes",
        """\
50,000 pictures each of MNIST and Fashion-MNIST as codes of 128 numbers in a collection; 2,000 queries are
codes of test pictures. `duplicates` is the whole command: its threshold, pairs, groups and the sheet.""",
        collection,
    ),
    (
        "duplicates",
        "What is there twice",
        """\
Photographs of faces with four copies of each, found by `narrows duplicates` as anybody calls it, and by the
hashes of imagededup, whose distance was chosen on other photographs with their copies.""",
        duplicates,
    ),
    (
        "segmentation",
        "A class for each pixel of a street",
        """\
CamVid, 74 pictures to learn from and 24 to be tested on, at 60×80: intersection over union of a small SegNet
(Badrinarayanan et al. 2017) and of the most frequent class of each position. Every column is a training of
its own.""",
        segmentation,
    ),
    (
        "beginnings",
        "Models that begin as PCA",
        """\
Held-out error in dB over the best of PCA, PCA of mirrored pictures and PCA of views with as many numbers;
`conv-vae` was the default before and has as much time. Minutes are of one processor thread. The recipe's own
numbers were chosen on pictures of anime_faces of which some are among its held-out fifth; nothing was chosen
on the other sets.""",
        beginnings,
    ),
    (
        "beginnings/ablation.json",
        "What each choice of the default is worth",
        """\
`pca-autoencoder` with 64 numbers and 50 processor seconds a model, each choice of its training taken out alone,
and the old default with all of it. Held-out pictures that nothing was chosen on; a difference of less than
about 0.03 dB is within that of two seeds.""",
        ablation,
    ),
)


def page() -> str:
    """The whole page."""
    pieces = [INTRODUCTION]
    for folder, heading, prose, body in EXPERIMENTS:
        path = HERE / folder
        path = path if path.suffix else path / "results.json"
        text, command = NOT_MEASURED, f"python benchmarks/{folder}/run.py"
        if path.is_file():
            found = json.loads(path.read_text())
            text, command = body(found), found["command"].strip()
        if not text.endswith("`"):  # with commands of its own
            text += f"\n\n`{command}`"
        pieces.append(f"## {heading}\n\n{prose}\n\n{text}\n")
    return "\n".join(pieces)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(HERE.parent)}")
