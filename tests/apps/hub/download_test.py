#!/usr/bin/env python3
"""`fovea pull` against a hub on this machine: every case ends in a good file or a clear error, and nothing half-written
has a final name.
"""
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.dont_write_bytecode = True
import hub as hubs  # noqa: E402
from case import PROGRAM, WEIGHTS, Case, Done  # noqa: E402
from hub import GOLDEN, NAME, cut_after, git_sha1, held_until, shards_of, silent_after, slowly, status  # noqa: E402


class Good(Case):
    def test_a_model_is_downloaded_and_found_by_name(self):
        done = self.fovea("pull", NAME)
        self.check_good(done)
        self.assertIn("model.safetensors: ", done.err)
        again = self.fovea("pull", NAME)
        self.assertEqual((again.code, again.out), (0, done.out))
        self.assertIn("here already", again.err)
        self.assertEqual(len(self.hub.asked("cdn")), 1)
        for arguments, variables in ((["--model", NAME], {}), ([], {"FOVEA_MODEL": NAME})):
            found = self.fovea("maps", *arguments, **variables)
            self.assertEqual(found.code, 0, found.err)
            self.assertIn("vit_tiny_patch16_224 at 64x64", found.out)

    def test_all_files_are_of_the_commit_that_the_first_named(self):
        self.fovea("pull", NAME)
        self.assertEqual(len(self.hub.asked("hub", "HEAD", "/main/config.json")), 1)
        self.assertEqual(len(self.hub.asked("hub", "HEAD", f"/{self.hub.commit}/{WEIGHTS}")), 1)

    def test_names_in_all_their_forms(self):
        known = "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k"
        self.hub.models[known] = self.hub.models[NAME]
        for text in ("vit_tiny_patch16_224", "vit_tiny_patch16_224.augreg_in21k_ft_in1k", "hf_hub:" + known,
                     "hf-hub:" + known, known + "@main"):
            with self.subTest(text):
                shutil.rmtree(self.models, ignore_errors=True)
                self.check_good(self.fovea("pull", text), known)
        done = self.fovea("pull", f"{NAME}@{self.hub.commit}")
        self.assertEqual(done.out, f"{self.folder()}@{self.hub.commit}\n", done.err)
        self.assertEqual(self.fovea("maps", "--model", f"{NAME}@{self.hub.commit}").code, 0)
        for text in ("a/b/c", "../x", "a/..", "/etc", "a/b@", "a/b@..", "a/b@x y", "", "a--b/c", "a/b\n", "x" * 200):
            with self.subTest(text):
                self.check_error(self.fovea("pull", text), "NAME ", code=2)

    def test_shards(self):
        files = shards_of(self.hub.models[NAME].pop(WEIGHTS))
        self.hub.models[NAME].update(files)
        self.check_good(self.fovea("pull", NAME))
        (self.home / "split").symlink_to(self.folder())
        found = self.fovea("maps", "--model", NAME)
        self.assertEqual(found.code, 0, found.err)

    def test_a_model_of_transformers_brings_its_preprocessor(self):
        config = b'{"model_type": "vit", "architectures": ["ViTForImageClassification"]}'
        self.hub.models[NAME].update({"config.json": config, "preprocessor_config.json": b'{"do_resize": true}'})
        self.check_good(self.fovea("pull", NAME))
        del self.hub.models[NAME]["preprocessor_config.json"]
        shutil.rmtree(self.models)
        self.check_good(self.fovea("pull", NAME))

    def test_a_model_that_writes_brings_its_tokenizer(self):
        folder = GOLDEN.parent / "trocr_small"
        files = {f.name: f.read_bytes() for f in folder.iterdir() if f.name != "reference.safetensors"}
        self.hub.models[NAME] = {**files, "pytorch_model.bin": b"no file of Fovea's"}
        done = self.fovea("pull", NAME)
        self.check_good(done, files=files)
        (self.home / "line.ppm").write_bytes(b"P6 24 8 255\n" + bytes(24 * 8 * 3))
        read = self.fovea("read", "--model", NAME, "--max-tokens", "3", "line.ppm")
        self.assertEqual(read.code, 0, read.err)

    def test_a_terminal_sees_a_bar_with_rate_and_time_left(self):
        self.hub.trouble(slowly(20, 1))
        ours, theirs = pty.openpty()
        process = subprocess.Popen([PROGRAM, "pull", NAME], stdout=subprocess.DEVNULL, stderr=theirs,
                                   env=self.variables())
        os.close(theirs)
        seen = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:
                break
            if not piece:
                break
            seen += piece
        os.close(ours)
        self.assertEqual(process.wait(20), 0)
        self.assertRegex(seen.decode(),
                         r"model\.safetensors  \[#+\.+\] [\d.]+ KiB of [\d.]+ KiB  [\d.]+ [KM]iB/s  ETA 0:0\d")


