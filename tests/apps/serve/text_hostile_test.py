"""A server whose model writes text under requests that nobody should send: nothing breaks, nothing leaks, and an honest
peer's text stays what it was."""
import socket
import struct
import sys
import threading
import time
import unittest

from hostile_requests import ESCAPES, SANITIZED, bad_pictures, malformed, multiparts, request
from support import GOLDEN, Program, picture, status_of

BAD_TEXTS = ["max_tokens=", "max_tokens=0", "max_tokens=-1", "max_tokens=1e9", "max_tokens=" + "9" * 400, "max_tokens=65", "region=",
             "region=1,2,3", "region=1,2,3,4,5", "region=nan,nan,nan,nan", "region=inf,0,1,1", "region=0,0,inf,inf",
             "region=-1,0,10,10", "region=0,0,0,0", "region=0,0,1e308,1e308", "region=1e308,1e308,1e308,1e308",
             "region=319.5,0,1,1", "region=0,0,-5,-5", "region=a,b,c,d", "region=" + "1," * 3000, "layer=", "layer=2",
             "layer=-3", "layer=x", "layer=99999999999", "head=", "head=4", "head=-1", "head=4294967296", "head=single",
             "prompt=x", "words=x", "unknown=1", "=1", "QUESTION=x"]

# Questions that are none or too long; anything else is answered, whatever it says.
BAD_QUESTIONS = ["", "+", "%20%09%0a", "%e3%80%80", "cat+" * 400]
ODD_QUESTIONS = ["%00", "%ff%fe", "%f0%9f", "cat%00dog", "%ed%a0%80", "<script>alert(1)</script>".replace(" ", "+"), "%e2%80%ae" * 20,
                 "[SEP][SEP][PAD]", "%22%7d%0a%7b%22error%22:1", "..%2f..%2fetc%2fpasswd", "%25s%25n", "x" * 9000]


class HostileToText(unittest.TestCase):
    IMAGE = picture(3, form="PNG")

    def expect(self, program, data, statuses, what, end=False):
        got = program.raw(data, timeout=60, end=end)
        with self.subTest(what):
            self.assertIn(status_of(got), statuses, got[-300:])
            self.assertNotIn(b"root:", got)
            if (status_of(got) or 0) >= 400:
                self.assertIn(b'{"error":', got)

    def round(self, reader, asker):
        for data, statuses in malformed():
            missing = {404} if b" /api/viewers" in data[:30] else set()  # nothing to look at here
            self.expect(reader, data.replace(b"/api/classify", b"/api/text"), statuses | missing, data[:80], end=None in statuses)
        for path in ESCAPES:
            self.expect(reader, request("GET", path), {400, 404}, path)
        for address in ("/api/text", "/api/text/stream"):
            for query in BAD_TEXTS:
                self.expect(reader, request("POST", f"{address}?{query}", self.IMAGE), {422}, query)
            for question in BAD_QUESTIONS:
                self.expect(asker, request("POST", f"{address}?question={question}", self.IMAGE), {422, 431}, question)
            for question in ODD_QUESTIONS:
                self.expect(asker, request("POST", f"{address}?question={question}&max_tokens=2", self.IMAGE), {200, 422}, question)
            for body, statuses in bad_pictures():
                self.expect(reader, request("POST", address + "?max_tokens=1", body), statuses, (address, len(body), body[:20]))
            for headers, body, statuses in multiparts():
                self.expect(reader, request("POST", address + "?max_tokens=1", body, headers), statuses, (headers, body[:60]))
            for method in ("PUT", "OPTIONS", "DELETE", "GET", "BREW"):
                self.expect(reader, request(method, address), {405}, method)
            for headers in ("Origin: http://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n"):
                self.expect(reader, request("POST", address, self.IMAGE, headers), {403}, headers)

    def vanish(self, program):
        """Peers that reset the connection before, in and after the first token."""
        for pause in (0, 0.02, 0.1, 0.3):
            for _ in range(3):
                peer = program.connect()
                peer.sendall(request("POST", "/api/text/stream", self.IMAGE))
                time.sleep(pause)
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.close()

    def crowd(self, program):
        """30 at once: each is answered or told that too many wait."""
        statuses = []
        threads = [threading.Thread(target=lambda: statuses.append(
            program.ask("POST", "/api/text?max_tokens=2", self.IMAGE, timeout=60).status)) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(statuses), 30)
        self.assertTrue(set(statuses) <= {200, 503}, statuses)
        self.assertGreater(statuses.count(200), 0)

    def settled(self, program):
        """Its text of the picture, when nobody waits any more."""
        deadline = time.monotonic() + 60
        while program.ask("GET", "/api/status").json["pictures"] and time.monotonic() < deadline:
            time.sleep(0.1)
        answer = program.ask("POST", "/api/text?max_tokens=5", self.IMAGE, timeout=60)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json["tokens"]

    def test_nothing_breaks(self):
        with Program(command="read", model=GOLDEN / "trocr_small") as reader, \
                Program(command="ask", model=GOLDEN / "blip_vqa") as asker:
            before = self.settled(reader)
            self.round(reader, asker)
            self.vanish(reader)
            self.crowd(reader)
            resident = reader.resident_mib()
            self.round(reader, asker)
            self.vanish(reader)
            self.assertEqual(self.settled(reader), before)
            if not SANITIZED:
                self.assertLess(reader.resident_mib() - resident, 25, "MiB more after a second round")
            for program in (reader, asker):
                self.assertEqual(program.stop()[1], 0)

    def test_nothing_without_the_token(self):
        with Program("--token", "word", command="read", model=GOLDEN / "trocr_small") as program:
            for path in ("/api/text", "/api/text/stream"):
                self.assertEqual(program.ask("POST", path, self.IMAGE).status, 401)
                answer = program.ask("POST", path + "?max_tokens=1&token=word", self.IMAGE)
                self.assertEqual(answer.status, 200, answer.body)


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)
