"""Requests that nobody should send, whatever the model, and the statuses that fit."""
import binascii
import io
import os
import random
import struct
import zlib

from PIL import Image

from support import picture

SANITIZED = bool(os.environ.get("FOVEA_SANITIZED"))  # slower, and its memory is the sanitizer's as much as ours
MIB = 1 << 20


def png_header(width, height, rows=b""):
    """A PNG whose header promises this size."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", binascii.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def webp():
    out = io.BytesIO()
    Image.new("RGB", (40, 30)).save(out, "WEBP")
    return out.getvalue()


def bad_pictures():
    jpeg, png = picture(1), picture(1, form="PNG")
    noise = random.Random(4)
    yield b"", {400}
    yield b"GIF89a" + bytes(100), {415}
    yield b"<svg xmlns='http://www.w3.org/2000/svg'/>", {415}
    yield b"II*\0" + bytes(200), {415}
    yield b"BM" + bytes(200), {415}
    yield b"P6 99999 99999 255\n", {415}
    yield b"#!/bin/sh\nreboot\n", {415}
    yield png_header(30000, 30000), {413}
    yield png_header(0x7fffffff, 0x7fffffff), {413, 422}
    yield png_header(0, 0), {422}
    yield png_header(4000, 4000), {413, 422}  # no pixel in it
    for whole in (jpeg, png, webp()):
        for part in (3, 20, len(whole) // 2, len(whole) - 3):
            yield whole[:part], {415, 422}
        for _ in range(3):
            damaged = bytearray(whole)
            for _ in range(20):
                damaged[noise.randrange(12, len(damaged))] = noise.randrange(256)
            yield bytes(damaged), {200, 202, 413, 415, 422}


ESCAPES = ["/../../../../etc/passwd", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/etc/passwd",
           "/./main.js/../../x", "/main.js/", "/main.js%00.html", "/%00", "/page/main.js", "/..\\..\\windows", "/.git/config",
           "/api/../main.js", "/api/viewers/../../main.js", "/api/viewers/%2e%2e", "/api/viewers//picture", "/api//status",
           "/api/viewers/*/picture", "/api/viewers/" + "a" * 4000, "/~root", "/file:///etc/passwd", "/?file=/etc/passwd/../x%",
           "/api/camera/../../etc/passwd", "/proc/self/environ", "/index.html/..", "/;ls", "/$(id)", "/%c0%ae%c0%ae/"]


def request(method, path, body=b"", headers=""):
    return (f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def malformed():
    """Bytes that are not, or hardly, HTTP, and the statuses that fit; None is a closed connection."""
    head = b"GET /api/status HTTP/1.1\r\nHost: localhost\r\n"
    post = b"POST /api/classify HTTP/1.1\r\nHost: localhost\r\n"
    yield b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300), {400}
    yield random.Random(1).randbytes(5000), {400}
    yield b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}
    yield b"GET /\r\n\r\n", {400}
    yield b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", {400}
    yield b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n", {400}
    yield b"GET * HTTP/1.1\r\nHost: localhost\r\n\r\n", {400}
    yield b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n", {400}
    yield b"GET / HTTP/1.1\r\n\r\n", {400}
    yield b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", {400}
    yield b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", {403}
    yield b"GET / HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n", {403}
    yield b"GET / HTTP/1.1\r\nHost: 127.0.0.1.evil.example:80\r\n\r\n", {403}
    yield b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", {400, 403, 200}
    yield b"GET / HTTP/1.1\r\nHost:\r\n\r\n", {400}
    yield head + b"no colon here\r\n\r\n", {400}
    yield head + b"Bad\0Name: x\r\n\r\n", {400}
    yield head + b"X: a\0b\r\n\r\n", {400}
    yield head + b"X : y\r\n\r\n", {400, 200}
    yield head + b"X: " + b"a" * 20000 + b"\r\n\r\n", {431}
    yield head + b"".join(b"H%d: x\r\n" % i for i in range(10000)) + b"\r\n", {431}
    yield b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n", {431, 400}
    yield b"A" * MIB, {400, 431}
    yield post + b"Content-Length: 99999999999\r\n\r\n", {413}
    yield post + b"Content-Length: 18446744073709551615\r\n\r\n", {413, 400}
    yield post + b"Content-Length: 99999999999999999999999\r\n\r\n", {413, 400}
    yield post + b"Content-Length: -1\r\n\r\n", {400}
    yield post + b"Content-Length: ten\r\n\r\n", {400}
    yield post + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", {400}
    yield post + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}
    yield post + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n", {400}
    yield post + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", {400, 413}
    yield post + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n", {400}
    yield post + b"Transfer-Encoding: chunked\r\n\r\n7fffffff\r\n" + b"x" * 100, {413}
    yield post + b"Transfer-Encoding: chunked\r\n\r\n5;" + b"e" * 100000 + b"\r\nhello\r\n0\r\n\r\n", {400, 413, 415}
    yield b"GET /api/status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000, {413}
    yield b"PATCH /api/viewers/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70000, {413}
    chunks = (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 2
    yield b"POST /api/viewers HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, {413}
    # 40 MiB in chunks, told nowhere beforehand.
    yield post + b"Transfer-Encoding: chunked\r\n\r\n" + (b"100000\r\n" + b"x" * MIB + b"\r\n") * 40, {413, None}
    for length in (1, 10, 1000):
        yield post + b"Content-Length: %d\r\n\r\n" % (length + 5) + b"x" * length, {None}  # and then it ends


def multiparts():
    kind = "Content-Type: multipart/form-data; boundary={}\r\n"
    whole = b"--B\r\nContent-Disposition: form-data; name=\"i\"; filename=\"../../x\"\r\n\r\n" + picture(1) + b"\r\n--B--\r\n"
    for cut in (0, 1, 5, 40, 79, 200, len(whole) - 8):
        yield kind.format("B"), whole[:cut], {400}
    yield kind.format("B"), b"--B--\r\n", {400}
    yield kind.format("B"), b"--B\r\n\r\n" * 500, {400}
    yield kind.format("B"), b"--B\r\n" + b"H: x\r\n" * 5000, {400}
    yield kind.format("B"), b"--B\r\n\r\nx\r\n" * 40 + b"--B--", {400}
    yield kind.format("C"), whole, {400}
    yield kind.format(""), whole, {400}
    yield kind.format("B" * 100), whole, {400}
    yield kind.format('"B'), whole, {400}
    yield "Content-Type: multipart/form-data\r\n", whole, {400}
    yield kind.format("B"), whole, {200}  # a name that would be a path is of no consequence
