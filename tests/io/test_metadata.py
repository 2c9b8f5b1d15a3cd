"""What a file holds besides its pixels goes on into the result, tag by tag, as exiftool sees it."""

import hashlib
import json
import os
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image, ImageCms

from kernfit.cli import main
from kernfit.io.exif import upright
from kernfit.io.images import read_image, write_image
from kernfit.io.profile import notes_on_profiles, profile_of
from kernfit.lesson import scene

# What belongs to the layout of a kind of file, or to the act of writing it.
OWN = (
    *("System:", "File:", "SourceFile", "ExifTool:", "Composite:", "RIFF:", "JFIF:JFIFVersion"),
    *("PNG:ProfileName", "PNG:ModifyDate", "PNG:BackgroundColor", "IFD0:FillOrder"),
)
LAYOUT = {
    *("ImageWidth", "ImageHeight", "BitDepth", "ColorType", "Compression", "Filter", "Interlace"),
    *("BitsPerSample", "PhotometricInterpretation", "StripOffsets", "SamplesPerPixel"),
    *("RowsPerStrip", "StripByteCounts", "PlanarConfiguration", "PageNumber", "Orientation"),
    *("YCbCrPositioning", "SubfileType"),
}
SAID = [
    *("-Orientation#=6", "-Artist=Ann Ü", "-Copyright=(c) Ann", "-ImageDescription=A fine day"),
    *("-Make=ACME", "-Model=One", "-ExposureTime=1/125", "-GPSLatitude=48.1"),
    *("-GPSLatitudeRef=N", "-DateTimeOriginal=2024:01:02 03:04:05", "-UserComment=hello there"),
    *("-XMP:Title=Title", "-XMP:Rating=4", "-IPTC:Caption-Abstract=Caption"),
    *("-XResolution=300", "-YResolution=300", "-ResolutionUnit=inches"),
]


def program(name):
    path = shutil.which(name)
    if path is None:
        assert "CI" not in os.environ, f"{name} is not there"
        pytest.skip(f"{name} is not there")
    return path


