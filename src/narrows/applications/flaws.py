"""Flaws: where a picture differs from normal ones, patch by patch; no model has to be trained.

normal pictures ──┬─► fitted to: banks of patches and what their rings tell of them, of several scales
                  ├─► with painted flaws: which of these find flawed pictures, and which bank marks them best
                  └─► held out: threshold and p-values ─┐
pictures in question ──their mean score─────────────────┴─► which are flawed, and a map of where
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from ..errors import NoImages
from ..figures import detection_curves, heat, heat_sheet, score_histograms
from ..images import Preprocessing, named_outputs, write_pictures
from ..images.inputs import Pictures
from ..images.painted import painted
from ..images.sizes import Sized, sized
from ..measures.detection import Detection, detection
from ..measures.patch_bank import DRAWN, PatchBank, Patches, picture_score, spread
from ..measures.patch_context import PatchContext
from ..progress import Progress, stage
from ..randomness import permutation
from ..results import Result
from ..tables import Table
from .decisions import Decision, attainable, decide, detections, rule_of
from .outliers import NORMAL

__all__ = ["Flaws", "flaws"]

Array = np.ndarray[Any, Any]

SCORE = "patches"
SIDES = (160, 80, 48, 32)  # pixels of the shorter side after scaling, tried in turn
WINDOWS = (25, 0)
SHARES = (0.002, 0.02, 0.1)  # of the patches, whose mean is the picture's score
TINY = 1e-6
LEAST = 4  # normal pictures
CHOSEN_ON = 0.25  # of the normal pictures, at most MOST
JUDGED_BY = 0.25
MOST = 50
PAINTED = 120  # pictures with a flaw, about
EVERY = 7  # pixels of a map that choose it
SHOWN, LISTED = 8, 10


@dataclass(frozen=True)
class _Way:
    """A score of pictures that was tried, standardised by the normal ones among those that choose.

    Attributes:
        detector: distances of patches.
        share: of a picture's patches, the most anomalous ones, whose mean is its score.
        mean, deviation: of the logarithm of the normal pictures' scores.
        pictures, pixels: AUROC on painted flaws.
    """

    detector: PatchBank | PatchContext
    share: float
    mean: float
    deviation: float
    pictures: float
    pixels: float

    @property
    def how(self) -> str:
        asked = "beside the bank" if isinstance(self.detector, PatchBank) else "beside their rings"
        return f"{self.detector.patches}, {asked}"

    def score(self, distances: Tensor) -> float:
        """A picture's standardised score."""
        value = np.log(picture_score(distances, self.share) + TINY)
        return float((value - self.mean) / self.deviation)


@dataclass(frozen=True)
class Maps(Sequence[Array]):
    """The map of each picture (H, W), kept as the distances of its patches."""

    distances: Sequence[Tensor]
    patches: Patches
    sizes: Sequence[tuple[int, int]]

    def __len__(self) -> int:
        return len(self.distances)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        found = spread(self.distances[place], self.patches, self.sizes[place])
        return found.numpy()


