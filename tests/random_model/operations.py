"""The operations models are made of, in numpy and double precision, images as [n, rows, cols, channels].

Written from the sources of timm and shared with nothing of Fovea's: slow loops over a window's offsets.
"""
import numpy as np


def relu(x):
    return np.maximum(x, 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


def erf(x):
    """Abramowitz and Stegun 7.1.5 near zero, a continued fraction beyond: to double precision."""
    near = np.clip(np.abs(x), 0, 3)
    term, total = near.copy(), near.copy()
    for n in range(1, 60):
        term = term * -near * near / n
        total += term / (2 * n + 1)
    far = np.maximum(np.abs(x), 3)
    fraction = np.zeros_like(far)
    for n in range(60, 0, -1):
        fraction = n / 2 / (far + fraction)
    tail = 1 - np.exp(-far * far) / (far + fraction) / np.sqrt(np.pi)
    return np.sign(x) * np.where(np.abs(x) < 3, 2 / np.sqrt(np.pi) * total, tail)


def gelu(x):
    return x * 0.5 * (1 + erf(x / np.sqrt(2)))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def patches(x, size, stride, pad, fill=0.0):
    """[n, rows, cols, size * size, channels]: what a window sees at each place; pad "same" is TensorFlow's."""
    around = [(pad, pad)] * 2
    if pad == "same":
        missing = [max((-(-side // stride) - 1) * stride + size - side, 0) for side in x.shape[1:3]]
        around = [(total // 2, total - total // 2) for total in missing]
    x = np.pad(x, ((0, 0), *around, (0, 0)), constant_values=fill)
    rows, cols = ((side - size) // stride + 1 for side in x.shape[1:3])
    return np.stack([x[:, i:i + rows * stride:stride, j:j + cols * stride:stride]
                     for i in range(size) for j in range(size)], 3)


def max_pool(x, pad=1, ceil=False):
    """3x3, stride 2."""
    if ceil:  # a window may hang over the edge by what is missing
        missing = [(-(side - 3)) % 2 for side in x.shape[1:3]]
        x = np.pad(x, ((0, 0), (0, missing[0]), (0, missing[1]), (0, 0)), constant_values=-np.inf)
    return patches(x, 3, 2, pad, -np.inf).max(3)


def mean_pool(x):
    """2x2, stride 2."""
    return patches(x, 2, 2, 0).mean(3)


def adaptive_mean(x, size):
    def bounds(side):
        return [(i * side // size, -(-(i + 1) * side // size)) for i in range(size)]
    return np.stack([np.stack([x[:, a:b, c:d].mean((1, 2)) for c, d in bounds(x.shape[2])], 1)
                     for a, b in bounds(x.shape[1])], 1)


def resize(x, rows, cols, corners):
    """Bilinear; `corners`: the first and last samples stay where they are (align_corners)."""
    def weights(old, new):
        where = np.arange(new) * ((old - 1) / max(new - 1, 1)) if corners else (np.arange(new) + 0.5) * old / new - 0.5
        where = np.clip(where, 0, old - 1)
        low = np.minimum(where.astype(int), max(old - 2, 0))
        matrix = np.zeros((new, old))
        np.add.at(matrix, (np.arange(new), low), 1 - (where - low))
        np.add.at(matrix, (np.arange(new), np.minimum(low + 1, old - 1)), where - low)
        return matrix
    return np.einsum("ar,nrcd,bc->nabd", weights(x.shape[1], rows), x, weights(x.shape[2], cols), optimize=True)


class Weights:
    """Tensors by path, and the layers that use them: (w / "block").conv(x, "conv1")."""

    def __init__(self, tensors, prefix=""):
        self.tensors, self.prefix = tensors, prefix

    def __truediv__(self, name):
        return Weights(self.tensors, f"{self.prefix}{name}.")

    def __contains__(self, name):
        return any(path.startswith(self.prefix + name) for path in self.tensors)

    def __getitem__(self, name):
        return np.asarray(self.tensors[self.prefix + name], np.float64)

    def linear(self, x, name):
        weight = self[name + ".weight"]
        y = x @ weight.reshape(weight.shape[0], -1).T  # a 1x1 convolution's weight has two more extents
        return y + self[name + ".bias"] if name + ".bias" in self else y

    def conv(self, x, name, stride=1, pad=None):
        weight = self[name + ".weight"]
        columns, inputs, size, _ = weight.shape
        seen = patches(x, size, stride, size // 2 if pad is None else pad)
        weight = weight.reshape(columns, inputs, size * size)
        if inputs == x.shape[-1]:
            y = np.einsum("nrckd,odk->nrco", seen, weight, optimize=True)
        else:
            assert inputs == 1, "dense or depthwise only"
            y = np.einsum("nrckd,dk->nrcd", seen, weight[:, 0], optimize=True)
        return y + self[name + ".bias"] if name + ".bias" in self else y

    def batch_norm(self, x, name, epsilon=1e-5):
        scale = self[name + ".weight"] / np.sqrt(self[name + ".running_var"] + epsilon)
        return (x - self[name + ".running_mean"]) * scale + self[name + ".bias"]

    def conv_bn(self, x, name, stride=1, act=None):
        y = self.batch_norm(self.conv(x, name + ".conv", stride), name + ".bn")
        return act(y) if act else y

    def layer_norm(self, x, name, epsilon=1e-5, axes=-1):
        mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
        return (x - mean) / np.sqrt(variance + epsilon) * self[name + ".weight"] + self[name + ".bias"]

    def mlp(self, x, name, act):
        at = self / name
        return at.linear(act(at.linear(x, "fc1")), "fc2")


def count(w, name):
    """How many layers w.NAME.0, w.NAME.1, … there are."""
    return next(i for i in range(10000) if f"{name}.{i}." not in w)


def squeeze_excite(w, x, act=relu):
    return x * sigmoid(w.linear(act(w.linear(x.mean((1, 2), keepdims=True), "fc1")), "fc2"))


def attend(q, k, v, bias=0.0, scale=None):
    """q, k, v [..., tokens, width of a head]."""
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    return softmax(scale * q @ np.swapaxes(k, -1, -2) + bias) @ v


def heads_of(x, heads):
    """[n, tokens, heads * d] -> [n, heads, tokens, d]"""
    return x.reshape(*x.shape[:2], heads, -1).transpose(0, 2, 1, 3)


def joined(x):
    """The way back."""
    return x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1)


def self_attention(w, x, heads, bias=0.0):
    """timm's Attention: qkv split into thirds, then into heads."""
    q, k, v = (heads_of(part, heads) for part in np.split(w.linear(x, "qkv"), 3, -1))
    return w.linear(joined(attend(q, k, v, bias)), "proj")


def relative_position_bias(table, rows, cols):
    """[heads, rows * cols, rows * cols] of a table with a row for each offset in rows and columns."""
    r, c = (grid.ravel() for grid in np.mgrid[0:rows, 0:cols])
    index = (r[:, None] - r[None] + rows - 1) * (2 * cols - 1) + c[:, None] - c[None] + cols - 1
    return table[index].transpose(2, 0, 1)


def windowed(x, window, function):
    """Applies function([windows, tokens, channels]) to each window of a map that windows tile."""
    n, rows, cols, channels = x.shape
    h, w = window
    tiles = x.reshape(n, rows // h, h, cols // w, w, channels).transpose(0, 1, 3, 2, 4, 5)
    y = function(tiles.reshape(-1, h * w, channels)).reshape(tiles.shape)
    return y.transpose(0, 1, 3, 2, 4, 5).reshape(x.shape)


def shift_mask(rows, cols, window, shift):
    """[windows, 1, tokens, tokens]: -100 between tokens that the rolling brought together."""
    region = np.zeros((1, rows, cols, 1))
    for axis, (side, size, by) in enumerate(zip((rows, cols), window, shift), 1):
        step = np.zeros(side)
        if by:
            step[-size:], step[-by:] = 1, 2
        region = region * 3 + step.reshape([1, -1, 1, 1] if axis == 1 else [1, 1, -1, 1])
    h, w = window
    tiles = region.reshape(rows // h, h, cols // w, w).transpose(0, 2, 1, 3).reshape(-1, 1, h * w)
    return np.where(tiles == tiles.transpose(0, 2, 1), 0.0, -100.0)[:, None]
