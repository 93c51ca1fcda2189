"""Tensors of a torch checkpoint, read without torch: a pickle that may name nothing but what holds tensors.

torch.save writes a zip of data.pkl and one member a storage; before torch 1.6 it wrote pickles one after another
with the storages behind them. Nothing in the file is imported or called: its names are looked up in a table.
"""
import collections
import io
import pickle
import struct
import zipfile

import numpy as np

from .tensors import Refused, Tensor

STORAGES = {"DoubleStorage": ("F64", "<f8"), "FloatStorage": ("F32", "<f4"), "HalfStorage": ("F16", "<f2"),
            "BFloat16Storage": ("BF16", "<u2"), "LongStorage": ("I64", "<i8"), "IntStorage": ("I32", "<i4"),
            "ShortStorage": ("I16", "<i2"), "CharStorage": ("I8", "i1"), "ByteStorage": ("U8", "u1"),
            "BoolStorage": ("BOOL", "u1")}
LEGACY_MAGIC = 0x1950a86a20f9469cfc6c
MOST_DIMENSIONS = 16


class Ignored:
    """Stands for settings of a training run: takes whatever the pickle does to it and does nothing."""

    def __init__(self, *_args, **_names):
        pass

    def __setstate__(self, _state):
        pass

    def __setitem__(self, _key, _value):
        pass

    def append(self, _value):
        pass

    def extend(self, _values):
        pass

    def __hash__(self):
        return id(self)


def rebuild_tensor(storage, offset, shape, strides, *_rest):
    """A view into a storage, which is checked to lie inside it."""
    kind, values = storage
    shape, strides = tuple(shape), tuple(strides)
    numbers = (offset, *shape, *strides)
    if len(shape) != len(strides) or len(shape) > MOST_DIMENSIONS or any(type(n) is not int or n < 0 for n in numbers):
        raise Refused(f"a tensor has the offset {offset}, the shape {shape} and the strides {strides}")
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides)) + 1
    if 0 in shape:
        return Tensor(kind, np.zeros(shape, values.dtype))
    if last > len(values):
        raise Refused(f"a tensor {shape} ends at element {last} of a storage of {len(values)}")
    # An expanded tensor may claim any size with strides of zero.
    if np.prod(shape, dtype=float) > len(values):
        raise Refused(f"a tensor {shape} repeats a storage of {len(values)} elements")
    view = np.lib.stride_tricks.as_strided(values[offset:], shape, [s * values.itemsize for s in strides])
    return Tensor(kind, np.ascontiguousarray(view).reshape(shape))


def rebuild_parameter(tensor, *_rest):
    return tensor


HOLDS_TENSORS = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch", "Size"): tuple,
    ("torch._utils", "_rebuild_tensor"): rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): rebuild_parameter,
    ("torch.nn.parameter", "Parameter"): rebuild_parameter,
    **{("torch", name): kind for name, kind in STORAGES.items()},
}
HOLDS_SETTINGS = {("argparse", "Namespace"), ("collections", "defaultdict"), ("pathlib", "PosixPath"),
                  ("pathlib", "WindowsPath"), ("torch", "device"), ("torch", "dtype"), ("_codecs", "encode"),
                  ("numpy", "dtype"), ("numpy", "ndarray"), ("numpy.core.multiarray", "scalar"),
                  ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "scalar"),
                  ("numpy._core.multiarray", "_reconstruct")}


class Unpickler(pickle.Unpickler):
    def __init__(self, stream, storage_of):
        super().__init__(stream, encoding="utf-8")
        self.storage_of = storage_of

    def find_class(self, module, name):
        if (module, name) in HOLDS_TENSORS:
            return HOLDS_TENSORS[module, name]
        if (module, name) in HOLDS_SETTINGS:
            return Ignored
        raise Refused(f"it holds {module}.{name}, which is no tensor and may be code: nothing of it was run; save the "
                      "state_dict alone")

    def persistent_load(self, identity):
        if not (isinstance(identity, tuple) and len(identity) >= 5 and identity[0] == "storage"
                and identity[1] in STORAGES.values() and isinstance(identity[2], str) and type(identity[4]) is int):
            raise Refused(f"it refers to {str(identity)[:80]}, which is no storage of numbers")
        return self.storage_of(*identity[1], identity[2], identity[4])


def unpickle(stream, storage_of):
    try:
        return Unpickler(stream, storage_of).load()
    except Refused:
        raise
    except Exception as error:  # what a damaged pickle can raise is anything
        raise Refused(f"its pickle is damaged ({type(error).__name__}: {error})") from None


def read_zip(path):
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: info for info in archive.infolist()}
        pickles = [name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise Refused("it is a zip, but not one of torch: it has no data.pkl")
        folder = pickles[0][:-len("data.pkl")]
        size = path.stat().st_size
        # torch does not compress: what claims to be larger than its file is no checkpoint.
        if any(info.compress_type != zipfile.ZIP_STORED or info.file_size > size for info in members.values()):
            raise Refused("its members are compressed, which torch does not do")
        if folder + "byteorder" in members and archive.read(folder + "byteorder") != b"little":
            raise Refused("its numbers are big-endian")
        storages = {}

        def storage_of(kind, numpy_type, key, elements):
            if key not in storages:
                if f"{folder}data/{key}" not in members:
                    raise Refused(f"its storage {key} is missing")
                storages[key] = kind, np.frombuffer(archive.read(f"{folder}data/{key}"), numpy_type)
            if storages[key][0] != kind or len(storages[key][1]) != elements:
                raise Refused(f"its storage {key} holds {len(storages[key][1])} {storages[key][0]}, "
                              f"not {elements} {kind}")
            return storages[key]

        return unpickle(io.BytesIO(archive.read(pickles[0])), storage_of)


def read_legacy(path):
    """Before torch 1.6: storages come after the tensors that look into them, so they are filled in at the end."""
    with path.open("rb") as stream:
        def refuse(*_):
            raise Refused("it begins with a tensor")

        magic, version = unpickle(stream, refuse), unpickle(stream, refuse)
        if magic != LEGACY_MAGIC or version != 1001:
            raise Refused("it is neither a checkpoint of torch nor a .npz")
        unpickle(stream, refuse)  # sizes of C types
        size = path.stat().st_size
        storages = {}

        def storage_of(kind, numpy_type, key, elements):
            if elements < 0 or elements * np.dtype(numpy_type).itemsize > size:
                raise Refused(f"its storage {key} claims {elements} elements")
            return storages.setdefault(key, (kind, np.zeros(elements, numpy_type)))

        # Tensors are copies, so the pickle is read twice: once to learn of the storages, once with them filled.
        begin = stream.tell()
        unpickle(stream, storage_of)
        for key in unpickle(stream, refuse):
            count = struct.unpack("<q", stream.read(8))[0]
            if key not in storages or count != len(storages[key][1]):
                raise Refused(f"its storage {str(key)[:40]} is of another length than its tensors say")
            values = storages[key][1]
            data = stream.read(values.nbytes)
            if len(data) != values.nbytes:
                raise Refused("it ends in the middle of a storage")
            values[:] = np.frombuffer(data, values.dtype)
        stream.seek(begin)
        return unpickle(stream, storage_of)


def read(path):
    return read_zip(path) if zipfile.is_zipfile(path) else read_legacy(path)
