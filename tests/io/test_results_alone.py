"""A result has one writer; what is damaged on its way is begun again."""

import subprocess
import sys

import numpy as np
import pytest

from kernfit.errors import RefusedFile
from kernfit.io.results import Result
from kernfit.scale.checkpoint import Checkpoint

HOLD = """
import sys
from kernfit.io.results import Result
result = Result(sys.argv[1], (1, 4, 4), "f4", "mark", (4, 4))
print("ready", flush=True)
sys.stdin.read()
"""


def begin(path, mark="mark"):
    return Result(path, (1, 4, 4), "f4", mark, (4, 4))


def test_a_second_process_is_refused_and_a_dead_ones_lock_taken_over(tmp_path):
    path = tmp_path / "out.npy"
    run = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "ready\n"
        with pytest.raises(RefusedFile, match=rf"is being written by process {first.pid} on \S+:"):
            begin(path, "another kernel")
        first.kill()
        first.wait()
        result = begin(path)
    rows = slice(0, 4)
    result.put(0, rows, rows, np.arange(16, dtype="f4").reshape(1, 4, 4))
    result.finish()
    assert np.load(path).ravel().tolist() == list(range(16))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("line", ["x\n", "1.5\n", "\n", "\udcff\n"])
def test_a_damaged_journal_means_a_new_start(tmp_path, line):
    path = tmp_path / "out.npy"
    begin(path).note(0)
    assert begin(path).done == {0}
    with open(tmp_path / ".out.npy.tiles", "a", errors="surrogateescape") as journal:
        journal.write(line)
    assert begin(path).done == set()


@pytest.mark.parametrize("keep", [0, 1, 0.5, 0.99])
def test_a_damaged_checkpoint_means_a_new_start(tmp_path, keep):
    folder = tmp_path / "sums"
    Checkpoint(folder, "mark", ()).save("k", 3, [None], {"seen": 2}, last=True)
    assert Checkpoint(folder, "mark", ()).load("k") == (3, [None], {"seen": 2})
    content = (folder / "k.npz").read_bytes()
    cut = content[: int(keep * len(content))] if keep < 1 else bytes(len(content))
    (folder / "k.npz").write_bytes(cut)
    assert Checkpoint(folder, "mark", ()).load("k") == (0, [], {})


def test_a_damaged_mark_means_a_new_start(tmp_path):
    folder = tmp_path / "sums"
    Checkpoint(folder, "mark", ()).save("k", 3, [None], {}, last=True)
    (folder / "mark").write_bytes(b"\xff\xfe")
    assert Checkpoint(folder, "mark", ()).load("k") == (0, [], {})