@dataclass(frozen=True, repr=False)
class Flaws(Result, Decision):
    """N pictures, how flawed each is and where; a ``Decision`` whose score is ``patches``.

    Attributes:
        ids: N names.
        pictures: uint8 (C, H, W) each.
        maps: how far each pixel is from what is normal, (H, W) float32 each.
        usual: the distance that 1 % of the patches of held-out normal pictures exceed.
        fitted, chosen_on, held_out: how many normal pictures the bank is of, chose how patches are
            cut, and set the threshold.
        how: of pictures and of maps, how patches are cut.
        choices: AUROC on painted flaws, of pictures and of pixels, for all that was tried, each alone.
        truth: which are flawed by labels, (N,) booleans; None without.
        detection: how well pictures are told, and pixels where there are masks.
    """

    name: ClassVar[str] = "flaws"
    ids: Sequence[str]
    pictures: Sequence[Tensor]
    maps: Sequence[Array]
    usual: float
    fitted: int
    chosen_on: int
    held_out: int
    how: Mapping[str, str]
    choices: Sequence[Mapping[str, Any]]
    truth: Array | None = None
    detection: Mapping[str, Detection] | None = None
    notes: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()

    def document(self) -> dict[str, Any]:
        """Pictures in the order in which they were given."""
        rows = [
            {
                "id": id_,
                "score": float(self.scores[SCORE][i]),
                "p": float(self.p_values[i]),
                "is_flawed": bool(self.is_outlier[i]),
            }
            for i, id_ in enumerate(self.ids)
        ]
        document: dict[str, Any] = {
            "how": dict(self.how),
            "choices": [dict(choice) for choice in self.choices],
            "normal": {
                "fitted": self.fitted,
                "chosen_on": self.chosen_on,
                "held_out": self.held_out,
            },
            "rule": self.rule,
            "threshold": self.threshold if np.isfinite(self.threshold) else None,
            "false_positive_rate": self.false_positive_rate,
            "pictures": rows,
            "notes": list(self.notes),
            "skipped": [list(item) for item in self.skipped],
        }
        if self.detection is not None:
            document["detection"] = {name: one.document() for name, one in self.detection.items()}
        return document

    def table(self) -> Table:
        """The most anomalous pictures."""
        first = self.order[:LISTED]
        return Table(
            {
                "picture": [self.ids[i] for i in first],
                "score": [f"{self.scores[SCORE][i]:.4g}" for i in first],
                "p": [f"{self.p_values[i]:.3g}" for i in first],
                "": ["" if self.is_outlier[i] else "(not anomalous)" for i in first],
            }
        )

    def __str__(self) -> str:
        lines = [str(self.table()), ""]
        for name, one in (self.detection or {}).items():
            lines.append(
                f"{name}: AUROC {one.auroc:.3f}, average precision {one.average_precision:.3f} "
                f"({one.prevalence:.1%} are flawed)"
            )
        lines += [
            f"{int(self.is_outlier.sum()):,} of {len(self.ids):,} pictures are anomalous, at "
            f"{self.rule}; so are {self.false_positive_rate:.1%} of {self.held_out:,} normal "
            "pictures (held-out)",
            f"pictures by {self.how['pictures']}",
            f"maps by {self.how['maps']}",
        ]
        return "\n".join(lines)

    def figures(self) -> dict[str, Any]:
        """The most anomalous pictures under their maps, and the histogram of scores."""
        first = [int(i) for i in self.order[:SHOWN]]
        captions = [f"{self.ids[i]}  p {self.p_values[i]:.2g}" for i in first]
        sheet = heat_sheet(
            [self.pictures[i] for i in first], [self.maps[i] for i in first], self.usual, captions
        )
        values = self.scores[SCORE]
        groups = {"normal, held-out": self.normal[SCORE]}
        if self.truth is None:
            groups["in question"] = values
        else:
            groups |= {"flawed": values[self.truth], "in question, normal": values[~self.truth]}
            groups = {name: some for name, some in groups.items() if len(some)}
        drawn = {"flaws": sheet, "histogram": score_histograms(groups, self.threshold, x=SCORE)}
        if self.detection is not None and "pictures" in self.detection:
            one = self.detection["pictures"]
            drawn["detection"] = detection_curves({"patches": one}, one.prevalence)
        return drawn

    def save(self, folder: Path | str) -> dict[str, Any]:
        """As every result, and in ``maps`` a PNG of each picture with its map drawn over it."""
        folder = Path(folder)
        drawn = (heat(x, m, self.usual) for x, m in zip(self.pictures, self.maps, strict=True))
        pictures = write_pictures(drawn, named_outputs(self.ids), folder / "maps")
        return self._written(folder, {"pictures": pictures})


