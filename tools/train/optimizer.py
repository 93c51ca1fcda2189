"""Muon for matrices and convolutions, AdamW for the rest, both with decoupled decay.

Jordan et al. 2024, "Muon: an optimizer for hidden layers", and Liu et al. 2025, "Muon is scalable for LLM training",
for the scale 0.2 sqrt(longer side), which makes a step as long as Adam's usual one.
"""

import torch

MOMENTUM = 0.95
BETAS = (0.9, 0.99)
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalised(matrix):
    """Singular values to about 1 by five Newton-Schulz steps of an odd quintic."""
    a, b, c = COEFFICIENTS
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else matrix.t()
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        gram = x @ x.t()
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if wide else x.t()


class Optimizer:
    """`share(rank, parts)` sums tensors over the workers: each orthogonalises its part of the matrices. `inner` begin the
    names of the layers whose matrices these are, and `gated` those of recurrent ones, whose matrices hold three gates,
    one below the other. Of the others only the matrix `last` decays."""

    def __init__(self, net, weight_decay, workers, share, inner, last, gated=()):
        named = [(name, p, p.ndim >= 2 and name.startswith(inner + gated)) for name, p in net.named_parameters()]
        self.last = last
        self.matrices = []  # (parameter, rows of each matrix in it)
        for name, p, chosen in named:
            if chosen:
                self.matrices.append((p, len(p) // 3 if name.startswith(gated) else len(p)))
        self.others = [(name, p) for name, p, chosen in named if not chosen]
        self.weight_decay, self.workers, self.share = weight_decay, workers, share
        self.state = {
            "momentum": [torch.zeros_like(p) for p, _ in self.matrices],
            "first": [torch.zeros_like(p) for _, p in self.others],
            "second": [torch.zeros_like(p) for _, p in self.others],
            "steps": 0,
        }

    @torch.no_grad()
    def step(self, rank, matrix_rate, other_rate):
        updates = []
        for i, ((p, rows), momentum) in enumerate(zip(self.matrices, self.state["momentum"])):
            momentum.mul_(MOMENTUM).add_(p.grad)
            if i % self.workers == rank:
                ahead = (p.grad + MOMENTUM * momentum).flatten(1).split(rows)
                updates.append(torch.cat([orthogonalised(part) * (0.2 * max(part.shape) ** 0.5) for part in ahead]))
            else:
                updates.append(torch.zeros_like(p))
        for (p, _), update in zip(self.matrices, self.share(rank, updates)):
            p.mul_(1 - matrix_rate * self.weight_decay).sub_(update.view_as(p), alpha=matrix_rate)

        self.state["steps"] += 1
        corrections = [1 - beta ** self.state["steps"] for beta in BETAS]
        for (name, p), first, second in zip(self.others, self.state["first"], self.state["second"]):
            first.lerp_(p.grad, 1 - BETAS[0])
            second.lerp_(p.grad.square(), 1 - BETAS[1])
            if name == self.last:
                p.mul_(1 - other_rate * self.weight_decay)
            p.addcdiv_(first / corrections[0], (second / corrections[1]).sqrt().add_(1e-8), value=-other_rate)
