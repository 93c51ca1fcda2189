"""A display of its own for a program's window, worked by keys and mouse."""
import argparse
import glob
import json
import os
import shutil
import subprocess
import sys
import time

PATIENCE = 60  # seconds; never waited for where all is well
WIDTH, HEIGHT = 1280, 960  # of the display


def fail(message):
    sys.exit(f"window: {message}")


def require_tools():
    for tool, package in (("Xvfb", "xvfb"), ("xdotool", "xdotool"), ("ffmpeg", "ffmpeg")):
        if not shutil.which(tool):
            fail(f"needs {tool} (Debian: apt-get install {package})")


def arguments():
    """(program, model, folder for screenshots or None), whole paths, of a test's command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("--screenshots", help="folder for a picture of the window after each step")
    args = parser.parse_args()
    require_tools()
    screenshots = args.screenshots and os.path.abspath(args.screenshots)
    return os.path.abspath(args.program), os.path.abspath(args.model), screenshots


class Desk:
    def __init__(self, command, screenshots):
        read, write = os.pipe()
        # On a busy machine a key may seem to be held for long: it must not repeat itself.
        self.server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-nolisten", "tcp",
                                        "-ardelay", "600000"],
                                       pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        number = os.read(read, 16).decode().strip()
        if not number:
            fail("Xvfb gave no display")
        self.screenshots = screenshots
        self.environment = dict(os.environ, DISPLAY=f":{number}", XDG_RUNTIME_DIR=os.getcwd())
        self.environment.pop("WAYLAND_DISPLAY", None)
        self.errors = open("stderr", "w+")
        self.program = subprocess.Popen(command, env=self.environment,
                                        stdout=subprocess.PIPE, stderr=self.errors, text=True)
        self.window = self.wait(self.find, "a window")
        self.x("windowmove", self.window, "0", "0")
        self.x("mousemove", "2", "2")
        self.x("windowfocus", self.window)

    def x(self, *words):
        return subprocess.run(["xdotool", *words], env=self.environment, capture_output=True, text=True).stdout

    def find(self):
        found = self.x("search", "--onlyvisible", "--name", "^fovea$").split()
        return found[-1] if found else None

    def complaints(self):
        self.errors.seek(0)
        return self.errors.read()

    def wait(self, look, what):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.program.poll() is not None:
                fail(f"the program ended with {self.program.returncode} before {what}: {self.complaints()}")
            result = look()
            if result:
                return result
            time.sleep(0.05)
        fail(f"no {what} in {PATIENCE} s: {self.complaints()}")

    def key(self, *names):
        """One after another: of two keys that wait together OpenCV's windows report the second alone."""
        for name in names:
            self.x("key", name)
            time.sleep(0.25)

    def save(self):
        """What a press of s wrote: the record, and the names' common stem. Before the first picture it writes nothing."""
        before = set(glob.glob("*.json"))
        pressed = time.monotonic() - 5

        def look():
            nonlocal pressed
            if time.monotonic() - pressed >= 5:
                self.key("s")
                pressed = time.monotonic()
            return next(iter(set(glob.glob("*.json")) - before), None)

        name = self.wait(look, "record after s")
        with open(name) as file:
            return json.load(file), name[:-len(".json")]

    def grab(self, *form):
        """A picture of the display, in a form of ffmpeg's."""
        return subprocess.run(["ffmpeg", "-v", "error", "-f", "x11grab", "-draw_mouse", "0", "-video_size", f"{WIDTH}x{HEIGHT}",
                               "-i", self.environment["DISPLAY"], "-frames:v", "1", *form],
                              env=self.environment, check=True, capture_output=True).stdout

    def pixels(self):
        """What the display shows: width * height * 3 bytes."""
        return self.grab("-f", "rawvideo", "-pix_fmt", "rgb24", "-")

    def shoot(self, what):
        if self.screenshots:
            time.sleep(0.5)
            self.grab("-y", os.path.join(self.screenshots, what.replace(" ", "_") + ".png"))

    def close(self):
        for process in (self.program, self.server):
            if process.poll() is None:
                process.kill()
            process.wait()
