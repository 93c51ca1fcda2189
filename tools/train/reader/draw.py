"""Pictures of texts, drawn on the fly: plain ones, and hard ones as a camera sees them.

    python3 tools/train/reader/draw.py --sources FOLDER/sources.pt --out sheet.png   # a sheet to look at

A drawn word has its text, the picture as the reader gets it (32 × 160, aspect ratio kept, grey beside it) and each
character's box in that picture.
"""

import argparse
import functools
import io
import math
import random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

HEIGHT, WIDTH = 32, 160
GREY = 128  # timm's border mode fills with the mean, 0.5 · 255, rounded
LONGEST = 24  # more characters than that are not to be told apart in 160 pixels
SPACED = 12  # … and than that where half of the picture is blank


def fit(picture):
    """(the picture at 32 × 160, scale, left, top): the long side to the canvas, bicubic, centred on grey."""
    ratio = max(picture.height / HEIGHT, picture.width / WIDTH)
    width, height = max(1, round(picture.width / ratio)), max(1, round(picture.height / ratio))
    left, top = (WIDTH - width) // 2, (HEIGHT - height) // 2
    canvas = Image.new("RGB", (WIDTH, HEIGHT), (GREY, GREY, GREY))
    canvas.paste(picture.resize((width, height), Image.BICUBIC), (left, top))
    return canvas, (width, height), left, top


@functools.lru_cache(maxsize=2000)
def font_at(path, size):
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def luminance(colour):
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def lay_out(text, font, tracking, bend):
    """Each character's pen position and ink box; `bend` bows the line up or down by so many pixels."""
    boxes, pens, x = [], [], 0.0
    for i, character in enumerate(text):
        # The step from one character to the next has the kerning of the pair in it.
        if i:
            x += font.getlength(text[i - 1 : i + 1]) - font.getlength(character) + tracking
        left, top, right, bottom = font.getbbox(character)
        pens.append(x)
        boxes.append([x + left, top, x + right, bottom])
    boxes = np.array(boxes, np.float32)
    middle, half = (boxes[0, 0] + boxes[-1, 2]) / 2, max(1.0, (boxes[-1, 2] - boxes[0, 0]) / 2)
    shifts = np.array([bend * ((((b[0] + b[2]) / 2 - middle) / half) ** 2 - 0.5) for b in boxes], np.float32)
    boxes[:, 1::2] += shifts[:, None]
    return pens, shifts, boxes


def ink(text, font, tracking=0.0, bend=0.0, stroke=0, spare=2):
    """(mask of the text, mask of its outline or None, boxes in it), `spare` pixels around the ink."""
    pens, shifts, boxes = lay_out(text, font, tracking, bend)
    inked = boxes[(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])]
    left, top = np.floor(inked[:, :2].min(0)) - spare - stroke
    right, bottom = np.ceil(inked[:, 2:].max(0)) + spare + stroke
    masks = [Image.new("L", (int(right - left), int(bottom - top)), 0) for _ in range(2 if stroke else 1)]
    for i, mask in enumerate(masks):
        draw = ImageDraw.Draw(mask)
        for character, x, shift in zip(text, pens, shifts):
            draw.text((x - left, shift - top), character, fill=255, font=font, stroke_width=stroke * i)
    boxes[:, 0::2] -= left
    boxes[:, 1::2] -= top
    return masks[0], masks[1] if stroke else None, boxes


def homography(source, target):
    """The eight numbers of PIL's perspective transform that take `target` points to `source` points."""
    rows, wanted = [], []
    for (u, v), (x, y) in zip(source, target):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        wanted += [u, v]
    return np.linalg.solve(np.array(rows), np.array(wanted))


def through(matrix, points):
    """Points [N, 2] through a 3 × 3 homography."""
    mapped = np.concatenate([points, np.ones((len(points), 1))], 1) @ matrix.T
    return mapped[:, :2] / mapped[:, 2:]


