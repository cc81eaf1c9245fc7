"""Check: whether every file of a model, a run or a collection is whole.

PATH ──what it is──► one function for each kind, which gives a row for each file ──► Check
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ..errors import BadFile
from ..results import Result
from ..tables import Table, counted
from ..training import located
from .check_model import model_files
from .checked import Checked
from .opening import is_collection

__all__ = ["Check", "check"]


@dataclass(frozen=True, repr=False)
class Check(Result):
    """What is whole and what is not.

    Attributes:
        path: what was checked.
        kind: ``model``, ``run`` or ``collection``.
        files: a row for each file.
    """

    name: ClassVar[str] = "check"
    path: Path
    kind: str
    files: Sequence[Checked]

    @property
    def whole(self) -> bool:
        """Whether everything is."""
        return all(one.whole for one in self.files)

    def document(self) -> dict[str, Any]:
        """What was checked, whether it is whole, and each file."""
        rows = [{"file": one.file, "whole": one.whole, "about": one.about} for one in self.files]
        return {"path": str(self.path), "kind": self.kind, "whole": self.whole, "files": rows}

    def table(self) -> Table:
        """A row for each file."""
        return Table(
            {
                f"{self.kind} {self.path}": [one.file for one in self.files],
                "whole": [one.whole for one in self.files],
                "about": [one.about for one in self.files],
            }
        )

    def __str__(self) -> str:
        damaged = sum(not one.whole for one in self.files)
        said = "all is whole" if not damaged else f"{counted(damaged, 'file')} not whole"
        return f"{self.table()}\n{said}"


def check(path: Path | str, *, repair: bool = False) -> Check:
    """Read every file of a model, a run or a collection, and say what is whole and what is not.

    Digests, kinds, shapes and ranges are compared, and whether the files belong together. Nothing is
    changed, unless a collection is repaired.

    Args:
        path: the folder that ``train`` or ``save`` wrote, or a file of weights in it; or a collection.
        repair: of a collection: go back to the last version that is whole, and remove the rows of
            damaged files; see :mod:`narrows.collection.check`.

    Raises:
        BadFile: there is nothing of Narrows.
        ValueError: what is to be repaired is no collection.

    Examples:
        >>> import tempfile
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> recipe = nw.recipes.mlp_vae(images.shape, code_size=8)
        >>> model = nw.fit(recipe, images, epochs=0.5, report="quiet")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     nw.check(nw.save(model, folder)).whole
        True
    """
    if is_collection(path):
        from ..collection.check import check as collection_files

        rows = collection_files(str(path), repair=repair)
        return Check(Path(path), "collection", [Checked(*row) for row in rows])
    if repair:
        raise ValueError(f"only collections can be repaired; {path} is none")
    path = Path(located(path))
    folder = path.parent if path.suffix == ".safetensors" else path
    if not folder.is_dir():
        raise BadFile(f"there is no folder {folder}; name one that `narrows train` wrote")
    files = model_files(folder)
    if not files:
        raise BadFile(
            f"{folder} holds nothing of Narrows to check; name what `narrows train` wrote"
        )
    begun = any(one.file in ("checkpoint.safetensors", "metrics.jsonl") for one in files)
    return Check(path, "run" if begun else "model", files)
