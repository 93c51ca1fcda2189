"""What docs/api.md promises, and several viewers at once."""
import contextlib
import hashlib
import http.client
import io
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

from PIL import Image

from support import MODEL, Camera, Program, Stream, picture


def npy(data):
    """Shape and values of a NumPy file, version 1.0."""
    assert data[:8] == b"\x93NUMPY\x01\x00", data[:8]
    length = struct.unpack("<H", data[8:10])[0]
    header = data[10:10 + length].decode()
    assert "'<f4'" in header and "'fortran_order': False" in header, header
    shape = tuple(int(n) for n in re.findall(r"\d+", header.split("shape")[1]))
    values = data[10 + length:]
    return shape, struct.unpack(f"<{len(values) // 4}f", values)


class Stills(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.program = Program()
        cls.addClassCleanup(cls.program.__exit__)

    def program_classes(self, image, *arguments):
        """What `fovea classify` says of the same picture."""
        path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"fovea-serve-{os.getpid()}.png")
        with open(path, "wb") as file:
            file.write(image)
        try:
            out = subprocess.run([os.environ["FOVEA_PROGRAM"], "classify", "--model", MODEL, "--json", *arguments, path],
                                 check=True, capture_output=True, text=True).stdout
        finally:
            os.remove(path)
        return json.loads(out)["topk"]

    def test_the_page_and_its_parts(self):
        page = self.program.ask("GET", "/")
        self.assertEqual(page.status, 200)
        self.assertIn("text/html", page.headers["Content-Type"])
        policy = page.headers["Content-Security-Policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertNotIn("unsafe", policy)
        parts = re.findall(r'(?:src|href)="([^"]+)"', page.body.decode())
        self.assertGreaterEqual(len(parts), 3)
        for part in parts:
            self.assertNotIn("//", part, "the page asks for nothing from elsewhere")
            self.assertEqual(self.program.ask("GET", "/" + part).status, 200, part)
        head = self.program.ask("HEAD", "/")
        self.assertEqual((head.status, head.body), (200, b""))

    def test_model_lists_methods_and_layers(self):
        model = self.program.ask("GET", "/api/model").json
        self.assertEqual(model["api"], 1)
        self.assertEqual(len(model["layers"]), 3)
        raw = next(m for m in model["methods"] if m["name"] == "raw")
        self.assertEqual(raw["layers"], [0, 1, 2])
        self.assertFalse(raw["class_specific"])
        self.assertTrue(raw["meaning"])

    def test_classify_equals_the_command_line(self):
        image = picture(3, form="PNG")
        expected = self.program_classes(image, "--top-k", "3")
        boundary = b"XX"
        form = (b"--XX\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n--XX\r\nContent-Disposition: "
                b"form-data; name=\"image\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n" + image +
                b"\r\n--XX--\r\n")
        for body, headers in ((image, {}), (form, {"Content-Type": b"multipart/form-data; boundary=" + boundary})):
            answer = self.program.ask("POST", "/api/classify?top=3", body, headers)
            self.assertEqual(answer.status, 200, answer.body)
            self.assertEqual([(t["index"], t["probability"]) for t in answer.json["top"]],
                             [(t["index"], t["probability"]) for t in expected])

    def test_map_as_json_npy_and_png(self):
        image = picture(5, form="PNG")
        query = "/api/map?method=raw&layer=1&head=2&x=160&y=120"
        as_json = self.program.ask("POST", query, image).json
        self.assertEqual((as_json["rows"], as_json["cols"], len(as_json["values"])), (4, 4, 16))
        self.assertEqual(as_json["title"], "raw, layer 1, head 2")
        self.assertEqual(as_json["about"], "class-agnostic")
        shape, values = npy(self.program.ask("POST", query + "&format=npy", image).body)
        self.assertEqual(shape, (4, 4))
        for one, other in zip(values, as_json["values"]):
            self.assertAlmostEqual(one, other, delta=1e-6)
        drawn = Image.open(io.BytesIO(self.program.ask("POST", query + "&format=png", image).body))
        self.assertEqual(drawn.size, (320, 240))
        elsewhere = self.program.ask("POST", query.replace("x=160", "x=250"), image).json
        self.assertNotEqual(as_json["values"], elsewhere["values"])

    def test_errors_are_json_with_their_status(self):
        image = picture(1)
        for status, method, path, body in (
                (404, "GET", "/api/nothing", None), (405, "GET", "/api/classify", None), (400, "POST", "/api/classify", b""),
                (415, "POST", "/api/classify", b"hello"), (422, "POST", "/api/classify?top=0", image),
                (422, "POST", "/api/map?method=nothing", image), (422, "POST", "/api/map?layer=3", image),
                (422, "POST", "/api/map?x=1&y=1", image), (404, "GET", "/api/viewers/none", None)):
            answer = self.program.ask(method, path, body)
            self.assertEqual(answer.status, status, (path, answer.body))
            self.assertTrue(answer.json["error"])

    def test_it_refuses_the_world_without_a_token(self):
        for address, variables in (("0.0.0.0:0", {}), ("[::]:0", {}), ("1.2.3.4:0", {"FOVEA_TOKEN": ""})):
            done = subprocess.run([os.environ["FOVEA_PROGRAM"], "overlay", "--serve", address], capture_output=True,
                                  text=True, env={**os.environ, "FOVEA_MODEL": str(MODEL), **variables})
            self.assertEqual(done.returncode, 2)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            self.assertIn("--token", done.stderr)
        for wrong in ("", "x", "70000", "1.2.3:80", "127.0.0.1:", "localhost"):
            done = subprocess.run([os.environ["FOVEA_PROGRAM"], "overlay", "--serve", wrong], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2, wrong)


class Live(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.program = Program()
        cls.addClassCleanup(cls.program.__exit__)
        cls.camera = Camera(cls.program)
        cls.camera.__enter__()
        cls.addClassCleanup(cls.camera.__exit__)

    def setUp(self):
        self.viewers = []
        self.addCleanup(lambda: [self.program.ask("DELETE", v) for v in self.viewers])

    def join(self, **settings):
        self.viewers.append(self.program.join(**settings))
        return self.viewers[-1]

    def shown(self, viewer, **wanted):
        """Waits until the newest picture is of these settings' title."""
        after, deadline = 0, time.monotonic() + 20
        while time.monotonic() < deadline:
            shown = self.program.ask("GET", f"{viewer}?after={after}&wait=2000").json["shown"]
            if shown and all(shown[k] == v for k, v in wanted.items()):
                return shown
            after = shown["sequence"] if shown else after
        self.fail(f"never showed {wanted}")

    def test_settings_change_the_picture_and_the_map(self):
        viewer = self.join(layer=0)
        self.shown(viewer, title="raw, layer 0, heads mean")
        frozen = self.program.ask("PATCH", viewer, {"frozen": True}).json["settings"]
        self.assertTrue(frozen["frozen"])
        time.sleep(0.3)
        first = self.shown(viewer)
        one = npy(self.program.ask("GET", viewer + "/snapshot.npy").body)
        answer = self.program.ask("PATCH", viewer, {"layer": 2, "head": 1, "pins": [[160, 120]]})
        self.assertEqual(answer.status, 200, answer.body)
        second = self.shown(viewer, title="raw, layer 2, head 1")
        self.assertEqual(first["frame"], second["frame"], "a frozen picture is redrawn on its own frame")
        two = npy(self.program.ask("GET", viewer + "/snapshot.npy").body)
        self.assertNotEqual(one, two)

    def test_a_refused_change_changes_nothing(self):
        viewer = self.join()
        before = self.program.ask("GET", viewer).json["settings"]
        self.assertEqual(self.program.ask("PATCH", viewer, {"alpha": 0.1, "layer": 77}).status, 422)
        self.assertEqual(self.program.ask("GET", viewer).json["settings"], before)

    def test_every_setting_comes_back(self):
        viewer = self.join()
        settings = {"method": "rollout", "layer": 1, "start_layer": 1, "mass": 0.5, "discard": 0.25, "sigma": 2.5, "head": None, "fusion": "max", "class": "top3", "hover": [100, 50.5],
                    "pins": [[150, 100], [160, 120]], "colormap": "inferno", "alpha": 0.25, "scale": "fixed",
                    "range": [0.125, 0.5], "smoothing": 0.5, "side_by_side": True, "spread": "layers", "frozen": True}
        self.assertEqual(self.program.ask("PATCH", viewer, settings).json["settings"], settings)
        negative = self.program.ask("PATCH", viewer, {"layer": -1}).json["settings"]
        self.assertEqual(negative["layer"], 2)

    def test_snapshot_is_one_moment(self):
        viewer = self.join()
        self.shown(viewer)
        described = self.program.ask("GET", viewer + "/snapshot.json")
        sequence = described.headers["Fovea-Sequence"]
        self.assertEqual(str(described.json["sequence"]), sequence)
        weights = hashlib.sha256((MODEL / "model.safetensors").read_bytes()).hexdigest()
        self.assertEqual(described.json["model"]["weights_sha256"], weights)
        time.sleep(0.2)
        for ending in ("png", "npy"):
            part = self.program.ask("GET", f"{viewer}/snapshot.{ending}?sequence={sequence}")
            self.assertEqual((part.status, part.headers["Fovea-Sequence"]), (200, sequence))
        self.assertEqual(self.program.ask("GET", f"{viewer}/snapshot.png?sequence=1").status, 404)

    def test_three_streams_one_slow_one_vanishing(self):
        first, slow = self.join(), self.join(layer=0, side_by_side=True)
        with Stream(self.program, first) as quick, Stream(self.program, slow, pause=1) as late:
            self.assertTrue(quick.wait_for(10))
            for _ in range(3):
                peer = self.program.connect()
                peer.sendall(f"GET {first}/stream HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                peer.recv(3000)  # in the midst of a frame
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.close()
            time.sleep(4)
        for stream in (quick, late):
            self.assertIsNone(stream.ended)
            self.assertEqual(stream.frames, sorted(set(stream.frames)), "frames come in order and once")
        self.assertGreater(len(quick.frames), 3 * len(late.frames))
        self.assertLess(quick.longest_gap(), 3)
        # What the slow one got is not older than what its socket and ours had room for.
        self.assertGreater(late.frames[-1], quick.frames[-1] - 150)

    def test_a_reader_that_rests_is_not_cut_off(self):
        with Stream(self.program, self.join(), pause=13) as stream:
            self.assertTrue(stream.wait_for(1))
            stream.pause = 0
            time.sleep(13)
            self.assertTrue(stream.wait_for(400))  # more than any buffer on the way held
            self.assertIsNone(stream.ended)

    def test_viewers_are_counted_and_forgotten(self):
        viewers = [self.join() for _ in range(8)]
        self.assertEqual(self.program.ask("POST", "/api/viewers").status, 503)
        self.assertEqual(self.program.ask("DELETE", viewers[0]).status, 204)
        self.assertEqual(self.program.ask("GET", viewers[0]).status, 404)
        with Stream(self.program, viewers[1]) as stream:
            self.assertTrue(stream.wait_for(1))
            self.assertEqual(self.program.ask("DELETE", viewers[1]).status, 204)
            stream.thread.join(5)
            self.assertEqual(stream.ended, "closed", "a stream ends with its viewer")
        self.join()
        self.assertEqual(len(set(viewers)), 8)

    def test_one_camera_at_a_time(self):
        self.assertEqual(self.program.ask("POST", "/api/camera").status, 409)
        self.assertEqual(self.program.ask("POST", "/api/camera/0123", picture(1)).status, 404)


class Ending(unittest.TestCase):
    def test_ctrl_c_ends_it_with_clients_connected(self):
        with Program() as program, Camera(program):
            viewer = program.join()
            with Stream(program, viewer) as stream, program.connect() as idle, program.connect() as half:
                half.sendall(b"POST /api/classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc")
                self.assertTrue(stream.wait_for(3))
                waiting = threading.Thread(target=self.wait_long, args=(program, program.join()))
                waiting.start()
                seconds, code = program.stop()
                self.assertEqual(code, 0)
                self.assertLess(seconds, 5)
                self.assertEqual(idle.recv(10), b"")
                waiting.join()

    def wait_long(self, program, viewer):
        with contextlib.suppress(OSError, http.client.HTTPException):
            program.ask("GET", f"{viewer}/picture?after=99999999&wait=10000")


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)
