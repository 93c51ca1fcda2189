"""Trains the embedded classifier from scratch on the CPU.

    python3 tools/train/teacher.py --data ../shared/data/things100 --model VIT_TINY --cache FOLDER   # optional
    python3 tools/train/train.py --data ../shared/data/things100 --out FOLDER [--soft-labels FOLDER/soft_labels.pt]

A step of 128 pictures takes 0.7 s of one Zen 3 core at 48 × 48 and 1.2 s at 64 × 64; the teacher takes 16 minutes of it.
The plan is a list of size:epochs. Small pictures first are cheap; the last ones are seen at the magnification of
evaluation at 128 (Touvron et al. 2019, "Fixing the train-test resolution discrepancy"). The rate warms up, stays, and
falls over the plan's last `--decay` epochs (Hu et al. 2024, "MiniCPM", warm-up, stable, decay), so that a longer plan
can start from trunk.pt, the state before the fall. Stopped at any time, the same command continues from last.pt: the
augmentation of a step depends on the seed, the step and the number of workers alone.
"""

import argparse
import copy
import multiprocessing
import os
import signal
import sys

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when torch loads it; processes are what runs side by side here

import torch
import torch.nn.functional as F
from torch import nn

import data
import model
import optimizer
from running import Clock, Share, average, rate_at, report

SMOOTHING = 0.1


def parse_plan(text):
    """'48:10,64:2.5' -> [(48, 10.0), (64, 2.5)]."""
    return [(int(size), float(epochs)) for size, epochs in (part.split(":") for part in text.split(","))]


def size_at(plan, epoch):
    for size, epochs in plan:
        if epoch < epochs:
            return size
        epoch -= epochs
    raise ValueError("[train] epoch beyond the plan")


@torch.no_grad()
def accuracy(net, pictures, labels, size, batch=50):
    net.eval()
    right = 0
    for begin in range(0, len(pictures), batch):
        logits = net(data.evaluation_batch(pictures[begin : begin + batch], size))
        right += (logits.argmax(1) == labels[begin : begin + batch]).sum().item()
    return right / len(pictures)


def make_targets(labels, classes, soft_labels, share):
    """Smoothed classes, mixed with the teacher's probabilities where there are any. [N, classes]."""
    targets = F.one_hot(labels, classes).float() * (1 - SMOOTHING) + SMOOTHING / classes
    if soft_labels:
        targets = (1 - share) * targets + share * torch.load(soft_labels).softmax(1)
    return targets