def around(rng, side, slop):
    """A margin as a share of the line's height: mostly small; below 0 the crop cuts into the ink a little."""
    if rng.random() < 0.1:
        return -slop * rng.random() * side
    return min(1.2, rng.expovariate(5) if rng.random() < 0.8 else rng.uniform(0, 0.8)) * side


def margins(rng, height, slop, spaced):
    """Left, right, top and bottom of a text, in pixels; `spaced`: blank up to several times its height beside it."""
    across, down = ([around(rng, height, slop) for _ in range(2)] for _ in range(2))
    if spaced:
        across = [margin + rng.choice((0, 1, 1)) * rng.uniform(0, 4) * height for margin in across]
        down = [margin + rng.choice((0, 0, 1)) * rng.uniform(0, 1) * height for margin in down]
    return *across, *(0.6 * margin for margin in down)


def warped(rng, masks, boxes, strength, spaced):
    """The masks turned, sheared, put in perspective and cropped; and the boxes in them."""
    width, height = masks[0].size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    angle = math.radians(rng.triangular(-14, 14, 0)) * strength
    shear = rng.triangular(-0.35, 0.35, 0) * strength
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    target = (corners - corners.mean(0)) @ (turn @ np.array([[1, shear], [0, rng.uniform(0.85, 1.15)]])).T
    target += np.array([[rng.gauss(0, 0.07) for _ in range(2)] for _ in corners]) * height * strength
    left, right, top, bottom = margins(rng, height, 0.04, spaced)
    target -= target.min(0) - np.array([left, top])
    size = np.maximum(8, np.ceil(target.max(0) + np.array([right, bottom]))).astype(int)
    numbers = homography(corners, target)
    masks = [mask.transform(tuple(size), Image.PERSPECTIVE, tuple(numbers), Image.BICUBIC) for mask in masks]
    there = np.linalg.inv(np.append(numbers, 1).reshape(3, 3))
    quads = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2)
    quads = through(there, quads).reshape(-1, 4, 2)
    return masks, np.concatenate([quads.min(1), quads.max(1)], 1).astype(np.float32)


def colours(rng, least):
    """Ground and text colours whose luminances differ by `least` or more of 255."""
    while True:
        if rng.random() < 0.35:  # black, white and greys are what most text is
            first, second = ([value] * 3 for value in (rng.randrange(60), rng.randrange(180, 256)))
            pair = (first, second) if rng.random() < 0.5 else (second, first)
        else:
            pair = [[rng.randrange(256) for _ in range(3)] for _ in range(2)]
        if abs(luminance(pair[0]) - luminance(pair[1])) >= least:
            return np.array(pair[0], np.float32), np.array(pair[1], np.float32)


