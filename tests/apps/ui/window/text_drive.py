#!/usr/bin/env python3
"""Opens the window of `fovea read` on a display of its own, points at tokens, drags a part, and reads what is saved.
usage: text_drive.py PROGRAM MODEL [--screenshots FOLDER]"""
import json
import os
import subprocess
import tempfile

from desk import HEIGHT, PATIENCE, WIDTH, Desk, arguments, fail

PANEL = 160  # rows of text below the picture
LONGEST = "6"
SIZE = (320, 240)  # of the picture, which the window shows three times as large
SCALE = 3


def written(program, model, *options):
    """What the command says of the picture without a window."""
    said = subprocess.run([program, "read", "--model", model, "--max-tokens", LONGEST, "--json", *options, "a.png"],
                          check=True, capture_output=True, text=True).stdout
    return json.loads(said)


def ids(record):
    return [token["id"] for token in record["tokens"]]


def picture_of(pixels):
    """The part of the display that shows the picture."""
    rows = SIZE[1] * SCALE
    return b"".join(pixels[3 * WIDTH * y:3 * (WIDTH * y + SIZE[0] * SCALE)] for y in range(rows))


def work(desk, program, model):
    record, stem = desk.save()
    if ids(record) != ids(written(program, model)) or "region" in record:
        fail(f"the window wrote {ids(record)}")
    if not os.path.exists(stem + ".png"):
        fail(f"no {stem}.png")
    text = SIZE[1] * SCALE + 10  # the first line's upper edge
    plain = picture_of(desk.pixels())
    desk.shoot("read")
    desk.x("mousemove", "14", str(text + 17))
    first = desk.wait(lambda: (lambda now: now != plain and now)(picture_of(desk.pixels())), "the first token's map")
    desk.shoot("first token")
    # Somewhere on the line another token begins, whose map is another one.
    def another():
        for x in range(20, SIZE[0] * SCALE, 12):
            desk.x("mousemove", str(x), str(text + 17))
            now = picture_of(desk.pixels())
            if now not in (first, plain):
                return now
        return None
    desk.wait(another, "another token's map")
    desk.shoot("another token")
    desk.x("mousemove", "600", "600")
    desk.wait(lambda: picture_of(desk.pixels()) == plain, "the picture without a map")

    part = (40, 60, 120, 80)  # x, y, width, height
    desk.x("mousemove", str(part[0] * SCALE), str(part[1] * SCALE), "mousedown", "1")
    desk.x("mousemove", str(part[0] * SCALE + 50), str(part[1] * SCALE + 50))
    desk.x("mousemove", str((part[0] + part[2]) * SCALE), str((part[1] + part[3]) * SCALE), "mouseup", "1")
    record, _ = desk.wait(lambda: (lambda saved: "region" in saved[0] and saved)(desk.save()), "a part")
    if record["region"] != list(part):
        fail(f"dragged {part}, read {record['region']}")
    if ids(record) != ids(written(program, model, "--region", ",".join(map(str, part)))):
        fail(f"the part reads {ids(record)}")
    desk.shoot("part")
    desk.x("mousemove", "700", "600", "click", "1")
    record, _ = desk.wait(lambda: (lambda saved: "region" not in saved[0] and saved)(desk.save()), "the whole again")
    if ids(record) != ids(written(program, model)):
        fail(f"the whole reads {ids(record)} after a part")

    desk.key("q")
    desk.program.wait(PATIENCE)
    if desk.program.returncode != 0:
        fail(f"q gave {desk.program.returncode}: {desk.complaints()}")
    said = desk.program.stdout.read().split()
    if not said or any(not name.startswith("a.read.") or not os.path.exists(name) for name in said):
        fail(f"said {said}")


def main():
    program, model, screenshots = arguments()
    if SIZE[1] * SCALE + PANEL > HEIGHT:
        fail("the display is too small")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s={}x{}".format(*SIZE), "-frames:v", "1",
                        "a.png"], check=True)
        desk = Desk([program, "read", "--model", model, "--max-tokens", LONGEST, "--window", "a.png"], screenshots)
        try:
            work(desk, program, model)
        finally:
            desk.close()


if __name__ == "__main__":
    main()
