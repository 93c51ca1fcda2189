#!/usr/bin/env python3
"""Draws a scene that an ImageNet model recognises, so that demos and docs need nobody's photograph."""
import argparse
import math
import random
import sys

try:
    from PIL import Image, ImageChops, ImageDraw, ImageFilter
except ImportError:
    sys.exit("draw_scene: needs Pillow (Debian: apt-get install python3-pil)")

OVERSAMPLE = 3  # drawn this much larger, then reduced: smooth edges


class Canvas:
    """A picture in units of its own height: (0, 0) top left, (aspect, 1) bottom right."""

    def __init__(self, width, height, rng):
        self.scale = height * OVERSAMPLE
        self.aspect = width / height
        self.size = (width * OVERSAMPLE, height * OVERSAMPLE)
        self.image = Image.new("RGB", self.size)
        self.rng = rng

    def draw(self):
        return ImageDraw.Draw(self.image)

    def px(self, points):
        return [(x * self.scale, y * self.scale) for x, y in points]

    def polygon(self, points, colour):
        self.draw().polygon(self.px(points), fill=colour)

    def box(self, x0, y0, x1, y1, colour, radius=0.0):
        corners = [x0 * self.scale, y0 * self.scale, x1 * self.scale, y1 * self.scale]
        self.draw().rounded_rectangle(corners, radius * self.scale, fill=colour)

    def disc(self, x, y, r, colour):
        corners = [(x - r) * self.scale, (y - r) * self.scale, (x + r) * self.scale, (y + r) * self.scale]
        self.draw().ellipse(corners, fill=colour)

    def vertical_gradient(self, y0, y1, top, bottom):
        first, last = int(y0 * self.scale), int(y1 * self.scale)
        draw = self.draw()
        for y in range(first, last):
            t = (y - first) / max(1, last - first - 1)
            draw.line([(0, y), (self.size[0], y)], fill=mix(top, bottom, t))

    def soft(self, shape, colour, opacity, blur):
        """Lays `colour` through a blurred mask; `shape` draws the mask in pixels with ImageDraw."""
        mask = Image.new("L", self.size, 0)
        shape(ImageDraw.Draw(mask))
        mask = mask.filter(ImageFilter.GaussianBlur(blur * self.scale)).point(lambda v: int(v * opacity))
        self.image.paste(Image.new("RGB", self.size, colour), (0, 0), mask)

    def soft_disc(self, x, y, r, colour, opacity, blur):
        s = self.scale
        self.soft(lambda d: d.ellipse([(x - r) * s, (y - r) * s, (x + r) * s, (y + r) * s], fill=255),
                  colour, opacity, blur)

    def shaded_disc(self, x, y, r, light, dark):
        """A disc lit from the upper left."""
        steps = 48
        for i in range(steps):
            t = i / (steps - 1)
            shift = 0.35 * r * t
            self.disc(x - shift * 0.7, y - shift * 0.7, r * (1 - 0.96 * t), mix(dark, light, t))

    def grain(self, amplitude):
        """Film-like noise: a flat drawing looks less like one."""
        width, height = self.image.size
        noise = Image.frombytes("L", (width, height), self.rng.randbytes(width * height))
        noise = noise.point(lambda v: 128 + round((v - 127.5) / 127.5 * amplitude))
        self.image = ImageChops.add(self.image, Image.merge("RGB", [noise] * 3), 1, -128)

    def finished(self, width, height):
        self.image = self.image.resize((width, height), Image.LANCZOS)
        self.grain(8)
        return self.image


def mix(a, b, t):
    return tuple(round(p + (q - p) * t) for p, q in zip(a, b))


def on_circle(x, y, r, turn):
    """The point at `turn` (0 is twelve o'clock, 1 a full turn clockwise)."""
    return x + r * math.sin(2 * math.pi * turn), y - r * math.cos(2 * math.pi * turn)


def bar(canvas, x, y, turn, start, end, width, colour, tip=None):
    """A bar pointing away from (x, y), from radius `start` to `end`, narrowing to `tip`."""
    tip = width if tip is None else tip
    ax, ay = on_circle(0, 0, 1, turn + 0.25)
    sx, sy = on_circle(x, y, start, turn)
    ex, ey = on_circle(x, y, end, turn)
    canvas.polygon([(sx - ax * width, sy - ay * width), (ex - ax * tip, ey - ay * tip),
                    (ex + ax * tip, ey + ay * tip), (sx + ax * width, sy + ay * width)], colour)


