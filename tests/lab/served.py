"""A lab that really runs, in a process of its own, and plain requests to it."""

import http.client
import json
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit


class Served:
    def __init__(self):
        command = "from kernfit.cli import run; run()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", command, "lab", "--no-browser"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.address = self.process.stdout.readline().split()[-1]
        parts = urlsplit(self.address)
        self.host, self.port, self.path = parts.netloc, parts.port, parts.path

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        _, err = self.process.communicate(timeout=20)
        return self.process.returncode, err

    def ask(self, method, path, body=None, headers=None, *, token=True):
        """Return the status, the headers and the body of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        given = {} if headers is None else dict(headers)
        if isinstance(body, dict):
            body = json.dumps(body)
            given.setdefault("content-type", "application/json")
        try:
            connection.request(method, (self.path if token else "/") + path, body, given)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def learn(self, **asked):
        """Return the lines of an answer from the Learn bench."""
        status, _, body = self.ask("POST", "api/learn", asked)
        assert status == 200, body
        return [json.loads(line) for line in body.splitlines()]

    def upload(self, content, name="picture.png"):
        status, _, body = self.ask("POST", f"api/images?name={name}", content)
        return status, json.loads(body)

    def shelf(self):
        return json.loads(self.ask("GET", "api/images")[2])

    @property
    def memory(self):
        """Bytes that the server, not its workers, has had at most."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
