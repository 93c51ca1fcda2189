#!/usr/bin/env python3
"""Watches `fovea overlay --serve` as three clients: one that keeps up, one that reads slowly, one that vanishes in the
midst of a frame, again and again. Prints a line of JSON a client and fails when a frame came out of order or twice,
the picture stood still for longer than allowed, or latency grew beyond the limit.

    tools/watch_streams.py http://127.0.0.1:8080/ --seconds 300 --stall 5 --latency 2000
"""
import argparse
import http.client
import json
import os
import socket
import struct
import sys
import threading
import time
import urllib.parse


def ask(where, method, path, body=None):
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
    token = os.environ.get("FOVEA_TOKEN")
    connection.request(method, path, body, {"Authorization": "Bearer " + token} if token else {})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status >= 400:
        raise RuntimeError(f"{method} {path}: {answer.status} {text.decode()}")
    return json.loads(text) if text else None


class Client(threading.Thread):
    def __init__(self, where, name, options):
        super().__init__(daemon=True)
        self.where, self.name, self.options = where, name, options
        self.viewer = ask(where, "POST", "/api/viewers", "{}")["viewer"]
        self.frames = self.repeated = self.backwards = self.visits = 0
        self.last = -1
        self.stall = 0.0
        self.trouble = None

    def connect(self):
        family = socket.getaddrinfo(self.where.hostname, self.where.port, type=socket.SOCK_STREAM)[0][0]
        peer = socket.socket(family, socket.SOCK_STREAM)
        peer.settimeout(60)
        if self.name == "slow":
            # As over a slow line. A large buffer takes half a minute of pictures at once, and then none for as long.
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        peer.connect((self.where.hostname, self.where.port))
        token = os.environ.get("FOVEA_TOKEN")
        permit = f"Authorization: Bearer {token}\r\n" if token else ""
        peer.sendall(f"GET /api/viewers/{self.viewer}/stream HTTP/1.1\r\nHost: localhost\r\n{permit}\r\n".encode())
        self.visits += 1
        return peer

    def run(self):
        end = time.monotonic() + self.options.seconds
        try:
            while time.monotonic() < end:
                with self.connect() as peer:
                    if self.name == "vanishing":
                        peer.recv(5000)
                        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        time.sleep(1)
                    else:
                        self.read(peer.makefile("rb"), end)
        except (OSError, RuntimeError, ValueError) as error:
            self.trouble = str(error)

    def read(self, lines, end):
        came = time.monotonic()
        length = frame = 0
        while time.monotonic() < end:
            line = lines.readline()
            if not line:
                raise RuntimeError("the stream ended")
            name, _, value = line.decode("ascii").partition(":")
            if name == "Content-Length":
                length = int(value)
            elif name == "Fovea-Frame":
                frame = int(value)
            elif line == b"\r\n" and length:
                if len(lines.read(length)) < length:
                    raise RuntimeError("the stream ended in a frame")
                length = 0
                self.frames += 1
                self.repeated += frame == self.last
                self.backwards += frame < self.last
                self.last = frame
                self.stall, came = max(self.stall, time.monotonic() - came), time.monotonic()
                if self.name == "slow":
                    time.sleep(1.5)
                    came = time.monotonic()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--stall", type=float, default=5, help="longest pause of the picture, seconds")
    parser.add_argument("--latency", type=float, default=2000, help="from capture to the picture, milliseconds")
    options = parser.parse_args()
    where = urllib.parse.urlsplit(options.url)
    clients = [Client(where, name, options) for name in ("quick", "slow", "vanishing")]
    for client in clients:
        client.start()
    latencies = []
    while any(client.is_alive() for client in clients):
        time.sleep(1)
        shown = ask(where, "GET", f"/api/viewers/{clients[0].viewer}")["shown"]
        latencies += [shown["latency_ms"]] if shown else []
    good = bool(latencies) and max(latencies) <= options.latency
    for client in clients:
        print(json.dumps({"client": client.name, "frames": client.frames, "backwards": client.backwards,
                          "repeated": client.repeated, "longest_stall_s": round(client.stall, 2),
                          "connections": client.visits, "trouble": client.trouble}))
        good = good and not (client.trouble or client.backwards or client.repeated or client.stall > options.stall)
        good = good and (client.name == "vanishing" or client.frames > 0)
    latencies.sort()
    print(json.dumps({"latency_ms": {"median": latencies[len(latencies) // 2], "highest": latencies[-1]}
                      if latencies else None, "good": good}))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
