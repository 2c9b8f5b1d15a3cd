import pytest

from kernfit.scale import images, layout
from kernfit.scale.workers import local_workers


@pytest.fixture
def small_tiles(monkeypatch):
    """Small images are cut as if they were large."""
    monkeypatch.setattr(layout, "_SIDE", 150)
    monkeypatch.setattr(images, "_BLOCK", 64)


@pytest.fixture
def workers():
    with local_workers(2) as found:
        yield found
