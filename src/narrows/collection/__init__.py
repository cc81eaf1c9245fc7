"""Codes with ids, metadata and the fingerprint of the model that made them, in an embedded database.

    rows ──add, upsert, update, delete──► Collection (a folder, or an address) ──► search · rows · export

Knows no torch: codes come as arrays (N, D).
"""

from .about import POOLS, About, pooled
from .bridges import BRIDGES, bridge
from .collection import Collection, Neighbours
from .exports import export
from .info import CollectionInfo
from .ledger import Ledger
from .nearest import nearest
from .rows import COLUMNS, column_name

__all__ = [
    "BRIDGES",
    "COLUMNS",
    "POOLS",
    "About",
    "Collection",
    "CollectionInfo",
    "Ledger",
    "Neighbours",
    "bridge",
    "column_name",
    "export",
    "nearest",
    "pooled",
]
