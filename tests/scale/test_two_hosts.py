"""Two network namespaces as two hosts: the command line in one of them, workers in both."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from pictures import one_layer, pair

from kernfit import Kernel, run_tiled
from kernfit.scale.files import apply_file
from kernfit.scale.learning import learn_files
from kernfit.scale.workers import local_workers

pytest.importorskip("distributed")
zarr = pytest.importorskip("zarr")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

# Starting a cluster's programs takes some seconds for each test.
pytestmark = pytest.mark.slow

HERE, THERE = "10.213.7.1", "10.213.7.2"
SCHEDULER = f"tcp://{HERE}:8786"
MEMORY = "248MB"  # little, so that there are many parts

# Prints how many tasks each worker has done.
COUNT = f"""
import json, distributed
with distributed.Client("{SCHEDULER}", timeout=60) as client:
    print(json.dumps(client.run(lambda dask_worker: dask_worker.state.executed_count)))
"""
WAIT = f"""
import sys, distributed
with distributed.Client("{SCHEDULER}", timeout=60) as client:
    client.wait_for_workers(int(sys.argv[1]), timeout=60)
"""


class Hosts:
    """Two hosts, joined by a cable, and the programs that run on them."""

    def __init__(self, ip):
        self._ip, self._running, self._made = ip, {}, []
        self.names = [f"kernfit-{os.getpid()}-{n}" for n in "ab"]
        self._cables = [f"kf{os.getpid()}{n}" for n in "ab"]

    def make(self):
        for name in self.names:
            self._do("netns", "add", name)
            self._made.append(name)
        (first, second), (one, two) = self.names, self._cables
        self._do(
            "link", "add", one, "netns", first, "type", "veth", "peer", "name", two, "netns", second
        )
        for name, cable, address in zip(self.names, self._cables, (HERE, THERE), strict=True):
            self._do("-n", name, "addr", "add", f"{address}/24", "dev", cable)
            for device in ("lo", cable):
                self._do("-n", name, "link", "set", device, "up")

    def _do(self, *words):
        subprocess.run([self._ip, *words], check=True, capture_output=True, text=True)

    def command(self, host, *words):
        return [self._ip, "netns", "exec", self.names[host], sys.executable, *map(str, words)]

    def start(self, name, host, *words):
        """Start a program that stays."""
        self._running[name] = subprocess.Popen(
            self.command(host, *words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip

    def start_worker(self, name, host):
        self.start(
            name, host, "-m", "distributed.cli.dask_worker", SCHEDULER, "--nthreads", "1",
            "--memory-limit", "1GB", "--no-dashboard",
        )  # fmt: skip

    def run(self, *words, status=0, **more):
        """Run a program on the first host to its end."""
        done = subprocess.run(
            self.command(0, *words), capture_output=True, text=True, timeout=300, **more
        )
        assert done.returncode == status, done.stderr
        return done

    def begin(self, *words):
        """Start a command on the first host."""
        words = ("-m", "kernfit", *words, "--scheduler", SCHEDULER)
        process = self._running["command"] = subprocess.Popen(
            self.command(0, *words), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        return process

    def kernfit(self, *words, **more):
        return self.run("-m", "kernfit", *words, "--scheduler", SCHEDULER, **more)

    def end(self, name):
        """End a program and its children at once, as when their machine fails."""
        process = self._running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def close(self):
        for name in list(self._running):
            self.end(name)
        for name in self._made:
            subprocess.run([self._ip, "netns", "del", name], check=False)


@pytest.fixture
def hosts(monkeypatch):
    ip = shutil.which("ip") or shutil.which("ip", path="/usr/sbin:/sbin")
    if ip is None:
        reason = "no ip: apt-get install iproute2"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    found = Hosts(ip)
    try:
        found.make()
    except subprocess.CalledProcessError as error:
        found.close()
        pytest.skip(f"network namespaces cannot be made: {error.stderr.strip()}")
    try:
        found.start("scheduler", 0, "-m", "distributed.cli.dask_scheduler", "--host", SCHEDULER,
                    "--no-dashboard")  # fmt: skip
        for name, host in (("here", 0), ("there", 1)):
            found.start_worker(name, host)
        found.run("-c", WAIT, "2")
        yield found
    finally:
        found.close()


@pytest.fixture
def files(tmp_path):
    for name, pixels in zip(("before", "after"), pair((3100, 2300)), strict=True):
        zarr.create_array(str(tmp_path / f"{name}.zarr"), data=pixels, chunks=(256, 128))
    return tmp_path / "before.zarr", tmp_path / "after.zarr"


def stored(path):
    return zarr.open_array(str(path), mode="r")[:]


def test_learn_apply_and_tile_give_the_same_on_two_hosts(hosts, files, tmp_path):
    before, after = files
    learnt, applied, tiled = (tmp_path / name for name in ("k.json", "out.zarr", "tiled.zarr"))
    hosts.kernfit("learn", before, after, "--shape", "3x5", "-o", learnt, "--memory", MEMORY)
    hosts.kernfit("apply", learnt, before, applied, "--memory", MEMORY)
    onnx.save(one_layer(), tmp_path / "model.onnx")
    words = ("tile", tmp_path / "model.onnx", before, tiled, "--tile", "128x128")
    hosts.kernfit(*words)
    done = json.loads(hosts.run("-c", COUNT).stdout.splitlines()[-1])
    assert {re.search(r"//(.+):", worker)[1] for worker in done} == {HERE, THERE}
    assert min(done.values()) > 10

    with local_workers(1) as alone:
        options = {"workers": alone, "memory": 248 * 10**6}
        expected = learn_files(*files, shape=(3, 5), clip=(0, 255), **options)
        rules = {"mode": "same", "boundary": "edge", "dtype": "uint8", "overflow": "saturate"}
        kernel = Kernel.load(learnt)
        apply_file(kernel, before, tmp_path / "alone.zarr", **options, **rules)
    np.testing.assert_array_equal(kernel.taps, expected.kernel.taps)
    np.testing.assert_array_equal(stored(applied), stored(tmp_path / "alone.zarr"))
    whole = run_tiled(tmp_path / "model.onnx", stored(before), tile=128)
    np.testing.assert_array_equal(stored(tiled), whole)
    refused = hosts.kernfit(*words[:3], tmp_path / "out.npy", status=2).stderr
    assert refused == "kernfit: several machines can write only .zarr together, got out.npy\n"


def wait_for(condition):
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_host_that_fails_is_said_and_changes_nothing(hosts, files, tmp_path):
    learnt, sums = tmp_path / "k.json", tmp_path / ".k.json.sums"
    words = ("learn", *files, "-o", learnt, "--memory", MEMORY)
    expected = Kernel.load(learnt) if hosts.kernfit(*words) else None
    learnt.unlink()
    running = hosts.begin(*words)
    wait_for(lambda: sums.exists() and any(sums.glob("*.npz")))
    hosts.end("there")
    _, said = running.communicate(timeout=300)
    assert running.returncode == 0, said
    lost = (
        r"worker tcp://10\.213\.7\.2:\d+ is lost: (\d+|no) parts? under way and (\d+|no) parts? .*"
    )
    assert re.fullmatch(lost, said.strip()), said
    assert Kernel.load(learnt) == expected


def test_a_scheduler_that_fails_is_one_line_and_what_is_done_is_kept(hosts, files, tmp_path):
    out, journal = tmp_path / "out.zarr", tmp_path / ".out.zarr.tiles"
    words = ("apply", "gaussian_5", files[0], out, "--memory", MEMORY)
    running = hosts.begin(*words)
    wait_for(lambda: journal.exists() and journal.read_text().count("\n") > 4)
    hosts.end("scheduler")
    _, said = running.communicate(timeout=300)
    assert running.returncode == 2
    assert said.startswith("kernfit: the Dask scheduler is gone; what was finished is kept")
    assert said.count("\n") == 1
    assert not out.exists()
    kept = journal.read_text().count("\n")
    assert kept > 4
