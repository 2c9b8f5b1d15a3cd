"""`kernfit lab`: slide, find edges, learn and see, in the browser."""

from __future__ import annotations

from typing import Annotated

import typer


def lab(
    port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="Where to listen on this machine; 0: any free port."),
    ] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
) -> None:
    """Open a page to slide kernels, find edges, learn and see."""
    from kernfit.packages import need

    for package in ("starlette", "uvicorn"):
        need(package, "lab")
    from kernfit.lab.serve import serve

    def say(address: str) -> None:
        print(f"The lab is open at {address}", flush=True)
        print("Only this machine can reach it. Press Ctrl-C to close it.", flush=True)

    serve(port=port, browser=browser, say=say)
