"""Measures a model folder on drawn words that training never saw, with fonts and photographs that it never saw.

    python3 tools/train/reader/evaluate.py --model MODEL --sources FOLDER/sources.pt --out FOLDER [--tesseract]

FOLDER/card.json: exact words and characters, plain and hard, and by what the texts are; each character's share read
right; what is taken for what; where attention peaks; texts with a wide blank beside them, and pictures without text,
which are right where nothing is read. mistakes.png: pictures read wrongly, to look at. --tesseract has Tesseract 5 read
the same pictures, each without the grey beside it, as they are and three times as large, the better of the two.
"""

import argparse
import collections
import json
import os
import random
import string
import subprocess
import sys
import tempfile

import numpy as np
import torch
from PIL import Image

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))

import draw
import export
import model
import sources
import supply

# Tesseract's typographic marks, as the reader's characters have them.
PLAIN_MARKS = str.maketrans("‘’`´“”„«»—–‚", "''''\"\"\"\"\"--,")


def aligned(truth, read):
    """Pairs (true character, read one) of a shortest edit; "" stands for one that the other side lacks."""
    rows, cols = len(truth) + 1, len(read) + 1
    cost = np.zeros((rows, cols), int)
    cost[:, 0], cost[0] = np.arange(rows), np.arange(cols)
    for i in range(1, rows):
        for j in range(1, cols):
            swap = cost[i - 1, j - 1] + (truth[i - 1] != read[j - 1])
            cost[i, j] = min(swap, cost[i - 1, j] + 1, cost[i, j - 1] + 1)
    pairs, i, j = [], rows - 1, cols - 1
    while i or j:
        if i and j and cost[i, j] == cost[i - 1, j - 1] + (truth[i - 1] != read[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((truth[i], read[j]))
        elif i and cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
            pairs.append((truth[i], ""))
        else:
            j -= 1
            pairs.append(("", read[j]))
    return pairs[::-1]


def measure(texts, readings):
    """Figures of one kind, in per cent."""
    pairs = [pair for text, reading in zip(texts, readings) for pair in aligned(text, reading)]
    seen, right, confused = collections.Counter(), collections.Counter(), collections.Counter()
    for true, read in pairs:
        if true:
            seen[true] += 1
        if true and true == read:
            right[true] += 1
        elif true != read:
            confused[true, read] += 1

    def exact(change):
        return 100 * sum(change(a) == change(b) for a, b in zip(texts, readings)) / len(texts)

    letters = [(a, b) for a, b in zip(texts, readings) if set(a) <= set(string.ascii_letters)]
    return {
        "words": len(texts),
        "exact": exact(str),
        "exact_without_case": exact(str.lower),
        "exact_of_letters_alone": 100 * sum(a == b for a, b in letters) / max(1, len(letters)),
        "character_errors": 100 * sum(confused.values()) / sum(seen.values()),
        "characters": {c: round(100 * right[c] / seen[c], 1) for c in sorted(seen)},
        "confused": [{"is": a, "taken_for": b, "times": n} for (a, b), n in confused.most_common(30)],
    }


def by_kind(kinds, texts, readings):
    """Of each kind of text: how many there were, and the share read right."""
    right = collections.Counter(kind for kind, a, b in zip(kinds, texts, readings) if a == b)
    counts = collections.Counter(kinds)
    return {kind: {"words": n, "exact": round(100 * right[kind] / n, 1)} for kind, n in counts.most_common()}


def unfilled(net, path, hard, characters, count):
    """Shares in per cent: texts read right that have a blank beside them, pictures without text that read as nothing."""
    shares = {}
    for name, options in (("spaced", {"spaced": 1.0}), ("empty", {"empty": 1.0})):
        drawer, rng = sources.drawer(path, True, **options), random.Random(f"evaluate {name} {hard}")
        drawn = [drawer(rng, hard) for _ in range(count)]
        readings, _ = read(net, drawn, characters)
        shares[name] = 100 * sum(text == reading for (text, *_), reading in zip(drawn, readings)) / count
    return shares


@torch.no_grad()
def read(net, drawn, characters, batch=50):
    """Each picture's reading, and its steps' attention [steps, rows, cols]."""
    readings, attention = [], []
    for begin in range(0, len(drawn), batch):
        pictures = supply.normalise([picture for _, picture, _, _ in drawn[begin : begin + batch]])
        ids, lengths, _, weights = net.read(pictures)
        readings += [model.decode_ids(row, characters) for row in ids]
        attention += [w[: n - 1].unflatten(1, net.grid).numpy() for w, n in zip(weights, lengths)]
    return readings, attention


def pointing(drawn, readings, attention, grid):
    """Of the steps of words read right, the share whose attention peaks in the character's own box, by the middle
    of the cell and by any part of it; beside the shares of the cells that would do, which chance would give."""
    high, wide = draw.HEIGHT / grid[0], draw.WIDTH / grid[1]
    within, touching, chance, steps = 0, 0, [0.0, 0.0], 0
    for (text, _, boxes, _), reading, maps in zip(drawn, readings, attention):
        if text != reading:
            continue
        for (left, top, right, bottom), cells in zip(boxes, maps):
            if right <= left or bottom <= top:  # a space
                continue
            x, y = (np.arange(grid[1]) + 0.5) * wide, (np.arange(grid[0]) + 0.5) * high
            row, col = divmod(int(cells.argmax()), grid[1])
            middle = ((y >= top) & (y <= bottom))[:, None] & ((x >= left) & (x <= right))
            touched = ((y + high / 2 > top) & (y - high / 2 < bottom))[:, None]
            touched = touched & ((x + wide / 2 > left) & (x - wide / 2 < right))
            within += middle[row, col]
            touching += touched[row, col]
            chance = [chance[0] + middle.mean(), chance[1] + touched.mean()]
            steps += 1
    figures = {"middle_in_box": within, "touches_box": touching, "chance_middle": chance[0], "chance_touches": chance[1]}
    return {"steps": steps, **{name: 100 * float(value) / max(1, steps) for name, value in figures.items()}}


def tesseract(drawn, scale):
    """Tesseract's readings: one run for all, as a list of files; a word a page."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for i, (_, picture, _, inside) in enumerate(drawn):
            image = Image.fromarray(picture).crop(inside)
            image = image.resize((image.width * scale, image.height * scale), Image.BICUBIC)
            paths.append(os.path.join(folder, f"{i}.png"))
            image.save(paths[-1], dpi=(300, 300))
        names = os.path.join(folder, "list.txt")
        with open(names, "w", encoding="utf-8") as file:
            file.write("\n".join(paths) + "\n")
        command = ["tesseract", names, "stdout", "--psm", "7", "-c", "page_separator=\f"]
        environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    pages = done.stdout.split("\f")[: len(drawn)]
    if len(pages) != len(drawn):
        raise SystemExit(f"[evaluate] tesseract wrote {len(pages)} pages for {len(drawn)} pictures")
    return [" ".join(page.split()).translate(PLAIN_MARKS) for page in pages]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="what export.py wrote")
    parser.add_argument("--sources", required=True, help="what sources.py wrote")
    parser.add_argument("--out", required=True)
    parser.add_argument("--count", type=int, default=1000, help="words of each kind")
    parser.add_argument("--tesseract", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    os.makedirs(args.out, exist_ok=True)
    net, config = export.load(args.model)
    drawer = sources.drawer(args.sources, evaluation=True)
    card, mistakes = {}, []
    for kind, hard in (("plain", False), ("hard", True)):
        rng = random.Random(f"evaluate {kind}")
        drawn, kinds = [], []
        for _ in range(args.count):
            drawn.append(drawer(rng, hard))
            kinds.append(drawer.texts.kind)
        texts = [text for text, *_ in drawn]
        readings, attention = read(net, drawn, config["characters"])
        card[kind] = {
            **measure(texts, readings),
            "kinds": by_kind(kinds, texts, readings),
            **unfilled(net, args.sources, hard, config["characters"], args.count // 2),
            "pointing": pointing(drawn, readings, attention, net.grid),
        }
        wrong = [(f"{a}   read: {b}", *rest) for (a, *rest), b in zip(drawn, readings) if a != b]
        mistakes += wrong[:80]
        line = f"{kind}: exact {card[kind]['exact']:.1f} %, character errors {card[kind]['character_errors']:.2f} %, "
        line += f"attention in the box {card[kind]['pointing']['middle_in_box']:.1f} %, "
        line += f"beside blanks {card[kind]['spaced']:.1f} %, nothing where nothing is {card[kind]['empty']:.1f} %"
        if args.tesseract:
            tries = [measure(texts, tesseract(drawn, scale)) for scale in (1, 3)]
            card[kind]["tesseract"] = max(tries, key=lambda figures: figures["exact"])
            line += f"; Tesseract: exact {card[kind]['tesseract']['exact']:.1f} %"
        print(line, flush=True)
    with open(os.path.join(args.out, "card.json"), "w", encoding="utf-8") as file:
        json.dump(card, file, indent=1, ensure_ascii=False)
        file.write("\n")
    draw.sheet(mistakes, 4, os.path.join(args.out, "mistakes.png"), boxes=False)


if __name__ == "__main__":
    main()
