"""What a colour profile says of itself, and whether it is that of sRGB.

The format: ICC.1:2022 (profile version 4.4), which contains that of version 2.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

# The primaries of sRGB, adapted to D50 (IEC 61966-2-1 with the Bradford transform of ICC.1).
SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
NEAR = 0.003
LONGEST_NAME = 80


class Profile(NamedTuple):
    """A colour profile.

    Attributes
    ----------
    name : str
        As it calls itself.
    space : str
        "RGB", "GRAY", "CMYK" ...
    is_srgb : bool
        Whether its primaries are those of sRGB and its curves bend as that of sRGB does.
    """

    name: str
    space: str
    is_srgb: bool


def profile_of(icc: bytes) -> Profile | None:
    """Return what a profile says of itself, or None if it is damaged."""
    try:
        if len(icc) < 132 or icc[36:40] != b"acsp":
            return None
        space = icc[16:20].decode("ascii").strip()
        (count,) = struct.unpack_from(">I", icc, 128)
        tags = {}
        for n in range(min(count, 200)):
            mark, offset, size = struct.unpack_from(">4sII", icc, 132 + 12 * n)
            tags[mark] = icc[offset : offset + size]
        return Profile(_text(tags.get(b"desc", b"")), space, space == "RGB" and _is_srgb(tags))
    except (struct.error, UnicodeDecodeError, ZeroDivisionError):
        return None


def notes_on_profiles(before: bytes, after: bytes, *, linear: bool) -> list[str]:
    """Return what the colour profiles of a pair mean for what is learnt from it.

    Parameters
    ----------
    before, after : bytes
        The profiles, or nothing.
    linear : bool
        Whether levels are turned to linear light by the curve of sRGB.
    """
    first, second = (profile_of(icc) if icc else None for icc in (before, after))
    notes = []
    # A picture without a profile is one of sRGB.
    same = (first is None or first.is_srgb) and (second is None or second.is_srgb)
    if not same and before != after:
        names = [profile.name if profile else "sRGB" for profile in (first, second)]
        notes.append(
            f"the profiles differ, {names[0]!r} before and {names[1]!r} after: the kernel takes "
            "in the change of colours between them; convert both to one profile first"
        )
    wide = next((p for p in (first, second) if p is not None and not p.is_srgb), None)
    if linear and wide is not None:
        notes.append(
            f"linear light is taken by the curve of sRGB, the levels are those of {wide.name!r}: "
            "convert both images to sRGB first"
        )
    return notes


def _text(tag: bytes) -> str:
    """Return a description, of version 2 or of version 4."""
    if tag[:4] == b"desc":
        (length,) = struct.unpack_from(">I", tag, 8)
        found = tag[12 : 12 + length].split(b"\0")[0].decode("latin-1")
    elif tag[:4] == b"mluc":
        length, offset = struct.unpack_from(">II", tag, 20)
        found = tag[offset : offset + length].decode("utf-16-be", "replace")
    else:
        found = ""
    return " ".join(found.split())[:LONGEST_NAME] or "without a name"


def _is_srgb(tags: dict[bytes, bytes]) -> bool:
    for mark, wanted in zip((b"rXYZ", b"gXYZ", b"bXYZ"), SRGB, strict=True):
        tag = tags.get(mark, b"")
        if len(tag) < 20:
            return False
        found = [number / 65536 for number in struct.unpack_from(">3i", tag, 8)]
        if max(abs(a - b) for a, b in zip(found, wanted, strict=True)) > NEAR:
            return False
    return abs(_half(tags.get(b"rTRC", b"")) - 0.2140) < 0.005


def _half(tag: bytes) -> float:
    """Return the light that a tone curve has at half of the levels."""
    if tag[:4] == b"para":
        kind, *_ = struct.unpack_from(">H", tag, 8)
        if kind > 3:
            return 0.0
        g, *more = (n / 65536 for n in struct.unpack_from(f">{(1, 3, 4, 5)[kind]}i", tag, 12))
        a, b = [*more, 1.0, 0.0][:2] if kind else (1.0, 0.0)
        return float((a * 0.5 + b) ** g) if a * 0.5 + b > 0 else 0.0
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return 0.5
        if count == 1:
            return float(0.5 ** (struct.unpack_from(">H", tag, 12)[0] / 256))
        at = (count - 1) / 2
        low, high = (
            struct.unpack_from(">H", tag, 12 + 2 * place)[0] / 65535
            for place in (int(at), min(int(at) + 1, count - 1))
        )
        return float(low + (at - int(at)) * (high - low))
    return 0.0
