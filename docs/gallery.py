"""Makes docs/applications.md, docs/collections.md and the pictures of docs/studio.md: runs all that is in them.

    ```console   the lines after "$ " are run; what they print is written below them
    ```python    is run in the same order, each in an interpreter of its own, after those lines of
                 earlier ones that it builds on
    ![…](pictures/PAGE/NAME "FILE")   FILE, which a command wrote, becomes the picture

All of it happens in runs/gallery; `docs/gallery.py collections` makes one page only. Trained models stay
there: a second run trains only those whose command has changed, and goes on with one that was stopped. MNIST (LeCun, Cortes, Burges) is under CC
BY-SA 3.0, Fashion-MNIST (Zalando Research) under MIT, the Kodak pictures are free to use; the sets
are found below NARROWS_DATA or downloaded once.
"""

from __future__ import annotations

import contextlib
import glob
import io
import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from snippets import Nursery, needed

import studio

DOCS = Path(__file__).parent
PAGES = {name: DOCS / f"{name}.md" for name in ("applications", "collections")}
WORK = DOCS.parent / "runs" / "gallery"
LARGEST, LARGEST_IN_ALL = 700_000, 2_500_000  # bytes of the pictures of a page

BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.S | re.M)
PICTURE = re.compile(r'!\[[^\]]*\]\((pictures/(?:applications|collections)/[^ )]+) "([^"]+)"\)')

Run = Callable[[list[str]], str]


def commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """The lines after "$ " as they stand, continued ones with all of theirs, and as arguments."""
    for found in re.finditer(r"^\$ (?:.*\\\n)*.*$", block, re.M):
        yield found[0], shlex.split(found[0][2:].replace("\\\n", " "))


def pictures(page: str) -> dict[str, str]:
    """Of each picture that the page shows, the file that becomes it."""
    return dict(PICTURE.findall(page))


def played(page: str, run: Run) -> str:
    """The page with the output of all its commands; they are run here, in order.

    Args:
        run: the arguments of a command, ``narrows`` first, to its standard output.
    """
    earlier: list[str] = []

    def again(found: re.Match[str]) -> str:
        kind, text = found[1], found[2]
        if kind == "python":
            nursery.run(needed(earlier, text))
            earlier.append(text)
            return found[0]
        lines = []
        for written, arguments in commands(text):
            said = run(list(_expanded(arguments))).strip("\n")
            shown = said and not trains(arguments)
            lines += [written, *([said] if shown else [])]
        return "```console\n" + "\n".join(lines) + "\n```"

    with Nursery() as nursery:
        return BLOCK.sub(again, page)


def trains(arguments: list[str]) -> bool:
    """Whether a command trains a model: what it says is about this machine."""
    return "train" in arguments[1:3]


def _expanded(arguments: list[str]) -> Iterator[str]:
    """With the files that a ``*`` stands for, as a shell gives them."""
    for argument in arguments:
        yield from (sorted(glob.glob(argument)) if "*" in argument else [argument])


def said_by(arguments: list[str]) -> str:
    """Run ``narrows VERB …`` in this process; gives its standard output.

    Raises:
        RuntimeError: its exit code is not 0.
    """
    from narrows.cli import main

    before, out = sys.argv, io.StringIO()
    sys.argv = arguments
    try:
        with contextlib.redirect_stdout(out):
            main()
    except SystemExit as left:
        if left.code:
            raise RuntimeError(f"{shlex.join(arguments)}: exit code {left.code}") from None
    finally:
        sys.argv = before
    return out.getvalue().replace(f"{Path.cwd()}/", "")  # whose machine it was is nobody's


def remembering(arguments: list[str]) -> str:
    """As ``said_by``, but a model that is there already is not trained again."""
    began = time.perf_counter()
    print(f"$ {shlex.join(arguments)}", file=sys.stderr, flush=True)
    if not trains(arguments):
        said = said_by(arguments)
    else:
        folder, done = _run_of(arguments), shlex.join(arguments)
        note = folder / "done.txt"
        if note.exists() and note.read_text() == done:
            return ""
        resumes = arguments[1] == "train"
        if folder.exists() and not (resumes and _begun_with(folder) in (None, done)):
            shutil.rmtree(folder)
        said = said_by([*arguments, "--resume"] if folder.exists() else arguments)
        note.write_text(done)
    print(f"  {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return said


def _run_of(arguments: list[str]) -> Path:
    return Path(arguments[arguments.index("--to") + 1])


def _begun_with(folder: Path) -> str | None:
    """The command that began the run in a folder."""
    from narrows.training import facts_of

    command = facts_of(folder).get("command")
    return None if command is None else str(command).removesuffix(" --resume")


def cleared(work: Path) -> None:
    """Leave only the trained models in the folder, without what was fitted to them since."""
    for path in work.iterdir():
        if path.name != "runs":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for pattern in ("prior-*.safetensors", "entropy.safetensors"):
        for path in work.glob(f"runs/*/{pattern}"):
            path.unlink()


def put(source: Path, target: Path) -> int:
    """Bring a picture to its place, in another format where its name says so; gives its bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix == target.suffix:
        shutil.copyfile(source, target)
    else:
        from PIL import Image

        with Image.open(source) as image:
            image.convert("RGB").save(target, quality=88, method=6)
    return target.stat().st_size


def main() -> None:
    if given := os.environ.get("NARROWS_DATA"):
        os.environ["NARROWS_DATA"] = str(Path(given).resolve())
    began = time.perf_counter()
    chosen = sys.argv[1:] or list(PAGES)
    if unknown := sorted(set(chosen) - set(PAGES)):
        sys.exit(f"there is no page {unknown[0]!r}, only {', '.join(PAGES)}")
    for name in chosen:
        WORK.mkdir(parents=True, exist_ok=True)
        cleared(WORK)
        made(PAGES[name])
    if "collections" in chosen:  # the last one: what the studio shows is there
        studio.main()
    print(f"wrote {', '.join(chosen)} in {(time.perf_counter() - began) / 60:.1f} minutes")


def made(path: Path) -> None:
    """Run all of a page, and put what it shows in its place."""
    page = path.read_text(encoding="utf-8")
    with contextlib.chdir(WORK):
        page = played(page, remembering)
    sizes = {target: put(WORK / source, DOCS / target) for target, source in pictures(page).items()}
    path.write_text(page, encoding="utf-8")
    for target, size in sizes.items():
        print(f"{size:>9,} bytes  docs/{target}")
    large = [target for target, size in sizes.items() if size > LARGEST]
    if large or sum(sizes.values()) > LARGEST_IN_ALL:
        sys.exit(f"too large for a page: {', '.join(large) or 'all together'}")


if __name__ == "__main__":
    main()
