"""Hundreds of requests that nobody should send, while one honest viewer looks on: nothing breaks, nothing leaks,
its picture does not stall, and each gets an answer that fits or none."""
import json
import socket
import struct
import sys
import threading
import time
import unittest

from hostile_requests import ESCAPES, SANITIZED, bad_pictures, malformed, multiparts, request
from support import Camera, Program, Stream, picture, read_all, status_of

LONGEST_GAP = 10 if SANITIZED else 4

BAD_JSON = [b"{", b"}", b"[", b"]", b"nul", b"{\"alpha\":}", b"{\"alpha\":1", b"{alpha:1}", b"{'alpha':1}", b"\xff\xfe",
            b"{\"alpha\":NaN}", b"{\"alpha\":Infinity}", b"{\"a\":\"\xc3\x28\"}", b"[" * 60000, b"{\"a\":" * 9000, b"\0",
            b"{\"alpha\":0x10}", b"{\"alpha\":1}}", b"{\"alpha\":1e99999}", b"{\"alpha\":01}", b"\"", b"-", b"{,}"]

WRONG_SETTINGS = [[], 1, "x", None, True, {"alpha": "1"}, {"alpha": -1}, {"alpha": 2}, {"alpha": None}, {"alpha": [1]},
                  {"alpha": 1e308}, {"layer": 1.5}, {"layer": 1e18}, {"layer": -4}, {"layer": 3}, {"layer": "2"},
                  {"layer": 2 ** 63}, {"layer": -2 ** 63}, {"layer": 10 ** 30}, {"head": 3}, {"head": -1},
                  {"head": 2 ** 32}, {"head": "mean"}, {"fusion": "single"}, {"fusion": 1}, {"method": "cam"},
                  {"method": "nothing"}, {"method": 1}, {"method": "raw\0"}, {"class": 10}, {"class": -1}, {"class": "top0"},
                  {"class": "top6"}, {"class": "x" * 5000}, {"class": {}}, {"hover": [1]}, {"hover": [1, 2, 3]},
                  {"hover": ["a", "b"]}, {"hover": [-1, 5]}, {"hover": [1e300, 1]}, {"hover": 5}, {"pins": 5},
                  {"pins": [1, 2]}, {"pins": [[1, 2]] * 7}, {"pins": [[1, 2]] * 5000}, {"pins": {"0": [1, 2]}},
                  {"colormap": "plaid"}, {"scale": "huge"}, {"scale": "fixed", "range": [1, 0]}, {"range": [0]},
                  {"range": "0,1"}, {"smoothing": 1}, {"smoothing": -0.1}, {"side_by_side": 1}, {"spread": "all"},
                  {"frozen": "yes"},
                  {"mass": 0}, {"mass": 1.01}, {"discard": 1}, {"sigma": -1}, {"sigma": "2"}, {"start_layer": -1},
                  {"method": "rollout", "layer": 0, "start_layer": 1}, {"unknown": 1}, {"": 1}, {"\ud83d\ude00" * 100: 1}, {"__proto__": {"alpha": 1}}]

BAD_QUERIES = ["/picture?after=-1", "/picture?after=x", "/picture?after=1e3", "/picture?after=" + "9" * 40, "/picture?wait=-5",
               "/picture?wait=nan", "?after=%zz", "?wait=%", "/snapshot.npy?sequence=-1", "/snapshot.png?sequence=",
               "/snapshot.json?sequence=99999999999999999999", "/snapshot.exe", "/snapshot.", "/picture/x"]

BAD_MAPS = ["method=", "method=raw&layer=x", "layer=nan", "layer=1e30", "layer=-9", "head=99", "head=-1", "head=1.5", "class=x",
            "x=1", "y=1", "x=nan&y=nan", "x=1e300&y=1", "x=-1&y=-1", "x=0&y=0", "mass=2", "discard=nan", "sigma=-1", "alpha=7", "colormap=no", "format=exe",
            "pins=1", "unknown=1", "fusion=sum", "layer=" + "9" * 400]


