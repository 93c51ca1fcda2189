"""Named arrays, and the safetensors file they become."""
import dataclasses
import json
import os
import struct

import numpy as np


class Refused(Exception):
    """A file that cannot be converted, with the reason for a person."""


@dataclasses.dataclass
class Tensor:
    kind: str  # as safetensors spells it: "F32", "BF16"
    values: np.ndarray  # of the same item size; BF16 as integers


KINDS = {"<f8": "F64", "<f4": "F32", "<f2": "F16", "<i8": "I64", "<i4": "I32", "<i2": "I16", "|i1": "I8", "|u1": "U8",
         "|b1": "BOOL", "|V2": "BF16"}


def from_numpy(name, array):
    """numpy writes bfloat16, which it does not have, as two bytes of nothing in particular."""
    array = array.astype(array.dtype.newbyteorder("<"))
    if array.dtype.str not in KINDS:
        raise Refused(f"{name} holds {array.dtype}, which are no numbers for a model")
    kind = KINDS[array.dtype.str]
    return Tensor(kind, array.view("<u2") if kind == "BF16" else array)


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, tensor in tensors.items():
        size = tensor.values.nbytes
        header[name] = {"dtype": tensor.kind, "shape": list(tensor.values.shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    text += b" " * (-len(text) % 8)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            out.write(np.ascontiguousarray(tensor.values).tobytes())
    os.replace(part, path)
