"""Workers: a time limit, a short queue, and no work for those who have gone."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("starlette")

from kernfit.lab.limits import Limits
from kernfit.lab.pool import Busy, Failed, OutOfTime, Pool, Refused
from kernfit.lab.shelf import Item, Shelf

SMALL = Limits(workers=1, waiting=2)
SEE = {
    "layers": [],
    "model": None,
    "shape": (8, 8),
    "layer": None,
    "element": None,
    "tile": 8,
}
# Work for minutes: two images in which there is nothing to find, and the largest kernels to try.
ENDLESS = {
    "make": None,
    "shape": "auto",
    "share": 1.0,
    "levels": (None, None),
}


@pytest.fixture
def endless(tmp_path):
    import numpy as np

    noise = np.random.default_rng(0)
    paths = [tmp_path / "before.npy", tmp_path / "after.npy"]
    for path in paths:
        np.save(path, noise.normal(size=(5000, 5000)))
    return ENDLESS | dict(zip(("before", "after"), paths, strict=True))


def with_pool(action, limits=SMALL):
    async def main():
        pool = Pool(limits)
        pool.start()
        try:
            return await action(pool)
        finally:
            pool.stop()

    # In a thread of its own: the driver of a browser may have a loop running in this one.
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(lambda: asyncio.run(main())).result()


async def answers(pool):
    found = await pool.run("see", SEE, seconds=60)
    return found["layer"] == "image"


def test_work_out_of_time_is_ended_and_the_next_is_done(endless):
    async def action(pool):
        first = next(iter(pool.all)).process.pid
        with pytest.raises(OutOfTime, match="took longer than 3 seconds"):
            await pool.run("learn", endless, seconds=3)
        assert await answers(pool)
        assert next(iter(pool.all)).process.pid != first

    with_pool(action)


def test_cancelled_work_is_ended_and_the_next_is_done(endless):
    async def action(pool):
        told = []
        task = asyncio.create_task(pool.run("learn", endless, seconds=60, say=told.append))
        while not told:
            await asyncio.sleep(0.05)
        process = next(iter(pool.all)).process
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not process.is_alive()
        assert await answers(pool)

    with_pool(action)


def test_too_much_waiting_work_is_refused(endless):
    async def action(pool):
        tasks = [asyncio.create_task(pool.run("learn", endless, seconds=60)) for _ in range(3)]
        await asyncio.sleep(0.3)  # one is worked on, two wait
        with pytest.raises(Busy, match="try again"):
            await pool.run("see", SEE, seconds=60)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert await answers(pool)

    with_pool(action)


def test_refusals_and_faults_come_as_what_they_are(tmp_path):
    async def action(pool):
        with pytest.raises(Refused, match="the element must lie"):
            await pool.run("see", SEE | {"element": (9, 9)}, seconds=60)
        with pytest.raises(Failed, match="TypeError"):
            await pool.run("see", {}, seconds=60)
        assert await answers(pool)

    with_pool(action)


def test_a_worker_that_dies_is_replaced():
    async def action(pool):
        assert await answers(pool)
        next(iter(pool.all)).process.kill()
        time.sleep(0.2)
        with pytest.raises(Failed, match="has ended"):
            await pool.run("see", SEE, seconds=60)
        assert await answers(pool)

    with_pool(action)


def test_memory_of_a_worker_is_bounded(tmp_path):
    import numpy as np

    path = tmp_path / "large.npy"
    np.save(path, np.zeros((6000, 6000)))  # 288 MB, and twice that to work on

    async def action(pool):
        asked = {
            "grey": path,
            "kernels": [{"weight": [[[[1.0]]]]}],
            "view": "strength",
            "boundary": "edge",
            "gain": 1.0,
        }
        with pytest.raises(Refused, match="not enough memory"):
            await pool.run("edges", asked, seconds=60)
        assert await answers(pool)

    with_pool(action, Limits(workers=1, worker_bytes=200 * 2**20))


def test_the_shelf_makes_room_but_keeps_what_is_ours(tmp_path):
    shelf = Shelf(250)

    def add(name, own=True, size=100):
        path = shelf.new_file(".npy")
        path.write_bytes(bytes(size))
        return shelf.put(Item(name, {"name": name}, (path,), own=own))

    add("ours", own=False)
    first = add("first")
    add("second")
    assert [item["id"] for item in shelf.list()] == ["ours", "second"]
    assert not first.files[0].exists()
    shelf.find("second")
    add("large", size=240)
    assert [item["id"] for item in shelf.list()] == ["ours", "large"]
    folder = shelf.folder
    shelf.close()
    assert not folder.exists()