# Digits as polylines on a 2 × 3 grid, so that no font is needed.
DIGITS = {
    "0": [[(1, 0), (0.4, 0.25), (0, 0.9), (0, 2.1), (0.4, 2.75), (1, 3), (1.6, 2.75), (2, 2.1), (2, 0.9), (1.6, 0.25),
           (1, 0)]],
    "1": [[(0.4, 0.6), (1.2, 0), (1.2, 3)]],
    "2": [[(0, 0.5), (0.4, 0), (1.6, 0), (2, 0.5), (2, 1.1), (0, 3), (2, 3)]],
    "3": [[(0, 0), (2, 0), (0.9, 1.2), (1.6, 1.3), (2, 1.8), (2, 2.5), (1.5, 3), (0.4, 3), (0, 2.6)]],
    "4": [[(1.5, 3), (1.5, 0), (0, 2.1), (2, 2.1)]],
    "5": [[(2, 0), (0.2, 0), (0.1, 1.3), (1.4, 1.2), (2, 1.8), (2, 2.4), (1.5, 3), (0.4, 3), (0, 2.6)]],
    "6": [[(1.8, 0), (0.6, 0.8), (0, 1.9), (0.2, 2.7), (0.7, 3), (1.4, 3), (2, 2.5), (1.9, 1.7), (1.3, 1.3),
           (0.6, 1.4), (0.1, 1.9)]],
    "7": [[(0, 0), (2, 0), (0.8, 3)]],
    "8": [[(1, 1.4), (0.3, 1), (0.3, 0.3), (0.8, 0), (1.3, 0), (1.8, 0.3), (1.8, 1), (1, 1.4), (0, 2), (0, 2.6),
           (0.6, 3), (1.5, 3), (2, 2.6), (2, 2), (1, 1.4)]],
    "9": [[(0.2, 3), (1.4, 2.2), (2, 1.1), (1.8, 0.3), (1.3, 0), (0.6, 0), (0, 0.5), (0.1, 1.3), (0.7, 1.7),
           (1.4, 1.6), (1.9, 1.1)]],
}


def number(canvas, text, x, y, height, colour):
    unit = height / 3
    advance = 2.7 * unit
    left = x - (advance * len(text) - 0.7 * unit) / 2
    for i, digit in enumerate(text):
        for line in DIGITS[digit]:
            points = canvas.px([(left + i * advance + px * unit, y - height / 2 + py * unit) for px, py in line])
            width = max(1, int(0.42 * unit * canvas.scale))
            canvas.draw().line(points, fill=colour, width=width, joint="curve")
            for px, py in points:
                canvas.draw().ellipse([px - width / 2, py - width / 2, px + width / 2, py + width / 2], fill=colour)


def wall_clock(canvas):
    canvas.vertical_gradient(0, 1, (214, 205, 188), (187, 176, 158))
    canvas.soft_disc(canvas.aspect * 0.2, 0.1, 0.55, (250, 240, 220), 0.55, 0.2)  # window light
    x, y, r = canvas.aspect * 0.5, 0.46, 0.34
    canvas.box(-0.1, 0.93, canvas.aspect + 0.1, 1.1, (236, 232, 224))  # skirting board
    canvas.box(-0.1, 0.925, canvas.aspect + 0.1, 0.935, (150, 142, 130))
    canvas.soft_disc(x + 0.03, y + 0.045, r, (70, 60, 48), 0.75, 0.025)  # shadow on the wall
    for i in range(40):  # the rim is round: bright above, dark below
        t = i / 39
        canvas.disc(x, y + 0.006 * (1 - t), r * (1 - 0.1 * t), mix((34, 32, 34), (92, 90, 92), math.sin(math.pi * t)))
    canvas.disc(x, y, r * 0.9, (120, 118, 114))
    canvas.disc(x, y + 0.006, r * 0.885, (247, 245, 238))
    for minute in range(60):
        hour = minute % 5 == 0
        bar(canvas, x, y, minute / 60, r * (0.79 if hour else 0.82), r * 0.86, 0.0055 if hour else 0.002, (30, 30, 32))
    for hour in range(1, 13):
        nx, ny = on_circle(x, y, r * 0.66, hour / 12)
        number(canvas, str(hour), nx, ny, r * 0.155, (28, 28, 30))
    minutes = canvas.rng.randrange(720)
    hour_turn, minute_turn = minutes / 720, (minutes % 60) / 60
    s = canvas.scale

    def hands_shadow(d):
        for turn, length, width in ((hour_turn, 0.47, 0.012), (minute_turn, 0.74, 0.009)):
            ex, ey = on_circle(x + 0.008, y + 0.012, r * length, turn)
            d.line([(x + 0.008) * s, (y + 0.012) * s, ex * s, ey * s], fill=255, width=int(2 * width * s))
    canvas.soft(hands_shadow, (60, 56, 50), 0.45, 0.006)
    bar(canvas, x, y, hour_turn, -r * 0.12, r * 0.47, 0.013, (24, 24, 26), 0.008)
    bar(canvas, x, y, minute_turn, -r * 0.14, r * 0.74, 0.010, (24, 24, 26), 0.005)
    bar(canvas, x, y, 0.58, -r * 0.2, r * 0.78, 0.0028, (176, 32, 30))
    canvas.disc(x, y, 0.016, (24, 24, 26))
    canvas.disc(x, y, 0.008, (176, 32, 30))
    canvas.soft(lambda d: d.polygon([((x - r * 0.75) * s, (y - r * 0.1) * s), ((x - r * 0.1) * s, (y - r * 0.75) * s),
                                     ((x + r * 0.15) * s, (y - r * 0.78) * s), ((x - r * 0.75) * s, (y + r * 0.2) * s)],
                                    fill=255), (255, 255, 255), 0.28, 0.02)  # reflection in the glass