class Hostile(unittest.TestCase):
    def setUp(self):
        self.sent = 0
        self.program = Program()
        self.addCleanup(self.program.__exit__)

    def expect(self, data, statuses, what, end=False):
        self.sent += 1
        got = self.program.raw(data, end=end)
        with self.subTest(what):
            self.assertIn(status_of(got), statuses, got[-300:])
            self.assertNotIn(b"root:", got)
            if (status_of(got) or 0) >= 400:
                self.assertIn(b'{"error":', got)

    def round(self, viewer, camera):
        for data, statuses in malformed():
            self.expect(data, statuses, data[:80], end=None in statuses)
        for path in ESCAPES:
            self.expect(request("GET", path), {400, 404}, path)
        for path in BAD_QUERIES:
            self.expect(request("GET", viewer + path), {400, 404, 422}, path)
        for body in BAD_JSON:
            self.expect(request("PATCH", viewer, body), {400, 422}, body[:40])
        for settings in WRONG_SETTINGS:
            body = json.dumps(settings).encode()
            self.expect(request("PATCH", viewer, body), {400, 422}, body[:80])
        for query in BAD_MAPS:
            self.expect(request("POST", "/api/map?" + query, picture(1)), {422}, query)
        for method in ("PUT", "OPTIONS", "TRACE", "DELETE", "BREW", "get", "POST"):
            self.expect(request(method, "/api/status"), {405}, method)
        for body, statuses in bad_pictures():
            for path in ("/api/classify", "/api/map", f"/api/camera/{camera.id}"):
                # Two at once are one too many for the camera.
                self.expect(request("POST", path, body), statuses | {503}, (path, len(body), body[:20]))
        for headers, body, statuses in multiparts():
            self.expect(request("POST", "/api/classify", body, headers), statuses, (headers, body[:60]))
        for headers in ("Origin: http://evil.example\r\n", "Origin: null\r\n", "Origin: http://localhost.evil.example\r\n",
                        "Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n"):
            self.expect(request("POST", "/api/viewers", b"{}", headers), {403}, headers)
            self.expect(request("DELETE", viewer, b"", headers), {403}, headers)

    def vanish(self, viewer):
        """Peers that reset the connection in the midst of a frame, of a request, of an answer."""
        for data in (f"GET {viewer}/stream HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), b"GET /api/st",
                     b"POST /api/classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n\r\nabc",
                     request("GET", "/api/model")):
            for _ in range(5):
                self.sent += 1
                peer = self.program.connect()
                peer.sendall(data)
                time.sleep(0.02)
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.close()

    def crowd(self, viewer):
        """100 at once, each with a few requests; those that find no place are told so."""
        statuses, failures = [], []

        def one(number):
            try:
                for path in ("/api/status", viewer + "/picture", "/main.js"):
                    statuses.append(self.program.ask("GET", path).status)
                if number % 10 == 0:
                    statuses.append(self.program.ask("POST", "/api/classify", picture(number), timeout=60).status)
            except OSError as error:
                failures.append(error)

        threads = [threading.Thread(target=one, args=(i,)) for i in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.sent += len(statuses)
        self.assertEqual(failures, [])
        self.assertTrue(set(statuses) <= {200, 204, 503}, set(statuses))
        self.assertGreater(statuses.count(200), 250)

    def test_nothing_breaks(self):
        with Camera(self.program) as camera:
            viewer, victim = self.program.join(), self.program.join(layer=0)
            with Stream(self.program, viewer) as stream:
                self.assertTrue(stream.wait_for(3))
                loris = [self.program.connect(40) for _ in range(140)]
                began = time.monotonic()
                slow = threading.Thread(target=self.drip, args=(loris,))
                slow.start()
                self.round(victim, camera)
                self.vanish(victim)
                self.crowd(victim)
                settled = self.program.resident_mib()
                self.round(victim, camera)
                self.crowd(victim)
                slow.join()
                self.assertLess(time.monotonic() - began, 150)
                # None of those that dripped is still connected.
                for peer in loris:
                    peer.settimeout(5)
                    read_all(peer)
                    peer.close()
                frames = len(stream.frames)
                self.assertTrue(stream.wait_for(frames + 5), "the picture still comes")
            self.assertIsNone(stream.ended)
            self.assertEqual(stream.frames, sorted(set(stream.frames)))
            self.assertLess(stream.longest_gap(), LONGEST_GAP)
            self.assertEqual(self.program.ask("GET", "/api/status").status, 200)
            grown = self.program.resident_mib() - settled
            if not SANITIZED:
                self.assertLess(grown, 25, "MiB more after a second round")
        self.assertGreater(self.sent, 400)
        seconds, code = self.program.stop()
        self.assertEqual(code, 0)
        print(f"{self.sent} hostile requests; longest pause of the picture {stream.longest_gap():.2f} s over "
              f"{len(stream.frames)} frames; {grown:+.1f} MiB in the second round; ended in {seconds:.1f} s", file=sys.stderr)

    def drip(self, peers):
        """Slow loris: a byte now and then, headers that never end. Each is cut off after 10 s, or gives way."""
        text = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"a" * 60
        for byte in text[:45]:
            for peer in peers:
                try:
                    peer.send(bytes([byte]))
                except OSError:
                    pass  # cut off, as it should be
            time.sleep(0.4)


class Token(unittest.TestCase):
    TOKEN = "correct-horse_battery.42"

    def test_nothing_without_the_token(self):
        with Program("--token", self.TOKEN) as program:
            wrong = [{}, {"Authorization": "Bearer x"}, {"Authorization": "Bearer " + self.TOKEN[:-1]},
                     {"Authorization": "Bearer " + self.TOKEN + "x"}, {"Authorization": self.TOKEN},
                     {"Authorization": "Bearer "}, {"Authorization": "Basic " + self.TOKEN}, {"Cookie": "fovea_token="},
                     {"Cookie": "fovea_token=" + self.TOKEN.upper()}, {"Cookie": "x=" + self.TOKEN},
                     {"Cookie": ";" * 1000 + "fovea_token"}]
            for headers in wrong:
                for method, path in (("GET", "/"), ("GET", "/main.js"), ("GET", "/api/status"), ("POST", "/api/viewers"),
                                     ("POST", "/api/classify"), ("GET", "/nothing")):
                    answer = program.ask(method, path, headers=headers)
                    self.assertEqual(answer.status, 401, (headers, path))
                    self.assertIn("error", answer.json)
            self.assertEqual(program.ask("GET", "/?token=wrong").status, 401)
            self.assertEqual(program.ask("GET", "/?token=").status, 401)
            opened = program.ask("GET", f"/?token={self.TOKEN}")
            self.assertEqual((opened.status, opened.headers["Location"]), (303, "/"))
            cookie = opened.headers["Set-Cookie"]
            self.assertIn("HttpOnly", cookie)
            self.assertIn("SameSite=Strict", cookie)
            good = [{"Cookie": cookie.split(";")[0]}, {"Cookie": "a=b; " + cookie.split(";")[0] + "; c=d"},
                    {"Authorization": "Bearer " + self.TOKEN}, {"Authorization": "Bearer " + self.TOKEN, "Host": "my.example"}]
            for headers in good:
                self.assertEqual(program.ask("GET", "/", headers=headers).status, 200, headers)
            self.assertEqual(program.ask("GET", f"/api/status?token={self.TOKEN}").status, 200)
            evil = {"Authorization": "Bearer " + self.TOKEN, "Origin": "http://evil.example"}
            self.assertEqual(program.ask("POST", "/api/viewers", b"{}", evil).status, 403)

    def test_beyond_this_machine_with_a_token(self):
        with Program(address="0.0.0.0:0", environment={"FOVEA_TOKEN": self.TOKEN}) as program:
            self.assertEqual(program.ask("GET", "/").status, 401)
            self.assertEqual(program.ask("GET", "/", headers={"Authorization": "Bearer " + self.TOKEN}).status, 200)


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)
