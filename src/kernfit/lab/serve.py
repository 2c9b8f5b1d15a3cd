"""Run the lab on this machine, until it is interrupted."""

from __future__ import annotations

import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from kernfit.errors import InvalidInput
from kernfit.lab.app import make_app
from kernfit.lab.guard import Guard
from kernfit.lab.limits import Limits

HOST = "127.0.0.1"


class Server(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if not self.should_exit:
            self._ready()


def serve(
    *,
    port: int = 0,
    browser: bool = True,
    say: Callable[[str], None] = print,
    limits: Limits | None = None,
) -> None:
    """Serve the lab to browsers on this machine.

    Parameters
    ----------
    port : int, default 0
        Where to listen; 0: any that is free.
    browser : bool, default True
        Open the page.
    say : callable
        Is told the address.
    limits : Limits, optional

    Raises
    ------
    InvalidInput
        If the port is taken or may not be used.
    """
    limits = limits or Limits()
    with _listen(port) as listener:
        port = listener.getsockname()[1]
        token = secrets.token_urlsafe(18)
        address = f"http://{HOST}:{port}/{token}/"

        def ready() -> None:
            say(address)
            if browser:
                threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

        config = uvicorn.Config(
            Guard(make_app(limits), token=token, port=port, limits=limits),
            log_level="critical",
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            ws="none",
            http="h11",
            lifespan="on",
            limit_concurrency=limits.connections,
            h11_max_incomplete_event_size=64 * 1024,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=2,
        )
        # Ctrl-C is how it is closed; the server has already cleared away what it had.
        with suppress(KeyboardInterrupt):
            Server(config, ready).run(sockets=[listener])


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise InvalidInput(
            f"--port must be one that is free on this machine, got {port} ({error}): choose "
            "another or none"
        ) from error
    return listener
