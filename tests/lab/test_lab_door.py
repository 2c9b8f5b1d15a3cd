"""Hostile and clumsy requests are refused with a fitting status, and the next good one works."""

import io
import json
import re
import socket
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from served import Served

GIB = 2**30
NOTHING = {}


def png(rows=20, columns=30):
    file = io.BytesIO()
    Image.fromarray(np.arange(rows * columns, dtype=np.uint8).reshape(rows, columns)).save(
        file, "PNG"
    )
    return file.getvalue()


def chunk(kind, content):
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def image_bomb(side=100_000):
    """A small PNG that declares, and holds, 10 gigapixels of nothing."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def works(lab):
    status, item = lab.upload(png())
    return status == 201 and (item["rows"], item["columns"]) == (20, 30)


def raw(lab, head, body=b""):
    """Send bytes as they are, close our side, and return what comes back."""
    with socket.create_connection(("127.0.0.1", lab.port), timeout=20) as line:
        line.sendall(head.encode() + body)
        line.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := line.recv(65536):
            answer += piece
    return answer


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1"}, 421),
        ({"host": "evil.example:{port}"}, 421),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:{port}.evil.example"}, 403),
        ({"origin": "http://localhost:{port}"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "http://127.0.0.1:{port}", "sec-fetch-site": "same-origin"}, 200),
        ({"host": "localhost:{port}"}, 200),
    ],
)
def test_only_its_own_page_is_answered(lab, headers, status):
    filled = {name: value.format(port=lab.port) for name, value in headers.items()}
    assert lab.ask("GET", "api/images", headers=filled)[0] == status
    assert works(lab)


@pytest.mark.parametrize(
    "path", ["", "api/images", "static/main.js", "x" * 24 + "/", "%C3%A9/", "%ff/"]
)
def test_without_the_token_there_is_nothing(lab, path):
    status, _, body = lab.ask("GET", path, token=False)
    assert status == 403
    assert "holds a key" in json.loads(body)["error"]
    assert lab.path.strip("/").encode() not in body


@pytest.mark.parametrize(
    "path",
    [
        "static/../app.py",
        "static/%2e%2e/app.py",
        "static/..%2fapp.py",
        "static//etc/passwd",
        "static/%2fetc%2fpasswd",
        "api/images/..%2f..%2fetc%2fpasswd/grey",
        "api/nothing",
    ],
)
def test_no_path_leads_out_of_its_own_files(lab, path):
    status, _, body = lab.ask("GET", path)
    assert status in (404, 422)
    assert b"root:" not in body
    assert b"Starlette" not in body


def test_every_answer_forbids_the_page_to_reach_elsewhere(lab):
    for path in ("", "static/main.js", "api/images", "api/nothing"):
        headers = lab.ask("GET", path)[1]
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_ten_declared_gigabytes_are_refused_before_they_come(lab):
    head = f"POST {lab.path}api/images HTTP/1.1\r\nHost: {lab.host}\r\n"
    answer = raw(lab, head + f"Content-Length: {10 * GIB}\r\n\r\n")
    assert b" 413 " in answer.split(b"\r\n")[0]
    assert b"were declared" in answer
    assert works(lab)


def test_a_body_without_a_length_is_cut_off(lab):
    """2 MiB of JSON in pieces, where 1 MiB is allowed."""
    head = f"POST {lab.path}api/edges HTTP/1.1\r\nHost: {lab.host}\r\n"
    pieces = (b"100000\r\n" + bytes(1 << 20) + b"\r\n") * 2 + b"0\r\n\r\n"
    answer = raw(lab, head + "Transfer-Encoding: chunked\r\n\r\n", pieces)
    assert b" 413 " in answer.split(b"\r\n")[0]
    assert works(lab)


@pytest.mark.parametrize(
    "lines",
    [
        "Content-Length: -5\r\n",
        "Content-Length: many\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Host: evil.example\r\n",
    ],
)
def test_headers_that_contradict_themselves_are_refused(lab, lines):
    head = f"POST {lab.path}api/images HTTP/1.1\r\nHost: {lab.host}\r\n{lines}\r\n"
    assert b" 400 " in raw(lab, head).split(b"\r\n")[0]
    assert works(lab)


def test_a_body_that_breaks_off_leaves_nothing(lab):
    before = lab.shelf()
    head = f"POST {lab.path}api/images HTTP/1.1\r\nHost: {lab.host}\r\nContent-Length: 5000\r\n\r\n"
    answer = raw(lab, head, png()[:100])
    assert b" 201 " not in answer
    assert lab.shelf() == before
    assert works(lab)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (png()[:60], "cut short"),
        (b"", "empty"),
        (b"PK\x03\x04" + bytes(200), "its content is of another kind"),
        (b"\x93NUMPY\x01\x00" + bytes(100), "NPY|numpy|npy"),
        (image_bomb(), "bytes of memory for its pixels"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "of another kind"),
    ],
    ids=["truncated", "empty", "zip", "npy", "bomb", "svg"],
)
def test_files_that_are_no_honest_image_are_refused(lab, content, reason):
    status, answer = lab.upload(content, "holiday.png")
    assert status == 422
    assert re.search(reason, answer["error"])
    # What the user called it, and nothing of this disk.
    assert "holiday.png" in answer["error"]
    assert "/" not in answer["error"].replace("n/a", "")
    assert works(lab)


@pytest.mark.parametrize(
    ("path", "asked", "reason"),
    [
        ("edges", NOTHING, "one or two kernels"),
        ("edges", {"image": "../../etc/passwd", "detector": "sobel"}, "on the shelf"),
        ("edges", {"image": "scene", "detector": "none"}, "detector must be one of"),
        ("edges", {"image": "scene", "kernels": []}, "one or two kernels"),
        ("edges", {"image": "scene", "kernels": [{"taps": [[1] * 64]}]}, "at most 63 by 63"),
        ("edges", {"image": "scene", "kernels": [{"taps": [[1], [1, 2]]}]}, "taps|weight"),
        ("edges", {"image": "scene", "kernels": [{"taps": [["1"]]}]}, "rows of numbers"),
        ("edges", {"image": "scene", "detector": "sobel", "gain": 1e300}, "gain must be"),
        ("learn", {"before": "scene"}, "on the shelf"),
        ("learn", {"before": "scene", "after": "scene", "shape": [99, 99]}, "shape rows"),
        ("learn", {"before": "scene", "after": "scene", "share": 0}, "share must be"),
        ("see", {"shape": [8, 8], "layers": [{"size": 0}]}, "size must be"),
        ("see", {"shape": [8, 8], "layers": [{"size": 3}] * 41}, "at most 40"),
        ("see", {"shape": [8, 8], "model": "scene"}, "ONNX"),
        ("see", {"shape": [8, 8], "element": [9, 0]}, "element must lie"),
        ("see", {"shape": [0, 8]}, "shape rows must be"),
        ("see", {"shape": [8, 8], "layers": [{"size": 9}]}, "must"),
    ],
)
def test_what_is_asked_is_checked(lab, path, asked, reason):
    status, _, body = lab.ask("POST", f"api/{path}", asked)
    assert status == 422
    assert re.search(reason, json.loads(body)["error"])


@pytest.mark.parametrize("body", ["", "[]", "{", "[" * 100_000, '{"a": NaN}'])
def test_bodies_that_are_no_json_object_are_refused(lab, body):
    assert lab.ask("POST", "api/edges", body)[0] == 422


def test_a_thousand_uploads_at_a_time(lab):
    assert works(lab)
    before = lab.memory
    content = png(400, 500)

    def send(number):
        try:
            return lab.ask("POST", f"api/images?name={number}.png", content)[0]
        except OSError:
            return "closed"  # the door did not even open

    with ThreadPoolExecutor(1000) as crowd:
        answers = list(crowd.map(send, range(1000)))
    assert set(answers) <= {201, 503, "closed"}
    assert 201 in answers
    # Twice what may be under way at a time would be a fraction of this.
    assert lab.memory - before < 128 * 2**20
    assert works(lab)
    assert sum(item["columns"] == 500 for item in lab.shelf()) == 1


def test_an_image_can_be_taken_off_and_ours_stay(lab):
    status, item = lab.upload(png(7, 9))
    assert status == 201
    assert lab.ask("DELETE", f"api/images/{item['id']}")[0] == 200
    assert item["id"] not in [found["id"] for found in lab.shelf()]
    assert lab.ask("DELETE", "api/images/scene")[0] == 422


def test_a_taken_port_is_said_in_one_line(lab):
    command = [sys.executable, "-c", "from kernfit.cli import run; run()", "lab", "--no-browser"]
    done = subprocess.run(
        [*command, "--port", str(lab.port)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "--port must be one that is free" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_listens_on_this_machine_only(lab):
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    listening = [row.split()[1] for row in rows if row.split()[3] == "0A"]
    assert f"0100007F:{lab.port:04X}" in listening
    assert f"00000000:{lab.port:04X}" not in listening


def test_ctrl_c_ends_it_without_a_word(lab):
    other = Served()
    status, said = other.stop()
    assert said == ""
    assert status in (0, 130)
