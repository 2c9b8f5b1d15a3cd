"""The door of the lab: who may ask, how much, and what the browser is allowed to do with it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from hmac import compare_digest
from typing import Any

from kernfit.errors import KernfitError
from kernfit.lab.limits import Limits

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Where files arrive.
UPLOADS = ("/api/images", "/api/models")

# Nothing but our own files; no inline scripts, no frames, no forms, no address handed on.
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


class TooMuch(KernfitError):
    """A body went on beyond its limit; for the application to answer."""


class Guard:
    """Let through only what a page of this very server asks for.

    A name that resolves to this machine (DNS rebinding) shows in Host, a foreign page in Origin
    or Sec-Fetch-Site, and whoever was not given the address lacks the token, which is the first
    part of every path.

    Parameters
    ----------
    app : ASGI application
        It sees the path without the token.
    token : str
        The secret.
    port : int
        Where the server listens.
    limits : Limits
    """

    def __init__(self, app: App, *, token: str, port: int, limits: Limits) -> None:
        self.app = app
        self.start = f"/{token}/".encode()
        self.hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        self.limits = limits
        self.uploads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        path = scope["path"].encode(errors="replace")
        inner = "/" + scope["path"][len(self.start) :]
        limit = self.limits.text_bytes
        uploading = scope["method"] == "POST" and inner in UPLOADS
        if uploading:
            limit = self.limits.upload_bytes
        refusal = self._refusal(scope, path, limit)
        if refusal is None and uploading and self.uploads >= self.limits.uploads:
            refusal = 503, f"at most {self.limits.uploads} files may arrive at a time: try again"
        if refusal is not None:
            await refuse(send, *refusal)
            return
        self.uploads += uploading
        try:
            await self._pass_on(dict(scope, path=inner, raw_path=None), receive, send, limit)
        finally:
            self.uploads -= uploading

    def _refusal(self, scope: Scope, path: bytes, limit: int) -> tuple[int, str] | None:
        """Return the status and reason to refuse with, or None."""
        headers: dict[str, str] = {}
        for raw, value in scope["headers"]:
            name = raw.decode("latin-1").lower()
            if name in headers and name in ("host", "origin", "content-length"):
                return 400, f"the request must have one {name} header, got two"
            headers[name] = value.decode("latin-1")
        host = headers.get("host", "")
        if host.lower() not in self.hosts:
            return 421, "this server answers only to its own address on this machine"
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"http://{host.lower()}":
            return 403, "this server answers only to its own page"
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return 403, "this server answers only to its own page"
        if not compare_digest(path[: len(self.start)].ljust(len(self.start)), self.start):
            return 403, "open the whole address that kernfit lab has printed: it holds a key"
        try:
            declared = int(headers.get("content-length", "0"))
        except ValueError:
            return 400, "content-length must be a number"
        if declared > limit:
            return 413, f"at most {limit} bytes may be sent here, {declared} were declared"
        return None

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        """Run the application; count what arrives, and put our headers on what leaves."""
        arrived = 0

        async def counted() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > limit:
                raise TooMuch(f"at most {limit} bytes may be sent here, more came: send less")
            return message

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_encoded(HEADERS)]
            await send(message)

        await self.app(scope, counted, marked)


async def refuse(send: Send, status: int, reason: str) -> None:
    """Answer with a status and one line that says why."""
    body = json.dumps({"error": reason}).encode()
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "connection": "close",
        **HEADERS,
    }
    if status == 503:
        headers["retry-after"] = "1"
    await send(
        {"type": "http.response.start", "status": status, "headers": list(_encoded(headers))}
    )
    await send({"type": "http.response.body", "body": body})


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
