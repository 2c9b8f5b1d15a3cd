"""Layers and graphs without any framework: closed forms, merges, refusals."""

from fractions import Fraction

import pytest

from kernfit import (
    InvalidInput,
    LayerGraph,
    LayerSpec,
    RefusedFile,
    receptive_field,
    receptive_fields,
    tile_plan,
)


def test_the_closed_form_of_plain_layers():
    # Araujo et al. 2019, equations 2 and 5: size and padding of a chain.
    layers = [LayerSpec(3, 2, padding=1), LayerSpec((1, 5), 1, 2, padding=(0, 4)), LayerSpec(2, 3)]
    field = receptive_field(layers)
    sizes = [3 + 0 + 1 * 2, 3 + 8 * 2 + 1 * 2]
    assert field.size == tuple(sizes)
    assert field.stride == (6, 6)
    assert field.padding == (1, 1 + 4 * 2)
    assert field.window(2, 1) == ((11, 16), (-3, 18))
    assert receptive_field([]).size == (1, 1)


def test_a_transposed_convolution_halves_the_stride_and_its_windows_alternate():
    field = receptive_field([LayerSpec(3, 2, padding=1, transposed=True)])
    assert field.stride == (Fraction(1, 2), Fraction(1, 2))
    # By hand: output 0 gets input 0 through tap 1; output 1 gets 0 (tap 2) and 1 (tap 0).
    assert [field.window(row, 0)[0] for row in range(4)] == [(0, 1), (0, 2), (1, 2), (1, 3)]
    assert field.size == (2, 2)


def test_a_gap_of_a_transposed_convolution_sees_nothing():
    field = receptive_field([LayerSpec(1, 2, transposed=True)])
    assert field.window(0, 0) == ((0, 1), (0, 1))
    assert field.window(1, 0)[0] == (0, 0)


def test_down_and_up_again_is_a_whole_stride():
    layers = [LayerSpec(2, 2), LayerSpec(2, 2, transposed=True)]
    field = receptive_field(layers)
    assert field.stride == (1, 1)
    assert [field.window(row, 0)[0] for row in range(4)] == [(0, 2), (0, 2), (2, 4), (2, 4)]


def test_branches_are_merged_and_told_apart_when_not_aligned():
    graph = LayerGraph()
    one = graph.add(LayerSpec(3, padding=1), "image", name="one")
    other = graph.add(LayerSpec(5, padding=2), "image", name="other")
    graph.join(one, other, name="aligned")
    late = graph.add(LayerSpec(2), "image", name="late")
    graph.join(one, late, name="shifted")
    fields = receptive_fields(graph)
    assert fields["aligned"].size == (5, 5)
    assert fields["aligned"].aligned == (True, True)
    assert fields["shifted"].window(4, 4) == ((3, 6), (3, 6))
    assert fields["shifted"].aligned == (False, False)


def test_paths_of_different_strides_do_not_meet():
    graph = LayerGraph()
    one = graph.add(LayerSpec(3), "image")
    graph.join(one, graph.add(LayerSpec(3, 2), "image"), name="sum")
    with pytest.raises(InvalidInput, match="join 'sum' must have the same stride along rows, got"):
        receptive_fields(graph)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "size must be at least 1, got"),
        ({"size": 3, "stride": 1.5}, "stride must be an integer or a"),
        ({"size": 3, "padding": -1}, "padding must be at least 0"),
        ({"size": 3, "padding": "full"}, "padding, if not a number, must be one of same"),
        ({"size": 3, "padding": "same", "transposed": True}, "of a transposed layer must be a num"),
    ],
)
def test_layers_are_checked(arguments, message):
    with pytest.raises(InvalidInput, match=message):
        LayerSpec(**arguments)


def test_graphs_are_checked(tmp_path):
    graph = LayerGraph()
    graph.add(LayerSpec(3), name="conv")
    with pytest.raises(InvalidInput, match="node names must be unique, got 'conv' twice"):
        graph.add(LayerSpec(3), name="conv")
    with pytest.raises(InvalidInput, match="must read nodes that are there, got 'nothing'"):
        graph.add(LayerSpec(3), "nothing")
    with pytest.raises(InvalidInput, match="must read at least one node"):
        graph.join()
    with pytest.raises(InvalidInput, match="layer must be a node of the model, got 'convv': try"):
        receptive_field(graph, "convv")
    with pytest.raises(InvalidInput, match="model must be a torch.nn.Module, .* got int"):
        receptive_field(3)
    with pytest.raises(InvalidInput, match=r"shape must be an integer or a \(rows, columns\)"):
        receptive_field(graph, shape=(3, 4, 5))
    with pytest.raises(RefusedFile, match=r"must be an ONNX file \(\.onnx\)"):
        receptive_field(tmp_path / "model.pt")


def test_tiles_of_layers_need_a_size():
    layers = [LayerSpec(3, padding=1)]
    with pytest.raises(InvalidInput, match="tile must be given, as the layers do not say"):
        tile_plan(layers, (100, 100))
    plan = tile_plan(layers, (100, 90), tile=(40, 200))
    assert [(s.start, s.stop, s.first, s.last, s.skip) for s in plan.rows] == [
        (0, 39, 0, 38, 0),
        (37, 77, 38, 76, 1),
        (75, 100, 76, 100, 1),
    ]
    assert plan.halo == ((1, 1), (1, 1))
    assert len(plan.columns) == 1
