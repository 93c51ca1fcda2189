"""Starts the real program with --serve and talks to it, politely or not."""
import contextlib
import http.client
import io
import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from PIL import Image, ImageDraw

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
MODEL = GOLDEN / "vit_mini"


def picture(number, size=(320, 240), form="JPEG"):
    """A frame that differs from its neighbours; a disc walks through it."""
    image = Image.new("RGB", size, (40, 60, 90))
    x, y = number * 7 % size[0], size[1] // 2
    ImageDraw.Draw(image).ellipse((x - 40, y - 40, x + 40, y + 40), fill=(240, 160, 40))
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Program:
    """The program on a free port of this machine."""

    def __init__(self, *arguments, command="overlay", model=MODEL, address="127.0.0.1:0", environment=None):
        variables = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "FOVEA_TOKEN")}
        variables.update(FOVEA_MODEL=str(model), **(environment or {}))
        self.process = subprocess.Popen([os.environ["FOVEA_PROGRAM"], command, "--serve", address, *arguments],
                                        stdout=subprocess.PIPE, env=variables, text=True)
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            raise RuntimeError(f"the program ended with {self.process.wait()}")
        self.port = int(self.url.rstrip("/").rsplit(":", 1)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()

    def stop(self):
        """Ctrl-C; how long it took and the exit code."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.process.stdout.close()
        return time.monotonic() - began, code

    def resident_mib(self):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("no VmRSS")

    def ask(self, method, path, body=None, headers=None, timeout=30):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def join(self, **settings):
        answer = self.ask("POST", "/api/viewers", settings)
        assert answer.status == 201, answer.body
        return "/api/viewers/" + answer.json["viewer"]

    def connect(self, timeout=20):
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def raw(self, data, timeout=20, end=False):
        """Sends bytes as they are; all that comes back until the other side closes or falls silent."""
        with self.connect(timeout) as peer:
            with contextlib.suppress(OSError):  # a server that has heard enough closes early
                peer.sendall(data)
                if end:
                    peer.shutdown(socket.SHUT_WR)
            return read_all(peer)


def read_all(peer):
    got = b""
    with contextlib.suppress(ConnectionResetError, socket.timeout):
        while part := peer.recv(65536):
            got += part
            head, found, body = got.partition(b"\r\n\r\n")
            # A connection that is kept open: the answer is whole all the same.
            if found and b"Content-Length: " in head:
                length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
                if len(body) >= length and b"keep-alive" in head:
                    break
    return got


def status_of(raw):
    return int(raw.split(b" ", 2)[1]) if raw.startswith(b"HTTP/1.1 ") else None


class Camera:
    """Sends frames all the time, as a browser does."""

    def __init__(self, program, rate=25, headers=None):
        self.program, self.rate, self.headers = program, rate, headers or {}
        self.frames = [picture(i) for i in range(40)]
        self.sent = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        answer = self.program.ask("POST", "/api/camera", headers=self.headers)
        assert answer.status == 201, answer.body
        self.id = answer.json["camera"]
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.program.port, timeout=30)
        while not self.stopping.wait(1 / self.rate):
            try:
                connection.request("POST", f"/api/camera/{self.id}", self.frames[self.sent % len(self.frames)],
                                   self.headers)
                answer = connection.getresponse()
                answer.read()
                self.sent += answer.status == 202
            except (OSError, http.client.HTTPException):
                connection.close()


class Stream:
    """Reads a viewer's endless stream and notes when which frame came."""

    def __init__(self, program, path, pause=0):
        self.program, self.path, self.pause = program, path, pause
        self.frames, self.times, self.sizes = [], [], []
        self.ended = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def run(self):
        try:
            with self.program.connect() as peer:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
                peer.sendall(f"GET {self.path}/stream HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                lines = peer.makefile("rb")
                while not self.stopping.is_set():
                    head = {}
                    while (line := lines.readline()) not in (b"\r\n", b""):
                        name, _, value = line.decode().partition(":")
                        head[name] = value.strip()
                    if line == b"":
                        self.ended = "closed"
                        return
                    if "Content-Length" not in head:
                        continue  # the response's own head, or the end of a part
                    jpeg = lines.read(int(head["Content-Length"]))
                    if not (jpeg.startswith(b"\xff\xd8") and jpeg.endswith(b"\xff\xd9")):
                        self.ended = "not a JPEG"
                        return
                    self.frames.append(int(head["Fovea-Frame"]))
                    self.sizes.append(len(jpeg))
                    self.times.append(time.monotonic())
                    time.sleep(self.pause)
        except OSError as error:
            self.ended = str(error)

    def wait_for(self, count, seconds=30):
        deadline = time.monotonic() + seconds
        while len(self.frames) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return len(self.frames) >= count

    def longest_gap(self):
        return max((b - a for a, b in zip(self.times, self.times[1:])), default=float("inf"))
