"""Reads and writes safetensors files: a length, a JSON header, then the tensors' bytes."""

import json
import struct

import numpy as np
import torch

DTYPES = {"F32": np.float32, "F16": np.float16, "I64": np.int64}


def load(path):
    """All tensors of a file, by name, as float32 (integers stay)."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        body = file.read()
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        values = np.frombuffer(body[begin:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
        tensor = torch.from_numpy(values.copy())
        tensors[name] = tensor.float() if tensor.is_floating_point() else tensor
    return tensors


def save(path, tensors, dtype="F32"):
    """Writes tensors as `dtype`, integers as I64, in order of their names, so that equal weights give equal files."""
    header, parts, offset = {}, [], 0
    for name in sorted(tensors):
        kind = dtype if tensors[name].is_floating_point() else "I64"
        values = tensors[name].detach().cpu().numpy().astype(DTYPES[kind])
        part = np.ascontiguousarray(values).tobytes()
        header[name] = {"dtype": kind, "shape": list(values.shape), "data_offsets": [offset, offset + len(part)]}
        parts.append(part)
        offset += len(part)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for part in parts:
            file.write(part)
