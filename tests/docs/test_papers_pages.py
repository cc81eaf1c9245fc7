"""docs/papers/ is what the results beside it give, and leaves no experiment out."""

import importlib.util
from pathlib import Path

import pytest

from narrows_studies import DOCUMENTS

DOCS = Path(__file__).parents[2] / "docs"
spec = importlib.util.spec_from_file_location("papers_pages", DOCS / "papers.py")
pages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pages)


@pytest.mark.parametrize("paper", DOCUMENTS.values(), ids=list(DOCUMENTS))
def test_a_page_is_written_from_its_results(paper):
    there = (DOCS / "papers" / f"{paper.key}.md").read_text(encoding="utf-8")
    assert there == pages.page(paper), "run `python docs/papers.py`"
    assert all(f"## {one.name[:1].upper()}{one.name[1:]}: " in there for one in paper.experiments)
    assert all(reason in there for reason in paper.explained.values())


def test_the_index_counts_the_verdicts():
    there = (DOCS / "papers" / "README.md").read_text(encoding="utf-8")
    assert there == pages.index(), "run `python docs/papers.py`"


def test_pictures_are_of_sets_that_may_be_published():
    for paper in DOCUMENTS.values():
        by_slug = {one.slug: one for one in paper.experiments}
        for file in (DOCS / "papers" / "pictures" / paper.key).glob("*.png"):
            slug, _, name = file.name.rpartition("-")
            assert pages.may_be_shown(by_slug[slug], name)