def tags(path):
    said = subprocess.run(
        [program("exiftool"), "-j", "-G1", "-a", "-u", str(path)], capture_output=True, check=True
    ).stdout
    return {key: value for key, value in json.loads(said)[0].items() if not key.startswith(OWN)}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Photographs in four formats, written by Pillow and ImageMagick, labelled by exiftool."""
    folder = tmp_path_factory.mktemp("pictures")
    exiftool, convert = program("exiftool"), program("convert")
    colours = np.stack([scene((40, 60)), scene((40, 60))[::-1], scene((40, 60))[:, ::-1]], -1)
    Image.fromarray(colours).save(folder / "p.png")
    for words in (
        ["-quality", "83", "-sampling-factor", "2x2", "p.jpg"],
        ["-depth", "16", "PNG48:p16.png"],
        ["-compress", "none", "p.tif"],
        ["p.webp"],
    ):
        subprocess.run([convert, "p.png", *words], cwd=folder, check=True)
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    (folder / "s.icc").write_bytes(icc)
    for name in ("p.png", "p.jpg", "p16.png", "p.tif", "p.webp"):
        words = [exiftool, "-q", "-m", "-overwrite_original", *SAID, "-icc_profile<=s.icc", name]
        subprocess.run(words, cwd=folder, check=True, stderr=subprocess.DEVNULL)
    return folder


CASES = [
    (source, suffix)
    for source in ("p.png", "p.jpg", "p16.png", "p.tif", "p.webp")
    for suffix in (".png", ".jpg", ".tif")
    if not (source == "p16.png" and suffix == ".jpg")
]


@pytest.mark.parametrize(("source", "suffix"), CASES, ids=lambda name: name)
def test_tags_are_carried(pictures, tmp_path, capsys, source, suffix):
    before = hashlib.sha256((pictures / source).read_bytes()).hexdigest()
    out = tmp_path / f"out{suffix}"
    assert main(["apply", "box_3", str(pictures / source), str(out)]) == 0
    assert hashlib.sha256((pictures / source).read_bytes()).hexdigest() == before
    said = capsys.readouterr().out
    asked, found = tags(pictures / source), tags(out)
    by_name = {}
    for key, value in found.items():
        by_name.setdefault(key.split(":")[-1], []).append(value)
    for key, value in asked.items():
        group, name = key.split(":")
        if name in LAYOUT or (group == "PNG" and suffix != ".png"):
            continue
        if group == "IFD0" and name in ("WhitePoint", "PrimaryChromaticities"):
            assert suffix == ".tif" or "TIFF's tags 318, 319: left out" in said
            if suffix != ".tif":
                continue
        assert value in by_name.get(name, []), f"{key} = {value}"
    assert set(by_name["Orientation"]) == {"Horizontal (normal)"}
    assert read_image(out).pixels.shape == (3, 60, 40)


def test_what_a_format_cannot_hold_is_said(pictures, tmp_path, capsys):
    for suffix, lost in (
        (".bmp", "the colour profile, EXIF, XMP, IPTC"),
        (".npy", "the colour profile, EXIF, XMP, IPTC, the resolution"),
        (".ppm", "the colour profile, EXIF, XMP, IPTC, the resolution"),
    ):
        assert main(["apply", "box_3", str(pictures / "p.jpg"), str(tmp_path / f"o{suffix}")]) == 0
        assert f"note: o{suffix} cannot hold {lost}" in capsys.readouterr().out
    assert main(["edges", str(pictures / "p.jpg"), str(tmp_path / "e.jpg")]) == 0
    said = capsys.readouterr().out
    assert "e.jpg cannot hold the colour profile 'sRGB built-in', which is for RGB" in said
    found = tags(tmp_path / "e.jpg")
    assert found["IFD0:Artist"] == "Ann Ü"
    assert not any(key.startswith("ICC") for key in found)


@pytest.mark.parametrize(("quality", "sampling"), [(50, "2x2"), (83, "2x1"), (97, "1x1")])
def test_a_jpeg_is_written_as_coarsely_as_it_was(tmp_path, quality, sampling):
    convert = program("convert")
    level = scene((48, 64))
    Image.fromarray(np.stack([level, level // 2, 255 - level], -1)).save(tmp_path / "a.png")
    words = ["-quality", str(quality), "-sampling-factor", sampling]
    subprocess.run([convert, "a.png", *words, "a.jpg"], cwd=tmp_path, check=True)
    assert main(["apply", "identity", str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")]) == 0
    with Image.open(tmp_path / "a.jpg") as a, Image.open(tmp_path / "b.jpg") as b:
        assert a.quantization == b.quantization
        assert [part[1:3] for part in a.layer] == [part[1:3] for part in b.layer]
        difference = np.subtract(a, b, dtype=int)
    assert np.abs(difference).mean() < 4


def test_a_profile_says_whether_it_is_srgb(tmp_path, capsys):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert profile_of(srgb).is_srgb
    # The same with a wider red: what a wide-gamut screen has.
    at = srgb.index(b"XYZ \0\0\0\0", 132)
    wide = bytearray(srgb)
    for place in range(128, len(wide) - 20):
        if wide[place : place + 8] == b"XYZ \0\0\0\0" and wide[place + 8 : place + 10] == b"\0\0":
            red = int.from_bytes(wide[place + 8 : place + 12], "big", signed=True)
            if abs(red / 65536 - 0.436) < 0.01:
                wide[place + 8 : place + 12] = int(0.5151 * 65536).to_bytes(4, "big")
    assert bytes(wide) != srgb, at
    wide = bytes(wide)
    found = profile_of(wide)
    assert (found.space, found.is_srgb) == ("RGB", False)
    assert notes_on_profiles(srgb, b"", linear=True) == []
    assert "the profiles differ" in notes_on_profiles(srgb, wide, linear=False)[0]
    assert (
        "linear light is taken by the curve of sRGB"
        in notes_on_profiles(wide, wide, linear=True)[0]
    )
    picture = Image.fromarray(np.stack([scene((60, 60))] * 3, -1))
    picture.save(tmp_path / "a.png", icc_profile=wide)
    picture.save(tmp_path / "b.png", icc_profile=wide)
    words = ["learn", str(tmp_path / "a.png"), str(tmp_path / "b.png"), "--shape", "1"]
    assert main([*words, "--transfer", "srgb"]) == 0
    assert "convert both images to sRGB first" in capsys.readouterr().out


def test_damaged_metadata_is_no_damage_to_the_picture(tmp_path):
    image = Image.fromarray(scene((20, 30)))
    exif = image.getexif()
    exif[274] = 6
    exif[315] = "Ann"
    image.save(tmp_path / "a.jpg", exif=exif)
    whole = (tmp_path / "a.jpg").read_bytes()
    at = whole.index(b"Exif\0\0") + 6
    rng = np.random.default_rng(3)
    for _ in range(60):
        content = bytearray(whole)
        for place in rng.integers(at, at + 36, 3):
            content[place] = int(rng.integers(256))
        (tmp_path / "b.jpg").write_bytes(content)
        found = read_image(tmp_path / "b.jpg")
        assert sorted(found.pixels.shape) == [20, 30]
        write_image(tmp_path / "c.tif", found.pixels, metadata=found.metadata)
        write_image(tmp_path / "c.png", found.pixels, metadata=found.metadata)
        assert np.array_equal(read_image(tmp_path / "c.tif").pixels, found.pixels)
        assert np.array_equal(read_image(tmp_path / "c.png").pixels, found.pixels)


def test_a_preview_and_the_size_in_exif_are_brought_up_to_date():
    picture = Image.Exif()
    picture[315] = "Ann"
    below = picture.get_ifd(34665)
    below[40962], below[40963] = 100, 50
    block = picture.tobytes().removeprefix(b"Exif\0\0")
    changed, preview = upright(block, (70, 90))
    assert not preview
    again = Image.Exif()
    again.load(changed)
    assert again[315] == "Ann"
    assert dict(again.get_ifd(34665)) == {40962: 90, 40963: 70}
