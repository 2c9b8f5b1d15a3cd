"""Kernels as people name them."""

import numpy as np
import pytest
from scipy import ndimage

from kernfit import InvalidInput, catalogue
from kernfit.kernel_families import box, disk, gaussian, laplacian_of_gaussian, motion
from kernfit.kernel_names import FAMILIES, kernel_named


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("sobel_x", "sobel_x"),
        ("SOBEL_X", "sobel_x"),
        ("sobel-x", "sobel_x"),
        (" Sobel X ", "sobel_x"),
        ("blur", "pillow_blur"),
        ("contour", "pillow_contour"),
        ("Find Edges", "pillow_find_edges"),
        ("sharpen", "sharpen"),
        ("Pillow sharpen", "pillow_sharpen"),
    ],
)
def test_names_are_found_whatever_their_case(text, name):
    assert kernel_named(text) == catalogue[name]
    assert kernel_named(text).name == name


@pytest.mark.parametrize(
    ("text", "kernel"),
    [
        ("gaussian:2", gaussian(2)),
        ("Gaussian:0.7", gaussian(0.7)),
        ("box:7", box(7)),
        ("box:3x5", box((3, 5))),
        ("motion:9,30", motion(9, 30)),
        ("motion:4", motion(4)),
        ("disk:3", disk(3)),
        ("log:1.4", laplacian_of_gaussian(1.4)),
    ],
)
def test_families_take_numbers(text, kernel):
    assert kernel_named(text) == kernel


def test_unsharp_is_what_it_says():
    image = np.random.default_rng(0).random((40, 40))
    made = ndimage.correlate(image, kernel_named("unsharp:2,1.5").taps, mode="nearest")
    blurred = ndimage.gaussian_filter(image, 2, mode="nearest")
    np.testing.assert_allclose(made, image + 1.5 * (image - blurred), atol=1e-12)


def test_each_family_is_shown_in_a_form_that_works():
    for family in FAMILIES.values():
        assert kernel_named(family.form).shape[0] > 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sobel", "'sobel' can mean sobel_x or sobel_y"),
        ("gaussian", "gaussian must come with its numbers, such as gaussian:2; or one of"),
        ("gaussian:", "gaussian must have 1 number, such as gaussian:2"),
        ("gaussian:1,2", "gaussian must have 1 number"),
        ("motion:1,2,3", "motion must have 1 or 2 numbers"),
        ("box:2.5", "box must have whole numbers"),
        ("gaussian:-1", "sigma must be a number above 0"),
        ("unsharp:1,inf", "amount must be a number"),
        ("wavelet:3", "a kernel with numbers must be one such as gaussian:2, box:7"),
        ("sobbel_x", "did you mean sobel_x"),
        ("zzzzzz", "'kernfit kernels' lists all names"),
    ],
)
def test_what_is_unclear_is_refused(text, message):
    with pytest.raises(InvalidInput) as refusal:
        kernel_named(text)
    assert message in str(refusal.value)
