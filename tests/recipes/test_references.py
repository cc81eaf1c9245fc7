"""Every recipe that follows a paper has an entry for it."""

from __future__ import annotations

import dataclasses
import re

import narrows as nw
from narrows.recipes import REFERENCES, bibtex, cited


def made() -> list[nw.training.Recipe]:
    return [make((1, 32, 32)) for make in nw.training.listing.listed().values()]


def test_every_source_has_an_entry() -> None:
    text = bibtex(made())
    assert "% " not in text, re.findall("% .*", text)
    assert all(entry in text for entry in REFERENCES.values())  # and none is there for nothing
    keys = re.findall(r"@\w+\{(\w+),", text)
    assert len(keys) == len(set(keys)) == len(REFERENCES) + 1


def test_entries_are_whole() -> None:
    for name, entry in REFERENCES.items():
        assert entry.count("{") == entry.count("}") and entry.endswith(",\n}")
        year = name.split()[-1]
        assert f"year = {{{year}}}" in entry and "author = {" in entry and "title = {{" in entry


def test_a_source_without_an_entry_stands_in_a_comment() -> None:
    plain = nw.recipes.mlp_autoencoder((1, 8, 8))
    assert "kingma" not in bibtex([plain]) and "@software{narrows" in bibtex([plain])
    own = dataclasses.replace(plain, source="Doe 2031, table 1")
    assert f"% {plain.name}: Doe 2031, table 1" in bibtex([own])


def test_a_recipe_is_cited_by_its_paper() -> None:
    of = {recipe.name: cited(recipe) for recipe in made()}
    assert of["kovenko-2020-vae"].startswith("Kovenko & Bogach 2020: A Comprehensive Study")
    assert of["pca-autoencoder"] == ""
