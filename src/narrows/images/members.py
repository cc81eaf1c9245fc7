"""What an archive holds, whatever its kind: members with a name, a size, and a way to their bytes.

Nothing is written to disk and no path inside is followed. A name is only ever a picture's id.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..errors import BadFile, NarrowsError

__all__ = ["MEMBERS", "MEMBER_BYTES", "Contents", "Member", "clean_name", "told"]

MEMBERS = 1_000_000  # of one archive
MEMBER_BYTES = 1 << 28
_DRIVE = re.compile(r"[A-Za-z]:")


class Member(NamedTuple):
    """One file in an archive; ``read`` gives its first bytes, or with None all of them."""

    name: str
    size: int
    read: Callable[[int | None], bytes]


@dataclass
class Contents:
    """The members of an archive in its order, and what had to be left out of it.

    Attributes:
        members: N of them, by the names that they have there.
        skipped: (name, reason).
        rows: of some, what columns of the archive say: name → column → text.
        pictures: whether each member is one, and their order is to stay.
        notes: what has to be said of the archive.
    """

    members: list[Member] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    pictures: bool = False
    notes: list[str] = field(default_factory=list)

    def take(self, name: str, size: int, read: Callable[[int | None], bytes]) -> None:
        """One more member, if its name stays inside of the archive and its size within the limit."""
        inside = clean_name(name)
        if inside is None:
            self.skipped.append((name, "its name leads out of the archive"))
        elif size > MEMBER_BYTES:
            self.skipped.append((name, f"larger than {MEMBER_BYTES >> 20} MiB"))
        else:
            self.members.append(Member(inside, size, read))

    def last_ones(self) -> list[Member]:
        """The members; of several of one name the last, as all programs that unpack have it."""
        found = {member.name: member for member in self.members}
        if len(found) < len(self.members):
            for member in self.members:
                if found[member.name] is not member:
                    reason = "another member has the same name and comes later: that one counts"
                    self.skipped.append((member.name, reason))
        return list(found.values())


def clean_name(name: str) -> str | None:
    """A member's path with plain parts only; None where it leads out of the archive or nowhere."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or "\0" in name or name[0] == "/" or _DRIVE.match(name):
        return None
    return "/".join(parts)


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Make one sentence of whatever a damaged archive makes a library raise."""
    try:
        yield
    except NarrowsError:
        raise
    except FileNotFoundError as error:
        raise BadFile(f"there is no file {path}") from error
    except MemoryError as error:
        raise BadFile(f"{path} cannot be read: there is not enough memory for it") from error
    except Exception as error:  # parsers given hostile bytes raise anything at all
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise BadFile(f"{path} cannot be read as an archive: {reason}") from error
