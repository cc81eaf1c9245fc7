"""A collection as a file that another program opens as it is, with thumbnails, neighbours and scores.

    embedding-atlas   FILE.parquet   image, projection_x, projection_y, neighbors
    parquet           FILE.parquet   the same without the map: Hugging Face's columns of pictures
    fiftyone          FOLDER         samples.json, and data/ with the thumbnails
    lightly           FILE.csv       filenames, embedding_0 …, labels

Codes, metadata and scores keep their names; one that another program gives a meaning of its own gets
``meta_`` before it.
"""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import files
from .collection import Collection
from .rows import values_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BRIDGES", "bridge"]

Array = np.ndarray[Any, Any]

BRIDGES = {"embedding-atlas": ".parquet", "parquet": ".parquet", "fiftyone": "", "lightly": ".csv"}
NEIGHBOURS = 10
_RESERVED = ("id", "filepath", "tags", "metadata", "media_type", "created_at", "last_modified_at")


def bridge(
    collection: Collection,
    path: str | Path,
    to: str,
    where: str | None = None,
    points: Array | None = None,
) -> int:
    """Write the rows that pass a filter as another program reads them; gives how many.

    - ``embedding-atlas``: Parquet for ``embedding-atlas FILE --image image --x projection_x --y
      projection_y --neighbors neighbors``. ``neighbors`` is {ids, distances}, the ids row numbers from
      0, as its command line says (https://apple.github.io/embedding-atlas/tool.html); ``image`` is
      {bytes, path}, as in data sets of Hugging Face.
    - ``parquet``: the same columns without the map, and the schema says which is a picture
      (https://huggingface.co/docs/hub/datasets-image).
    - ``fiftyone``: a folder for ``fo.Dataset.from_dir(FOLDER, fo.types.FiftyOneDataset)``:
      ``samples.json`` has a sample for each picture, as ``Sample.to_dict`` gives it
      (https://docs.voxel51.com/user_guide/import_datasets.html). A picture is the file itself where it
      is on this disk, else its thumbnail in ``data/``; the code is ``embedding``.
    - ``lightly``: the CSV of embeddings that Lightly reads
      (https://docs.lightly.ai/docs/custom-embeddings): a name, the code, and 0 for each label. It has
      no place for thumbnails, neighbours and scores.

    Args:
        where: a filter.
        points: (N, 2), where each of these rows lies on the map; only for ``embedding-atlas``.

    Raises:
        ValueError: another program or ending, or no points where they are needed.
        NarrowsError: the file cannot be written, or the folder is there already.
    """
    path = Path(path)
    if to not in BRIDGES:
        raise ValueError(f"a collection is exported for {', '.join(BRIDGES)}; we got {to!r}")
    if path.suffix.lower() != BRIDGES[to]:
        wanted = f"a {BRIDGES[to]} file" if BRIDGES[to] else "a folder"
        raise ValueError(f"for {to} a collection becomes {wanted}; we got {path.name!r}")
    table = collection.table(None, where)
    if (points is not None) != (to == "embedding-atlas"):
        raise ValueError(f"points of a map are for embedding-atlas, and needed there; this is {to}")
    if points is not None and np.shape(points) != (len(table), 2):
        raise ValueError(f"points are ({len(table)}, 2); we got {np.shape(points)}")
    if to == "lightly":
        _lightly(table, path)
    elif to == "fiftyone":
        _fiftyone(table, *neighbours(collection, table, where), path)
    else:
        _parquet(table, *neighbours(collection, table, where), points, path)
    return len(table)


def neighbours(
    collection: Collection, table: pa.Table, where: str | None
) -> tuple[list[list[int]], list[list[float]]]:
    """For each row the rows whose codes are nearest, without itself, and their distances."""
    ids = table["id"].to_pylist()
    places = {id_: place for place, id_ in enumerate(ids)}
    codes = values_of(table.select(["code"]))["code"]
    found = collection.search(codes, NEIGHBOURS + 1, where=where)
    rows, distances = [], []
    for place, (names, far) in enumerate(zip(found.ids, found.distances, strict=True)):
        near = [
            (places[name], float(distance))
            for name, distance in zip(names, far, strict=True)
            if name in places and places[name] != place and math.isfinite(distance)
        ][:NEIGHBOURS]
        rows.append([row for row, _ in near])
        distances.append([distance for _, distance in near])
    return rows, distances


