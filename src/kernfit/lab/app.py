"""The routes of the lab: its own files, the shelf, and work for the pool."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from kernfit.errors import InvalidInput, KernfitError
from kernfit.kernel import Kernel
from kernfit.lab import asked
from kernfit.lab.guard import TooMuch
from kernfit.lab.limits import Limits
from kernfit.lab.pool import Busy, Failed, OutOfTime, Pool
from kernfit.lab.progress import ProgressResponse, while_connected
from kernfit.lab.shelf import Item, Shelf, id_of
from kernfit.named_kernels import catalogue, detectors, step_answer

STATIC = Path(__file__).parent / "static"
STATUSES: dict[type[Exception], int] = {
    TooMuch: 413,
    Busy: 503,
    OutOfTime: 504,
    Failed: 500,
}


class Lab:
    """The state of one server: a shelf and a pool.

    Parameters
    ----------
    limits : Limits
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.shelf = Shelf(limits.shelf_bytes)
        self.pool = Pool(limits)

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Have workers and the images that are always there, as long as the server runs."""
        self.pool.start()
        warming: asyncio.Task[None] | None = None
        try:
            built = await self.pool.run(
                "built_in", {"folder": self.shelf.folder}, seconds=self.limits.seconds
            )
            for id, (about, files) in built.items():
                self.shelf.put(Item(id, about, files, own=False))
            warming = asyncio.create_task(self._warm_up())
            yield
        finally:
            if warming is not None:
                warming.cancel()
                await asyncio.gather(warming, return_exceptions=True)
            self.pool.stop()
            self.shelf.close()

    async def _warm_up(self) -> None:
        """Have each worker load what it needs, one after the other: the rest can work meanwhile."""
        for _ in range(self.limits.workers):
            with suppress(KernfitError):
                await self.pool.run("warm_up", {}, seconds=self.limits.learning_seconds)

    async def page(self, request: Request) -> Response:
        """Give the page itself."""
        return FileResponse(STATIC / "index.html")

    async def catalogue(self, request: Request) -> Response:
        """Give the kernels and detectors that have a name."""
        return JSONResponse({"kernels": _kernels(), "detectors": _detectors()})

    async def images(self, request: Request) -> Response:
        """Give the shelf."""
        return JSONResponse(self.shelf.list())

    async def add_image(self, request: Request) -> Response:
        """Take an image file, the body itself, and put it on the shelf."""
        name = _name(request)
        path = self.shelf.new_file(".upload")
        pixels, grey = self.shelf.new_file(".npy"), self.shelf.new_file(".grey.npy")
        try:
            await self._receive(request, path)
            id = await asyncio.to_thread(id_of, path)
            arguments = {
                "path": path,
                "pixels": pixels,
                "grey": grey,
                "max_bytes": self.limits.pixel_bytes,
            }
            work = self.pool.run("decode", arguments, seconds=self.limits.seconds)
            about = await while_connected(request, work)
            files = (pixels, grey) if grey.exists() else (pixels,)
            item = self.shelf.put(Item(id, {"name": name, **about}, files))
        except BaseException as error:
            pixels.unlink(missing_ok=True)
            grey.unlink(missing_ok=True)
            if isinstance(error, KernfitError):
                # The file's own name says more than that of our copy.
                error.args = (str(error).replace(str(path), name),)
            raise
        finally:
            path.unlink(missing_ok=True)
        return JSONResponse({"id": item.id, "own": item.own, **item.about}, 201)

    async def remove_image(self, request: Request) -> Response:
        """Take an image of the user's off the shelf."""
        item = self.shelf.find(request.path_params["id"])
        if not item.own:
            raise InvalidInput("the images that come with the lab stay on the shelf")
        self.shelf.remove(item.id)
        return JSONResponse({})

    async def grey(self, request: Request) -> Response:
        """Give an image in grey, as bytes; its about says their dtype and shape."""
        item = self._image(request.path_params["id"])
        plane = await asyncio.to_thread(_plane, item.files[-1])
        return Response(plane, media_type="application/octet-stream")

    async def add_model(self, request: Request) -> Response:
        """Take an ONNX file."""
        name = _name(request)
        path = self.shelf.new_file(".onnx")
        try:
            await self._receive(request, path)
            id = "model-" + await asyncio.to_thread(id_of, path)
            item = self.shelf.put(Item(id, {"name": name, "model": True}, (path,)))
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return JSONResponse({"id": item.id, "name": name}, 201)

    async def edges(self, request: Request) -> Response:
        """Give edges as bytes, and what they mean in a header."""
        given = await _json(request)
        arguments = asked.edges(given) | {"grey": self._image(given.get("image")).files[-1]}
        work = self.pool.run("edges", arguments, seconds=self.limits.seconds)
        about, planes = await while_connected(request, work)
        headers = {"kernfit-result": json.dumps(about, allow_nan=False)}
        return Response(planes, media_type="application/octet-stream", headers=headers)

    async def learn(self, request: Request) -> Response:
        """Learn, telling line by line what is being done."""
        given = await _json(request)
        before = self._image(given.get("before"))
        arguments = asked.learning(given)
        after = None if arguments["make"] else self._image(given.get("after"))
        arguments |= {
            "before": before.files[0],
            "after": after and after.files[0],
            "levels": (before.about["levels"], after and after.about["levels"]),
            "title": f"{before.about['name']} → {after.about['name'] if after else 'made here'}",
        }
        return ProgressResponse(self.pool, "learn", arguments, self.limits.learning_seconds)

    async def see(self, request: Request) -> Response:
        """Give receptive fields and the windows behind one element."""
        given = await _json(request)
        arguments = asked.seeing(given)
        model = None
        name = ""
        if given.get("model") is not None:
            item = self.shelf.find(given["model"])
            if not item.about.get("model"):
                raise InvalidInput("model must be an ONNX file that was added, got an image")
            model, name = item.files[0], item.about["name"]
        work = self.pool.run("see", {**arguments, "model": model}, seconds=self.limits.seconds)
        try:
            found = await while_connected(request, work)
        except KernfitError as error:
            if model is not None:
                error.args = (str(error).replace(str(model), name),)
            raise
        return JSONResponse(found)

    def _image(self, id: object) -> Item:
        item = self.shelf.find(id)
        if item.about.get("model"):
            raise InvalidInput("there must be an image of that name, got a model")
        return item

    async def _receive(self, request: Request, path: Path) -> None:
        """Write a body to a file as it arrives, never holding more than a piece of it."""
        try:
            async with asyncio.timeout(self.limits.arrival_seconds):
                with open(path, "wb") as file:
                    async for piece in request.stream():
                        await asyncio.to_thread(file.write, piece)
        except TimeoutError:
            raise OutOfTime("the file took too long to arrive: try again") from None


