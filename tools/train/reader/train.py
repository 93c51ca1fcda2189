"""Trains the reader of words from scratch on the CPU, on pictures that are drawn while it trains.

    python3 tools/train/reader/sources.py … --out FOLDER/sources.pt
    python3 tools/train/reader/train.py --out FOLDER

Stopped at any time, the same command continues from last.pt. The rate warms up, stays, and falls over the last
`--decay` of `--steps`; to end at another step than planned, stop it and give other numbers. trunk.pt is the state
before the fall, from which a longer training can go on.

Texts grow from a few characters to 24 over the first steps, and attention is told which cells show a character
(a small loss on its weights outside of the character's box, as in Cheng et al. 2017, "Focusing attention"): left
alone, it takes most of a short training to find out that writing follows reading.
"""

import argparse
import copy
import multiprocessing
import os
import random
import signal
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when torch loads it; processes are what runs side by side here

import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))

import draw
import export
import model
import optimizer
import sources
import supply
import teach
from running import Share, average, rate_at, report

SMOOTHING = 0.05
# What Muon steps: all matrices but the embedding, attention's vector and the characters' scores.
INNER = ("stem", "columns", "cells", "seen", "encoder.bridge_h", "attention.key_layer", "attention.query_layer")
GATED = ("encoder.rnn", "cell.")
HELD_OUT = 500  # words of each kind to watch by; evaluate.py takes more