def _parquet(
    table: pa.Table,
    rows: list[list[int]],
    distances: list[list[float]],
    points: Array | None,
    path: Path,
) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    image = pa.StructArray.from_arrays(
        [table["thumbnail"].combine_chunks(), table["id"].combine_chunks()], ["bytes", "path"]
    )
    near = pa.StructArray.from_arrays(
        [pa.array(rows, pa.list_(pa.int64())), pa.array(distances, pa.list_(pa.float64()))],
        ["ids", "distances"],
    )
    columns: dict[str, Any] = {"id": table["id"], "image": image}
    if points is not None:
        columns["projection_x"] = pa.array(points[:, 0], pa.float32())
        columns["projection_y"] = pa.array(points[:, 1], pa.float32())
    columns["neighbors"] = near
    size = table.schema.field("code").type.list_size
    code = values_of(table.select(["code"]))["code"]
    for name in table.column_names:
        if name not in ("id", "thumbnail", "code"):
            columns[f"meta_{name}" if name in columns else name] = table[name]
    columns["code"] = pa.FixedSizeListArray.from_arrays(
        pa.array(code.reshape(-1), pa.float32()), size
    ).cast(pa.list_(pa.float32()))
    features = {"info": {"features": {"image": {"_type": "Image"}}}}
    made = pa.table(columns).replace_schema_metadata({"huggingface": json.dumps(features)})
    with files.atomic(path) as part:
        parquet.write_table(made, part)


def _lightly(table: pa.Table, path: Path) -> None:
    code = values_of(table.select(["code"]))["code"]
    with files.atomic(path) as part, open(part, "w", newline="", encoding="utf-8") as opened:
        lines = csv.writer(opened)
        lines.writerow(["filenames", *(f"embedding_{i}" for i in range(code.shape[1])), "labels"])
        for name, numbers in zip(table["id"].to_pylist(), code, strict=True):
            lines.writerow([name, *(f"{number:.9g}" for number in numbers), 0])


def _fiftyone(
    table: pa.Table, rows: list[list[int]], distances: list[list[float]], folder: Path
) -> None:
    names = [n for n in table.column_names if n not in ("id", "path", "thumbnail", "code")]
    read = {name: table[name].to_pylist() for name in ("id", "path", "thumbnail", *names)}
    code = values_of(table.select(["code"]))["code"]
    whole = folder.resolve()
    part = files.part_of(whole)
    with files.failing(folder):
        files.made_folder(whole.parent)
        if folder.exists() and any(folder.iterdir()):
            raise FileExistsError(17, "it is there already, and not empty")
        (part / "data").mkdir(parents=True)
        try:
            samples = []
            for row, id_ in enumerate(read["id"]):
                filepath = read["path"][row]
                if not filepath or not os.path.isfile(filepath):
                    filepath = f"data/{row:08d}.jpg"
                    (part / filepath).write_bytes(read["thumbnail"][row] or b"")
                sample: dict[str, Any] = {
                    "filepath": filepath, "tags": [], "metadata": None, "_media_type": "image",
                    "picture": id_, "embedding": [float(f"{number:.9g}") for number in code[row]],
                    "neighbours": [read["id"][other] for other in rows[row]],
                    "neighbour_distances": distances[row],
                }  # fmt: skip
                for name in names:
                    value = read[name][row]
                    field = f"meta_{name}" if name in sample or name in _RESERVED else name
                    if name == "label" and value is not None:
                        value = {"_cls": "Classification", "label": str(value)}
                    if isinstance(value, float) and not math.isfinite(value):
                        value = None
                    sample[field] = value
                samples.append(sample)
            (part / "metadata.json").write_text(
                json.dumps({"media_type": "image", "info": {"made_by": "narrows"}}),
                encoding="utf-8",
            )
            (part / "samples.json").write_text(
                json.dumps({"samples": samples}, allow_nan=False), encoding="utf-8"
            )
            if folder.exists():
                folder.rmdir()
            os.replace(part, whole)
        finally:
            shutil.rmtree(part, ignore_errors=True)
