"""The figures of the Distill article, end point after end point."""

from pathlib import Path

import pytest
from slim_networks import NETWORKS

from kernfit import receptive_fields


def published():
    """{network: {end point: (size, stride, padding at 224, padding at 321)}}"""
    found, rows = {}, {}
    for line in Path(__file__).with_name("published_fields.txt").read_text().splitlines():
        if line.startswith("    "):
            name, *figures = line.split()
            rows[name] = tuple(map(int, figures))
        elif not line.startswith("#"):
            rows = found[line] = {}
    return found


PUBLISHED = published()


def test_all_of_them_are_there():
    assert PUBLISHED.keys() == NETWORKS.keys()
    assert sum(map(len, PUBLISHED.values())) == 79


@pytest.mark.parametrize("resolution", [224, 321])
@pytest.mark.parametrize("network", PUBLISHED)
def test_size_stride_and_padding_of_every_end_point(network, resolution):
    fields = receptive_fields(NETWORKS[network], shape=(resolution, resolution))
    for end_point, (size, stride, *paddings) in PUBLISHED[network].items():
        padding = paddings[resolution == 321]
        field = fields[end_point]
        found = (field.size, field.stride, field.padding, field.aligned)
        expected = ((size, size), (stride, stride), (padding, padding), (True, True))
        assert found == expected, end_point


def test_a_size_that_the_strides_divide_stands_for_an_unknown_one():
    unknown = receptive_fields(NETWORKS["resnet_v1_50"])["block4"]
    assert (unknown.size, unknown.stride, unknown.padding) == ((483, 483), (32, 32), (239, 239))
