"""FITS wherever images are read and written, with header and world coordinates."""

import hashlib

import numpy as np
import pytest

from kernfit import RefusedFile, catalogue, correlate2d, star_field
from kernfit.cli import main
from kernfit.io.images import read_image, write_image

fits = pytest.importorskip("astropy.io.fits")
wcs = pytest.importorskip("astropy.wcs")


def header():
    found = fits.Header()
    found["OBJECT"] = ("M 31", "what was looked at")
    found["BUNIT"] = "adu"
    found["CRPIX1"], found["CRPIX2"] = 20.5, 15.5
    found["CRVAL1"], found["CRVAL2"] = 10.68, 41.27
    found["CDELT1"], found["CDELT2"] = -0.001, 0.001
    found["CTYPE1"], found["CTYPE2"] = "RA---TAN", "DEC--TAN"
    found.add_history("made by hand")
    return found


@pytest.fixture
def sky(tmp_path):
    """A file of astropy's with an empty first unit, an image of 16 bits, and one of floats."""
    pixels = np.rint(star_field((40, 50))).clip(0, 65535).astype(np.uint16)
    fits.HDUList(
        [
            fits.PrimaryHDU(),
            fits.ImageHDU(pixels, header(), name="SCI"),
            fits.ImageHDU(np.float32(pixels) / 7, header(), name="ERR"),
        ]
    ).writeto(tmp_path / "sky.fits")
    return tmp_path / "sky.fits", pixels


def test_the_image_is_chosen_and_said(sky):
    path, pixels = sky
    found = read_image(path)
    assert np.array_equal(found.pixels, pixels)
    assert found.pixels.dtype == np.uint16
    assert found.notes == ("Image 1 of 2 in the file is read; sky.fits[N] names another.",)
    for part in ("[2]", "[ERR]", "[err,1]"):
        assert np.array_equal(read_image(f"{path}{part}").pixels, np.float32(pixels) / 7)
    for part in ("[0]", "[3]", "[MASK]"):
        with pytest.raises(RefusedFile, match=r"which has \[1\] SCI, \[2\] ERR: choose one"):
            read_image(f"{path}{part}")


@pytest.mark.parametrize("mode", ["same", "valid", "full"])
def test_header_and_coordinates_are_carried(sky, tmp_path, mode):
    path, pixels = sky
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    out = tmp_path / "out.fits"
    words = ["apply", "gaussian_5", f"{path}[ERR]", str(out), "--mode", mode]
    assert main(words) == 0
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    with fits.open(out) as units:
        made, found = units[0].data, units[0].header
    expected = correlate2d(
        np.float32(pixels) / 7, catalogue["gaussian_5"], mode=mode, boundary="edge"
    )
    np.testing.assert_allclose(made, expected, rtol=1e-5)
    assert (found["OBJECT"], found.comments["OBJECT"]) == ("M 31", "what was looked at")
    assert found["BUNIT"] == "adu"
    assert list(found["HISTORY"]) == ["made by hand", "Filtered by kernfit"]
    begins = {"same": 0, "valid": 2, "full": -2}[mode]
    place = wcs.WCS(header()).pixel_to_world_values(30 + begins, 20 + begins)
    np.testing.assert_allclose(wcs.WCS(found).pixel_to_world_values(30, 20), place, atol=1e-12)


def test_every_command_takes_and_gives_it(sky, tmp_path, capsys):
    path, pixels = sky
    assert main(["edges", str(path), str(tmp_path / "edges.fits")]) == 0
    assert read_image(tmp_path / "edges.fits").pixels.dtype == np.uint16
    blurred = tmp_path / "blurred.fits"
    assert main(["apply", "box:3", f"{path}[2]", str(blurred)]) == 0
    learnt = ["learn", f"{path}[2]", str(blurred), "--shape", "3"]
    assert main([*learnt, "-o", str(tmp_path / "k.json")]) == 0
    from kernfit import Kernel

    np.testing.assert_allclose(Kernel.load(tmp_path / "k.json").taps, 1 / 9, atol=1e-6)
    left = tmp_path / "left.fits"
    words = ["--varying", "0", "--background", "0", "--difference", str(left)]
    assert main([*learnt, *words]) == 0, capsys.readouterr().err
    assert fits.getheader(left)["OBJECT"] == "M 31"
    inside = fits.getdata(left)[2:-2, 2:-2]
    assert np.nanmax(np.abs(inside)) < 0.01 * pixels.max()
    assert main(["apply", "box:3", f"{path}[2]", str(path), "--overwrite"]) == 2
    assert "is read by this command" in capsys.readouterr().err


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f4", "f8"])
def test_dtypes_come_back(tmp_path, dtype):
    pixels = (np.arange(600).reshape(2, 15, 20) % 200).astype(dtype)
    write_image(tmp_path / "a.fits", pixels)
    found = read_image(tmp_path / "a.fits")
    assert found.pixels.dtype == pixels.dtype
    assert np.array_equal(found.pixels, pixels)
    assert np.array_equal(fits.getdata(tmp_path / "a.fits"), pixels)


def test_damage_is_one_line(tmp_path):
    (tmp_path / "bad.fits").write_bytes(b"SIMPLE  =                    T" + b"x" * 3000)
    (tmp_path / "text.fits").write_text("no stars here")
    (tmp_path / "empty.fits").write_bytes(b"")
    fits.PrimaryHDU().writeto(tmp_path / "none.fits")
    for name in ("bad", "text", "empty", "none", "missing"):
        with pytest.raises(RefusedFile) as refusal:
            read_image(tmp_path / f"{name}.fits")
        assert "\n" not in str(refusal.value)
