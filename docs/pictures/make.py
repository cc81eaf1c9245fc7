"""The README's picture, made again by `make pictures`: holes in pictures of clothes, mended.

The set is `clothes` (Fashion-MNIST, Zalando Research, MIT), which every installation has.
"""

from __future__ import annotations

from pathlib import Path

import torch

import narrows as nw
from narrows.applications.exhibits import medoids

HOLE = (8, 8, 12, 12)


def main() -> None:
    trained = nw.train("clothes", minutes=1)
    kept = trained.judged.images
    few = nw.images.Images((kept.batch(torch.tensor(medoids(kept, 9))) * 255).round().byte())
    found = nw.inpaint(trained.model, few, rectangle=HOLE, score=True, fit_on=trained.fitted)
    group = found.groups[0]
    rows = [("with a hole", group.given), ("mended", group.output)]
    rows += [("OpenCV (Telea)", group.others["Telea"]), ("what was there", group.clean)]
    print(found)
    figure = nw.figures.picture_rows([(name, x.numpy()) for name, x in rows])
    print(nw.figures.save(figure, Path(__file__).with_name("mended.png"), dpi=80))


if __name__ == "__main__":
    main()
