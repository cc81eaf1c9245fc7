"""As much of the Hugging Face hub as pushing and pulling a model asks for, on loopback, in memory.

POST /api/repos/create                        a repository
GET  /api/models/OWNER/NAME[/revision/REV]    its commit and files, with sizes and digests
POST /api/validate-yaml                       a card's header
POST …/preupload/REV, …/info/lfs/objects/batch, PUT /storage/OID, POST …/commit/REV
GET  /OWNER/NAME/resolve/REV/FILE             a file; those of LFS from another address
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

TOKEN = "hf_of-jane"


def git_digest(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


@dataclass
class FakeHub:
    """Repositories, by ``owner/name``: a list of commits, each of them files by name.

    Attributes:
        asked: every request, as ``GET /path``.
        sent: every body that came, whole.
        said: replaces what is said of a file (``size``), by its name.
        cut: names of files of which the last byte is not given.
    """

    repositories: dict[str, list[dict[str, bytes]]] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    storage: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    said: dict[str, int] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    address: str = ""

    def files(self, name: str) -> dict[str, bytes]:
        return self.repositories[name][-1]

    def add(self, name: str, content: dict[str, bytes]) -> str:
        """A commit; gives its digest."""
        self.repositories.setdefault(name, []).append(content)
        return self.commit(name)

    def commit(self, name: str, number: int = -1) -> str:
        number %= len(self.repositories[name])
        return hashlib.sha1(f"{name} {number}".encode()).hexdigest()

    def _at(self, request: Request) -> tuple[str, int] | Response:
        name = "{owner}/{name}".format(**request.path_params)
        if name not in self.repositories:
            return _refused(404, "RepoNotFound")
        revision = request.path_params.get("revision", "main")
        for number in range(len(self.repositories[name])):
            if revision == self.commit(name, number):
                return name, number
        if revision != "main":
            return _refused(404, "RevisionNotFound")
        return name, len(self.repositories[name]) - 1

    async def info(self, request: Request) -> Response:
        found = self._at(request)
        if isinstance(found, Response):
            return found
        name, number = found
        siblings = []
        for file, content in self.repositories[name][number].items():
            one: dict[str, Any] = {"rfilename": file, "blobId": git_digest(content)}
            one["size"] = self.said.get(file, len(content))
            if file.endswith(".safetensors"):
                digest = hashlib.sha256(content).hexdigest()
                one["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 130}
            siblings.append(one)
        card = self.repositories[name][number].get("README.md", b"").decode()
        header = yaml.safe_load(card.split("---")[1]) if card.startswith("---") else None
        about = {"id": name, "sha": self.commit(name, number), "siblings": siblings}
        return JSONResponse(
            {**about, "private": name in self.private, "tags": [], "cardData": header}
        )

    async def create(self, request: Request) -> Response:
        if (refused := _unknown(request)) is not None:
            return refused
        asked = await request.json()
        name = f"{asked.get('organization') or 'jane'}/{asked['name']}"
        if name in self.repositories:
            return JSONResponse({"error": "exists", "url": f"{self.address}/{name}"}, 409)
        self.add(name, {".gitattributes": b"*.safetensors filter=lfs\n"})
        if asked.get("private") or asked.get("visibility") == "private":
            self.private.add(name)
        return JSONResponse({"url": f"{self.address}/{name}"})

    async def validate(self, request: Request) -> Response:
        content = (await request.json())["content"]
        header = yaml.safe_load(content.split("---")[1])
        if header.get("license") == "no-such-licence":
            return JSONResponse({"errors": [{"message": "license is none"}], "error": "no"}, 400)
        return JSONResponse({"warnings": [], "errors": []})

    async def preupload(self, request: Request) -> Response:
        if (refused := _unknown(request)) is not None:
            return refused
        asked = await request.json()
        modes = []
        for one in asked["files"]:
            self.sent.append(base64.b64decode(one["sample"]))
            mode = "lfs" if one["path"].endswith(".safetensors") else "regular"
            modes.append({"path": one["path"], "uploadMode": mode, "shouldIgnore": False})
        return JSONResponse({"files": modes})

    async def batch(self, request: Request) -> Response:
        asked = await request.json()
        objects = [
            {**one, "actions": {"upload": {"href": f"{self.address}/storage/{one['oid']}"}}}
            for one in asked["objects"]
        ]
        return JSONResponse({"transfer": "basic", "objects": objects})

    async def store(self, request: Request) -> Response:
        self.storage[request.path_params["oid"]] = await request.body()
        return Response()

    async def stored(self, request: Request) -> Response:
        assert "authorization" not in request.headers or request.headers["host"] in self.address
        return Response(self.storage[request.path_params["oid"]])

    async def change(self, request: Request) -> Response:
        if (refused := _unknown(request)) is not None:
            return refused
        found = self._at(request)
        if isinstance(found, Response):
            return found
        name, _ = found
        content = dict(self.files(name))
        for line in (await request.body()).splitlines():
            one = json.loads(line)
            value = one["value"]
            if one["key"] == "file":
                content[value["path"]] = base64.b64decode(value["content"])
                self.sent.append(content[value["path"]])
            elif one["key"] == "lfsFile":
                content[value["path"]] = self.storage[value["oid"]]
            elif one["key"] == "deletedFile":
                del content[value["path"]]
        oid = self.add(name, content)
        url = f"{self.address}/{name}/commit/{oid}"
        return JSONResponse({"commitUrl": url, "commitOid": oid, "success": True})

    async def resolve(self, request: Request) -> Response:
        found = self._at(request)
        if isinstance(found, Response):
            return found
        name, number = found
        file = request.path_params["file"]
        content = self.repositories[name][number][file]
        if file in self.cut:
            content = content[:-1]
        if file.endswith(".safetensors"):
            digest = hashlib.sha256(content).hexdigest()
            self.storage[digest] = content
            return RedirectResponse(f"{self.address}/storage/{digest}", 302)
        return Response(content, media_type="application/octet-stream")

    @contextlib.contextmanager
    def running(self) -> Iterator[FakeHub]:
        """Answer at ``address`` for as long as this lasts."""

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                self.asked.append(f"{scope['method']} {scope['path']}")

                async def heard() -> Any:
                    message = await receive()
                    self.sent.append(message.get("body", b""))
                    return message

                await routed(scope, heard, send)
                return
            await routed(scope, receive, send)

        model = "/{owner}/{name}"
        routed = Starlette(
            routes=[
                Route("/api/repos/create", self.create, methods=["POST"]),
                Route("/api/validate-yaml", self.validate, methods=["POST"]),
                Route(f"/api/models{model}", self.info),
                Route(f"/api/models{model}/revision/{{revision:path}}", self.info),
                Route(
                    f"/api/models{model}/preupload/{{revision}}", self.preupload, methods=["POST"]
                ),
                Route(f"/api/models{model}/commit/{{revision}}", self.change, methods=["POST"]),
                Route(f"{model}.git/info/lfs/objects/batch", self.batch, methods=["POST"]),
                Route("/storage/{oid}", self.store, methods=["PUT"]),
                Route("/storage/{oid}", self.stored),
                Route(f"{model}/resolve/{{revision}}/{{file}}", self.resolve),
            ]
        )
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # who asks before the thread runs, waits
        self.address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.should_exit = True
            thread.join(10)
            listening.close()


@contextlib.contextmanager
def hub_here(cache: Path) -> Iterator[FakeHub]:
    """An empty hub that this process asks, as jane, with an empty cache."""
    from huggingface_hub import constants

    fake = FakeHub()
    with fake.running(), pytest.MonkeyPatch.context() as patched, warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Use 'content=", DeprecationWarning
        )  # huggingface_hub's own
        for name, value in (
            ("HF_ENDPOINT", fake.address), ("HF_TOKEN", TOKEN), ("NARROWS_CACHE", str(cache)),
        ):  # fmt: skip
            patched.setenv(name, value)
        for name, other in (
            ("ENDPOINT", fake.address), ("HF_HUB_DISABLE_XET", True),
            ("HF_TOKEN_PATH", str(cache / "none")), ("AGENT_HARNESSES_PATH", str(cache / "none")),
        ):  # fmt: skip
            patched.setattr(constants, name, other)
        yield fake


def _refused(status: int, code: str) -> Response:
    return JSONResponse({"error": code}, status, headers={"X-Error-Code": code})


def _unknown(request: Request) -> Response | None:
    if request.headers.get("authorization") == f"Bearer {TOKEN}":
        return None
    return JSONResponse({"error": "Invalid username or password."}, 401)
