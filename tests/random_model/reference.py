"""Reads safetensors files and runs the forward pass of a model."""
import json
import struct

import numpy as np

from families import family_of
from operations import Weights


def read_safetensors(path):
    content = path.read_bytes()
    begin = 8 + struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:begin])
    header.pop("__metadata__", None)

    def values(tensor):
        low, high = tensor["data_offsets"]
        return np.frombuffer(content[begin + low:begin + high], {"F32": "<f4", "I64": "<i8", "BOOL": "?"}[tensor["dtype"]])
    return {name: values(tensor).reshape(tensor["shape"]) for name, tensor in header.items()}


def logits(model, weights, images):
    """[n, classes] in double precision; None for families that have no forward pass here."""
    forward = getattr(family_of(model.architecture), "forward", None)
    if forward is None:
        return None
    return forward(Weights(weights), np.asarray(images, np.float64).transpose(0, 2, 3, 1), model.all_args)
