"""What tests of models on disk begin with: an empty home, a hub on this machine, and the program, which FOVEA_PROGRAM
names.
"""
import os
import resource
import subprocess
import tempfile
import unittest
from pathlib import Path

import hub as hubs
from hub import NAME

PROGRAM = os.environ["FOVEA_PROGRAM"]
WEIGHTS = "model.safetensors"
# Whatever this machine's user has set.
FOREIGN = ("HF_", "HUGGINGFACE_", "FOVEA_MODEL", "XDG_", "SSL_CERT", "http_proxy", "https_proxy", "HTTP_PROXY",
           "HTTPS_PROXY", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")


class Done:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def last(self):
        return self.err.splitlines()[-1] if self.err else ""


class Case(unittest.TestCase):
    tls = None

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.home = Path(temporary.name)
        self.hub = hubs.Hub(self.tls)
        self.addCleanup(self.hub.close)

    @property
    def models(self):
        return self.home / ".cache" / "fovea" / "models"

    def folder(self, name=NAME):
        return self.models / name.replace("/", "--")

    def variables(self, **more):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        return {**kept, "HOME": str(self.home), "HF_ENDPOINT": self.hub.url, "no_proxy": "127.0.0.1", **more}

    def start(self, *arguments, limit=None, **variables):
        def limited():
            if limit:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        return subprocess.Popen([PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                cwd=self.home, env=self.variables(**variables), preexec_fn=limited)

    def fovea(self, *arguments, limit=None, **variables):
        process = self.start(*arguments, limit=limit, **variables)
        out, err = process.communicate(timeout=60)
        return Done(process.returncode, out, err)

    def files(self, folder=None):
        """What lies there, hidden locks aside."""
        folder = folder or self.models
        found = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        return {name for name in found if not name.endswith(".lock")}

    def check_good(self, done, name=NAME, files=None):
        self.assertEqual(done.code, 0, done.err)
        self.assertEqual(done.out, f"{self.folder(name)}\n")
        files = files or self.hub.models[name]
        self.assertEqual(self.files(self.folder(name)), set(files))
        for file, data in files.items():
            self.assertEqual((self.folder(name) / file).read_bytes(), data, file)
        self.assertEqual({path.split("/")[0] for path in self.files()}, {self.folder(name).name})

    def check_error(self, done, *fragments, code=1, lines=1):
        self.assertEqual((done.code, done.out), (code, ""), done.err)
        if lines:
            self.assertEqual(len(done.err.splitlines()), lines, done.err)
        self.assertTrue(done.last.startswith("fovea: "), done.err)
        for fragment in fragments:
            self.assertIn(fragment, done.last)
        self.assertFalse(self.folder().exists())

    def part(self):
        return self.models / f".{self.folder().name}.part" / (WEIGHTS + ".part")
