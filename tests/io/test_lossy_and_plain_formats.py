"""JPEG, GIF, BMP and WebP."""

import numpy as np
import pytest
from making import noise, planes

from kernfit import RefusedFile
from kernfit.io.images import read_image, write_image

Image = pytest.importorskip("PIL.Image")
LOSSY = "JPEG is lossy: the values are near the original ones, not equal."
CMYK = ("cyan", "magenta", "yellow", "black")


@pytest.fixture
def smooth():
    y, x = np.mgrid[:40, :60]
    return np.stack([x * 4, y * 6, (x + y) * 2], axis=-1).astype(np.uint8)


@pytest.fixture
def save_and_read(tmp_path):
    def save(picture, name, **options):
        picture.save(tmp_path / name, **options)
        return read_image(tmp_path / name)

    return save


def test_jpeg_colours(save_and_read, smooth):
    image = save_and_read(Image.fromarray(smooth), "a.jpg", quality=95)
    assert image.pixels.shape == (3, 40, 60)
    assert np.abs(image.pixels - planes(smooth).astype(int)).max() < 12
    assert image.notes == (LOSSY,)
    assert image.levels == (0, 255)


def test_jpeg_grey(save_and_read, smooth):
    image = save_and_read(Image.fromarray(smooth[..., 0]), "a.jpeg")
    assert image.pixels.shape == (40, 60)
    assert image.channels == ("grey",)


def test_jpeg_of_inks(save_and_read, smooth):
    picture = Image.fromarray(smooth).convert("CMYK")
    image = save_and_read(picture, "a.jpg", quality=100, subsampling=0)
    assert image.channels == CMYK
    assert np.abs(image.pixels - planes(np.asarray(picture)).astype(int)).max() < 9
    assert image.notes[1] == "CMYK is kept as four channels; the highest level is full ink."


def test_writing_jpeg(tmp_path, smooth):
    pixels = np.ascontiguousarray(planes(smooth))
    inks = np.concatenate([pixels, pixels[:1] // 2])
    for name, content, channels in (
        ("a.jpg", pixels, None),
        ("b.jpg", pixels[0], None),
        ("c.jpg", inks, CMYK),
    ):
        write_image(tmp_path / name, content, channels=channels, quality=100)
        image = read_image(tmp_path / name)
        assert np.abs(image.pixels.astype(int) - content).max() < 5
    write_image(tmp_path / "d.jpg", pixels, quality=30)
    assert (tmp_path / "d.jpg").stat().st_size < (tmp_path / "a.jpg").stat().st_size


def test_gif(save_and_read):
    palette, indices = noise(8, 3), noise(9, 7) % 8
    frames = [Image.fromarray(indices) for _ in range(4)]
    for number, frame in enumerate(frames):
        frame.putpalette(palette.tobytes())
        frame.putpixel((0, 0), number)
    image = save_and_read(frames[0], "a.gif", save_all=True, append_images=frames[1:])
    indices[0, 0] = 0
    np.testing.assert_array_equal(image.pixels, planes(palette[indices]))
    assert image.notes == (
        "Only the first of 4 pictures is read.",
        "The palette is expanded to red, green and blue.",
    )


def test_gif_with_transparency(save_and_read):
    palette, indices = noise(8, 3), noise(9, 7) % 8
    picture = Image.fromarray(indices)
    picture.putpalette(palette.tobytes())
    image = save_and_read(picture, "a.gif", transparency=5, optimize=False)
    np.testing.assert_array_equal(image.alpha, np.where(indices == 5, 0, 255))
    seen = indices != 5
    np.testing.assert_array_equal(image.pixels[:, seen], planes(palette[indices])[:, seen])


@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 3)])
def test_bmp(save_and_read, tmp_path, shape):
    samples = noise(*shape)
    pixels = samples if samples.ndim == 2 else planes(samples)
    image = save_and_read(Image.fromarray(samples), "a.bmp")
    np.testing.assert_array_equal(image.pixels, pixels)
    assert image.notes == ()
    write_image(tmp_path / "b.bmp", pixels)
    np.testing.assert_array_equal(read_image(tmp_path / "b.bmp").pixels, pixels)


def test_bmp_of_one_bit(save_and_read):
    samples = noise(9, 7) > 100
    image = save_and_read(Image.fromarray(samples), "a.bmp")
    np.testing.assert_array_equal(image.pixels, samples * 255)
    assert image.notes == ("1-bit pixels are turned to 0 and 255.",)


def test_webp(save_and_read):
    samples = noise(9, 7, 4)
    samples[..., 3] |= 1  # colours under full transparency may be dropped
    image = save_and_read(Image.fromarray(samples), "a.webp", lossless=True)
    np.testing.assert_array_equal(image.pixels, planes(samples[..., :3]))
    np.testing.assert_array_equal(image.alpha, samples[..., 3])
    assert image.notes == ("Alpha is kept apart from the colours.",)
    image = save_and_read(Image.fromarray(samples[..., :3]), "a.webp")
    assert image.notes == ("WebP is lossy: the values are near the original ones, not equal.",)
    frames = [Image.fromarray(noise(9, 7, 3, seed=seed)) for seed in range(2)]
    image = save_and_read(frames[0], "a.webp", save_all=True, append_images=frames[1:])
    assert image.notes[0] == "Only the first of 2 pictures is read."
    assert image.notes[1].startswith("WebP is lossy")


@pytest.mark.parametrize("name", ["a.jpg", "a.gif", "a.bmp", "a.webp"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.7])
def test_cut_short(tmp_path, name, part):
    path = tmp_path / name
    Image.fromarray(noise(64, 64)).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: max(16, int(part * len(content)))])
    with pytest.raises(RefusedFile, match=rf"{name} is a damaged or unusual .* file \(.*\): write"):
        read_image(path)


@pytest.mark.parametrize("name", ["a.jpg", "a.gif", "a.bmp", "a.webp"])
def test_too_large(tmp_path, name):
    Image.fromarray(noise(64, 64, 3)).save(tmp_path / name)
    with pytest.raises(RefusedFile, match=rf"{name} needs \d+ bytes of memory .*limit is 4000:"):
        read_image(tmp_path / name, max_bytes=4000)


def test_the_grey_channel_needs_no_more_than_it_says(tmp_path):
    Image.fromarray(noise(64, 64)).save(tmp_path / "a.jpg")
    assert read_image(tmp_path / "a.jpg", max_bytes=4096).pixels.nbytes == 4096
    with pytest.raises(RefusedFile, match="needs 4096 bytes"):
        read_image(tmp_path / "a.jpg", max_bytes=4095)
