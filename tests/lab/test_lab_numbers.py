"""What the page computes by itself is what Python computes: correlation and descent."""

import numpy as np
import pytest

from kernfit import Statistics, convolve2d, correlate2d
from kernfit.correlate.axes import BOUNDARIES

CORRELATE = """async ({image, taps, options, flip}) => {
    const {correlate, flipped, usualAnchor} = await import("./static/correlate.js");
    const plane = {rows: image.length, columns: image[0].length, data: image.flat()};
    const anchor = options.anchor ?? usualAnchor(taps);
    const used = flip ? flipped(taps, anchor) : {taps, anchor};
    const found = correlate(plane, used.taps, {...options, anchor: used.anchor});
    return [found.rows, found.columns, Array.from(found.data)];
}"""

WINDOWS = """async ({image, taps, options}) => {
    const {geometry, windowAt} = await import("./static/correlate.js");
    const plane = {rows: image.length, columns: image[0].length, data: image.flat()};
    const shape = geometry(plane.rows, plane.columns, taps, options);
    const sums = [];
    for (let i = 0; i < shape.rows.outputs; i++) {
        for (let j = 0; j < shape.columns.outputs; j++) {
            sums.push(windowAt(plane, shape, i, j).sum);
        }
    }
    return sums;
}"""

DESCEND = """async ({sums, rate, steps, bias}) => {
    const {Descent} = await import("./static/descent.js");
    const path = new Descent(sums, {rate, bias});
    for (let n = 0; n < steps; n++) path.step();
    return [path.losses, Array.from(path.weights), path.diverged];
}"""


@pytest.fixture
def page(visit):
    return visit("#slide")


def random_case(seed):
    choose = np.random.default_rng(seed)
    image = choose.integers(-9, 10, choose.integers(1, 9, 2))
    taps = choose.integers(-4, 5, choose.integers(1, 5, 2))
    anchor = [int(choose.integers(0, n)) for n in taps.shape]
    options = {
        "boundary": str(choose.choice(BOUNDARIES)),
        "stride": int(choose.integers(1, 4)),
        "dilation": int(choose.integers(1, 4)),
        "anchor": anchor,
    }
    if choose.random() < 0.3:
        options["padding"] = int(choose.integers(0, 6))
    else:
        options["mode"] = str(choose.choice(["valid", "same", "full"]))
    fill = int(choose.integers(-3, 4)) if options["boundary"] == "constant" else 0
    return image, taps, options, fill, bool(choose.random() < 0.5)


def test_correlation_for_every_boundary_mode_stride_dilation_and_anchor(page):
    sizes = set()
    for seed in range(300):
        image, taps, options, fill, flip = random_case(seed)
        apply = convolve2d if flip else correlate2d
        expected = apply(image, taps, fill_value=fill, **options)
        given = {"image": image.tolist(), "taps": taps.tolist()}
        rows, columns, data = page.evaluate(
            CORRELATE, {**given, "options": {**options, "fill": fill}, "flip": flip}
        )
        assert (rows, columns) == expected.shape or expected.size == rows * columns == 0, options
        assert data == expected.ravel().tolist(), (seed, options)
        sizes.add(expected.size > 0)
        if not flip:
            asked = {**given, "options": {**options, "fill": fill}}
            assert page.evaluate(WINDOWS, asked) == expected.ravel().tolist()
    assert sizes == {True, False}


def test_the_bias_is_added(page):
    image, taps = [[1.5, 2], [3, 4]], [[0.25, -1]]
    _, _, data = page.evaluate(
        CORRELATE, {"image": image, "taps": taps, "options": {"bias": 0.5}, "flip": False}
    )
    assert data == (correlate2d(image, taps) + 0.5).ravel().tolist()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("speed", [0.3, 0.97, 1.2])
def test_descent_follows_the_same_path(page, bias, speed):
    choose = np.random.default_rng(5)
    image = choose.normal(2, 3, (30, 40))
    taps = choose.normal(0, 1, (3, 2))
    sums = Statistics.of(image, correlate2d(image, taps) + 0.7, (3, 2))
    rate = speed * sums.descend(1, 0, bias=bias).largest_rate
    expected = sums.descend(rate, 40, bias=bias)
    losses, weights, diverged = page.evaluate(
        DESCEND,
        {
            "sums": {
                "gram": sums.gram.tolist(),
                "cross": sums.cross[:, 0].tolist(),
                "energy": float(sums.energy[0]),
            },
            "rate": rate,
            "steps": 40,
            "bias": bias,
        },
    )
    np.testing.assert_allclose(losses, expected.losses, rtol=1e-9)
    np.testing.assert_allclose(weights, expected.weights[-1, :, 0], rtol=1e-9, atol=1e-12)
    assert diverged == expected.diverged == (speed > 1)
