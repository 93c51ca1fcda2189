"""What trainings share: processes side by side, the rate, the average of the weights, and reports."""

import multiprocessing
import os
import time

import torch

WARM_UP = 200  # steps


def rate_at(step, decay_start, total):
    """Share of the full rate: linear warm-up, 1, then 1 - sqrt down to 0."""
    if step < WARM_UP:
        return (step + 1) / WARM_UP
    if step < decay_start:
        return 1.0
    return 1 - ((step - decay_start) / (total - decay_start)) ** 0.5


@torch.no_grad()
def average(ema, net, step, longest):
    """ema towards net; a shorter memory in the first steps."""
    keep = min(longest, (1 + step) / (10 + step))
    for mine, theirs in zip(ema.state_dict().values(), net.state_dict().values()):
        if mine.is_floating_point():
            mine.lerp_(theirs, 1 - keep)
        else:
            mine.copy_(theirs)


def report(folder, line):
    line = time.strftime("%H:%M:%S ", time.gmtime()) + line
    print(line, flush=True)
    with open(os.path.join(folder, "STATUS"), "w", encoding="utf-8") as file:
        file.write(line + "\n")


class Clock:
    """Wall and processor time since it was made, of this process."""

    def __init__(self):
        self.wall, self.processor = time.time(), time.process_time()

    def each(self, steps):
        wall, processor = (time.time() - self.wall) / steps, (time.process_time() - self.processor) / steps
        return f"{wall:.2f} s a step ({processor:.2f} s of one core)"


class Share:
    """Sums tensors over processes through shared memory. Several processes of one thread beat one process of
    several where others compete for the cores: they meet twice a step instead of once an operation."""

    def __init__(self, workers, count):
        self.parts = torch.zeros(workers, count).share_memory_()
        self.barrier = multiprocessing.get_context("fork").Barrier(workers)

    def __call__(self, rank, tensors):
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        self.parts[rank, : len(flat)] = flat
        self.barrier.wait()
        flat = self.parts[:, : len(flat)].sum(0)
        self.barrier.wait()
        return [part.view_as(t) for t, part in zip(tensors, flat.split([t.numel() for t in tensors]))]