class Resumed(Case):
    def under_way(self):
        """A download of which more than 10 000 bytes are kept."""
        self.hub.trouble(slowly(100, 20))
        process = self.start("pull", NAME)
        deadline = time.monotonic() + 20
        while not (self.part().exists() and self.part().stat().st_size > 10_000) and time.monotonic() < deadline:
            time.sleep(0.05)
        return process

    def test_a_cut_goes_on_where_it_was(self):
        self.hub.trouble(cut_after(200_000))
        done = self.fovea("pull", NAME)
        self.check_good(done)
        self.assertIn("; again in 0.5 s", done.err)
        first, second = self.hub.asked("cdn", "GET")
        self.assertNotIn("Range", first)
        self.assertEqual(second["Range"], "bytes=200000-")
        self.assertEqual(second["If-Range"], self.hub.cdn_etag(self.hub.models[NAME][WEIGHTS]))

    def test_a_file_that_changed_meanwhile_begins_anew(self):
        old = self.hub.models[NAME][WEIGHTS]

        def change(handler, path):
            cut_after(200_000)(handler, path)
            self.hub.models[NAME][WEIGHTS] = old[:-4] + b"\0\0\0\0"
        self.hub.trouble(change)
        self.check_good(self.fovea("pull", NAME))
        self.assertNotIn("Range", self.hub.asked("cdn", "GET")[1])

    def test_an_etag_that_changed_begins_anew(self):
        self.hub.trouble(cut_after(200_000))
        name = self.hub.cdn_etag
        self.hub.cdn_etag = lambda data: name(data) if len(self.hub.asked("cdn", "GET")) == 1 else '"another"'
        self.check_good(self.fovea("pull", NAME))
        self.assertEqual(self.hub.asked("cdn", "GET")[1]["Range"], "bytes=200000-")

    def test_a_host_without_ranges_begins_anew(self):
        self.hub.trouble(cut_after(200_000))
        self.hub.trouble(lambda h, p: h.say(200, self.hub.wanted(h, p)[0]))
        self.hub.troubles[1].times = 2
        self.check_good(self.fovea("pull", NAME))

    def test_another_part_than_asked_for_is_thrown_away(self):
        self.hub.trouble(cut_after(200_000))
        data = self.hub.models[NAME][WEIGHTS]
        self.hub.trouble(lambda h, p: h.say(206, data[100:], Content_Range=f"bytes 100-{len(data) - 1}/{len(data)}"))
        done = self.fovea("pull", NAME)
        self.check_good(done)
        self.assertIn("another part of model.safetensors than the one asked for", done.err)

    def test_many_cuts_in_a_row(self):
        self.hub.trouble(cut_after(70_000), times=7)
        self.check_good(self.fovea("pull", NAME))
        self.assertEqual(len(self.hub.asked("cdn", "GET")), 8)

    def test_ctrl_c_keeps_what_came(self):
        process = self.under_way()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
        self.assertEqual(process.returncode, 130, err)
        self.assertIn("interrupted", err)
        self.assertFalse(self.folder().exists())
        kept = self.part().stat().st_size
        self.assertGreater(kept, 10_000)
        self.check_good(self.fovea("pull", NAME))
        self.assertEqual(self.hub.asked("cdn", "GET")[-1]["Range"], f"bytes={kept}-")

    def test_a_process_that_was_killed_leaves_a_part(self):
        process = self.under_way()
        process.kill()
        process.communicate()
        self.assertFalse(self.folder().exists())
        self.check_good(self.fovea("pull", NAME))
        self.assertIn("Range", self.hub.asked("cdn", "GET")[-1])

    def test_a_part_that_is_whole_is_only_checked(self):
        data = self.hub.models[NAME][WEIGHTS]
        for wrong in (False, True):
            self.part().parent.mkdir(parents=True)
            self.part().write_bytes(data[:-1] + b"x" if wrong else data)
            record = {"hash": hubs.hashlib.sha256(data).hexdigest(), "validator": self.hub.cdn_etag(data)}
            self.part().with_name(WEIGHTS + ".part.json").write_text(hubs.json.dumps(record))
            self.check_good(self.fovea("pull", NAME))
            self.assertEqual(len(self.hub.asked("cdn")), 1 if wrong else 0)
            shutil.rmtree(self.folder())

    def test_a_host_that_falls_silent_is_left(self):
        self.hub.trouble(silent_after(100_000, 20))
        done = self.fovea("pull", NAME, HF_HUB_DOWNLOAD_TIMEOUT="2")
        self.check_good(done)
        self.assertEqual(self.hub.asked("cdn", "GET")[1]["Range"], "bytes=100000-")


