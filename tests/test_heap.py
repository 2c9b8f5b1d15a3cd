"""Memory given back: nothing is lost by it."""

import numpy as np

from kernfit.heap import give_back


def test_mapped_files_keep_what_was_written(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(20000.0))
    shared = np.load(tmp_path / "x.npy", mmap_mode="r+")
    shared[5] = -1
    own = np.load(tmp_path / "x.npy", mmap_mode="c")
    own[7] = -2  # of this process alone
    give_back(shared, own, np.ones(3))
    assert (shared[5], own[7]) == (-1, -2)
    shared.flush()
    assert np.load(tmp_path / "x.npy")[5] == -1
    assert np.load(tmp_path / "x.npy")[7] == 7
