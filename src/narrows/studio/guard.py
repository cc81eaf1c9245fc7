"""Who may ask: a guard in front of every room.

    Host ──► Origin, Sec-Fetch-Site ──► token ──► read-only ──► size ──► the room ──► headers of the answer

A page of another site may make a browser send requests to this machine (cross-site POST, WebSocket), or
point its own name at it (DNS rebinding). So the name that was asked for has to be ours, the page that
asks has to be ours, and whoever asks has to know the token of the printed address, which the browser
keeps in a cookie of this studio alone.

By convention ``POST`` asks, and ``PUT``, ``PATCH`` and ``DELETE`` change something: those are refused
where the studio is read-only.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["LARGEST_QUESTION", "LARGEST_UPLOAD", "LOOPBACK", "Guard"]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
LARGEST_UPLOAD = 64 << 20  # bytes of a picture
LARGEST_QUESTION = 8 << 20  # bytes of any other request; a lasso of a million rows is one bit a row
CHANGES = ("PUT", "PATCH", "DELETE")
ASKS = ("GET", "HEAD")

HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Refused(Exception):
    """Carries the status and the sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Guard:
    """An ASGI app in front of another.

    Args:
        app: what is guarded.
        token: that whoever asks has to know; None lets everybody in who passes the rest, for tests and
            for apps inside of others.
        hosts: names under which this studio may be asked for, besides the loopback ones; ``*`` also
            lets any address in numbers pass.
        read_only: whether changes are refused.
        uploads: paths under which a body may be as large as a picture.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str | None = None,
        hosts: Iterable[str] = (),
        read_only: bool = False,
        uploads: str = "/api/uploads",
    ) -> None:
        self._app = app
        self._token = token
        self._hosts = {name.lower() for name in (*LOOPBACK, *hosts)}
        self._read_only = read_only
        self._uploads = uploads
        self.session: Any = None  # what is open, for whoever runs this

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As every ASGI app."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        try:
            self._check(scope, headers)
            if scope["type"] == "http" and self._given(scope) is not None:
                await self._let_in(scope, headers, send)
                return
            receive = self._limited(scope, headers, receive)
        except Refused as refused:
            await _refuse(scope, send, refused)
            return
        answered = False

        async def marked(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                message = {**message, "headers": _with(message.get("headers", ()), HEADERS)}
            await send(message)

        try:
            await self._app(scope, receive, marked)
        except Refused as refused:  # a body that turned out too large
            if not answered:
                await _refuse(scope, send, refused)

    # ---- checks ----------------------------------------------------------------------------------

    def _check(self, scope: Scope, headers: dict[str, str]) -> None:
        host = headers.get("host", "")
        if not self._ours(_name(host)):
            raise Refused(421, "this studio does not answer to that name; open the printed address")
        method = "GET" if scope["type"] == "websocket" else scope["method"]
        if method not in (*ASKS, "POST", *CHANGES):
            raise Refused(405, f"nothing here is asked for by {method[:20]!r}")
        asks = scope["type"] == "http" and method in ASKS
        site = headers.get("sec-fetch-site", "same-origin")
        opened = asks and scope["path"] == "/"  # a link from anywhere may open the page itself
        if site not in ("same-origin", "none") and not opened:
            raise Refused(403, "only the studio's own page may ask this")
        origin = headers.get("origin")
        bearer = self._bearer(headers)
        if origin is not None and _place(origin) != host.lower():
            raise Refused(403, "only the studio's own page may ask this")
        if origin is None and not asks and not bearer and self._token is not None:
            raise Refused(403, "a request of a page says which page it is of; this one does not")
        if self._token is not None and not bearer and not self._cookie(scope, headers):
            if scope["type"] == "http" and self._given(scope) is not None:
                return
            raise Refused(401, "open the address that `narrows studio` printed: it holds the token")
        if self._read_only and scope["type"] == "http" and method in CHANGES:
            raise Refused(403, "this studio is read-only: it shows, and changes nothing")

    def _ours(self, name: str) -> bool:
        if name in self._hosts:
            return True
        if "*" not in self._hosts:
            return False
        try:
            return bool(ipaddress.ip_address(name))
        except ValueError:
            return False

    def _same(self, given: str) -> bool:
        return self._token is not None and hmac.compare_digest(
            given.encode("utf-8", "replace"), self._token.encode()
        )

    def _bearer(self, headers: dict[str, str]) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and self._same(given.strip())

    def _cookie(self, scope: Scope, headers: dict[str, str]) -> bool:
        try:
            kept = SimpleCookie(headers.get("cookie", "")).get(_cookie_name(scope))
        except CookieError:
            return False
        return kept is not None and self._same(kept.value)

    # ---- the printed address ---------------------------------------------------------------------

    def _given(self, scope: Scope) -> str | None:
        """The token, where the printed address is opened and it is right."""
        if self._token is None or scope["path"] != "/" or scope.get("method") != "GET":
            return None
        query = scope.get("query_string", b"").decode("latin-1")
        given = parse_qs(query).get("token", [""])[0]
        return given if self._same(given) else None

    async def _let_in(self, scope: Scope, headers: dict[str, str], send: Send) -> None:
        """The token goes into a cookie, and out of the address."""
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        kept = f"{_cookie_name(scope)}={self._token}; Path=/; HttpOnly; SameSite=Strict{secure}"
        # not a redirect: a strict cookie would not come along where a link elsewhere led here
        body = (
            b'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=/">'
            b'<link rel="icon" href="data:,"><title>Narrows</title><a href="/">The studio</a>'
        )
        told = _with(
            [(b"content-type", b"text/html; charset=utf-8"), (b"set-cookie", kept.encode())],
            {**HEADERS, "cache-control": "no-store"},
        )
        await send({"type": "http.response.start", "status": 200, "headers": told})
        await send({"type": "http.response.body", "body": body})

    # ---- size ------------------------------------------------------------------------------------

    def _limited(self, scope: Scope, headers: dict[str, str], receive: Receive) -> Receive:
        """A body that ends where it is too large, whatever its header says."""
        if scope["type"] != "http":
            return receive
        upload = scope["path"].startswith(self._uploads)
        most = LARGEST_UPLOAD if upload else LARGEST_QUESTION
        large = f"at most {most >> 20} MiB can be sent here"
        said = headers.get("content-length", "0")
        if not said.isdecimal() or len(said) > 15 or int(said) > most:
            raise Refused(413, large)
        came = 0

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > most:
                raise Refused(413, large)
            return message

        return counted


def _headers(scope: Scope) -> dict[str, str]:
    """The last of each name; a second Host is refused by being joined to the first."""
    found: dict[str, str] = {}
    for raw, value in scope.get("headers", ()):
        name, text = raw.decode("latin-1").lower(), value.decode("latin-1")
        found[name] = f"{found[name]}, {text}" if name in found and name != "cookie" else text
    return found


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _place(origin: str) -> str:
    """Name and port of an Origin header; nothing of ``null``."""
    try:
        split = urlsplit(origin)
        return split.netloc.lower() if split.scheme in ("http", "https") else ""
    except ValueError:
        return ""


def _cookie_name(scope: Scope) -> str:
    """A name of its own for each port: cookies do not know ports, and two studios may run at once."""
    server = scope.get("server") or ("", 0)
    return f"narrows-{server[1] or 0}"


def _with(headers: Iterable[tuple[bytes, bytes]], more: dict[str, str]) -> list[Any]:
    own = {name.encode() for name in more}
    kept = [(name, value) for name, value in headers if name.lower() not in own]
    return [*kept, *((name.encode(), value.encode()) for name, value in more.items())]


async def _refuse(scope: Scope, send: Send, refused: Refused) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 4000 + refused.status % 1000})
        return
    if scope["path"] == "/" and scope.get("method") in ASKS:  # a person looks at it
        kind, body = "text/plain; charset=utf-8", f"Narrows: {refused}\n".encode()
    else:
        kind, body = "application/json", json.dumps({"message": str(refused)}).encode()
    told = _with([(b"content-type", kind.encode())], {**HEADERS, "cache-control": "no-store"})
    await send({"type": "http.response.start", "status": refused.status, "headers": told})
    await send({"type": "http.response.body", "body": body})
