"""The rooms: what may include what, and that the compiler refuses the rest.

Usage: structure_test.py BUILD_FOLDER [unittest's arguments]. The build folder needs to be configured, not built,
except for its precompiled headers.
"""

import json
import shlex
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import graph

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT / "build"
# The folders that rooms lie in; the library is built without the program too.
ROOMS = ["core", "runtime", "models", "maps", "vision", "stream"]
ROOMS += ["apps"] if (BUILD / "rooms/room_apps_util").exists() else []
MOST_LINES = 500

# A room, and a header of a room that it must not see.
UPWARD = {
    "core": "runtime/vk/device.h",
    "runtime/vk": "runtime/record/tensor.h",
    "runtime/record": "runtime/ops/nn/linear.h",
    "runtime/ops/nn": "models/nn/linear.h",
    "runtime/ops/sequence": "models/nn/recurrent.h",
    "models/config": "models/weights/safetensors.h",
    "models/text": "models/weights/safetensors.h",
    "models/nn": "maps/methods.h",
    "models/arch/resnet": "models/registry/registry.h",
    "maps": "apps/ui/view.h",
    "vision": "stream/live_frame.h",
    "apps/util": "apps/ui/view.h",
    "apps/command_line": "apps/cli/commands.h",
    "apps/ui": "apps/cli/commands.h",
}


def rooms():
    """The folders of the declared rooms: CMake links each one into a folder of its own, the include path."""
    found = {}
    for view in (BUILD / "rooms").iterdir():
        for link in view.rglob("*"):
            if link.is_symlink():
                found[view.name] = str(link.relative_to(view))
    return found


def commands():
    """Of each source of the tree the command that compiles it."""
    found = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        file = Path(entry["directory"], entry["file"]).resolve()
        if file.is_relative_to(ROOT):
            found[str(file.relative_to(ROOT))] = entry
    return found


def visible(view):
    """The views that a room sees: those it names (fovea_room writes them down), and those that they see. Rooms of
    headers alone, which nothing compiles by themselves, are held to it too."""
    file = BUILD / "rooms" / f"{view}.sees"
    named = file.read_text(encoding="utf-8").split() if file.exists() else []
    return set(named).union(*map(visible, named))


def seen(command):
    """The views on a command's include path."""
    words = shlex.split(command)
    paths = [word.removeprefix("-I") for word in words if word.startswith("-I")]
    return {Path(path).name for path in paths if Path(path).parent == BUILD / "rooms"}