def flaws(
    pictures: Pictures,
    *,
    normal: Pictures,
    anomalies: Sequence[bool] | None = None,
    masks: Sequence[Any] | None = None,
    false_alarms: float | None = None,
    quantile: float | None = None,
    fdr: float | None = None,
    limit: int | None = None,
    seed: int = 0,
    progress: Progress = None,
) -> Flaws:
    """Find flaws on pictures of parts, cloth, ground, tissue: what normal ones do not have.

    Patches of normal pictures, whitened, are a memory bank; a patch's distance to the nearest of
    them is how anomalous it is (Roth et al. 2022, with principal components in place of a pretrained
    network's features). A second score is how badly the middle of a patch is told by its ring: the
    reconstruction of what was masked, by linear regression. A picture's score is the mean of both. How
    patches are cut for either is chosen on flaws that are painted on normal pictures, never on those in
    question. Pictures keep their size and shape, which may differ.

    Args:
        pictures: those in question.
        normal: normal pictures, at least four. They are divided by the seed: a half and more is the
            bank, up to 50 of them choose how patches are cut, a quarter sets the threshold.
        anomalies: which of the pictures in question are flawed, N values; by default, where one of
            their folders is called good or normal, those in the others.
        masks: where, (H, W) each, non-zero on flaws, or None for a picture without a mask.
        false_alarms, quantile, fdr: the rule of the threshold, as of :func:`narrows.outliers`.
        limit: at most so many pictures of either kind, evenly spread.
        seed: of the division, the painted flaws and the patches drawn.
        progress: see :mod:`narrows.progress`.

    Returns:
        Scores, p-values and maps; see :class:`Flaws`.

    Raises:
        ValueError: fewer than four normal pictures, or two rules.
        NoImages: nothing can be read.

    Examples:
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> len(nw.flaws(images[:5], normal=images[20:120]).maps)
        5
    """
    rule = rule_of(false_alarms, quantile, False, fdr)
    with stage(progress, "reading pictures"):
        known, asked = _read(normal, limit), _read(pictures, limit)
    _same_channels(known, asked)
    if len(known) < LEAST:
        raise ValueError(
            f"flaws are found beside at least {LEAST} normal pictures, some of which are held out; "
            f"we got {len(known)}"
        )
    for name, given in (("anomalies", anomalies), ("masks", masks)):
        if given is not None and len(given) != len(asked):
            raise ValueError(
                f"{name}: {len(asked)} were wanted, one a picture; we got {len(given)}"
            )
    order = permutation(seed, "normal", len(known)).tolist()
    judged = order[: max(1, round(JUDGED_BY * len(known)))]
    choosing = order[len(judged) :][: min(MOST, max(1, round(CHOSEN_ON * len(known))))]
    fitting = order[len(judged) + len(choosing) :]
    of = {"judged": judged, "choosing": choosing, "fitting": fitting}
    notes = [*known.notes, *asked.notes]
    if false_alarms is None:
        rule, said = attainable(rule, len(judged), "held-out")
        notes += [said] if said else []
    part = {name: [known.pixels[i] for i in places] for name, places in of.items()}
    with stage(progress, "choosing how patches are cut") as step:
        choices = _tried(part["fitting"], part["choosing"], seed, step)
    members = _best_of_each(choices)
    of_maps = max(choices, key=lambda way: way.pixels)
    marking = of_maps.detector
    drawn: list[Tensor] = []
    each: list[float] = []
    with stage(progress, "scoring") as step:
        pictures_of_all = [*part["judged"], *asked.pixels]
        for number, picture in enumerate(pictures_of_all, 1):
            found = {
                id(one): one.distances(picture) for one in [marking, *(m.detector for m in members)]
            }
            each.append(float(np.mean([m.score(found[id(m.detector)]) for m in members])))
            drawn.append(found[id(marking)])
            step(number, len(pictures_of_all))
    normal_scores, scores = each[: len(judged)], each[len(judged) :]
    usual = float(np.quantile(np.concatenate([m.ravel() for m in drawn[: len(judged)]]), 0.99))
    sizes = [(int(x.shape[1]), int(x.shape[2])) for x in asked.pixels]
    maps = Maps(drawn[len(judged) :], marking.patches, sizes)
    decision = decide({SCORE: normal_scores}, {SCORE: scores}, rule)
    truth, measured = _measured(asked, scores, maps, anomalies, masks)
    kept = [
        {"how": one.how, "share": one.share, "pictures": one.pictures, "pixels": one.pixels}
        for one in choices
    ]
    return Flaws(
        **vars(decision), ids=asked.ids, pictures=asked.pixels, maps=maps, usual=usual,
        fitted=len(fitting), chosen_on=len(choosing), held_out=len(judged),
        how={"pictures": "; ".join(f"{m.how}, the most anomalous {m.share:.1%} of them" for m in members),
             "maps": of_maps.how},
        choices=kept, truth=truth, detection=measured or None,
        notes=[*dict.fromkeys(notes)],
        skipped=[*known.skipped, *asked.skipped],
    )  # fmt: skip


def _read(what: Pictures, limit: int | None) -> Sized:
    return sized(what, Preprocessing((3, 1, 1)), limit=limit)