def traffic_light(canvas):
    canvas.vertical_gradient(0, 1, (96, 140, 190), (205, 216, 224))
    for _ in range(5):  # clouds
        cx, cy = canvas.rng.uniform(0, canvas.aspect), canvas.rng.uniform(0.05, 0.5)
        for _ in range(4):
            canvas.soft_disc(cx + canvas.rng.uniform(-0.15, 0.15), cy + canvas.rng.uniform(-0.02, 0.02), 0.06,
                             (240, 243, 246), 0.6, 0.05)
    left = 0.0
    while left < canvas.aspect:  # houses far behind
        width, top = canvas.rng.uniform(0.12, 0.25), canvas.rng.uniform(0.72, 0.86)
        shade = canvas.rng.randrange(96, 130)
        canvas.box(left, top, left + width, 1.1, (shade + 14, shade + 4, shade - 4))
        for row in range(6):
            for column in range(int(width / 0.04)):
                wx, wy = left + 0.012 + 0.04 * column, top + 0.02 + 0.05 * row
                canvas.box(wx, wy, wx + 0.018, wy + 0.026, (70, 80, 96))
        left += width
    canvas.image = canvas.image.filter(ImageFilter.GaussianBlur(0.005 * canvas.scale))
    x, top, half, height = canvas.aspect * 0.5, 0.08, 0.135, 0.7
    canvas.box(x - 0.026, 0.7, x + 0.026, 1.1, (58, 62, 62))
    canvas.box(x - 0.026, 0.7, x - 0.012, 1.1, (92, 98, 98))
    canvas.box(x + 0.012 - half, top + 0.008, x + 0.02 + half, top + height + 0.008, (18, 18, 18), 0.04)
    canvas.box(x - half, top, x + half, top + height, (40, 42, 42), 0.04)
    canvas.box(x - half + 0.008, top + 0.008, x + half - 0.008, top + height - 0.008, (28, 30, 30), 0.034)
    lamps = (((255, 96, 70), (196, 16, 16), True), ((92, 70, 20), (48, 36, 10), False), ((22, 66, 44), (8, 34, 24), False))
    for i, (light, dark, lit) in enumerate(lamps):
        y, r = top + 0.125 + 0.225 * i, 0.088
        if lit:
            canvas.soft_disc(x, y, r * 1.3, (255, 60, 40), 0.55, 0.04)
        canvas.disc(x, y, r * 1.1, (16, 16, 16))
        canvas.shaded_disc(x, y, r, light, dark)
        if lit:
            canvas.soft_disc(x, y, r * 0.55, (255, 190, 160), 0.6, 0.03)
        for j in range(60):  # the visor: an arch over the upper half, deeper at its crown
            turn = -0.27 + 0.54 * j / 59
            depth = 0.04 * math.cos(math.pi * turn * 0.9)
            bar(canvas, x, y - 0.012, turn, r * 1.04, r * 1.04 + max(0.012, depth), 0.008, (12, 12, 13))