class Refused(Case):
    def test_a_wrong_name_gets_the_nearest_known(self):
        self.hub.token = "hf_right"
        self.check_error(self.fovea("pull", "timm/vit_tiny_patch16_244.augreg_in21k_ft_in1k", HF_TOKEN="hf_right"),
                         "HTTP 404", "is it timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k")
        self.check_error(self.fovea("pull", "nobody/nothing-like-it", HF_TOKEN="hf_right"), "`fovea models`")

    def test_a_private_model_asks_for_a_token(self):
        self.hub.token = "hf_right"
        self.check_error(self.fovea("pull", NAME), "HTTP 401", "set HF_TOKEN")
        self.check_error(self.fovea("pull", NAME, HF_TOKEN="hf_wrong"), "HTTP 401", "HF_TOKEN does not open")
        self.check_good(self.fovea("pull", NAME, HF_TOKEN="hf_right"))
        self.assertEqual({h.get("Authorization") for h in self.hub.asked("hub")[-3:]}, {"Bearer hf_right"})
        self.assertEqual({h.get("Authorization") for h in self.hub.asked("cdn")}, {None})

    def test_a_token_is_no_way_to_write_headers(self):
        self.check_error(self.fovea("pull", NAME, HF_TOKEN="x\r\nEvil: 1"), "HF_TOKEN", code=2)

    def test_a_licence_to_accept(self):
        self.hub.trouble(status(403, X_Error_Code="GatedRepo"), "hub")
        self.check_error(self.fovea("pull", NAME), "HTTP 403", "licence", f"{self.hub.url}/{NAME}", "HF_TOKEN")

    def test_a_revision_that_is_not_there(self):
        self.check_error(self.fovea("pull", NAME + "@v9"), "has no revision v9")

    def test_a_model_without_safetensors(self):
        del self.hub.models[NAME][WEIGHTS]
        self.check_error(self.fovea("pull", NAME), "no model.safetensors", "tools/convert.py", lines=0)

    def test_an_architecture_that_fovea_does_not_have_is_known_before_the_weights(self):
        self.hub.models[NAME]["config.json"] = b'{"architecture": "resnext_7"}'
        self.check_error(self.fovea("pull", NAME), "'resnext_7'", "does not have", lines=0)
        self.assertEqual(self.hub.asked(ending=WEIGHTS), [])
        self.assertEqual(self.files(), set())
        self.hub.models[NAME]["config.json"] = b"{"
        self.check_error(self.fovea("pull", NAME), "not valid JSON", lines=0)

    def test_asked_too_often(self):
        self.hub.trouble(status(429, Retry_After=1), "hub")
        began = time.monotonic()
        done = self.fovea("pull", NAME)
        self.check_good(done)
        self.assertGreaterEqual(time.monotonic() - began, 1)
        self.assertIn("HTTP 429", done.err)
        self.assertIn("again in 1.0 s, as the server asks", done.err)

    def test_asked_too_often_for_too_long(self):
        self.hub.trouble(status(429, Retry_After=86400), "hub")
        self.check_error(self.fovea("pull", NAME), "HTTP 429", "86400 s")

    def test_a_hub_that_stumbles(self):
        self.hub.trouble(status(500), "hub")
        self.hub.trouble(status(503), "cdn")
        self.check_good(self.fovea("pull", NAME))

    def test_a_hub_that_is_down(self):
        self.hub.trouble(status(500), "hub", times=99)
        self.check_error(self.fovea("pull", NAME), "HTTP 500", "gave up after 5 attempts", lines=5)
        self.assertEqual(self.files(), set())

    def test_a_hub_that_cannot_be_found(self):
        self.check_error(self.fovea("pull", NAME, HF_ENDPOINT="http://hub.invalid"), "HF_ENDPOINT")
        self.check_error(self.fovea("pull", NAME, HF_ENDPOINT="ftp://hub"), "HF_ENDPOINT ftp://hub", code=2)

    def test_damage_on_the_way_is_mended_once(self):
        data = self.hub.models[NAME][WEIGHTS]
        self.hub.trouble(lambda h, p: h.say(200, data[:-1] + bytes([data[-1] ^ 1]), ETag=self.hub.cdn_etag(data)))
        done = self.fovea("pull", NAME)
        self.check_good(done)
        self.assertIn("arrived damaged", done.err)

    def test_damage_that_stays_is_an_error(self):
        data = self.hub.models[NAME][WEIGHTS]
        self.hub.trouble(lambda h, p: h.say(200, data[:-1] + bytes([data[-1] ^ 1])), times=9)
        self.check_error(self.fovea("pull", NAME), "damaged again", "nothing of it is kept", lines=0)
        self.assertFalse(any(WEIGHTS in name for name in self.files()))

    def test_damage_of_a_small_file_is_seen_by_its_git_hash(self):
        config = self.hub.models[NAME]["config.json"]
        wrong = config.replace(b"48", b"49")
        self.hub.trouble(lambda h, p: h.say(200, wrong, ETag=f'"{git_sha1(config)}"'), "hub", "config.json", "GET", 9)
        self.check_error(self.fovea("pull", NAME), "config.json arrives damaged again", git_sha1(config), lines=0)

    def test_more_than_was_announced_is_thrown_away(self):
        data = self.hub.models[NAME][WEIGHTS]
        self.hub.trouble(lambda h, p: h.say(200, data + b"more"), times=9)
        self.check_error(self.fovea("pull", NAME), "more than the length", lines=0)
        self.assertFalse(any(WEIGHTS in name for name in self.files()))

    def test_a_configuration_of_absurd_length_is_refused(self):
        self.hub.trouble(lambda h, p: h.say(200, Content_Length=1 << 40, ETag='"x"'), "hub", "config.json", "HEAD")
        self.check_error(self.fovea("pull", NAME), "config.json is 1024.00 GiB long")

        def endless(handler, _path):
            handler.say(200, Transfer_Encoding="chunked", ETag='"x"')
            if handler.command == "GET":
                block = b"10000\r\n" + b" " * 65536 + b"\r\n"
                try:
                    for _ in range(300):
                        handler.wfile.write(block)
                except OSError:
                    pass
                handler.close_connection = True
        self.hub.trouble(endless, "hub", "config.json", times=99)
        self.check_error(self.fovea("pull", NAME), "more than the length of config.json", lines=0)

    def test_names_of_shards_stay_in_the_folder(self):
        del self.hub.models[NAME][WEIGHTS]
        for name in ("../../evil.safetensors", "/tmp/evil.safetensors", "a/b.safetensors", ".evil.safetensors"):
            self.hub.models[NAME]["model.safetensors.index.json"] = b'{"weight_map":{"x":"%s"}}' % name.encode()
            self.check_error(self.fovea("pull", NAME), "not a plain name", lines=0)
            self.assertEqual(self.hub.asked(ending="evil.safetensors"), [])

    def test_redirects_have_an_end(self):
        self.hub.trouble(lambda h, p: h.say(302, Location=p), "hub", times=99)
        self.check_error(self.fovea("pull", NAME), "leads on and on")
        self.hub.troubles.clear()
        self.hub.trouble(lambda h, p: h.say(302, Location="file:///etc/passwd"), "hub", times=99)
        self.check_error(self.fovea("pull", NAME), "file:///etc/passwd", "not https")

    def test_a_renamed_model_is_followed_on_the_same_host(self):
        self.hub.models["someone/new"] = self.hub.models[NAME]
        self.hub.trouble(lambda h, p: h.say(307, Location=p.replace("vit_mini", "new")) if "vit_mini" in p else False,
                         "hub", times=99)
        self.check_good(self.fovea("pull", NAME))


