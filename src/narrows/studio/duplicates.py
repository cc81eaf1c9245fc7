"""Duplicates: pictures that show the same, which a person looks at side by side, and keeps one of.

job: nw.duplicates ──► groups ──a person──► Duplicates.keeping ──job: quarantine──► PICTURES-duplicates/0001
                                                                      └─◄─ job: restore

Nothing is deleted. Every move has a folder of its own beside the pictures, with its list, by which it
can be brought back; the page names neither.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from .. import duplicates
from ..applications.duplicates import Duplicates
from ..applications.quarantine import LIST, moved_files, undo
from ..errors import BadFile, NoImages
from .filters import Condition, where
from .map import Key, plain
from .rows import Rows
from .session import Progress, Session

__all__ = ["NAME", "missing", "routes"]

NAME = "duplicates"
JOB, MOVING = "duplicates", "moving"
SHOWN = 2000  # groups at a time
FACTS = ("width", "height", "size", "mtime")

Place = Annotated[int, Field(ge=0, lt=1 << 32)]


class Question(BaseModel):
    """What counts as the same, and which one of a group to keep."""

    key: str = Field(max_length=64)
    by: Literal["pixels", "codes"] = "pixels"
    keep: Literal["largest", "oldest", "newest"] = "largest"
    turns: bool = True
    threshold: float | None = Field(None, ge=0, le=1e6)
    conditions: list[Condition] = Field(default_factory=list, max_length=12)


class Kept(BaseModel):
    """Of one group, the pictures that stay, the keeper first."""

    group: Place
    keep: list[Place] = Field(min_length=1, max_length=1000)


class Move(BaseModel):
    """What a person decided about groups of one look."""

    key: str = Field(max_length=64)
    number: int
    groups: list[Kept] = Field(min_length=1, max_length=SHOWN)


@dataclass
class Found:
    """What was found last, and what became of it.

    Attributes:
        result: the verb's.
        keep: the rule for keepers.
        number: which one, counted from the start of the studio.
        gone: ids that were moved.
    """

    result: Duplicates
    keep: str
    number: int
    gone: set[str] = field(default_factory=set)


def missing(session: Session) -> str:
    """Why nothing can be compared."""
    return session.missing.get("rows", "")


def routes(session: Session) -> APIRouter:
    """What the page of duplicates asks."""
    router = APIRouter(prefix="/api/duplicates", tags=["duplicates"])
    # the newest, if there is any; moves of this session, by the numbers of their folders, without those
    # brought back and with them: a page may ask late
    kept: tuple[list[Found], dict[int, Duplicates], dict[int, Duplicates]]
    kept = session.kept.setdefault(NAME, ([], {}, {}))
    found, moves, told = kept
    lock = threading.Lock()

    @router.post("")
    def look(asked: Question) -> dict[str, Any]:
        """Begin to look for duplicates; nothing is changed."""
        rows = session.shown(asked.key)
        text = where(rows, asked.conditions)

        def work(progress: Progress) -> None:
            result = duplicates(
                rows.collection, by=asked.by, threshold=asked.threshold, keep=asked.keep,
                turns=asked.turns, where=text, model=session.model, progress=progress,
            )  # fmt: skip
            found[:] = [Found(result, asked.keep, found[-1].number + 1 if found else 1)]

        return {"job": session.jobs.again(JOB, "looking for duplicates", work, stops=True).name}

    @router.get("")
    def groups(key: Key) -> dict[str, Any]:
        """The groups of which there are still two pictures or more, the keeper of each first.

        The number is 0 where nothing has been looked for.
        """
        rows = session.shown(key)
        if not found:
            return {"number": 0}
        last = found[-1]
        result = last.result
        listed = [_group(last, rows, place) for place in range(min(SHOWN, len(result)))]
        return {
            "number": last.number, "by": result.by, "keep": last.keep, "threshold": result.threshold,
            "groups": [one for one in listed if len(one["members"]) > 1],
            "more": max(0, len(result) - SHOWN), "notes": [session.said(n) for n in result.notes],
        }  # fmt: skip

    @router.get("/moves")
    def moved() -> dict[str, Any]:
        """What was moved, also in earlier sessions: by number, how many files lie there."""
        folder = _beside(session)
        return {"folder": folder.name, "moves": _moves(folder)}

    @router.put("/moves")
    def move(asked: Move) -> dict[str, Any]:
        """Begin to move all but the kept pictures of these groups into a new folder beside the pictures."""
        session.shown(asked.key)
        if not found or found[-1].number != asked.number:
            raise ValueError("duplicates were looked for again meanwhile: look at the new groups")
        last = found[-1]
        stay = {}
        for one in asked.groups:
            if one.group >= len(last.result):
                raise ValueError(f"there is no group {one.group}")
            group = last.result.groups[one.group]
            members = [group.keeper, *group.others]
            if max(one.keep) >= len(members):
                raise ValueError(f"there is no picture {max(one.keep)} in group {one.group}")
            gone = [row for row in members if last.result.columns["id"][row] in last.gone]
            stay[one.group] = [*(members[i] for i in one.keep if members[i] not in gone), *gone]
        # of the collection that is shown: another model may have been adopted since it was looked
        chosen = replace(last.result.keeping(stay), collection=session.collection)

        def work(progress: Progress) -> None:
            with session.writing, lock:
                progress("moving files", 0, len(chosen.redundant))
                number = max([one["number"] for one in _moves(_beside(session))], default=0) + 1
                result = chosen.quarantine(_beside(session) / f"{number:04d}")
                last.gone.update(id_ for id_, _ in result.moved or ())
                moves[number] = told[number] = result
                session.read_rows(progress)

        return {"job": session.jobs.again(MOVING, "moving duplicates", work).name}

    @router.get("/moves/{number}")
    def one_move(number: int) -> dict[str, Any]:
        """What was moved in this session under a number, and what had to stay, with the reason."""
        if number not in told:
            raise ValueError(f"nothing was moved under the number {number} since the studio began")
        result = told[number]
        stayed = [[id_, session.said(why)] for id_, why in result.not_moved[:50]]
        return {"moved": [id_ for id_, _ in result.moved or ()], "not_moved": stayed}

    @router.delete("/moves/{number}")
    def back(number: int) -> dict[str, Any]:
        """Begin to bring back what was moved under a number."""
        folder = _beside(session)
        if number not in [one["number"] for one in _moves(folder)]:
            raise ValueError(f"there is no move number {number} to be undone")

        def work(progress: Progress) -> None:
            with session.writing, lock:
                progress("moving files back", 0, 0)
                if (result := moves.pop(number, None)) is not None:
                    if same_as(result.collection, session.collection):
                        result.restore()
                    else:  # its codes are of the model before
                        undo(folder / f"{number:04d}")
                        session.encode_again(progress)
                    if found:
                        found[-1].gone -= {id_ for id_, _ in result.moved or ()}
                    session.read_rows(progress)
                else:
                    undo(folder / f"{number:04d}")

        known = number in moves
        job = session.jobs.again(MOVING, "bringing duplicates back", work)
        return {"job": job.name, "indexed": known}

    return router


def same_as(one: Any, other: Any) -> bool:
    """Whether two collections are one and the same."""
    return one is not None and other is not None and one.address == other.address


def _group(last: Found, rows: Rows, place: int) -> dict[str, Any]:
    """One group: its pictures that are still there, with their numbers in the group and as rows."""
    result = last.result
    known, group = result.columns, result.groups[place]
    same = known["hash"][group.keeper]
    members = []
    distances, turned = [0.0, *group.distances], ["", *result.how(place)]
    for i, row in enumerate([group.keeper, *group.others]):
        id_ = known["id"][row]
        if id_ in last.gone or rows.row_of(id_) is None:
            continue
        members.append(
            {
                "member": i, "row": rows.row_of(id_), "id": id_, "distance": float(distances[i]),
                "turned": turned[i], "same_file": i > 0 and same is not None and known["hash"][row] == same,
            } | {name: plain(known[name][row]) for name in FACTS}
        )  # fmt: skip
    return {"group": place, "members": members}


def _beside(session: Session) -> Path:
    """Where duplicates go: beside the folder of the pictures, else beside the collection."""
    collection = session.collection
    if collection is None:
        raise NoImages(session.missing.get("rows", "the pictures are not read yet"))
    pictures = Path(collection.about.pictures or "/").expanduser()
    base = pictures if collection.about.pictures and pictures.is_dir() else Path(collection.address)
    folder = base.resolve()
    return folder.with_name(f"{folder.name}-duplicates")


def _moves(folder: Path) -> list[dict[str, int]]:
    """The moves whose lists lie in a folder, and how many files of each are still there."""
    found = []
    for path in sorted(folder.glob(f"[0-9][0-9][0-9][0-9]/{LIST}")):
        try:
            there = moved_files(path)
        except BadFile:
            continue
        count = sum(os.path.lexists(now) for _, now, _ in there)
        found.append({"number": int(path.parent.name), "files": count})
    return found