def lighthouse(canvas):
    canvas.vertical_gradient(0, 0.72, (84, 142, 204), (206, 224, 236))
    canvas.vertical_gradient(0.72, 1, (44, 92, 128), (22, 58, 88))
    for _ in range(240):  # waves
        wx, wy = canvas.rng.uniform(0, canvas.aspect), canvas.rng.uniform(0.73, 1.0)
        length = 0.01 + 0.08 * (wy - 0.72)
        canvas.box(wx, wy, wx + length, wy + 0.0025, mix((70, 122, 156), (160, 190, 206), canvas.rng.random()))
    x = canvas.aspect * 0.5
    for i in range(90):  # rock
        rx = x + canvas.rng.gauss(0, 0.16)
        ry = 0.97 - 0.16 * math.exp(-((rx - x) / 0.2) ** 2) + canvas.rng.uniform(0, 0.2)
        shade = canvas.rng.randrange(58, 110)
        size = canvas.rng.uniform(0.02, 0.05)
        canvas.polygon([(rx + size * math.cos(a + i), ry + 0.7 * size * math.sin(a + i)) for a in (0, 1.1, 2.3, 3.6, 5)],
                       (shade, shade - 6, shade - 14))
    bottom, top, wide, narrow = 0.86, 0.27, 0.085, 0.052
    stripes, columns = 5, 40
    for stripe in range(stripes):
        y0 = top + (bottom - top) * stripe / stripes
        y1 = top + (bottom - top) * (stripe + 1) / stripes
        colour = (188, 40, 36) if stripe % 2 == 0 else (240, 238, 232)
        for c in range(columns):  # a round tower: darker to the right
            u0, u1 = 2 * c / columns - 1, 2 * (c + 1) / columns - 1
            shade = 0.08 + 0.55 * max(0.0, u0 + 0.25) ** 1.5
            w0 = narrow + (wide - narrow) * stripe / stripes
            w1 = narrow + (wide - narrow) * (stripe + 1) / stripes
            canvas.polygon([(x + u0 * w0, y0), (x + u1 * w0 + 0.001, y0), (x + u1 * w1 + 0.001, y1), (x + u0 * w1, y1)],
                           mix(colour, (30, 30, 50), shade))
    for wy in (0.4, 0.55, 0.7):
        canvas.box(x - 0.012, wy, x + 0.008, wy + 0.035, (44, 48, 60), 0.006)
    canvas.box(x - 0.075, top - 0.012, x + 0.075, top + 0.006, (52, 54, 58))  # gallery
    for i in range(11):
        px = x - 0.072 + 0.0144 * i
        canvas.box(px, top - 0.045, px + 0.003, top - 0.01, (52, 54, 58))
    canvas.box(x - 0.074, top - 0.047, x + 0.074, top - 0.043, (52, 54, 58))
    canvas.box(x - 0.036, top - 0.105, x + 0.036, top - 0.012, (150, 176, 188))  # lantern room
    canvas.soft_disc(x, top - 0.06, 0.02, (255, 244, 190), 0.95, 0.012)
    for i in range(5):
        px = x - 0.037 + 0.018 * i
        canvas.box(px, top - 0.105, px + 0.004, top - 0.012, (46, 48, 52))
    canvas.polygon([(x - 0.05, top - 0.103), (x + 0.05, top - 0.103), (x + 0.008, top - 0.155), (x - 0.008, top - 0.155)],
                   (170, 36, 32))
    canvas.box(x - 0.003, top - 0.19, x + 0.003, top - 0.15, (46, 48, 52))


SCENES = {"wall_clock": wall_clock, "traffic_light": traffic_light, "lighthouse": lighthouse}


def size(text):
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit() and 16 <= int(width) <= 8192 and 16 <= int(height) <= 8192):
        raise argparse.ArgumentTypeError(f"'{text}' is not WIDTHxHEIGHT with both from 16 to 8192")
    return int(width), int(height)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scene", choices=sorted(SCENES), default="wall_clock")
    parser.add_argument("--size", type=size, default=(640, 480), metavar="WxH")
    parser.add_argument("--seed", type=int, default=1, help="other clouds, another hour")
    parser.add_argument("--out", required=True, metavar="FILE")
    options = parser.parse_args()
    canvas = Canvas(*options.size, random.Random(options.seed))
    SCENES[options.scene](canvas)
    canvas.finished(*options.size).save(options.out)


if __name__ == "__main__":
    main()