class Full(Case):
    def test_a_full_disk_keeps_the_part(self):
        done = self.fovea("pull", NAME, limit=100_000)
        self.check_error(done, "cannot write", WEIGHTS + ".part", "97.7 KiB are kept", "make room", lines=0)
        self.assertEqual(self.part().stat().st_size, 100_000)
        self.check_good(self.fovea("pull", NAME))
        self.assertEqual(self.hub.asked("cdn", "GET")[-1]["Range"], "bytes=100000-")

    def test_a_disk_that_is_too_small_is_known_before(self):
        # A disk of 200 KiB, where this system lets one be made.
        disk = self.home / "disk"
        disk.mkdir()
        mount, alone = f"mount -t tmpfs -o size=200k tmpfs {disk}", ["unshare", "-rm", "sh", "-c"]
        made = subprocess.run([*alone, mount], capture_output=True)
        if made.returncode != 0:
            # What is left: the limit on the size of files above, which takes the same way through the program.
            print("this system lets nobody mount a small disk", file=sys.stderr)
            return
        done = subprocess.run([*alone, f"{mount} && exec {PROGRAM} pull {NAME}"], capture_output=True, text=True,
                              env=self.variables(XDG_CACHE_HOME=str(disk)), timeout=60)
        self.check_error(Done(done.returncode, done.stdout, done.stderr), "needs 4", "on the disk of", "make room",
                         lines=0)
        self.assertEqual(self.hub.asked("cdn"), [])

    def test_a_cache_that_cannot_be_written(self):
        (self.home / ".cache").write_text("a file")
        self.check_error(self.fovea("pull", NAME), "cannot make")


