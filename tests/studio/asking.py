"""Asking a studio in process: a client of its app, and its answers as the page reads them."""

from __future__ import annotations

import json
import struct
from typing import Any, NamedTuple

import numpy as np
from starlette.testclient import TestClient

from narrows.studio import Session

HERE = "http://127.0.0.1:8642"
TOKEN = "a-token-of-twenty-letters"
KINDS = {"uint8": "u1", "uint16": "<u2", "uint32": "<u4", "float32": "<f4", "float64": "<f8"}


class Studio(NamedTuple):
    """An app, its session, a client of it, and the key of its rows."""

    app: Any
    session: Session
    client: TestClient
    key: str

    def ask(self, path: str, **parameters: Any) -> Any:
        return self.client.get(path, params={"key": self.key, **parameters})

    def put(self, path: str, **body: Any) -> Any:
        return self.client.put(path, json={"key": self.key, **body})

    def tell(self, path: str, **body: Any) -> Any:
        return self.client.post(path, json={"key": self.key, **body})


def of(app: Any, **options: Any) -> Studio:
    """The app with a client beside it, once what it opens is read."""
    job = app.session.jobs.wait("opening")
    assert job.state == "done", job.message
    rows = app.session.rows
    client = TestClient(app, base_url=HERE, **options)
    return Studio(app, app.session, client, rows.key if rows is not None else "")


def columns(content: bytes) -> dict[str, Any]:
    """As web/src/api.js reads them."""
    (length,) = struct.unpack("<I", content[:4])
    head = json.loads(content[4 : 4 + length])
    at = 4 + length
    for each in head["columns"]:
        at += -at % 8
        size = int(np.prod(each["shape"]))
        array = np.frombuffer(content, KINDS[each["type"]], size, at)
        head[each["name"]] = array.reshape(each["shape"])
        at += array.nbytes
    assert at == len(content)
    return head
