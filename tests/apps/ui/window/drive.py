#!/usr/bin/env python3
"""Opens `fovea overlay`'s window on a display of its own, works it by keys and mouse, and reads what it saves.
usage: drive.py PROGRAM MODEL [--screenshots FOLDER]"""
import glob
import json
import os
import struct
import subprocess
import tempfile
import time

from desk import PATIENCE, Desk, arguments, fail


def npy_shape(path):
    with open(path, "rb") as file:
        start = file.read(10)
        header = file.read(struct.unpack("<H", start[8:10])[0]).decode()
    return eval(header, {"__builtins__": {}})["shape"]  # our own file's header


def png_size(path):
    with open(path, "rb") as file:
        return struct.unpack(">II", file.read(24)[16:24])


class OverlayDesk(Desk):
    def see(self, what, good):
        """Saves until a picture with the change is there; how soon depends on the machine."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            record, stem = self.save()
            if good(record):
                self.shoot(what)
                return record, stem
        fail(f"{what}: still {json.dumps(record['maps'][0])} {json.dumps(record['colours'])}")


def first(record):
    return record["maps"][0]


def work(desk):
    record, stem = desk.see("first picture", lambda r: first(r)["layer"] == 2)
    if png_size(stem + ".png") != (320, 240) or npy_shape(stem + ".npy") != (4, 4):
        fail(f"{png_size(stem + '.png')} pixels, {npy_shape(stem + '.npy')} cells")
    desk.key("bracketleft")
    desk.see("layer before", lambda r: first(r)["layer"] == 1)
    desk.key("bracketright")
    desk.see("layer after", lambda r: first(r)["layer"] == 2)
    desk.key("period")
    desk.see("next head", lambda r: first(r).get("head") == 0)
    desk.key("comma", "f", "f")
    desk.see("fusion", lambda r: first(r).get("heads") in ("max", "min"))
    desk.key("f")
    desk.key("o")
    desk.see("colormap", lambda r: r["colours"]["colormap"] == "viridis")
    for _ in range(4):  # the first ones may only move the focus
        desk.key("Tab")
        time.sleep(0.2)
    desk.see("Tab", lambda r: r["colours"]["colormap"] != "viridis")
    desk.key("minus", "minus")
    desk.see("fainter", lambda r: abs(r["colours"]["alpha"] - 0.3) < 1e-6)
    desk.key("equal")
    desk.see("stronger", lambda r: abs(r["colours"]["alpha"] - 0.4) < 1e-6)
    desk.key("n")
    desk.see("running scale", lambda r: r["colours"]["scale"] == "running")
    desk.key("n")
    desk.see("fixed scale", lambda r: r["colours"]["scale"] == "fixed" and len(r["colours"]["range"]) == 2)
    desk.key("n")
    desk.key("a")
    record, stem = desk.see("wall of heads", lambda r: len(r["maps"]) == 3)
    if npy_shape(stem + ".npy") != (3, 4, 4) or [m["head"] for m in record["maps"]] != [0, 1, 2]:
        fail(f"a wall of {npy_shape(stem + '.npy')}")
    desk.key("a")
    desk.see("one head again", lambda r: len(r["maps"]) == 1)
    desk.key("v")
    desk.wait(lambda: png_size(desk.save()[1] + ".png") == (640, 240), "side by side")

    # 320 x 240 is shown three times as large; the model sees the middle 216 x 216, in 4 x 4 patches. Side by side there
    # is no patch under the pointer, which then stands still.
    desk.x("mousemove", "480", "200")
    desk.key("v")
    hovered, _ = desk.see("hover", lambda r: "query" in first(r))
    desk.x("click", "1")
    desk.x("mousemove", "600", "500")
    record, _ = desk.see("pin and hover", lambda r: len(r["maps"]) == 2)
    if record["maps"][0]["query"] != first(hovered)["query"] or record["maps"][1]["query"] == record["maps"][0]["query"]:
        fail(f"pins {record['maps']}")
    desk.x("mousemove", "5", "360")
    desk.see("pin alone", lambda r: len(r["maps"]) == 1 and first(r).get("query") == first(hovered)["query"])
    desk.key("c")
    desk.see("class token", lambda r: "query" not in first(r))

    desk.key("m")
    desk.see("next method", lambda r: first(r)["method"] != "raw")
    desk.key("space")
    held, _ = desk.save()
    held, _ = desk.save()
    time.sleep(0.3)
    again, _ = desk.save()
    if held["frame"] != again["frame"]:
        fail(f"frozen at {held['frame']}, then {again['frame']}")
    desk.key("bracketleft", "o")
    redrawn, _ = desk.see("frozen and changed", lambda r: r["colours"]["colormap"] != held["colours"]["colormap"])
    if redrawn["frame"] != held["frame"]:
        fail("a frozen frame changed with its colours")
    desk.key("space")
    desk.see("going on", lambda r: r["frame"] > held["frame"])

    desk.key("r")
    time.sleep(1.5)
    desk.key("r")
    desk.wait(lambda: glob.glob("*.mp4"), "recording")
    desk.key("h")
    desk.shoot("help")
    desk.key("q")
    desk.program.wait(PATIENCE)
    if desk.program.returncode != 0:
        fail(f"q gave {desk.program.returncode}: {desk.complaints()}")
    said = set(desk.program.stdout.read().split())
    files = {os.path.basename(name) for name in glob.glob("clip.overlay.*")}
    if said != files:
        fail(f"said {sorted(said - files)} too much, {sorted(files - said)} too little")
    frames = subprocess.run(["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of",
                             "csv=p=0", glob.glob("*.mp4")[0]], capture_output=True, text=True).stdout
    if int(frames) < 10:
        fail(f"{frames} frames in a recording of 1.5 s")


def main():
    program, model, screenshots = arguments()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=10:d=120", "-c:v", "mpeg4",
                        "clip.mp4"], check=True)
        desk = OverlayDesk([program, "overlay", "--model", model, "clip.mp4"], screenshots)
        try:
            work(desk)
        finally:
            desk.close()


if __name__ == "__main__":
    main()
