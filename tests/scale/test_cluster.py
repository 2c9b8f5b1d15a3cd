"""A Dask cluster: workers are killed, the scheduler goes away, files are shared by processes."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from pictures import one_layer, pair, texture

import kernfit
from kernfit import InvalidInput, scale
from kernfit.cli import main
from kernfit.graph.tiling import is_even
from kernfit.scale.files import apply_file
from kernfit.scale.learning import learn_files
from kernfit.scale.models import tile_file
from kernfit.scale.workers import dask_workers, local_workers

distributed = pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")
zarr = pytest.importorskip("zarr")

KERNEL = np.random.default_rng(0).normal(size=(3, 5))
MEMORY = 10**9
# What a cluster that loses its workers says on its own account.
pytestmark = [
    pytest.mark.usefixtures("small_tiles"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(
        n_workers=4, threads_per_worker=1, memory_limit="1GB", dashboard_address=None
    ) as found:
        yield found


@pytest.fixture
def files(tmp_path):
    for name, pixels in zip(("before", "after"), pair(), strict=True):
        zarr.create_array(str(tmp_path / f"{name}.zarr"), data=pixels, chunks=(64, 64))
    return tmp_path / "before.zarr", tmp_path / "after.zarr"


class Killer:
    """Kills a worker at some steps of the work."""

    def __init__(self, cluster, steps):
        self._cluster, self._steps, self.killed, self._count = cluster, set(steps), 0, 0

    def __call__(self, *told):
        self._count += 1
        if self._count in self._steps:
            pids = [worker.pid for worker in self._cluster.workers.values() if worker.pid]
            if pids:
                os.kill(pids[self.killed % len(pids)], signal.SIGKILL)
                self.killed += 1


def lost_workers(caplog):
    """Return the workers that the log says were lost."""
    found = [
        re.match(r"worker (tcp://\S+) is lost: .* to be done again$", m) for m in caplog.messages
    ]
    return [match[1] for match in found if match]


def test_workers_killed_while_learning_change_nothing(cluster, files, caplog):
    with local_workers(1) as alone:
        expected = learn_files(*files, workers=alone, memory=MEMORY, shape=5)
    killer = Killer(cluster, np.random.default_rng(0).integers(2, 60, 5).tolist())
    with dask_workers(cluster.scheduler_address) as workers:
        found = learn_files(*files, workers=workers, memory=MEMORY, shape=5, progress=killer)
    assert killer.killed >= 4
    assert found.kernel == expected.kernel
    np.testing.assert_array_equal(found.covariance, expected.covariance)
    assert found.left_out == expected.left_out
    # Some are killed while they have nothing to do, or at the very end: nobody needs to be told.
    assert len(set(lost_workers(caplog))) >= 2


def test_workers_killed_while_applying_change_nothing(cluster, files, tmp_path, caplog):
    killer = Killer(cluster, [1, 3, 7, 9, 11])
    out = tmp_path / "out.zarr"
    with dask_workers(cluster.scheduler_address) as workers:
        apply_file(KERNEL, files[0], out, workers=workers, memory=MEMORY, progress=killer)
    assert killer.killed >= 4
    assert len(set(lost_workers(caplog))) >= 2
    expected = kernfit.correlate2d(zarr.open_array(str(files[0]), mode="r")[:], KERNEL)
    np.testing.assert_array_equal(zarr.open_array(str(out), mode="r")[:], expected)


def test_dask_arrays_outlive_a_worker(cluster):
    before, after = pair()
    with distributed.Client(cluster, set_as_default=True):
        images = [da.from_array(image, 100) for image in (before, after)]
        future = scale.correlate2d(images[0], KERNEL).persist()
        Killer(cluster, [1])()
        np.testing.assert_array_equal(future.compute(), kernfit.correlate2d(before, KERNEL))
        found = scale.learn(*images, shape=5)
    expected = kernfit.learn(before, after, shape=5)
    np.testing.assert_allclose(found.kernel.taps, expected.kernel.taps, atol=1e-12)


def test_two_hosts_by_their_addresses(files, tmp_path, capfd):
    """A scheduler and two workers as programs of their own, and the command line as a client."""
    script = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard"]
    address = "tcp://127.0.0.1:28786"
    running = [
        subprocess.Popen([*script, "--host", address], stderr=subprocess.DEVNULL),
        *(
            subprocess.Popen(
                [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1",
                 "--no-dashboard", "--nanny-port", "0"],
                stderr=subprocess.DEVNULL,
            )
            for _ in range(2)
        ),
    ]  # fmt: skip
    try:
        with distributed.Client(address, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        names = [str(path) for path in files]
        learnt = str(tmp_path / "k.json")
        arguments = ["learn", *names, "--shape", "5", "--scheduler", address, "--memory", "1GB"]
        assert main([*arguments, "-o", learnt]) == 0
        out = str(tmp_path / "out.zarr")
        assert main(["apply", learnt, names[0], out, "--scheduler", address]) == 0
        with local_workers(1) as alone:
            expected = learn_files(*files, workers=alone, memory=MEMORY, shape=5)
        found = kernfit.Kernel.load(learnt)
        np.testing.assert_allclose(found.taps, expected.kernel.taps, atol=1e-12)
        for process in running:
            process.kill()
            process.wait()
        assert main([*arguments, "--quiet"]) == 2
        assert "no Dask scheduler answers at" in capfd.readouterr().err
    finally:
        for process in running:
            process.kill()
            process.wait()


def test_a_scheduler_that_goes_away_is_one_line_and_what_is_done_is_kept(files, tmp_path):
    out = tmp_path / "out.zarr"
    lost = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, processes=False
    )
    seen = []

    def stop(done, total):
        seen.append(done)
        if len(seen) == 5:
            lost.close(timeout=10)

    start = time.monotonic()
    with (
        pytest.raises(InvalidInput, match="the Dask scheduler is gone; what was finished is kept"),
        dask_workers(lost.scheduler_address) as workers,
    ):
        apply_file(KERNEL, files[0], out, workers=workers, memory=MEMORY, progress=stop)
    assert time.monotonic() - start < 120
    assert not out.exists()
    with local_workers(1) as workers:
        apply_file(
            KERNEL, files[0], out, workers=workers, memory=MEMORY,
            progress=lambda done, total: seen.append(done),
        )  # fmt: skip
    assert seen[5] >= 4
    expected = kernfit.correlate2d(zarr.open_array(str(files[0]), mode="r")[:], KERNEL)
    np.testing.assert_array_equal(zarr.open_array(str(out), mode="r")[:], expected)


def test_an_empty_cluster_and_a_wrong_address_are_said(tmp_path, files):
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=None, processes=False) as empty,
        pytest.raises(InvalidInput, match="has no worker: start one with"),
        dask_workers(empty.scheduler_address),
    ):
        pass
    with (
        distributed.LocalCluster(n_workers=1, dashboard_address=None, processes=False) as one,
        dask_workers(one.scheduler_address) as workers,
        pytest.raises(InvalidInput, match="several machines can write only .zarr together"),
    ):
        apply_file(KERNEL, files[0], tmp_path / "o.npy", workers=workers, memory=MEMORY)


@pytest.mark.parametrize("rows", [203, 202])
def test_tiles_that_are_no_chunks_of_the_file_are_written_by_one(cluster, tmp_path, rows):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    image = texture((rows, 150)).astype(np.float32)
    path, before, out = (tmp_path / name for name in ("m.onnx", "before.zarr", "out.zarr"))
    onnx.save(one_layer(), path)
    zarr.create_array(str(before), data=image, chunks=(64, 64))
    plan = kernfit.tile_plan(path, image.shape, tile=(24, 50))
    # One row less takes a tile less when all keep the same.
    assert is_even(plan.rows) == (rows == 202)
    with dask_workers(cluster.scheduler_address) as many:
        tile_file(path, before, out, workers=many, plan=plan)
    expected = kernfit.run_tiled(path, image, plan=plan)
    np.testing.assert_array_equal(zarr.open_array(str(out), mode="r")[:], expected)
