"""Work for a client that may go away: then it is stopped; and answers that tell about progress."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kernfit.errors import KernfitError
from kernfit.lab.pool import Pool


async def while_connected(request: Request, work: Coroutine[Any, Any, Any]) -> Any:
    """Return the result of `work`; cancel it if the client goes away.

    Raises
    ------
    ClientDisconnect
        If that happened.
    """
    return await _until_gone(request.receive, asyncio.ensure_future(work))


async def _until_gone(receive: Receive, task: asyncio.Future[Any]) -> Any:
    gone = asyncio.ensure_future(_disconnect(receive))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        for future in (task, gone):
            future.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class ProgressResponse(Response):
    """Lines of JSON: {"progress": text} as work goes on, then {"result": ...} or {"error": ...}.

    Parameters
    ----------
    pool : Pool
    job : str
    arguments : dict
    seconds : float
        As `Pool.run` takes them.
    """

    def __init__(self, pool: Pool, job: str, arguments: dict[str, Any], seconds: float) -> None:
        super().__init__(media_type="application/x-ndjson")
        self.work = pool.run, job, arguments, seconds
        # The lines' length is not known beforehand.
        self.raw_headers = [
            (name, value) for name, value in self.raw_headers if name != b"content-length"
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the work and send the lines."""
        loop = asyncio.get_running_loop()
        texts: asyncio.Queue[str | None] = asyncio.Queue()

        def say(text: str) -> None:
            loop.call_soon_threadsafe(texts.put_nowait, text)

        async def line(content: dict[str, Any]) -> None:
            body = json.dumps(content, allow_nan=False).encode() + b"\n"
            await send({"type": "http.response.body", "body": body, "more_body": True})

        async def tell() -> None:
            while True:
                text = await texts.get()
                if text is not None:
                    await line({"progress": text})

        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        run, job, arguments, seconds = self.work
        await line({"progress": "waiting for a free worker"})
        telling = asyncio.ensure_future(tell())
        try:
            task = asyncio.ensure_future(run(job, arguments, seconds=seconds, say=say))
            last = {"result": await _until_gone(receive, task)}
        except ClientDisconnect:
            return
        except KernfitError as error:
            last = {"error": str(error)}
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        await line(last)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