def make_app(limits: Limits) -> Starlette:
    """Return the application, which `Guard` must stand before.

    Parameters
    ----------
    limits : Limits

    Returns
    -------
    Starlette
    """
    lab = Lab(limits)
    return Starlette(
        routes=[
            Route("/", lab.page),
            Route("/api/catalogue", lab.catalogue),
            Route("/api/images", lab.images),
            Route("/api/images", lab.add_image, methods=["POST"]),
            Route("/api/images/{id}", lab.remove_image, methods=["DELETE"]),
            Route("/api/images/{id}/grey", lab.grey),
            Route("/api/models", lab.add_model, methods=["POST"]),
            Route("/api/edges", lab.edges, methods=["POST"]),
            Route("/api/learn", lab.learn, methods=["POST"]),
            Route("/api/see", lab.see, methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        exception_handlers={KernfitError: _refused, ClientDisconnect: _gone},
        lifespan=lab.lifespan,
    )


async def _refused(request: Request, error: Exception) -> Response:
    """Say in one line why there is no result."""
    status = STATUSES.get(type(error), 422)
    headers = {"retry-after": "1"} if status == 503 else {}
    return JSONResponse({"error": str(error)}, status, headers)


async def _gone(request: Request, error: Exception) -> Response:
    """Answer somebody who has gone away before the whole body had come."""
    return JSONResponse({"error": "the body was cut short: send it again"}, 400)


def _name(request: Request) -> str:
    """Return how to call an uploaded file; it is only ever shown."""
    name = request.query_params.get("name", "")
    return "".join(letter for letter in name if letter.isprintable())[:100] or "an image"


async def _json(request: Request) -> Mapping[str, Any]:
    try:
        given = json.loads(await request.body())
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise InvalidInput("the body must be a JSON object")
    return given


def _plane(path: Path) -> bytes:
    import numpy as np

    plane = np.load(path, mmap_mode="r")
    if plane.dtype.kind in "iu" and plane.dtype.itemsize <= 2:
        return np.ascontiguousarray(plane).tobytes()
    wide: bytes = plane.astype("<f8").tobytes()
    return wide


def _kernels() -> list[dict[str, Any]]:
    found = []
    for name in catalogue:
        entry = catalogue.about(name)
        found.append({**_record(entry.kernel), "group": entry.group, "summary": entry.summary})
    return found


def _detectors() -> dict[str, list[dict[str, Any]]]:
    return {name: [_record(kernel) for kernel in pair] for name, pair in detectors.items()}


def _record(kernel: Kernel) -> dict[str, Any]:
    return {
        "name": kernel.name,
        "taps": kernel.taps.tolist(),
        "bias": float(kernel.bias[0]),
        "anchor": list(kernel.anchor),
        "step": step_answer(kernel.taps),
    }