class Drawer:
    """Draws texts with the fonts and over the photographs of one side of the split. A share `empty` of the pictures has
    no text, a share `spaced` has a wide blank beside it."""

    def __init__(self, texts, fonts, photographs, spaced=0.0, empty=0.0):
        self.texts, self.fonts, self.photographs = texts, fonts, photographs
        self.spaced, self.empty = spaced, empty

    def text_and_font(self, rng, longest):
        """A family first, so that one of many styles does not rule; it must have all the characters."""
        text = self.texts(rng, longest)
        while True:
            font = rng.choice(rng.choice(self.fonts))
            if font["capitals"]:
                text = text.upper()
            if not set(text) & set(font["lacks"]):
                return text, font["path"]

    def ground(self, rng, width, height):
        """A part of a photograph, often tamed: text stands on calm places, or on a sign."""
        photograph = rng.choice(rng.choice(self.photographs))  # small ones, large ones
        across = rng.uniform(0.15, 1) * photograph.shape[1]
        down = min(photograph.shape[0], across * height / width)
        left = rng.uniform(0, photograph.shape[1] - across)
        top = rng.uniform(0, photograph.shape[0] - down)
        box = (left, top, left + across, top + down)
        part = Image.fromarray(photograph).resize((width, height), Image.BILINEAR, box=box)
        part = np.asarray(part, np.float32)
        return part.mean((0, 1)) + (part - part.mean((0, 1))) * rng.uniform(0.2, 1)

    def sign(self, rng, width, height):
        picture = self.ground(rng, width, height)
        if rng.random() < 0.4:  # a sign, through which a little of the photograph shows
            picture = picture * (share := rng.uniform(0, 0.35)) + colours(rng, 0)[0] * (1 - share)
        return picture

    def blank(self, rng, hard):
        """A picture without text."""
        height = rng.randint(12, 60)
        width = round(height * math.exp(rng.uniform(-0.7, 2.5)))
        if hard:
            picture = photographed(rng, self.sign(rng, width, height))
        else:
            picture = Image.new("RGB", (width, height), tuple(int(value) for value in colours(rng, 0)[0]))
        return self.finish("", picture, np.zeros((0, 4), np.float32))

    def plain(self, rng, longest, spaced):
        """Upright on a plain ground, dark on light or light on dark."""
        text, path = self.text_and_font(rng, longest)
        font = font_at(path, int(math.exp(rng.uniform(math.log(12), math.log(48)))))
        tracking = rng.gauss(0, 0.06) * font.size if rng.random() < 0.3 else 0
        mask, _, boxes = ink(text, font, max(tracking, -0.04 * font.size), spare=0)
        left, right, top, bottom = (round(margin) for margin in margins(rng, mask.height, 0.03, spaced))
        size = max(4, mask.width + left + right), max(4, mask.height + top + bottom)
        ground, text_colour = colours(rng, 70)
        picture = Image.new("RGB", size, tuple(int(value) for value in ground))
        picture.paste(tuple(int(value) for value in text_colour), (left, top), mask)
        return self.finish(text, picture, boxes + np.array([left, top, left, top], np.float32))

    def hard(self, rng, longest, spaced):
        """Tilted, over a photograph or on a sign in it, in uneven light, and through a poor camera."""
        text, path = self.text_and_font(rng, longest)
        font = font_at(path, int(math.exp(rng.uniform(math.log(14), math.log(44)))))
        tracking = max(-0.04, rng.gauss(0.02, 0.08)) * font.size if rng.random() < 0.5 else 0
        bend = rng.gauss(0, 0.12) * font.size if rng.random() < 0.25 and len(text) > 3 else 0
        stroke = max(1, font.size // 16) if rng.random() < 0.12 else 0
        mask, outline, boxes = ink(text, font, tracking, bend, stroke)
        masks, boxes = warped(rng, [mask] + ([outline] if stroke else []), boxes, rng.uniform(0.2, 1), spaced)
        width, height = masks[0].size
        mask = np.asarray(masks[0], np.float32)[..., None] / 255
        picture = self.sign(rng, width, height)
        behind = picture.mean((0, 1))
        ink_colour = colours(rng, 0)[1]
        while abs(luminance(ink_colour - behind)) < 70:
            ink_colour = colours(rng, 0)[1]
        if stroke:
            other = 255 - ink_colour if rng.random() < 0.7 else colours(rng, 0)[0]
            around_it = np.asarray(masks[1], np.float32)[..., None] / 255
            picture += (other - picture) * around_it
        elif rng.random() < 0.15:  # its own shadow on what lies behind
            shadow = np.roll(mask, (rng.randint(-2, 3), rng.randint(-2, 3)), (0, 1)) * rng.uniform(0.3, 0.9)
            picture += ((0 if luminance(ink_colour) > 110 else 255) - picture) * shadow
        picture += (ink_colour - picture) * mask * rng.uniform(0.75, 1)
        return self.finish(text, photographed(rng, picture), boxes)

    @staticmethod
    def finish(text, picture, boxes):
        whole = picture.size
        picture, (width, height), left, top = fit(picture)
        scale = np.array([width / whole[0], height / whole[1]] * 2, np.float32)
        boxes = boxes * scale + np.array([left, top, left, top], np.float32)
        return text, np.asarray(picture), boxes, (left, top, left + width, top + height)

    def __call__(self, rng, hard, longest=LONGEST):
        if self.empty and rng.random() < self.empty:
            return self.blank(rng, hard)
        spaced = self.spaced > 0 and rng.random() < self.spaced
        while True:
            try:
                return (self.hard if hard else self.plain)(rng, min(longest, SPACED) if spaced else longest, spaced)
            except OSError:  # FreeType cannot draw a glyph of some fonts at some sizes
                continue


def photographed(rng, picture):
    """Uneven light, blur, noise and compression of a float picture [H, W, 3]; gives it as a PIL picture."""
    height, width = picture.shape[:2]
    if rng.random() < 0.3:  # light from a side, or the edge of a shadow
        slope = np.linspace(-1, 1, width)[None] * rng.gauss(0, 1) + np.linspace(-1, 1, height)[:, None] * rng.gauss(0, 1)
        light = np.clip(slope * rng.uniform(1, 20) - rng.uniform(-1, 1), -1, 1) if rng.random() < 0.4 else slope
        picture = picture * (1 + rng.uniform(0.05, 0.35) * np.clip(light, -1.5, 1.5)[..., None])
    picture = np.clip(picture, 0, 255)
    blurred = rng.random()
    image = Image.fromarray(picture.astype(np.uint8))
    if blurred < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(min(0.06, abs(rng.gauss(0, 0.03))) * height))
    elif blurred < 0.5:  # fewer pixels, as of a word far away
        far = max(10, int(height * rng.uniform(0.25, 1)))
        image = image.resize((max(4, round(width * far / height)), far), Image.BILINEAR)
        image = image.resize((width, height), Image.BILINEAR)
    elif blurred < 0.56:  # a hand that moved sideways
        image = image.filter(ImageFilter.BoxBlur((height * rng.uniform(0.01, 0.05), 0)))
    if rng.random() < 0.4:
        noise = np.random.default_rng(rng.getrandbits(32)).standard_normal((height, width, 1 + 2 * (rng.random() < 0.5)))
        noisy = np.asarray(image, np.float32) + noise.astype(np.float32) * abs(rng.gauss(0, 12))
        image = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    if rng.random() < 0.4:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=rng.randint(20, 90))
        image = Image.open(file)
    return image


