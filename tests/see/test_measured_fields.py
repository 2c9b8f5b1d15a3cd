"""Random graphs: the windows that are worked out are the ones that are measured.

300 graphs; KERNFIT_GRAPHS=2000 in the environment takes more.
"""

import os

import numpy as np
import pytest
from chains import chains
from hypothesis import given, settings
from hypothesis import strategies as st

from kernfit.graph.field import fields_of
from kernfit.graph.halo import clean_elements, plan_axis

pytestmark = pytest.mark.slow

LENGTH = 96
GRAPHS = int(os.environ.get("KERNFIT_GRAPHS", "300"))
compared = {"exact": 0, "inside": 0, "cases": 0}


@settings(max_examples=GRAPHS, deadline=None, database=None, derandomize=True)
@given(data=st.data(), axis=st.sampled_from([0, 1]))
def check_case(data, axis):
    chain = data.draw(chains(LENGTH, axis=axis))
    measured = chain.values
    fields = fields_of(chain.graph)
    # Where a border repeats pixels, the window says where those would be, not where they are.
    zeros = all(rule.beyond == "zeros" for _, _, rule in chain.steps)
    compared["cases"] += 1
    read = {other for _, inputs, _ in chain.steps for other in inputs}
    clean = {}
    for name in measured.keys() - read:
        # The image as a part of a far larger one: what is clean does not feel its borders.
        plan = plan_axis(chain.graph, name, axis, LENGTH)
        margin = plan.grid * (1000 // plan.grid)
        plan = plan_axis(chain.graph, name, axis, 2 * margin + LENGTH)
        clean |= clean_elements(plan, margin, margin + LENGTH)
    for name, jacobian in measured.items():
        extent = fields[name].axes[axis].extent
        assert len(clean[name]) == len(jacobian)
        for element, row in enumerate(jacobian):
            reads = np.flatnonzero(row)
            span = extent.span(element)
            if clean[name][element]:
                assert span == ((reads[0], reads[-1]) if reads.size else None), (name, element)
                compared["exact"] += 1
            elif reads.size and zeros:
                assert span[0] <= reads[0] <= reads[-1] <= span[1], (name, element)
                compared["inside"] += 1


def test_worked_out_is_measured_in_every_graph():
    check_case()
    assert compared["cases"] >= 0.9 * GRAPHS
    assert compared["exact"] > 50 * GRAPHS  # so that few borders were all there was to see
    assert compared["inside"] > GRAPHS / 2


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(data=st.data())
def test_a_clean_output_of_a_tile_is_that_of_the_whole(data):
    chain = data.draw(chains(LENGTH))
    name = chain.graph.output
    plan = plan_axis(chain.graph, name, 0, LENGTH)
    if plan.grid > 24:
        return
    start = plan.grid * data.draw(st.integers(0, 48 // plan.grid))
    stop = min(LENGTH, start + plan.grid * data.draw(st.integers(1, 60)))
    stop += (LENGTH - stop) % plan.grid
    tile = chain.run(stop - start)
    clean = clean_elements(plan, start, stop)
    if tile is None or clean is None:
        return
    whole = chain.values[name]
    skip = int(start / plan.strides[name])
    for element in np.flatnonzero(clean[name]):
        expected = np.zeros(LENGTH)
        expected[start:stop] = tile[name][element]
        np.testing.assert_array_equal(whole[element + skip], expected)


@pytest.mark.parametrize("side", ["start", "stop"])
def test_one_pixel_less_is_not_clean(side):
    """The check of tiles can fail: a halo that is one short is found out."""
    from kernfit import LayerSpec
    from kernfit.graph.graph import as_graph

    graph = as_graph([LayerSpec(5, padding=2), LayerSpec(3, padding=1)])
    plan = plan_axis(graph, graph.output, 0, 100)
    clean = clean_elements(plan, 37, 63)[plan.output]
    assert clean[3:-3].all()
    assert not clean[2 if side == "start" else -3]
    assert clean_elements(plan, 0, 63)[plan.output][:-3].all()  # the image's own border is no fault
