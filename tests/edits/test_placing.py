"""How a picture lies to another one: found from pictures that other programs moved and resized."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from kernfit.edits.placing.found import find_place, is_still
from kernfit.edits.resampling.sampling import sample


def planes(picture):
    levels = np.asarray(picture, float)
    return np.moveaxis(levels, -1, 0) if levels.ndim == 3 else levels[np.newaxis]


def photograph(seed=3, shape=(192, 256)):
    """A scene with edges and textures of all sizes, in colour."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((*shape, 3))
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    for size in rng.uniform(3, 60, 260):
        row, column = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        angle, stretch = rng.uniform(0, np.pi), rng.uniform(1, 3)
        y, x = rows - row, columns - column
        a, b = y * np.cos(angle) + x * np.sin(angle), x * np.cos(angle) - y * np.sin(angle)
        inside = a**2 * stretch + b**2 / stretch < size**2
        picture[inside] = 0.35 * picture[inside] + 0.65 * rng.uniform(20, 235, 3)
    picture += 6 * rng.standard_normal((*shape, 1))
    fine = Image.fromarray(picture.clip(0, 255).astype(np.uint8))
    return fine.filter(ImageFilter.GaussianBlur(0.8))


def moved(picture, degrees=0.0, scale=1.0, across=0.0, down=0.0, how=Image.BICUBIC):
    """Turn and scale about the centre, then move, as Pillow does it."""
    wide, high = picture.size
    c, s = np.cos(np.deg2rad(degrees)) / scale, np.sin(np.deg2rad(degrees)) / scale
    x, y = wide / 2, high / 2
    numbers = (
        *(c, s, x - c * (x + across) - s * (y + down)),
        *(-s, c, y + s * (x + across) - c * (y + down)),
    )
    return picture.transform(picture.size, Image.AFFINE, numbers, how)


SCENE = photograph()


def found_for(edit):
    found = find_place(planes(SCENE), planes(edit(SCENE)))
    assert found is not None
    return found


def left(found, edit, picture):
    """Root mean square in the middle, where the found grid is laid over another picture."""
    made = np.clip(np.rint(sample(planes(picture), found.grid, found.how)), 0, 255)
    rows, columns = (slice(size // 10, -size // 10) for size in made.shape[1:])
    return np.sqrt(np.mean((made - planes(edit(picture)))[:, rows, columns] ** 2))


@pytest.mark.parametrize(
    ("degrees", "scale", "across", "down", "also"),
    [
        (0.7, 1.0, 0.0, 0.0, None),
        (0.0, 1.015, 0.0, 0.0, ImageFilter.GaussianBlur(1)),
        (24.0, 1.1, -3.0, 2.0, ImageFilter.SHARPEN),
    ],
)
def test_rotation_scale_and_shift_are_measured_whatever_kernel_came_along(
    degrees, scale, across, down, also
):
    def edit(picture):
        after = moved(picture, degrees, scale, across, down)
        return after if also is None else after.filter(also)

    grid = found_for(edit).grid
    turn = np.degrees(np.arctan2(-grid.matrix[1, 0] + grid.matrix[0, 1], np.trace(grid.matrix)))
    assert turn == pytest.approx(-degrees, abs=0.002)
    assert 1 / np.sqrt(np.linalg.det(grid.matrix)) == pytest.approx(scale, abs=1.5e-4)
    # The centre of the after image came from here.
    shift = grid.shift + grid.matrix @ [down, across]
    assert np.abs(shift).max() < 0.01


def test_standard_errors_are_of_the_size_of_the_errors():
    apart = []
    for degrees in (0.4, -1.1):
        found = found_for(lambda picture, d=degrees: moved(picture, d))
        c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        error = found.grid.matrix - [[c, -s], [s, c]]
        apart.append(error.ravel() / np.sqrt(np.diagonal(found.covariance))[2:])
    assert 0.1 < np.sqrt(np.mean(np.square(apart))) < 3


@pytest.mark.parametrize("turn", list(Image.Transpose))
def test_flips_and_quarter_turns_are_exact(turn):
    found = found_for(lambda picture: picture.transpose(turn))
    assert found.covariance is None
    assert left(found, lambda picture: picture.transpose(turn), photograph(8)) == 0


def curved(picture):
    return picture.point([255 * (level / 255) ** 0.7 for level in range(256)] * 3)


@pytest.mark.parametrize(
    "also", [lambda p: p, curved, lambda p: p.filter(ImageFilter.SHARPEN), lambda p: p.convert("L")]
)
def test_crops_are_whole_pixels_whatever_came_along(also):
    found = found_for(lambda picture: also(picture.crop((37, 21, 227, 181))))
    assert found.covariance is None
    np.testing.assert_array_equal(found.grid.matrix, np.eye(2))
    np.testing.assert_allclose(found.grid.start, [21, 37], atol=1e-9)


@pytest.mark.parametrize(
    ("size", "how"),
    [
        ((160, 120), Image.LANCZOS),
        ((256, 203), Image.BICUBIC),
        ((150, 101), Image.BOX),
        ((432, 324), Image.BICUBIC),
        ((400, 333), Image.LANCZOS),
    ],
)
def test_resizing_is_done_to_another_picture_as_the_program_does(size, how):
    def edit(picture):
        return picture.resize(size, how)

    found = found_for(edit)
    assert found.covariance is None
    assert left(found, edit, photograph(8)) < 0.6


def test_a_kernel_alone_moves_nothing():
    assert is_still(found_for(lambda picture: picture.filter(ImageFilter.GaussianBlur(2))))


def test_the_unit_of_levels_does_not_matter():
    before, after = planes(SCENE), planes(moved(SCENE, 0.5, 1.0, 0.2))
    found = [find_place(before / white, after / white) for white in (1.0, 255.0)]
    assert found[0].how == found[1].how
    assert found[0].grid.apart(found[1].grid) < 1e-6
    assert found[0].residual == pytest.approx(255 * found[1].residual)


def test_another_scene_has_no_place():
    assert find_place(planes(SCENE), planes(photograph(11))) is None


def test_flat_and_tiny_pictures_have_no_place():
    assert find_place(np.full((1, 64, 64), 7.0), np.full((1, 64, 64), 9.0)) is None
    assert find_place(np.ones((3, 8, 8)), np.ones((3, 9, 9))) is None