def longest_at(step, growth):
    """Characters of the longest text: 4 at first, all after `growth` steps."""
    return min(draw.LONGEST, 4 + (draw.LONGEST - 4) * step // growth)


def held_out(path, sources_path):
    """Drawn words of the held-out side, {"plain": […], "hard": […]}, the same ones whenever training goes on."""
    if not os.path.exists(path):
        drawer = sources.drawer(sources_path, evaluation=True)
        words = {}
        for kind, hard in (("plain", False), ("hard", True)):
            rng = random.Random(f"watch {kind}")
            words[kind] = [drawer(rng, hard) for _ in range(HELD_OUT)]
        torch.save(words, path)
    return torch.load(path, weights_only=False)


@torch.no_grad()
def accuracy(net, words, batch=50):
    """Share of words that are read without a mistake."""
    right = 0
    for begin in range(0, len(words), batch):
        part = words[begin : begin + batch]
        ids = net.read(supply.normalise([picture for _, picture, _, _ in part]))[0]
        right += sum(model.decode_ids(row) == text for row, (text, *_) in zip(ids, part))
    return right / len(words)


class Run:
    """Everything that training needs, made before the processes part."""

    def __init__(self, args):
        self.args = args
        path = args.sources or self.path("sources.pt")
        self.net = model.Reader(model.CONFIG).to(memory_format=torch.channels_last)
        self.ema = copy.deepcopy(self.net).eval()
        self.watched = held_out(self.path("held_out.pt"), path)
        self.supply = supply.Supply(sources.drawer(path, False, args.spaced, args.empty), self.net.grid)
        self.parameters = list(self.net.parameters())
        self.share = Share(args.workers, sum(p.numel() for p in self.parameters))
        self.optimizer = optimizer.Optimizer(
            self.net, args.weight_decay, args.workers, self.share, INNER, last="out.weight", gated=GATED
        )
        self.decay_start = max(0, args.steps - args.decay)
        self.step, self.words = 0, 0
        last = self.path("last.pt")
        start = last if os.path.exists(last) else args.start
        if start and os.path.isdir(start):
            for net in (self.net, self.ema):
                net.load_state_dict(export.load(start)[0].state_dict())
        elif start:
            saved = torch.load(start)
            self.net.load_state_dict(saved["net"])
            self.ema.load_state_dict(saved["ema"])
            self.optimizer.state = saved["optimizer"]
            self.step, self.words = saved["step"], saved["words"]

    def path(self, name):
        return os.path.join(self.args.out, name)

    def save(self, name):
        state = {
            "net": self.net.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state,
            "step": self.step,
            "words": self.words,
            "config": model.CONFIG,
            "args": vars(self.args),
        }
        torch.save(state, self.path(name + ".part"))
        os.replace(self.path(name + ".part"), self.path(name))

    def advance(self, rank):
        """One step; returns the losses of characters and of attention."""
        args = self.args
        seed = (args.seed * 1000003 + self.step) * args.workers + rank
        longest = longest_at(self.step, args.growth)
        batch = self.supply.batch(seed, args.batch // args.workers, longest, args.hard)
        pictures, ids, counts, targets, cells, known = batch
        self.net.train()
        logits, weights = teach.teach(self.net, pictures, ids, counts, half=not args.float)
        spelling = F.cross_entropy(logits, targets, label_smoothing=SMOOTHING)
        on_it = (torch.cat(weights)[known] * cells[known]).sum(1)
        looking = -(on_it + 1e-4).log().mean()
        guide = args.guide if self.step < 2 * args.growth else args.guide / 5
        self.net.zero_grad(set_to_none=True)
        ((spelling + guide * looking) / args.workers).backward()
        for parameter, mean in zip(self.parameters, self.share(rank, [p.grad for p in self.parameters])):
            parameter.grad = mean
        nn.utils.clip_grad_norm_(self.parameters, args.clip)
        rate = rate_at(self.step, self.decay_start, args.steps)
        self.optimizer.step(rank, args.matrix_rate * rate, args.rate * rate)
        self.step += 1
        self.words += args.batch
        return spelling.item(), looking.item()

    def work(self, rank):
        """A worker beside the first: the same steps on its part of each batch."""
        torch.set_num_threads(1)
        try:
            while self.step < self.args.steps:
                self.advance(rank)
        except BaseException:
            self.share.barrier.abort()  # the others would wait forever
            raise

    def progress(self, losses, began):
        """What the last steps did, for the log."""
        wall, processor = (now - before for now, before in zip((time.time(), time.process_time()), began))
        seen = len(losses) * self.args.batch
        line = f"step {self.step} of {self.args.steps}, {self.words} words, up to "
        line += f"{longest_at(self.step, self.args.growth)} characters, loss "
        line += ", attention ".join(f"{sum(part) / len(losses):.3f}" for part in zip(*losses))
        return line + f", {seen / wall:.0f} words/s ({1000 * processor * self.args.workers / seen:.1f} ms of a core)"

    def lead(self):
        """The first worker, which also averages, reports, measures and saves."""
        saved = measured = time.time()
        began, losses = (time.time(), time.process_time()), []
        while self.step < self.args.steps:
            if self.step == self.decay_start:
                self.save("trunk.pt")
            losses.append(self.advance(0))
            average(self.ema, self.net, self.step, self.args.ema)
            done = self.step == self.args.steps
            if time.time() - measured > 60 * self.args.every or done:
                shares = {kind: accuracy(self.ema, words) for kind, words in self.watched.items()}
                figures = ", ".join(f"{kind} {100 * share:.1f} %" for kind, share in shares.items())
                report(self.args.out, self.progress(losses, began) + f", exact words: {figures}")
                measured = time.time()
                began, losses = (measured, time.process_time()), []
            elif len(losses) == 100:
                report(self.args.out, self.progress(losses, began))
                began, losses = (time.time(), time.process_time()), []
            if time.time() - saved > 180 or done:
                self.save("last.pt")
                saved = time.time()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="folder for checkpoints")
    parser.add_argument("--sources", help="what sources.py wrote; sources.pt of --out otherwise")
    parser.add_argument("--steps", type=int, default=40000)
    parser.add_argument("--decay", type=int, default=8000, help="steps over which the rate falls, at the end")
    parser.add_argument("--growth", type=int, default=2000, help="steps until texts have their full length")
    parser.add_argument("--start", help="where --out has no last.pt: a checkpoint to continue, or a model's folder")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--matrix-rate", type=float, default=1.5e-3, help="for the matrices that Muon steps")
    parser.add_argument("--weight-decay", type=float, default=0.02)
    parser.add_argument("--clip", type=float, default=2.0)
    parser.add_argument("--hard", type=float, default=0.6, help="share of the words that are hard ones")
    parser.add_argument("--spaced", type=float, default=0.12, help="share of the words with a wide blank beside them")
    parser.add_argument("--empty", type=float, default=0.04, help="share of the pictures without text")
    parser.add_argument("--guide", type=float, default=0.25, help="share of attention's loss, a fifth of it later")
    parser.add_argument("--ema", type=float, default=0.998)
    parser.add_argument("--float", action="store_true", help="no bfloat16 in the large products")
    parser.add_argument("--every", type=float, default=15, help="minutes between measurements")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread that share a batch")
    args = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    os.makedirs(args.out, exist_ok=True)
    run = Run(args)
    processes = multiprocessing.get_context("fork")
    for rank in range(1, args.workers):
        processes.Process(target=run.work, args=(rank,), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # an ordinary exit, which ends the other processes
    run.lead()


if __name__ == "__main__":
    main()