def _same_channels(*several: Sized) -> None:
    """One channel for all where no picture has colour: as sharp, and three times as fast."""
    gray = all(bool((x[:1] == x).all()) for some in several for x in some.pixels)
    for some in several:
        some.pixels = [x[:1] if gray else x for x in some.pixels]


def _by_folder(ids: Sequence[str]) -> Array | None:
    """Which lie in another folder than one that is called good, normal or alike; None: no such one."""
    folders = [id_.rpartition("/")[0].rpartition("/")[2].lower() for id_ in ids]
    flawed = np.array([folder not in NORMAL for folder in folders])
    return flawed if "" not in folders and 0 < flawed.sum() < len(flawed) else None


def _tried(
    fitting: Sequence[Tensor], choosing: Sequence[Tensor], seed: int, step: Any
) -> list[_Way]:
    """Each way to score pictures, and how well it finds painted flaws and marks them."""
    count = len(choosing)
    times = max(1, round(PAINTED / count))
    flawed = [
        painted(x, seed + n + count * time) for time in range(times) for n, x in enumerate(choosing)
    ]
    asked = [*choosing, *(picture for picture, _ in flawed)]
    truth = np.repeat([False, True], [count, len(flawed)])
    where = np.concatenate([mask.numpy().ravel()[::EVERY] for _, mask in flawed])
    short = float(np.median([min(picture.shape[1:]) for picture in fitting]))
    cuts = [
        Patches(min(1.0, side / short), window=window)
        for side in SIDES
        if side == SIDES[-1] or side <= short
        for window in WINDOWS
    ]
    ways: list[_Way] = []
    for number, patches in enumerate(cuts):
        drawn = patches.drawn(fitting, DRAWN, seed)
        for detector in (PatchBank.of(drawn, patches, seed), PatchContext.of(drawn, patches)):
            distances = [detector.distances(picture) for picture in asked]
            pixels = 0.0  # maps are of banks only
            if isinstance(detector, PatchBank):
                pixels = _marked(distances[count:], patches, flawed, where)
            for share in SHARES:
                values = np.log([picture_score(each, share) + TINY for each in distances])
                mean, deviation = float(values[:count].mean()), float(values[:count].std()) or 1.0
                auroc = detection(values, truth).auroc
                ways.append(_Way(detector, share, mean, deviation, auroc, pixels))
        step(number + 1, len(cuts))
    return ways


def _marked(distances: Sequence[Tensor], patches: Patches, flawed: Any, where: Array) -> float:
    """AUROC of the pixels of painted flaws."""
    if not 0 < where.sum() < len(where):
        return 0.5
    maps = [
        spread(each, patches, picture.shape[1:]).numpy().ravel()[::EVERY]
        for each, (picture, _) in zip(distances, flawed, strict=True)
    ]
    return detection(np.concatenate(maps), where).auroc


def _best_of_each(ways: Sequence[_Way]) -> list[_Way]:
    """Of either kind of score the way that finds painted flaws best, the better one first.

    More of them, added one by one while they help on painted flaws, were no better on real ones, and
    differed more from one division of the normal pictures to another.
    """
    kinds = (PatchBank, PatchContext)
    best = [
        max((way for way in ways if isinstance(way.detector, kind)), key=lambda way: way.pictures)
        for kind in kinds
    ]
    return sorted(best, key=lambda way: -way.pictures)


def _measured(
    asked: Sized,
    scores: Sequence[float],
    maps: Sequence[Array],
    anomalies: Sequence[bool] | None,
    masks: Sequence[Any] | None,
) -> tuple[Array | None, dict[str, Detection]]:
    """Which are flawed, and how well pictures and pixels are told where it is known."""
    truth = _by_folder(asked.ids) if anomalies is None else np.asarray(anomalies, bool)
    found: dict[str, Detection] = {}
    if truth is not None:
        found |= {"pictures": detections({SCORE: scores}, truth)[SCORE]}
    if masks is not None:
        pairs = [(m, np.asarray(k) != 0) for m, k in zip(maps, masks, strict=True) if k is not None]
        for m, k in pairs:
            if m.shape != k.shape:
                raise ValueError(f"a mask of {m.shape} was wanted; we got {k.shape}")
        if not pairs:
            raise NoImages("none of the pictures has a mask")
        values = np.concatenate([m.ravel() for m, _ in pairs])
        found |= {"pixels": detection(values, np.concatenate([k.ravel() for _, k in pairs]))}
    return truth, found
