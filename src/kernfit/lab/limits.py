"""How much the lab takes on at a time, so that no request can bring the machine down."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """What is refused beyond, each with a fitting status.

    Attributes
    ----------
    upload_bytes : int
        Of one file.
    text_bytes : int
        Of any other request's body.
    pixel_bytes : int
        Memory for the pixels that a file declares, checked before they are decoded.
    shelf_bytes : int
        Disk for all images of the shelf; beyond, the one not used for longest goes.
    worker_bytes : int
        Address space that one worker may take beyond what it has when it starts.
    uploads : int
        Files that arrive at the same time.
    connections : int
        Open connections.
    waiting : int
        Pieces of work that wait for a worker.
    workers : int
        Processes that work.
    arrival_seconds : float
        Time for a file to arrive.
    seconds : float
        Time for one piece of work, learning excepted.
    learning_seconds : float
        Time for learning.
    """

    upload_bytes: int = 256 * MIB
    text_bytes: int = 1 * MIB
    pixel_bytes: int = 256 * MIB
    shelf_bytes: int = 2048 * MIB
    worker_bytes: int = 6144 * MIB
    uploads: int = 4
    connections: int = 64
    waiting: int = 16
    workers: int = 2
    arrival_seconds: float = 120
    seconds: float = 60
    learning_seconds: float = 600
