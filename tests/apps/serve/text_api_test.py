"""What docs/api.md promises of models that write: the command line's object, and its tokens while they are decoded."""
import contextlib
import http.client
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse
from pathlib import Path

from support import GOLDEN, Program, picture

READER, CAPTIONER, ANSWERER = GOLDEN / "trocr_small", GOLDEN / "vit_gpt2", GOLDEN / "blip_vqa"
QUESTION = "is there a cat?"
SIZE = (200, 150)


def start(test, command, model, *arguments, **more):
    """Its end is the test's."""
    program = Program(*arguments, command=command, model=model, **more)
    test.addClassCleanup(program.__exit__)
    return program


def by_command_line(command, model, image, *arguments, words=()):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.png"
        path.write_bytes(image)
        out = subprocess.run([os.environ["FOVEA_PROGRAM"], command, "--model", model, "--json", *arguments, *words, path],
                             check=True, capture_output=True, text=True).stdout
    line = json.loads(out)
    del line["path"]
    return line


def without_times(line):
    return {k: v for k, v in line.items() if k not in ("ms", "api", "picture")}


def lines_of(answer):
    return [json.loads(line) for line in answer.body.splitlines()]


class Texts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.reader = start(cls, "read", READER)
        cls.answerer = start(cls, "ask", ANSWERER)
        cls.image = picture(3, SIZE, "PNG")

    def test_the_object_is_the_command_lines(self):
        answer = self.reader.ask("POST", "/api/text?max_tokens=9&region=40,30,96,50", self.image)
        self.assertEqual(answer.status, 200, answer.body)
        expected = by_command_line("read", READER, self.image, "--max-tokens", "9", "--region", "40,30,96,50")
        self.assertEqual(len(expected["tokens"]), 9)
        self.assertEqual(list(answer.json)[:2], ["api", "picture"])
        self.assertEqual((answer.json["api"], answer.json["picture"]), (1, list(SIZE)))
        self.assertEqual(without_times(answer.json), without_times(expected))
        self.assertEqual(list(answer.json["ms"]), ["decode", "text"])

    def test_a_question_is_answered_as_on_the_command_line(self):
        for map in ({"layer": "0", "head": "1"}, {"method": "rollout"}, {"method": "gae"}):
            with self.subTest(map=map):
                query = urllib.parse.urlencode({"question": QUESTION, **map})
                answer = self.answerer.ask("POST", f"/api/text?{query}", self.image)
                self.assertEqual(answer.status, 200, answer.body)
                options = [word for name, value in map.items() for word in ("--" + name, value)]
                expected = by_command_line("ask", ANSWERER, self.image, *options, words=[QUESTION])
                self.assertEqual(without_times(answer.json), without_times(expected))
                self.assertEqual(answer.json["question"], QUESTION)

    def test_a_caption_from_a_form(self):
        program = start(type(self), "caption", CAPTIONER, "--max-tokens", "7")
        form = (b"--XX\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\n\r\n" + self.image +
                b"\r\n--XX--\r\n")
        answer = program.ask("POST", "/api/text", form, {"Content-Type": "multipart/form-data; boundary=XX"})
        self.assertEqual(without_times(answer.json),
                         without_times(by_command_line("caption", CAPTIONER, self.image, "--max-tokens", "7")))
        model = program.ask("GET", "/api/model").json
        self.assertEqual((model["task"], model["words"], model["max_tokens"]), ("caption", None, 7))
        self.assertEqual(program.ask("POST", "/api/text?max_tokens=8", self.image).status, 422)

    def test_the_stream_is_the_object_in_pieces(self):
        region = [40, 30, 96, 50]
        query = "max_tokens=9&region=" + ",".join(map(str, region))
        answer = self.reader.ask("POST", f"/api/text/stream?{query}", self.image)
        self.assertEqual(answer.headers["Content-Type"], "application/x-ndjson")
        first, *tokens, last = lines_of(answer)
        self.assertEqual(first, {"api": 1, "picture": list(SIZE), "seen": region, "grid": [4, 4]})
        whole = self.reader.ask("POST", f"/api/text?{query}", self.image).json
        self.assertEqual(without_times(last), without_times(whole))
        self.assertEqual(len(tokens), 9)
        so_far = ""
        for token, expected in zip(tokens, whole["tokens"]):
            values = token["attention"].pop("values")
            self.assertEqual(len(values), 16)
            self.assertAlmostEqual(sum(values) + token["attention"]["elsewhere"], 1, delta=1e-4)
            centre = [sum(v * (i % 4 + 0.5) for i, v in enumerate(values)) / sum(values) * region[2] / 4 + region[0],
                      sum(v * (i // 4 + 0.5) for i, v in enumerate(values)) / sum(values) * region[3] / 4 + region[1]]
            for mine, theirs in zip(centre, token["attention"]["centre"]):
                self.assertAlmostEqual(mine, theirs, delta=0.02)
            before, so_far = so_far, token.pop("so_far")
            self.assertEqual(token, expected)
            self.assertTrue(so_far.endswith(token["text"]))
            self.assertTrue(before.startswith(so_far[:len(so_far) - len(token["text"])]))
        self.assertEqual(so_far, whole["text"])

    def test_tokens_leave_while_the_next_are_decoded(self):
        with self.reader.connect() as peer:
            peer.sendall(b"POST /api/text/stream?max_tokens=64 HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" %
                         len(self.image) + self.image)
            arrivals = []
            while part := peer.recv(65536):
                arrivals.append(part)
        tokens = b"".join(arrivals).count(b'{"id"') - b"".join(arrivals).splitlines()[-1].count(b'{"id"')
        self.assertGreater(tokens, 30)
        self.assertGreater(len(arrivals), 8, "they come one after another, and all would fit into one packet or two")

    def test_who_hangs_up_or_does_not_read_keeps_nobody_waiting(self):
        post = (b"POST /api/text/stream HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(self.image) +
                self.image)
        idle = []
        for _ in range(3):
            peer = socket.socket()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.connect(("127.0.0.1", self.reader.port))
            peer.sendall(post)
            idle.append(peer)
            gone = self.reader.connect()
            gone.sendall(post)
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            gone.close()
        answer = self.reader.ask("POST", "/api/text?max_tokens=2", self.image, timeout=60)
        self.assertEqual(answer.status, 200, answer.body)
        for peer in idle:
            peer.close()

    def test_many_at_once_each_get_their_own(self):
        images = [picture(30 * i, SIZE, "PNG") for i in range(5)]
        alone = [self.reader.ask("POST", "/api/text?max_tokens=6", image).json for image in images]
        self.assertNotEqual(alone[0]["tokens"], alone[1]["tokens"])
        got = {}

        def one(number):
            got[number] = lines_of(self.reader.ask("POST", "/api/text/stream?max_tokens=6", images[number], timeout=60))[-1]

        threads = [threading.Thread(target=one, args=(i,)) for i in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for number, line in enumerate(alone):
            self.assertEqual(without_times(got[number]), without_times(line))

    def test_errors_are_json_with_their_status(self):
        for program, status, method, path, body in (
                (self.reader, 404, "GET", "/api/nothing", None), (self.reader, 404, "POST", "/api/classify", self.image),
                (self.reader, 405, "GET", "/api/text", None), (self.reader, 405, "GET", "/api/text/stream", None),
                (self.reader, 400, "POST", "/api/text", b""), (self.reader, 415, "POST", "/api/text/stream", b"hello"),
                (self.reader, 422, "POST", "/api/text?max_tokens=0", self.image),
                (self.reader, 422, "POST", "/api/text?max_tokens=65", self.image),
                (self.reader, 422, "POST", "/api/text?question=why", self.image),
                (self.reader, 422, "POST", "/api/text?region=1,2,3", self.image),
                (self.reader, 422, "POST", "/api/text/stream?region=150,0,100,50", self.image),
                (self.reader, 422, "POST", "/api/text/stream?layer=7", self.image),
                (self.reader, 422, "POST", "/api/text/stream?head=most", self.image),
                (self.reader, 422, "POST", "/api/text?method=cam", self.image),
                (self.reader, 422, "POST", "/api/text?method=rollout&layer=0", self.image),
                (self.answerer, 422, "POST", "/api/text", self.image),
                (self.answerer, 422, "POST", "/api/text?question=+", self.image)):
            answer = program.ask(method, path, body)
            self.assertEqual(answer.status, status, (path, answer.body))
            self.assertEqual(len(answer.body.splitlines()), 1)
            self.assertTrue(answer.json["error"])

    def test_the_page_and_what_it_asks_first(self):
        page = self.reader.ask("GET", "/")
        self.assertEqual(page.status, 200)
        self.assertIn(b"text.js", page.body)
        for name in ("text.js", "text.css", "text_tokens.js", "text_picture.js", "text_camera.js", "style.css"):
            self.assertEqual(self.reader.ask("GET", "/" + name).status, 200, name)
        self.assertEqual(self.reader.ask("GET", "/api/status").json["pictures"], 0)
        asker = start(type(self), "ask", ANSWERER, QUESTION)
        model = asker.ask("GET", "/api/model").json
        self.assertEqual((model["task"], model["words"], model["first_words"]), ("ask", "question", QUESTION))

    def test_what_does_not_go_together_is_refused(self):
        for arguments in (["--serve", "0", "a.png"], ["--serve", "0", "--json"], ["--serve", "0.0.0.0:0"], ["--token", "x", "a.png"],
                          []):
            done = subprocess.run([os.environ["FOVEA_PROGRAM"], "read", "--model", READER, *arguments], capture_output=True,
                                  text=True)
            self.assertEqual((done.returncode, len(done.stderr.splitlines())), (2, 1), done.stderr)

    def test_overlay_names_the_command_for_it(self):
        done = subprocess.run([os.environ["FOVEA_PROGRAM"], "overlay", "--model", READER, "--serve", "0"], capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("use `fovea read`", done.stderr)

    def test_ctrl_c_ends_it_in_the_midst_of_a_text(self):
        with Program(command="read", model=READER) as program:
            threads = [threading.Thread(target=self.ask_until_the_end, args=(program,)) for _ in range(3)]
            for thread in threads:
                thread.start()
            time.sleep(0.5)
            seconds, code = program.stop()
            self.assertEqual(code, 0)
            self.assertLess(seconds, 5)
            for thread in threads:
                thread.join()

    def ask_until_the_end(self, program):
        with contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                program.ask("POST", "/api/text/stream", self.image)


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)
