"""What is not installed is asked for in one line that works wherever kernfit came from."""

import pytest

from kernfit.errors import InvalidInput
from kernfit.packages import how_to_install, need


def test_a_package_that_is_there():
    assert need("json", "lab").loads("[1]") == [1]


def test_a_missing_package_is_asked_for_by_name():
    with pytest.raises(InvalidInput, match="no_such_package.*pip install 'starlette>=") as caught:
        need("no_such_package.inner", "lab")
    assert "\n" not in str(caught.value)
    assert "uvicorn" in str(caught.value)


def test_extras_within_extras_are_spelt_out():
    assert "zarr" in how_to_install("scale")
    assert "kernfit[" not in how_to_install("scale")