class Together(Case):
    def test_two_processes_download_once(self):
        go = threading.Event()
        self.addCleanup(go.set)
        self.hub.trouble(held_until(go))
        first = self.start("pull", NAME, HF_HUB_DOWNLOAD_TIMEOUT="120")
        deadline = time.monotonic() + 60
        while not self.part().exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        second = self.start("pull", NAME)
        self.assertIn("another process is pulling this model: waiting", second.stderr.readline())
        go.set()
        for process in (first, second):
            out, err = process.communicate(timeout=60)
            self.check_good(Done(process.returncode, out, err))
        self.assertEqual(len(self.hub.asked("cdn", "GET")), 1)

    def test_a_crowd(self):
        crowd = [self.start("pull", NAME) for _ in range(6)]
        for process in crowd:
            out, err = process.communicate(timeout=60)
            self.check_good(Done(process.returncode, out, err))
        self.assertEqual(len(self.hub.asked("cdn", "GET")), 1)


class HubCache(Case):
    def cache(self, files, commit=None, root=None):
        """As other programs leave it: blobs by hash, snapshots of links, references."""
        commit = commit or self.hub.commit
        model = (root or self.home / ".cache" / "huggingface" / "hub") / ("models--" + NAME.replace("/", "--"))
        for folder in ("blobs", "refs", f"snapshots/{commit}"):
            (model / folder).mkdir(parents=True)
        for name in files:
            data = self.hub.models[NAME][name]
            key = hubs.hashlib.sha256(data).hexdigest() if name.endswith(".safetensors") else git_sha1(data)
            (model / "blobs" / key).write_bytes(data)
            (model / "snapshots" / commit / name).symlink_to(f"../../blobs/{key}")
        (model / "refs" / "main").write_text(commit)
        return model / "snapshots" / commit

    def test_a_whole_snapshot_is_used_without_a_question(self):
        for number, variable in enumerate((None, "HF_HOME", "HF_HUB_CACHE")):
            with self.subTest(variable):
                shutil.rmtree(self.home / ".cache", ignore_errors=True)
                base = self.home / f"elsewhere{number}"
                root = {None: None, "HF_HOME": base / "hub", "HF_HUB_CACHE": base}[variable]
                snapshot = self.cache(self.hub.models[NAME], root=root)
                variables = {variable: str(base)} if variable else {}
                done = self.fovea("pull", NAME, **variables)
                self.assertEqual((done.code, done.out), (0, f"{snapshot}\n"), done.err)
                self.assertEqual(self.hub.log, [])
                shown = self.fovea("models", **variables).out
                self.assertRegex(shown, rf"{NAME} +hub cache .* ViT")
        self.assertEqual(self.fovea("maps", "--model", NAME, **variables).code, 0)
        done = self.fovea("models", "rm", NAME, **variables)
        self.assertEqual(done.code, 1)
        self.assertIn("hub's cache", done.err)
        self.assertTrue(snapshot.exists())

    def test_a_file_that_is_there_is_not_downloaded(self):
        self.cache([WEIGHTS], commit="0" * 40)
        self.check_good(self.fovea("pull", NAME))
        self.assertEqual(self.hub.asked("cdn"), [])

    def test_a_damaged_file_there_is_not_taken(self):
        blob = (self.cache([WEIGHTS]) / WEIGHTS).resolve()
        blob.write_bytes(blob.read_bytes()[:-1] + b"x")
        self.check_good(self.fovea("pull", NAME))
        self.assertEqual(len(self.hub.asked("cdn")), 1)

    def test_a_reference_to_elsewhere_is_not_followed(self):
        snapshot = self.cache(self.hub.models[NAME])
        (snapshot.parent.parent / "refs" / "main").write_text("../../../outside")
        self.check_good(self.fovea("pull", NAME))