class Run:
    """Everything that training needs, made before the processes part."""

    def __init__(self, args):
        self.args = args
        self.pictures, self.labels, _ = data.load(args.data, "train", args.out)
        # Every fourth validation picture, to watch by; evaluate.py takes all of them.
        self.held_out, self.held_labels = (part[::4] for part in data.load(args.data, "val", args.out)[:2])
        classes = len(data.classes(args.data))
        self.targets = make_targets(self.labels, classes, args.soft_labels, args.soft_share)
        self.plan = parse_plan(args.plan)
        self.epochs = sum(count for _, count in self.plan)
        self.epoch_steps = len(self.pictures) // args.batch
        self.total = round(self.epochs * self.epoch_steps)
        self.decay_start = max(0, self.total - round(args.decay * self.epoch_steps))
        self.net = model.EarlyConvVit(classes, **model.ARGS)
        self.ema = copy.deepcopy(self.net).eval()
        self.parameters = list(self.net.parameters())
        self.share = Share(args.workers, sum(p.numel() for p in self.parameters))
        self.optimizer = optimizer.Optimizer(
            self.net, args.weight_decay, args.workers, self.share, inner=("stem", "blocks"), last="head.weight"
        )
        self.step = 0
        last = self.path("last.pt")
        start = last if os.path.exists(last) else args.start
        if start:
            saved = torch.load(start)
            self.net.load_state_dict(saved["net"])
            self.ema.load_state_dict(saved["ema"])
            self.optimizer.state = saved["optimizer"]
            self.step = saved["step"]

    def path(self, name):
        return os.path.join(self.args.out, name)

    def save(self, name):
        state = {
            "net": self.net.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state,
            "step": self.step,
            "args": vars(self.args),
            "model_args": model.ARGS,
        }
        torch.save(state, self.path(name + ".part"))
        os.replace(self.path(name + ".part"), self.path(name))

    def batch(self, rank):
        """This worker's part of the step's batch."""
        args = self.args
        epoch, within = divmod(self.step, self.epoch_steps)
        order = torch.randperm(len(self.pictures), generator=torch.Generator().manual_seed(args.seed * 1000 + epoch))
        chosen = order[within * args.batch : (within + 1) * args.batch][rank :: args.workers]
        rng = torch.Generator().manual_seed((args.seed * 1000003 + self.step) * args.workers + rank)
        return data.training_batch(
            self.pictures[chosen],
            self.targets[chosen],
            size_at(self.plan, self.step / self.epoch_steps),
            args.smallest_crop,
            args.mixing,
            rng,
        )

    def advance(self, rank):
        """One step; returns the loss."""
        inputs, wanted = self.batch(rank)
        self.net.train()
        loss = F.cross_entropy(self.net(inputs), wanted)
        self.net.zero_grad(set_to_none=True)
        (loss / self.args.workers).backward()
        for parameter, mean in zip(self.parameters, self.share(rank, [p.grad for p in self.parameters])):
            parameter.grad = mean
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        rate = rate_at(self.step, self.decay_start, self.total)
        self.optimizer.step(rank, self.args.matrix_rate * rate, self.args.rate * rate)
        self.step += 1
        return loss.item()

    def work(self, rank):
        """A worker beside the first: the same steps on its part of each batch."""
        torch.set_num_threads(1)
        try:
            while self.step < self.total:
                self.advance(rank)
        except BaseException:
            self.share.barrier.abort()  # the others would wait forever
            raise

    def lead(self):
        """The first worker, which also averages, reports, measures and saves."""
        clock, losses = Clock(), []
        while self.step < self.total:
            if self.step == self.decay_start:
                self.save("trunk.pt")
            size = size_at(self.plan, self.step / self.epoch_steps)
            losses.append(self.advance(0))
            average(self.ema, self.net, self.step, self.args.ema)
            whole = self.step % self.epoch_steps == 0 or self.step == self.total
            if self.step % 100 == 0 or whole:
                line = f"epoch {self.step / self.epoch_steps:.2f} of {self.epochs:g}, size {size}, "
                line += f"loss {sum(losses) / len(losses):.3f}, {clock.each(len(losses))}"
                if whole:
                    tested = max(size, 64)
                    line += f", EMA top-1 {accuracy(self.ema, self.held_out, self.held_labels, tested):.4f} at {tested}"
                report(self.args.out, line)
                self.save("last.pt")
                clock, losses = Clock(), []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of train.tar, val.tar and classes.tsv")
    parser.add_argument("--out", required=True, help="folder for checkpoints, and for the decoded pictures")
    parser.add_argument("--plan", default="48:12,64:4,96:2", help="size:epochs,…")
    parser.add_argument("--decay", type=float, default=4, help="epochs over which the rate falls, at the end")
    parser.add_argument("--soft-labels", help="what teacher.py wrote")
    parser.add_argument("--soft-share", type=float, default=0.5, help="of the targets, the teacher's part")
    parser.add_argument("--start", help="checkpoint to start from where --out has no last.pt, such as a trunk.pt")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--matrix-rate", type=float, default=3e-3, help="of Muon")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="of AdamW")
    parser.add_argument("--weight-decay", type=float, default=0.05)
    parser.add_argument("--smallest-crop", type=float, default=0.4)
    parser.add_argument("--mixing", type=float, default=0.0, help="share of the batches under CutMix")
    parser.add_argument("--ema", type=float, default=0.998)
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
