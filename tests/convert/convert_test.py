#!/usr/bin/env python3
"""tools/convert.py: files that torch wrote, files as torch and jax write them, and files that nobody should trust.

Usage: convert_test.py CONVERT FOVEA. The fixtures torch_1_13.pth and torch_legacy.pth were written by torch 1.13 in its
two formats.
"""
import json
import pickle
import struct
import subprocess
import sys
import tempfile
import types
import unittest
import zipfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
GOLDEN = HERE.parent / "golden" / "vit_mini"
CONVERT, FOVEA = sys.argv[1:3]


def read_safetensors(path):
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8:8 + length]), data[8 + length:]
    header.pop("__metadata__", None)
    return {name: (info["dtype"], info["shape"], body[slice(*info["data_offsets"])]) for name, info in header.items()}


def as_array(entry):
    kinds = {"F32": "<f4", "F16": "<f2", "I64": "<i8", "BF16": "<u2"}
    return np.frombuffer(entry[2], kinds[entry[0]]).reshape(entry[1])


def as_if_torch(checkpoint, path, elements_claimed=None, offset=0):
    """A zip as torch writes it, of dictionaries with arrays; modules with torch's names stand in for it."""
    utils, torch = types.ModuleType("torch._utils"), types.ModuleType("torch")
    exec("def _rebuild_tensor_v2(*_): pass", utils.__dict__)
    exec("class FloatStorage: pass", torch.__dict__)
    utils._rebuild_tensor_v2.__module__, torch.FloatStorage.__module__ = "torch._utils", "torch"
    storages = []

    class Storage:
        def __init__(self, values):
            self.values = values

    class Rebuilt:
        def __init__(self, values):
            self.values = values

        def __reduce__(self):
            strides = [s // 4 for s in np.ascontiguousarray(self.values).strides]
            return (utils._rebuild_tensor_v2,
                    (Storage(self.values), offset, self.values.shape, tuple(strides), False, {}))

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if not isinstance(value, Storage):
                return None
            storages.append(value.values.astype("<f4").tobytes())
            count = value.values.size if elements_claimed is None else elements_claimed
            return "storage", torch.FloatStorage, str(len(storages) - 1), "cpu", count

        def reducer_override(self, value):
            return Rebuilt(value).__reduce__() if isinstance(value, np.ndarray) else NotImplemented

    sys.modules.update({"torch": torch, "torch._utils": utils})
    try:
        with zipfile.ZipFile(path, "w") as archive, tempfile.TemporaryFile() as stream:
            Pickler(stream, 2).dump(checkpoint)
            stream.seek(0)
            archive.writestr("archive/data.pkl", stream.read())
            for number, data in enumerate(storages):
                archive.writestr(f"archive/data/{number}", data)
    finally:
        del sys.modules["torch"], sys.modules["torch._utils"]


def as_if_jax(tensors, heads, prefix, last_norm):
    """timm's tensors under the names and in the layouts of Google's code."""
    def put(name, value):
        arrays[prefix + name] = value

    def linear(name, module):
        put(f"{name}/kernel", tensors[f"{module}.weight"].T)
        put(f"{name}/bias", tensors[f"{module}.bias"])

    def norm(name, module):
        put(f"{name}/scale", tensors[f"{module}.weight"])
        put(f"{name}/bias", tensors[f"{module}.bias"])

    arrays = {}
    put("cls", tensors["cls_token"])
    put("Transformer/posembed_input/pos_embedding", tensors["pos_embed"])
    put("embedding/kernel", np.einsum("oihw->hwio", tensors["patch_embed.proj.weight"]))
    put("embedding/bias", tensors["patch_embed.proj.bias"])
    norm("Transformer/encoder_norm", "norm")
    linear("head", "head")
    depth = 1 + max(int(name.split(".")[1]) for name in tensors if name.startswith("blocks."))
    for i in range(depth):
        to, of = f"Transformer/encoderblock_{i}", f"blocks.{i}"
        attention = f"{to}/MultiHeadDotProductAttention_1"
        norm(f"{to}/LayerNorm_0", f"{of}.norm1")
        norm(f"{to}/LayerNorm_{last_norm}", f"{of}.norm2")
        linear(f"{to}/MlpBlock_3/Dense_0", f"{of}.mlp.fc1")
        linear(f"{to}/MlpBlock_3/Dense_1", f"{of}.mlp.fc2")
        width = tensors[f"{of}.norm1.weight"].size
        weight = tensors[f"{of}.attn.qkv.weight"].reshape(3, heads, width // heads, width)
        bias = tensors[f"{of}.attn.qkv.bias"].reshape(3, heads, width // heads)
        for j, name in enumerate(("query", "key", "value")):
            put(f"{attention}/{name}/kernel", np.einsum("hdw->whd", weight[j]))
            put(f"{attention}/{name}/bias", bias[j])
        out = tensors[f"{of}.attn.proj.weight"].reshape(width, heads, width // heads)
        put(f"{attention}/out/kernel", np.einsum("whd->hdw", out))
        put(f"{attention}/out/bias", tensors[f"{of}.attn.proj.bias"])
    return arrays


class Convert(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.out = self.folder / "out"
        self.golden = read_safetensors(GOLDEN / "model.safetensors")
        self.arrays = {name: as_array(entry) for name, entry in self.golden.items()}

    def convert(self, weights, *options):
        return subprocess.run([sys.executable, CONVERT, weights, self.out, *options], capture_output=True, text=True,
                              timeout=60)

    def good(self, weights, *options):
        done = self.convert(weights, *options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return read_safetensors(self.out / "model.safetensors")

    def refused(self, weights, *fragments, options=("--architecture", "vit_tiny_patch16_224")):
        done = self.convert(weights, *options)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for fragment in ("convert.py: ", str(weights), *fragments):
            self.assertIn(fragment, done.stderr)
        self.assertFalse((self.out / "model.safetensors").exists())

    def logits(self, model):
        path = self.folder / "logits.safetensors"
        source = read_safetensors(GOLDEN / "reference.safetensors")["input"]
        values = np.frombuffer(source[2], "<f4")
        info = {"dtype": "F32", "shape": source[1], "data_offsets": [0, values.nbytes]}
        header = json.dumps({"input": info}).encode()
        (self.folder / "input.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + values.tobytes())
        subprocess.run([FOVEA, "run", "--model", model, "--input", self.folder / "input.safetensors", "--output", path],
                       check=True, capture_output=True, timeout=300)
        return read_safetensors(path)["logits"]

    def test_files_of_torch_itself(self):
        base = np.arange(24, dtype="f4").reshape(4, 6)
        expected = {"plain.weight": base, "transposed": base.T, "part": base[1:3, 2:5], "half": base[0].astype("f2"),
                    "count": np.int64(7), "empty": np.zeros((0, 3), "f4"), "parameter": base[3]}
        for name in ("torch_1_13.pth", "torch_legacy.pth"):
            with self.subTest(name):
                found = self.good(HERE / name, "--architecture", "vit_tiny_patch16_224")
                self.assertEqual(sorted(found), sorted([*expected, "brain"]))
                for key, value in expected.items():
                    np.testing.assert_array_equal(as_array(found[key]), value)
                self.assertEqual(found["half"][0], "F16")
                self.assertEqual((found["brain"][0], found["brain"][1]), ("BF16", [6]))
                brain = (as_array(found["brain"]).astype("<u4") << 16).view("<f4")
                np.testing.assert_array_equal(brain, base[1])

    def test_a_round_trip_through_pth_keeps_the_logits(self):
        path = self.folder / "model.pth"
        for checkpoint in (self.arrays, {"model": {"module." + k: v for k, v in self.arrays.items()}, "epoch": 7},
                           {"state_dict": {"x": self.arrays["norm.weight"]},
                            "model_ema": {"_orig_mod." + k: v for k, v in self.arrays.items()}}):
            as_if_torch(checkpoint, path)
            self.assertEqual(self.good(path, "--config", GOLDEN / "config.json"), self.golden)
        self.assertEqual(self.logits(self.out), self.logits(GOLDEN))

    def test_a_round_trip_through_npz_keeps_the_logits(self):
        args = json.dumps(json.loads((GOLDEN / "config.json").read_text())["model_args"])
        for prefix, last_norm in (("", 2), ("opt/target/", 2), ("params/", 1)):
            arrays = as_if_jax(self.arrays, 3, prefix, last_norm)
            if prefix == "opt/target/":
                arrays["opt/state/step"] = np.int32(3)
            np.savez(self.folder / "model.npz", **arrays)
            found = self.good(self.folder / "model.npz", "--architecture", "vit_tiny_patch16_224", "--model-args", args)
            self.assertEqual(found, self.golden)
        self.assertEqual(self.logits(self.out), self.logits(GOLDEN))
        config = json.loads((self.out / "config.json").read_text())
        self.assertEqual(config["num_classes"], 10)
        self.assertEqual(config["pretrained_cfg"]["mean"], [0.5, 0.5, 0.5])

    def test_an_npz_with_names_of_timm_is_taken_as_it_is(self):
        np.savez(self.folder / "model.npz", **self.arrays)
        self.assertEqual(self.good(self.folder / "model.npz", "--config", GOLDEN / "config.json"), self.golden)

    def test_what_config_says_can_be_given(self):
        labels = self.folder / "labels.txt"
        labels.write_text("\n".join(f"thing {i}" for i in range(10)) + "\n")
        np.savez(self.folder / "model.npz", **self.arrays)
        self.good(self.folder / "model.npz", "--architecture", "vit_tiny_patch16_224", "--labels", labels,
                  "--size", "64", "--mean", "0.1", "0.2", "0.3", "--crop-pct", "0.8", "--interpolation", "bilinear")
        config = json.loads((self.out / "config.json").read_text())
        self.assertEqual(config["label_names"][9], "thing 9")
        settings = config["pretrained_cfg"]
        self.assertEqual((settings["input_size"], settings["crop_pct"], settings["interpolation"], settings["mean"]),
                         ([3, 64, 64], 0.8, "bilinear", [0.1, 0.2, 0.3]))

    def test_code_in_a_pickle_is_not_run(self):
        mark = self.folder / "ran"
        for target in ("posix system", "builtins exec", "torch.nn.modules.linear Linear"):
            module, name = target.split()
            path = self.folder / "evil.pth"
            body = b"\x80\x02c" + f"{module}\n{name}\n".encode() + b"X" + struct.pack("<I", len(f"touch {mark}"))
            body += f"touch {mark}".encode() + b"\x85R."
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("archive/data.pkl", body)
            self.refused(path, f"holds {module}.{name}", "nothing of it was run")
        self.assertFalse(mark.exists())

    def test_tensors_outside_their_storage_are_refused(self):
        path = self.folder / "model.pth"
        as_if_torch({"w": np.ones(4, "f4")}, path, offset=1)
        self.refused(path, "ends at element 5 of a storage of 4")
        as_if_torch({"w": np.ones(4, "f4")}, path, elements_claimed=1 << 60)
        self.refused(path, "storage 0 holds 4 F32, not")
        as_if_torch({"w": np.ones(4, "f4")}, path, offset=-1)
        self.refused(path, "the offset -1")
        repeated = np.lib.stride_tricks.as_strided(np.ones(1, "f4"), (1000, 1000), (0, 0))
        as_if_torch({"w": repeated}, path, elements_claimed=1)
        self.refused(path)

    def test_damaged_files_are_refused(self):
        whole = (HERE / "torch_legacy.pth").read_bytes()
        path = self.folder / "model.pth"
        for size in (0, 1, 20, 100, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:size])
            self.refused(path)
        path.write_bytes((HERE / "torch_1_13.pth").read_bytes()[:-30])
        self.refused(path)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("archive/data.pkl", pickle.dumps({}))
        self.refused(path, "compressed")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("other", b"")
        self.refused(path, "no data.pkl")
        self.refused(self.folder / "absent.pth", "No such file")

    def test_what_holds_no_weights_says_what_it_holds(self):
        path = self.folder / "model.pth"
        as_if_torch({"epoch": 1, "lr": 0.1}, path)
        self.refused(path, "no weights among epoch, lr")
        as_if_torch({"one": {"w": np.ones(2, "f4")}}, path)
        self.refused(path, "no dictionary two; it has one", options=("--architecture", "x", "--key", "two"))
        self.assertEqual(list(self.good(path, "--architecture", "x", "--key", "one")), ["w"])

    def test_an_npz_of_another_model_is_refused(self):
        arrays = as_if_jax(self.arrays, 3, "", 2)
        np.savez(self.folder / "model.npz", **arrays, **{"pre_logits/kernel": np.ones((2, 2), "f4")})
        self.refused(self.folder / "model.npz", "no place in a ViT of timm", "pre_logits/kernel")
        del arrays["Transformer/encoderblock_1/MultiHeadDotProductAttention_1/key/kernel"]
        np.savez(self.folder / "model.npz", **arrays)
        self.refused(self.folder / "model.npz", "blocks.1.attn.qkv.weight lacks")
        np.savez(self.folder / "model.npz", x=np.array([{"a": 1}], dtype=object))
        self.refused(self.folder / "model.npz", "more than arrays")
        np.savez(self.folder / "model.npz", x=np.array(["text"]))
        self.refused(self.folder / "model.npz", "no numbers")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