def sheet(drawn, columns, path, boxes=True):
    """Pictures in a grid, their texts below, each character's box drawn."""
    rows = -(-len(drawn) // columns)
    page = Image.new("RGB", (columns * (2 * WIDTH + 8), rows * (2 * HEIGHT + 22)), "white")
    draw = ImageDraw.Draw(page)
    for i, (text, picture, marks, _) in enumerate(drawn):
        x, y = i % columns * (2 * WIDTH + 8), i // columns * (2 * HEIGHT + 22)
        page.paste(Image.fromarray(picture).resize((2 * WIDTH, 2 * HEIGHT)), (x, y))
        if boxes and i % 2:
            for left, top, right, bottom in 2 * marks:
                box = (x + left, y + top, x + max(left, right), y + max(top, bottom))
                draw.rectangle(box, outline=(255, 0, 0))
        draw.text((x, y + 2 * HEIGHT + 2), text, fill="black", font=font_at("DejaVuSans.ttf", 12))
    page.save(path)


def main():
    import sources

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", required=True, help="what sources.py wrote")
    parser.add_argument("--out", required=True, help="a PNG")
    parser.add_argument("--evaluation", action="store_true", help="the held-out side")
    parser.add_argument("--spaced", type=float, default=0.0, help="share of the texts with a wide blank beside them")
    parser.add_argument("--empty", type=float, default=0.0, help="share of the pictures without text")
    parser.add_argument("--count", type=int, default=60, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    drawer, rng = sources.drawer(args.sources, args.evaluation, args.spaced, args.empty), random.Random(args.seed)
    sheet([drawer(rng, hard) for hard in (False, True) for _ in range(args.count)], 4, args.out)


if __name__ == "__main__":
    main()
