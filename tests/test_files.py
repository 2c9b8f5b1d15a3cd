import os
import stat

import pytest

from kernfit import RefusedFile
from kernfit.files import size_of_file, whole_file


def test_size(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert size_of_file(tmp_path / "a") == 5
    assert size_of_file(str(tmp_path / "a")) == 5


def test_what_has_no_size(tmp_path):
    with pytest.raises(RefusedFile, match="none does not exist: check the name and the folder"):
        size_of_file(tmp_path / "none")
    with pytest.raises(RefusedFile, match="must be a file, but it is a folder: name a file in it"):
        size_of_file(tmp_path)
    with pytest.raises(RefusedFile, match="must be an ordinary file, but it is a device"):
        size_of_file(os.devnull)
    with pytest.raises(RefusedFile, match=r"is not a file name \(embedded null"):
        size_of_file("a\0b")
    with pytest.raises(RefusedFile, match=r"cannot be read \(File name too long\): check its name"):
        size_of_file(tmp_path / ("x" * 5000))
    (tmp_path / "empty").touch()
    with pytest.raises(RefusedFile, match="empty is empty: write or copy the file again"):
        size_of_file(tmp_path / "empty")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_what_may_not_be_read(tmp_path):
    (tmp_path / "a").write_text("1")
    (tmp_path / "a").chmod(0)
    with pytest.raises(RefusedFile, match=r"cannot be read \(Permission denied\)"):
        size_of_file(tmp_path / "a")


def test_a_new_file(tmp_path):
    target = tmp_path / "a.txt"
    with whole_file(target) as temporary:
        assert temporary.suffix == ".txt"
        assert temporary.parent == target.parent
        temporary.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~mask


def test_replacing_keeps_permissions(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    target.chmod(0o640)
    with whole_file(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, RefusedFile])
def test_failure_keeps_the_old_file(tmp_path, error):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def write():
        with whole_file(target) as temporary:
            temporary.write_text("half")
            raise error("stopped")

    with pytest.raises(error, match="stopped"):
        write()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_full_disk_is_one_line(tmp_path):
    def write():
        with whole_file(tmp_path / "a.txt"):
            raise OSError(28, "No space left on device")

    with pytest.raises(RefusedFile, match=r"a\.txt cannot be written \(No space left on device\)"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_links_are_followed(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    with whole_file(tmp_path / "link.txt") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (".", "must name a file to write, but it is a folder: add a file name"),
        (os.devnull, "must name an ordinary file, but it is a device"),
        ("none/a.txt", r"cannot be written \(No such file or directory\): choose a folder"),
        ("a\0b", r"cannot be written \(embedded null"),
        ("x" * 300, r"cannot be written \(File name too long\)"),
    ],
)
def test_places_that_cannot_be_written(tmp_path, monkeypatch, path, words):
    monkeypatch.chdir(tmp_path)

    def write():
        with whole_file(path):
            pytest.fail("must not come here")

    with pytest.raises(RefusedFile, match=words):
        write()
    assert list(tmp_path.iterdir()) == []