class Proxy(Case):
    def test_a_proxy_is_asked(self):
        proxy = self.hub.url
        self.hub.cdn = "http://cdn.test"
        done = self.fovea("pull", NAME, HF_ENDPOINT="http://hub.test", http_proxy=proxy, HF_TOKEN="hf_secret")
        # Both names lead to the proxy, which plays the hub; weights are not its business.
        self.assertIn("HF_TOKEN is not sent to http://hub.test", done.err)
        self.assertGreater(len(self.hub.asked("hub", "HEAD", "config.json")), 0)
        self.assertEqual({h.get("Authorization") for h in self.hub.asked("hub")}, {None})


class Encrypted(Case):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.tls = (f"{temporary.name}/cert.pem", f"{temporary.name}/key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-out", cls.tls[0], "-keyout", cls.tls[1]], check=True, capture_output=True)

    def test_certificates_are_checked(self):
        self.check_error(self.fovea("pull", NAME), "certificate")
        self.check_good(self.fovea("pull", NAME, SSL_CERT_FILE=self.tls[0]))

    def test_encryption_is_not_left(self):
        plain = hubs.Hub()
        self.addCleanup(plain.close)
        for role, url in (("hub", plain.url), ("hub", plain.cdn)):
            self.hub.trouble(lambda h, p, url=url: h.say(302, Location=url + p), role, WEIGHTS)
            self.check_error(self.fovea("pull", NAME, SSL_CERT_FILE=self.tls[0]), "which is not https", lines=0)
        self.assertEqual(plain.log, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
