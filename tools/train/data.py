"""The pictures as arrays, and augmentation of a whole batch at once."""

import io
import math
import os
import tarfile

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

MEAN = (0.48, 0.45, 0.40)
STD = (0.28, 0.27, 0.28)


def classes(folder):
    """Rows of classes.tsv: (WordNet id, name, ImageNet-1k index)."""
    with open(os.path.join(folder, "classes.tsv"), encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file if line.strip()]
    return [(wordnet, name, int(index)) for _, wordnet, name, index in rows]


def decode(folder, part):
    """Pictures [N, 64, 64, 3] uint8, their classes [N], and the names of the tar's members, in order."""
    pictures, labels, names = [], [], []
    with tarfile.open(os.path.join(folder, part + ".tar")) as tar:
        for member in tar:
            if not member.isfile():
                continue
            picture = Image.open(io.BytesIO(tar.extractfile(member).read())).convert("RGB")
            pictures.append(np.asarray(picture))
            labels.append(int(member.name.split("/")[0]))
            names.append(member.name)
    return np.stack(pictures), np.array(labels, np.int64), names


def load(folder, part, cache):
    """`decode`, kept in `cache` as arrays after the first time; pictures as a [N, 3, 64, 64] uint8 tensor."""
    path = os.path.join(cache, part + ".npz")
    if not os.path.exists(path):
        pictures, labels, names = decode(folder, part)
        partial = path + ".part.npz"
        np.savez(partial, pictures=pictures, labels=labels, names=np.array(names))
        os.replace(partial, path)
    arrays = np.load(path)
    pictures = torch.from_numpy(arrays["pictures"]).permute(0, 3, 1, 2).contiguous()
    return pictures, torch.from_numpy(arrays["labels"]), [str(name) for name in arrays["names"]]


def normalise(pictures):
    """[B, 3, H, W] of 0 … 1 to zero mean and unit deviation."""
    mean, std = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(STD).view(1, 3, 1, 1)
    return (pictures - mean) / std


def resize(pictures, size):
    """uint8 pictures, whole, at `size`, as 0 … 1: PIL's bicubic, which is the library's to the last bit."""
    if pictures.shape[-1] != size:
        images = (Image.fromarray(picture) for picture in pictures.permute(0, 2, 3, 1).numpy())
        resized = np.stack([np.asarray(image.resize((size, size), Image.BICUBIC)) for image in images])
        pictures = torch.from_numpy(resized).permute(0, 3, 1, 2)
    return pictures.float() / 255


def evaluation_batch(pictures, size):
    """The input that the released model gets for these pictures."""
    return normalise(resize(pictures, size))


def random_crops(pictures, size, smallest, rng):
    """A random part of each uint8 picture (He et al. 2015: area `smallest` … 1, aspect 3/4 … 4/3), half of them
    mirrored, at `size`, as 0 … 1. Cubic where it enlarges, as evaluation is."""
    count = len(pictures)
    area = torch.empty(count).uniform_(smallest, 1, generator=rng)
    aspect = torch.empty(count).uniform_(math.log(3 / 4), math.log(4 / 3), generator=rng).exp()
    width, height = (area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1)
    across = (torch.rand(count, generator=rng) * 2 - 1) * (1 - width)
    down = (torch.rand(count, generator=rng) * 2 - 1) * (1 - height)
    mirrored = torch.where(torch.rand(count, generator=rng) < 0.5, -1.0, 1.0)
    zero = torch.zeros(count)
    transform = torch.stack([width * mirrored, zero, across, zero, height, down], 1).view(count, 2, 3)
    grid = F.affine_grid(transform, (count, 3, size, size), align_corners=False)
    mode = "bicubic" if size > pictures.shape[-1] else "bilinear"
    floats = pictures.float() / 255
    return F.grid_sample(floats, grid, mode=mode, padding_mode="reflection", align_corners=False).clamp(0, 1)


def jitter_colours(pictures, strength, rng):
    """Brightness, contrast and saturation of each picture times a factor within 1 ± strength."""
    count = len(pictures)
    brightness, contrast, saturation = (
        1 + strength * (torch.rand(count, 1, 1, 1, generator=rng) * 2 - 1) for _ in range(3)
    )
    grey = pictures.mean(1, keepdim=True)
    middle = grey.mean((2, 3), keepdim=True)
    # Along the grey axis by saturation, about the mean by contrast: both linear, so one pass holds all three.
    inner = grey + (pictures - grey) * saturation
    return ((middle + (inner - middle) * contrast) * brightness).clamp_(0, 1)


def mix(pictures, targets, rng):
    """CutMix (Yun et al. 2019) of the batch with itself reversed: one rectangle a batch, targets by its area."""
    side = pictures.shape[-1]
    share = torch.rand(1, generator=rng).item()
    cut = int(side * math.sqrt(1 - share))
    if cut == 0:
        return pictures, targets
    top, left = (int(torch.randint(0, side - cut + 1, (1,), generator=rng)) for _ in range(2))
    mixed = pictures.clone()
    mixed[:, :, top : top + cut, left : left + cut] = pictures.flip(0)[:, :, top : top + cut, left : left + cut]
    share = 1 - cut * cut / (side * side)
    return mixed, targets * share + targets.flip(0) * (1 - share)


def training_batch(pictures, targets, size, smallest, mixing, rng):
    """Augmented input and targets; CutMix in a share `mixing` of the batches."""
    found = normalise(jitter_colours(random_crops(pictures, size, smallest, rng), 0.3, rng))
    if torch.rand(1, generator=rng).item() < mixing:
        found, targets = mix(found, targets, rng)
    return found, targets