def check_syntax(entry, text):
    """Compiles a source with this text by the same command. Returns the exit code and what the compiler said."""
    words = shlex.split(entry["command"])
    if "ccache" in Path(words[0]).name:
        words = words[1:]
    out = words.index("-o")
    del words[out:out + 2]
    at = words.index("-c")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "planted.cpp")
        file.write_text(text, encoding="utf-8")
        done = subprocess.run(words[:at] + ["-fsyntax-only", str(file)], cwd=entry["directory"], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def vulkan_outside(root, files):
    """Sources outside runtime/vk that include Vulkan's headers, or the one header that wraps them."""
    inside = ("runtime/vk/", "tests/runtime/vk/")
    return [str(file) for file in files if not str(file).startswith(inside)
            and any("vulkan" in name.lower() for _, name in graph.includes(root / file))]


def wrappers(root, files):
    """Shaders in which nothing stands but directives: the same source once more under another name."""
    found = []
    for file in files:
        lines = [line.strip() for line in (root / file).read_text(encoding="utf-8").splitlines()]
        if not any(line and not line.startswith(("#", "//")) for line in lines):
            found.append(str(file))
    return found


def relative(root, files):
    return [f"{file}: {name}" for file in files for _, name in graph.includes(root / file) if ".." in Path(name).parts]


def longest(root, files):
    lengths = [(len((root / file).read_text(encoding="utf-8").splitlines()), str(file)) for file in files]
    return [f"{file}: {lines} lines" for lines, file in sorted(lengths, reverse=True) if lines > MOST_LINES]


class Includes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.files = graph.sources(ROOT, ROOMS + ["include", "shaders"])
        cls.everything = cls.files + graph.sources(ROOT, ["tests", "tools", "bench", "fuzz", "examples"])
        cls.graph = graph.file_graph(ROOT, cls.files)
        cls.rooms = set(rooms().values())

    def test_there_is_something_to_check(self):
        self.assertGreater(len(self.files), 200)
        self.assertGreater(len(self.rooms), 20)
        self.assertGreater(sum(len(included) for included in self.graph.values()), 500)

    def test_every_source_lies_in_a_room(self):
        outside = [file for file in self.graph if file.startswith(tuple(f"{room}/" for room in ROOMS))
                   and not graph.room_of(file, self.rooms) and file != "apps/main.cpp"]
        self.assertEqual(outside, [])

    def test_no_file_includes_itself_in_a_circle(self):
        self.assertIsNone(graph.cycle(self.graph))

    def test_no_room_includes_itself_in_a_circle(self):
        self.assertIsNone(graph.cycle(graph.room_graph(self.graph, self.rooms)))

    def test_no_include_climbs_up(self):
        self.assertEqual(relative(ROOT, self.everything), [])

    def test_a_room_includes_only_rooms_on_its_path(self):
        views = {folder: view for view, folder in rooms().items()}
        for room, others in graph.room_graph(self.graph, self.rooms).items():
            for other, pair in others.items():
                if room != "shaders":
                    self.assertIn(views[other], visible(views[room]), f"{pair[0]} includes {pair[1]}")

    def test_the_include_path_is_what_a_room_is_said_to_see(self):
        views = {folder: view for view, folder in rooms().items()}
        for file, entry in commands().items():
            room = graph.room_of(file, self.rooms)
            if room and file.startswith(tuple(f"{top}/" for top in ROOMS)):
                self.assertLessEqual(seen(entry["command"]), visible(views[room]) | {views[room]}, file)

    def test_only_the_runtime_includes_vulkan(self):
        self.assertEqual(vulkan_outside(ROOT, self.everything), [])


class Upward(unittest.TestCase):
    def test_the_compiler_refuses_an_include_upwards(self):
        entries, all_rooms = commands(), set(rooms().values())
        for room, header in UPWARD.items():
            if room.split("/")[0] not in ROOMS:
                continue
            with self.subTest(room=room):
                self.assertTrue((ROOT / header).is_file(), header)
                mine = [file for file in entries if file.endswith(".cpp") and graph.room_of(file, all_rooms) == room]
                smallest = min(mine, key=lambda file: (ROOT / file).stat().st_size)
                text = (ROOT / smallest).read_text(encoding="utf-8")
                code, said = check_syntax(entries[smallest], text)
                self.assertEqual(code, 0, said)
                code, said = check_syntax(entries[smallest], f'#include "{header}"\n{text}')
                self.assertNotEqual(code, 0, f"{smallest} may include {header}")
                self.assertRegex(said, f"{header}'?:? (No such file or directory|file not found)")


class Sizes(unittest.TestCase):
    def test_no_file_is_too_long(self):
        endings = graph.SOURCES - {".inc"} | {".py", ".js", ".css", ".html", ".cmake", ".sh"}
        folders = ROOMS + ["include", "shaders", "tests", "tools", "bench", "fuzz", "examples", "cmake"]
        self.assertEqual(longest(ROOT, graph.sources(ROOT, folders, endings)), [])

    def test_no_shader_only_wraps_another(self):
        self.assertEqual(wrappers(ROOT, graph.sources(ROOT, ["shaders"], {".comp"})), [])


class Checks(unittest.TestCase):
    """The checks above, on a small tree that breaks every rule."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = Path(self.folder.name)
        for name, text in {
                "low/a.h": '#include "high/b.h"\n', "high/b.h": '#include "low/c.h"\n', "low/c.h": "",
                "low/d.h": '#include "e.h"\n', "low/e.h": '#include "d.h"\n',
                "low/gpu.cpp": "  #  include <vulkan/vulkan.hpp>\n", "low/up.cpp": '#include "../high/b.h"\n',
                "low/long.cpp": "\n" * 501, "s/wrap.comp": '#version 450\n// Once more.\n#include "x.glsl"\n',
                "s/real.comp": "#version 450\nvoid main() {}\n"}.items():
            path = self.root / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.files = graph.sources(self.root, ["low", "high"])
        self.graph = graph.file_graph(self.root, self.files)

    def test_circles_are_found(self):
        self.assertEqual(graph.cycle(self.graph), ["low/d.h", "low/e.h", "low/d.h"])
        between = graph.room_graph(self.graph, {"low", "high"})
        self.assertEqual(between["low"], {"high": ("low/a.h", "high/b.h")})
        self.assertEqual(sorted(set(graph.cycle(between))), ["high", "low"])
        self.assertIsNone(graph.cycle({"low": ["high"], "high": []}))

    def test_other_breaches_are_found(self):
        self.assertEqual(vulkan_outside(self.root, self.files), ["low/gpu.cpp"])
        self.assertEqual(relative(self.root, self.files), ["low/up.cpp: ../high/b.h"])
        self.assertEqual(longest(self.root, self.files), ["low/long.cpp: 501 lines"])
        self.assertEqual(wrappers(self.root, graph.sources(self.root, ["s"])), ["s/wrap.comp"])

    def test_the_longest_folder_is_the_room(self):
        self.assertEqual(graph.room_of("apps/serve/http/http.h", {"apps/serve", "apps/serve/http"}), "apps/serve/http")
        self.assertIsNone(graph.room_of("appstore/x.h", {"apps"}))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
