"""Image files made by hand, so that no reader is tested only with its own writer."""

import struct
import zlib

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# First column, first row, step of columns, step of rows of the seven passes (PNG, section 8.2).
PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


def chunk(kind, content=b""):
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def header(columns, rows, depth, colour_type, interlaced=0):
    return chunk(
        b"IHDR", struct.pack(">IIBBBBB", columns, rows, depth, colour_type, 0, 0, interlaced)
    )


def png(samples, colour_type, depth, *, extra=(), interlaced=False, filters=(0,)):
    """Make a PNG file of samples (H, W) or (H, W, C), row after row with the filters in turn."""
    rows, columns = samples.shape[:2]
    parts = PASSES if interlaced else ((0, 0, 1, 1),)
    raw = b""
    for left, top, across, down in parts:
        part = samples[top::down, left::across]
        if part.size:
            raw += _filtered(part, depth, filters)
    data = zlib.compress(raw)
    return b"".join(
        [
            SIGNATURE,
            header(columns, rows, depth, colour_type, int(interlaced)),
            *extra,
            chunk(b"IDAT", data[: len(data) // 2]),
            chunk(b"IDAT", data[len(data) // 2 :]),
            chunk(b"IEND"),
        ]
    )


def _filtered(samples, depth, filters):
    """Apply the filters of PNG, section 9, byte by byte as it is written there."""
    count = 1 if samples.ndim == 2 else samples.shape[2]
    flat = samples.reshape(len(samples), -1)
    if depth == 16:
        lines = [row.astype(">u2").tobytes() for row in flat]
    elif depth == 8:
        lines = [row.astype(np.uint8).tobytes() for row in flat]
    else:
        bits = (flat[..., None] >> np.arange(depth - 1, -1, -1)) & 1
        lines = [np.packbits(row.ravel().astype(np.uint8)).tobytes() for row in bits]
    step = max(1, count * depth // 8)
    out, above = b"", bytes(len(lines[0]))
    for number, line in enumerate(lines):
        kind = filters[number % len(filters)]
        coded = bytearray()
        for i, value in enumerate(line):
            a = line[i - step] if i >= step else 0
            b = above[i]
            c = above[i - step] if i >= step else 0
            guess = (0, a, b, (a + b) // 2, _paeth(a, b, c))[kind]
            coded.append((value - guess) % 256)
        out += bytes([kind]) + bytes(coded)
        above = line
    return out


def _paeth(a, b, c):
    p = a + b - c
    return min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]


def lzw(content):
    """Pack bytes as LZW that never uses its table: 9-bit codes, cleared in time (TIFF 6.0, 13)."""
    codes = [256]
    for number, value in enumerate(content, start=1):
        codes += [value] if number % 200 else [value, 256]
    bits = (np.array([*codes, 257])[:, None] >> np.arange(8, -1, -1)) & 1
    return np.packbits(bits.astype(np.uint8)).tobytes()


def lzw_tiff(samples, byteorder):
    """Make a TIFF file of uint16 samples (H, W, C), RGB or RGB and alpha, packed as LZW."""
    rows, columns, count = samples.shape
    data = lzw(samples.astype(f"{byteorder}u2").tobytes())
    bits = struct.pack(f"{byteorder}{count}H", *[16] * count)
    tags = [
        (256, "I", [columns]),
        (257, "I", [rows]),
        (258, "H", bits),
        (259, "H", [5]),
        (262, "H", [2]),
        (273, "I", [8]),
        (277, "H", [count]),
        (278, "I", [rows]),
        (279, "I", [len(data)]),
        *([(338, "H", [2])] if count == 4 else []),
    ]
    start = 8 + len(data) + len(data) % 2
    entries = b""
    for tag, kind, value in tags:
        number = {"H": 3, "I": 4}[kind]
        if isinstance(value, bytes):
            offset = start + 2 + 12 * len(tags) + 4
            entries += struct.pack(f"{byteorder}HHII", tag, number, len(value) // 2, offset)
        else:
            packed = struct.pack(f"{byteorder}{kind}", *value).ljust(4, b"\0")
            entries += struct.pack(f"{byteorder}HHI", tag, number, 1) + packed
    head = (b"II" if byteorder == "<" else b"MM") + struct.pack(f"{byteorder}HI", 42, start)
    directory = struct.pack(f"{byteorder}H", len(tags)) + entries + bytes(4) + bits
    return head + data + bytes(len(data) % 2) + directory


def noise(*shape, dtype=np.uint8, seed=0):
    """Random samples of all levels of an integer dtype."""
    limits = np.iinfo(dtype)
    rng = np.random.default_rng(seed)
    return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def planes(samples):
    """(H, W, C) as (C, H, W)."""
    return np.moveaxis(samples, -1, 0)
