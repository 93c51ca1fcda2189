"""Reads safetensors files and finds the forward pass of a model."""
import json
import struct

import numpy as np

import forwards
import forwards_convolutional
import forwards_tokens
import forwards_windowed
from operations import Weights


def read_safetensors(path):
    content = path.read_bytes()
    begin = 8 + struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:begin])
    header.pop("__metadata__", None)

    def values(tensor):
        low, high = tensor["data_offsets"]
        return np.frombuffer(content[begin + low:begin + high], {"F32": "<f4", "I64": "<i8"}[tensor["dtype"]])
    return {name: values(tensor).reshape(tensor["shape"]) for name, tensor in header.items()}


def logits(model, weights, images):
    """[n, classes] in double precision; None for ViTs, which have no forward pass here."""
    family = model.family.__name__
    forward = next((getattr(module, family) for module in (forwards, forwards_convolutional, forwards_windowed,
                                                            forwards_tokens)
                    if hasattr(module, family)), None)
    if forward is None:
        return None
    return forward(Weights(weights), np.asarray(images, np.float64).transpose(0, 2, 3, 1), model.all_args)
