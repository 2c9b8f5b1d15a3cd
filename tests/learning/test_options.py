"""Every option of `learn` with every kind of pair: the answer is the one that it asks for."""

from dataclasses import fields
from inspect import signature

import numpy as np
import pytest

from kernfit import InvalidInput, Kernel, conv2d, correlate2d, learn
from kernfit.learning import Request
from kernfit.learning.request import EXCLUSIONS, Data, Model, Solver
from kernfit.scale.learning import learn_files
from kernfit.scale.workers import workers_at

RNG = np.random.default_rng(0)
TAPS = np.array([[0.1, 0.5, -0.2], [0.05, 0.4, 0.1], [0.2, 0.05, -0.1]])
SIZE = (48, 52)


def clean(size=SIZE):
    return RNG.uniform(0.05, 0.95, size)


def made(x, stride=(1, 1), dilation=(1, 1), noise=0.01):
    y = correlate2d(x, TAPS, dilation=dilation, mode="same", boundary="edge") * 0.6 + 0.2
    y = y[..., stride[0] // 2 :: stride[0], stride[1] // 2 :: stride[1]]
    return y + RNG.normal(0, noise, y.shape)


X = clean()
XS = [clean(), clean((44, 60))]
XC = clean((4, *SIZE))
Y, YS = made(X), [made(x) for x in XS]
YC = np.stack([made(plane) for plane in XC])
Y2, YD, Y2D = made(X, (2, 2)), made(X, dilation=(2, 2)), made(X, (2, 2), (2, 3))
YS2 = [made(x, (2, 2)) for x in XS]


def on_device(*images):
    torch = pytest.importorskip("torch")
    return [
        [torch.tensor(one) for one in image] if isinstance(image, list) else torch.tensor(image)
        for image in images
    ]


def in_parts(x, y, **options):
    with workers_at(None, 1) as workers:
        return learn_files(x, y, workers=workers, memory=1 << 30, **options)


def in_chunks(x, y, **options):
    array = pytest.importorskip("dask.array")
    from kernfit.scale import learn as learn_chunks

    options = {
        name: array.from_array(value, chunks=40)
        if name in ("mask", "variance", "before_variance")
        else value
        for name, value in options.items()
    }
    return learn_chunks(array.from_array(x, chunks=40), array.from_array(y, chunks=40), **options)


KINDS = {
    "one": (lambda **o: learn(X, Y, **o), X, Y),
    "several": (lambda **o: learn(XS, YS, **o), XS, YS),
    "device": (lambda **o: learn(*on_device(X, Y), **o), X, Y),
    "devices": (lambda **o: learn(*on_device(XS, YS), **o), XS, YS),
    "parts": (lambda **o: in_parts(X, Y, **o), X, Y),
    "chunks": (lambda **o: in_chunks(X, Y, **o), X, Y),
    "groups": (lambda **o: learn(XC, YC, channels="full", groups=4, **o), XC, YC),
    "groups on a device": (
        lambda **o: learn(*on_device(XC, YC), channels="full", groups=4, **o),
        XC,
        YC,
    ),
    "stride": (lambda **o: learn(X, Y2, stride=2, **o), X, Y2),
    "stride on a device": (lambda **o: learn(*on_device(X, Y2), stride=2, **o), X, Y2),
    "strides of several": (lambda **o: learn(XS, YS2, stride=2, **o), XS, YS2),
    "dilation": (lambda **o: learn(X, YD, dilation=2, **o), X, YD),
    "dilation on a device": (lambda **o: learn(*on_device(X, YD), dilation=2, **o), X, YD),
    "stride and dilation": (lambda **o: learn(X, Y2D, stride=2, dilation=(2, 3), **o), X, Y2D),
}


def half(y):
    """A mask of the upper half."""
    mask = np.zeros(y.shape[-2:], bool)
    mask[: y.shape[-2] // 2] = True
    return mask


def of_each(images, make):
    return [make(one) for one in images] if isinstance(images, list) else make(images)


def is_symmetric(taps):
    return np.array_equal(taps, taps[::-1]) and np.array_equal(taps, taps[:, ::-1])


# Name, the value from (before, after), and what holds of the taps then (plain ones beside).
OPTIONS = {
    "bias": (lambda x, y: False, lambda fit, plain: np.all(fit.kernel.bias == 0)),
    "clip": (lambda x, y: (0.3, 0.6), lambda fit, plain: fit.left_out["clipped"] > 0),
    "clip_before": (
        lambda x, y: (0.06, 0.94),
        lambda fit, plain: fit.left_out["clipped before"] > 0,
    ),
    "mask": (
        lambda x, y: of_each(y, half),
        lambda fit, plain: fit.used < 0.55 * plain.used and fit.left_out["masked"] > 0,
    ),
    "variance": (
        lambda x, y: of_each(y, lambda one: np.where(half(one), 1e-4, 1.0)),
        lambda fit, plain: fit.chi2 is not None,
    ),
    "before_variance": (
        lambda x, y: of_each(x, lambda one: np.full(one.shape, 0.01)),
        lambda fit, plain: any(
            "noise of the before image" in note or "before_variance" in note for note in fit.notes
        ),
    ),
    "descent": (lambda x, y: 1e-6, lambda fit, plain: len(fit.history.losses) == 11),
    "constraints": (
        lambda x, y: ["non-negative", "sum-to-one"],
        lambda fit, plain: all(
            taps.min() >= 0 and abs(taps.sum() - 1) < 1e-15 for taps in own_taps(fit)
        ),
    ),
    "free": (
        lambda x, y: np.eye(3, dtype=bool),
        lambda fit, plain: all(np.all(taps[~np.eye(3, dtype=bool)] == 0) for taps in own_taps(fit)),
    ),
    "ridge": (
        lambda x, y: 10.0,
        lambda fit, plain: np.sum(fit.kernel.weight**2) < 0.2 * np.sum(plain.kernel.weight**2),
    ),
    "smooth": (
        lambda x, y: 10.0,
        lambda fit, plain: all(np.ptp(taps) < 0.3 for taps in own_taps(fit)),
    ),
    "robust": (lambda x, y: True, lambda fit, plain: fit.left_out["outliers"] < 10),
    "transfer": (
        lambda x, y: "srgb",
        lambda fit, plain: any("linear light" in note for note in fit.notes),
    ),
}


def own_taps(fit):
    """The kernels of a fit, without the zeros between groups."""
    return [taps for row in fit.kernel.weight for taps in row if np.any(taps)]


# What is not for images out of memory, or for Dask arrays: refused, or no argument at all.
MISSING = {
    "parts": {"robust", "transfer"},
    "chunks": {"robust", "transfer"},
}
PLAIN = {}


LONGER = ("devices", "groups on a device", "dilation on a device", "strides of several")
EACH = [pytest.param(kind, marks=pytest.mark.slow) if kind in LONGER else kind for kind in KINDS]


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("kind", EACH)
def test_an_option_does_what_it_says_to_every_kind_of_pair(kind, option):
    look, x, y = KINDS[kind]
    value, holds = OPTIONS[option]
    asked = {"shape": 3, option: value(x, y)}
    if option in MISSING.get(kind, ()):
        with pytest.raises((InvalidInput, TypeError), match=f"{option}"):
            look(**asked)
        return
    if kind not in PLAIN:
        PLAIN[kind] = look(shape=3)
        for taps in own_taps(PLAIN[kind]):
            assert np.abs(taps - 0.6 * TAPS).max() < 0.02
    fit = look(**asked)
    assert holds(fit, PLAIN[kind])
    assert fit.request is not None


@pytest.mark.parametrize("kind", ["device", "stride on a device", "dilation on a device"])
def test_where_the_images_lie_makes_no_difference(kind):
    name = kind.replace(" on a device", "").replace("device", "one")
    there, here = KINDS[kind][0](shape=3), KINDS[name][0](shape=3)
    assert np.abs(there.kernel.weight - here.kernel.weight).max() < 1e-9
    assert np.allclose(there.stderr, here.stderr, rtol=1e-6)
    assert (there.used, there.left_out) == (here.used, here.left_out)


@pytest.mark.parametrize("kind", ["groups", "groups on a device"])
def test_groups_start_where_they_are_told(kind):
    look = KINDS[kind][0]
    layer = RNG.normal(size=(4, 1, 3, 3))
    between = np.zeros((4, 4, 3, 3))
    between[np.arange(4), np.arange(4)] = layer[:, 0]
    for start in (layer, between):
        fit = look(shape=3, descent=1e-6, steps=0, start=start)
        assert np.array_equal(fit.kernel.weight, between)
        assert fit.history.weights.shape == (1, 4 * 9 + 1, 4)
    with pytest.raises(InvalidInput, match="start must have shape"):
        look(shape=3, descent=1e-6, start=layer[:, 0])


def test_a_strided_and_dilated_layer_of_groups():
    x = RNG.normal(size=(4, 60, 70))
    weight = RNG.normal(size=(6, 2, 3, 3))
    y = conv2d(x[None], weight, stride=(2, 1), dilation=(1, 2), groups=2, padding=1)[0]
    fit = learn(x, y, shape=3, channels="full", groups=2, stride=(2, 1), dilation=(1, 2))
    assert np.abs(fit.kernel.weight[:3, :2] - weight[:3]).max() < 1e-9
    assert np.abs(fit.kernel.weight[3:, 2:] - weight[3:]).max() < 1e-9
    assert not fit.kernel.weight[:3, 2:].any()


@pytest.mark.parametrize("change", [{"stride": 2}, {"dilation": 2}, {"groups": 4}])
def test_views_are_not_taken_of_what_is_read_in_parts(change):
    channels = {"channels": "full"} if "groups" in change else {}
    with pytest.raises(InvalidInput, match="must have both images in memory"):
        in_parts(XC, YC, shape=3, **channels, **change)


def test_a_request_is_a_value_with_the_words_of_learn():
    names = {each.name for kind in (Data, Model, Solver) for each in fields(kind)} - {"imposed"}
    own = set(signature(learn).parameters) - {"before", "after"}
    assert own == names | {"constraints", "free", "ridge", "smooth"}
    defaults = {
        name: each.default for name, each in signature(learn).parameters.items() if name in names
    }
    request = Request.of(**defaults)
    assert request.model.shape is None
    assert request.but(shape=(3, 5), threads=1).model.shape == (3, 5)
    with pytest.raises(TypeError, match="no option colour"):
        Request.of(colour=1)
    with pytest.raises(AttributeError):
        request.model.bias = False
    fit = learn(X, Y, shape=3, bias=False)
    assert fit.request.model.bias is False
    assert isinstance(fit.kernel, Kernel)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": 2}, "groups must go with channels='full'"),
        ({"start": TAPS}, "start is where gradient descent begins"),
        ({"descent": 0.1, "ridge": 1.0}, "descent knows no constraints"),
    ],
)
def test_what_excludes_what_is_said_with_its_reason(change, message):
    with pytest.raises(InvalidInput, match=message):
        Request.of(**change)
    assert len(EXCLUSIONS) == 3


@pytest.mark.parametrize("groups", [2, 4])
def test_no_option_is_dropped_between_groups(groups):
    for constraints in ("no such thing", ["symmetric", "no such thing"]):
        with pytest.raises(InvalidInput, match="constraints must be among"):
            learn(XC, YC, channels="full", groups=groups, constraints=constraints)
    with pytest.raises(InvalidInput, match="one input and one output channel"):
        learn(XC, YC, channels="full", groups=2, shape=3, constraints="symmetric")
    fit = learn(XC, YC, channels="full", groups=4, shape=3, constraints="symmetric")
    assert all(is_symmetric(taps) for taps in own_taps(fit))
