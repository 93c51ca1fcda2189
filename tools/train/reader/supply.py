"""Batches for training: freshly drawn words, and earlier ones again under other colours."""

import random

import numpy as np
import torch

import draw
import model


class Supply:
    """Draws a third of each batch; the rest comes from the latest words, since drawing one takes as long as a fifth
    of a step on it. A word is seen about three times, its colours changed, and then never again."""

    KEPT, FIRST, FRESH = 8000, 1500, 1 / 3

    def __init__(self, drawer, grid):
        self.drawer, self.grid, self.ring = drawer, grid, []

    def draw(self, rng, count, longest, hard):
        found = [self.drawer(rng, rng.random() < hard, longest) for _ in range(count)]
        self.ring = (self.ring + found)[-self.KEPT :]
        return found

    def batch(self, seed, count, longest, hard):
        rng = random.Random(seed)
        if not self.ring:
            self.draw(rng, self.FIRST, longest, hard)
        again = rng.sample(self.ring, count - round(count * self.FRESH))
        fresh = self.draw(rng, count - len(again), longest, hard)
        return pack(fresh + again, self.grid, len(fresh), np.random.default_rng(seed))


def recolour(pictures, insides, rng):
    """uint8 pictures under other colours and a little noise; what lies beside a picture stays grey."""
    count = len(pictures)
    floats = pictures.astype(np.float32)
    swapped = rng.random(count) < 0.3
    floats[swapped] = floats[swapped][..., rng.permutation(3)]
    inverted = rng.random(count) < 0.2
    floats[inverted] = 255 - floats[inverted]
    means = floats.mean((1, 2, 3), keepdims=True)
    contrast, brightness = rng.uniform(0.65, 1.2, (count, 1, 1, 1)), rng.uniform(-30, 30, (count, 1, 1, 1))
    floats = means + (floats - means) * contrast.astype(np.float32) + brightness.astype(np.float32)
    noisy = rng.random(count) < 0.25
    floats[noisy] += rng.standard_normal((int(noisy.sum()), *floats.shape[1:3], 1), np.float32) * 6
    floats = np.clip(floats, 0, 255)
    for picture, (left, top, right, bottom) in zip(floats, insides):
        picture[:top], picture[bottom:], picture[:, :left], picture[:, right:] = (draw.GREY,) * 4
    return floats


def normalise(pictures):
    """Pictures [32, 160, 3] of 0 … 255 to the reader's input, which lies as convolutions on a CPU like it."""
    pictures = torch.from_numpy(np.stack(pictures)).float().permute(0, 3, 1, 2)
    return ((pictures / 255 - 0.5) / 0.5).contiguous(memory_format=torch.channels_last)


def cells_of(boxes, grid):
    """[N, 4] boxes in the picture -> [N, rows·cols]: cells whose middle lies in the box or at most half a cell
    beside it, so that a thin character has cells too."""
    rows, cols = grid
    high, wide = draw.HEIGHT / rows, draw.WIDTH / cols
    x, y = (np.arange(cols) + 0.5) * wide, (np.arange(rows) + 0.5) * high
    left, top, right, bottom = (side[:, None] for side in boxes.T)
    across = (x >= left - wide / 2) & (x <= right + wide / 2)
    down = (y >= top - high / 2) & (y <= bottom + high / 2)
    return (down[:, :, None] & across[:, None, :]).reshape(len(boxes), rows * cols)


def pack(examples, grid, fresh, rng):
    """Drawn words, longest first, and step after step as teach.py wants them: (input, ids [B, T], counts of
    rows a step, targets [N], cells of the character [N, rows·cols], which of these are known [N])."""
    pictures = np.stack([picture for _, picture, _, _ in examples]).astype(np.float32)
    pictures[fresh:] = recolour(pictures[fresh:], [inside for *_, inside in examples[fresh:]], rng)
    order = sorted(range(len(examples)), key=lambda i: -len(examples[i][0]))
    lengths = [len(examples[i][0]) for i in order]
    steps = lengths[0] + 1
    ids = np.full((len(order), steps), model.PAD)
    targets = np.full((len(order), steps), model.PAD)
    cells = np.zeros((len(order), steps, grid[0] * grid[1]), bool)
    ids[:, 0] = model.START
    for row, (i, length) in enumerate(zip(order, lengths)):
        text, _, boxes, _ = examples[i]
        ids[row, 1 : length + 1] = targets[row, :length] = model.encode_text(text)
        targets[row, length] = model.END
        inked = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])  # a space has none
        cells[row, :length] = cells_of(boxes, grid) & inked[:, None]
    counts = [sum(length + 1 > t for length in lengths) for t in range(steps)]
    by_step = lambda values: torch.from_numpy(np.concatenate([values[:count, t] for t, count in enumerate(counts)]))
    cells = by_step(cells)
    return normalise(pictures[order]), torch.from_numpy(ids), counts, by_step(targets), cells, cells.any(1)
