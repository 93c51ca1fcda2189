"""Trains the embedded classifier from scratch on the CPU.

    python3 tools/train/train.py --data ../shared/data/things100 --out FOLDER

The plan is a list of size:epochs. Small pictures first are cheap; the last ones are seen at the magnification of
evaluation at 128 (Touvron et al. 2019, "Fixing the train-test resolution discrepancy"). The rate warms up, stays, and
falls over the plan's last `--decay` epochs (Hu et al. 2024, "MiniCPM", warm-up, stable, decay), so that a longer plan
can start from trunk.pt, the state before the fall. Stopped at any time, the same command continues from last.pt: the
augmentation of a step depends on the seed and the step alone.
"""

import argparse
import copy
import os
import time

import torch
import torch.nn.functional as F
from torch import nn

import data
import model

SMOOTHING = 0.1
WARM_UP = 400  # steps


def parse_plan(text):
    """'48:10,64:5' -> [(48, 10), (64, 5)]."""
    return [tuple(int(number) for number in part.split(":")) for part in text.split(",")]


def size_at(plan, epoch):
    for size, epochs in plan:
        if epoch < epochs:
            return size
        epoch -= epochs
    raise ValueError("[train] epoch beyond the plan")


def rate_at(step, decay_start, total):
    """Share of the full rate: linear warm-up, 1, then 1 - sqrt down to 0."""
    if step < WARM_UP:
        return (step + 1) / WARM_UP
    if step < decay_start:
        return 1.0
    return 1 - ((step - decay_start) / (total - decay_start)) ** 0.5


def make_optimizer(net, rate, weight_decay):
    """AdamW; no decay of norms, biases, the class token and positions."""
    decayed, free = [], []
    for name, parameter in net.named_parameters():
        plain = parameter.ndim < 2 or name in ("cls_token", "pos_embed")
        (free if plain else decayed).append(parameter)
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99))


@torch.no_grad()
def average(ema, net, step, longest):
    """ema towards net; a shorter memory in the first steps."""
    keep = min(longest, (1 + step) / (10 + step))
    for mine, theirs in zip(ema.state_dict().values(), net.state_dict().values()):
        if mine.is_floating_point():
            mine.lerp_(theirs, 1 - keep)
        else:
            mine.copy_(theirs)


@torch.no_grad()
def accuracy(net, pictures, labels, size, batch=250):
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


def write(path, value):
    torch.save(value, path + ".part")
    os.replace(path + ".part", path)


def report(folder, line):
    line = time.strftime("%H:%M:%S ", time.gmtime()) + line
    print(line, flush=True)
    with open(os.path.join(folder, "STATUS"), "w", encoding="utf-8") as file:
        file.write(line + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of train.tar, val.tar and classes.tsv")
    parser.add_argument("--out", required=True, help="folder for checkpoints, and for the decoded pictures")
    parser.add_argument("--plan", default="48:12,64:4,96:2", help="size:epochs,…")
    parser.add_argument("--decay", type=float, default=4, help="epochs over which the rate falls, at the end")
    parser.add_argument("--soft-labels", help="what teacher.py wrote")
    parser.add_argument("--soft-share", type=float, default=0.5, help="of the targets, the teacher's part")
    parser.add_argument("--start", help="checkpoint to start from instead of last.pt, such as trunk.pt")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--weight-decay", type=float, default=0.05)
    parser.add_argument("--smallest-crop", type=float, default=0.35)
    parser.add_argument("--mixing", type=float, default=0.25, help="share of the batches under CutMix")
    parser.add_argument("--ema", type=float, default=0.998)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    os.makedirs(args.out, exist_ok=True)
    pictures, labels, _ = data.load(args.data, "train", args.out)
    held_out, held_labels, _ = data.load(args.data, "val", args.out)
    classes = len(data.classes(args.data))
    targets = make_targets(labels, classes, args.soft_labels, args.soft_share)

    net = model.EarlyConvVit(classes, **model.ARGS)
    ema = copy.deepcopy(net).eval()
    optimizer = make_optimizer(net, args.rate, args.weight_decay)
    last = os.path.join(args.out, "last.pt")
    step = 0
    start = args.start or (last if os.path.exists(last) else None)
    if start:
        saved = torch.load(start)
        net.load_state_dict(saved["net"])
        ema.load_state_dict(saved["ema"])
        optimizer.load_state_dict(saved["optimizer"])
        step = saved["step"]

    def state():
        return {
            "net": net.state_dict(),
            "ema": ema.state_dict(),
            "optimizer": optimizer.state_dict(),
            "step": step,
            "args": vars(args),
            "model_args": model.ARGS,
        }

    plan = parse_plan(args.plan)
    epoch_steps = len(pictures) // args.batch
    epochs = sum(count for _, count in plan)
    total = epochs * epoch_steps
    decay_start = total - int(args.decay * epoch_steps)
    began, began_cpu, loss_sum, loss_count = time.time(), time.process_time(), 0.0, 0
    while step < total:
        epoch, within = divmod(step, epoch_steps)
        size = size_at(plan, epoch)
        if step == decay_start:
            write(os.path.join(args.out, "trunk.pt"), state())
        order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(args.seed * 100003 + epoch))
        chosen = order[within * args.batch : (within + 1) * args.batch]
        rng = torch.Generator().manual_seed(args.seed * 1000003 + step)
        inputs, wanted = data.training_batch(
            pictures[chosen], targets[chosen], size, args.smallest_crop, args.mixing, rng
        )
        for group in optimizer.param_groups:
            group["lr"] = args.rate * rate_at(step, decay_start, total)
        net.train()
        loss = F.cross_entropy(net(inputs), wanted)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        step += 1
        average(ema, net, step, args.ema)
        loss_sum, loss_count = loss_sum + loss.item(), loss_count + 1

        if step % 100 == 0:
            each, cpu = (time.time() - began) / loss_count, (time.process_time() - began_cpu) / loss_count
            report(
                args.out,
                f"epoch {step / epoch_steps:.2f} of {epochs}, size {size}, loss {loss_sum / loss_count:.3f}, "
                f"{each:.2f} s a step ({cpu:.2f} of CPU)",
            )
            write(last, state())
        if step % epoch_steps == 0:
            tested = max(size, 64)
            found = accuracy(ema, held_out, held_labels, tested)
            report(args.out, f"epoch {step // epoch_steps} of {epochs}: EMA top-1 {found:.4f} at {tested}")
            write(last, state())
            began, began_cpu, loss_sum, loss_count = time.time(), time.process_time(), 0.0, 0


if __name__ == "__main__":
    main()
