#!/usr/bin/env python3
"""Compares `fovea run` with forward passes in numpy, on random models that config.json and hub names alone describe.

Usage: against_program.py RANDOM_MODEL FOVEA [--full] [PATTERN...]
  --full   the architectures at their full size: minutes each, and gigabytes of memory for the largest
  PATTERN  which architectures, such as 'swin_*'; all without one
What golden folders do not have is here: other widths and depths, sizes that no patch or window divides, older layouts,
and the buffers that files hold beside their weights. Each family tells its cases and its forward pass in families/.
"""
import fnmatch
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import numpy as np  # noqa: E402
from families import FAMILIES, family_of  # noqa: E402
from hub import VARIANTS, Model, write, write_safetensors  # noqa: E402
from reference import logits, read_safetensors  # noqa: E402


def compare(program, folder, model):
    """What differs, or nothing."""
    write(model, folder / "model", counters=True, old_buffers=True)
    random = np.random.default_rng(1)
    images = random.normal(0, 1, (2, 3, *model.all_args["img_size"])) + random.normal(0, 1, (2, 3, 1, 1))
    images = images.astype("f4")
    write_safetensors(folder / "input.safetensors", {"input": (images.shape, "F32", lambda *_: images)}, None)
    run = subprocess.run([program, "run", "--model", folder / "model", "--dtype", "fp32", "--input",
                          folder / "input.safetensors", "--output", folder / "output.safetensors"],
                         capture_output=True, text=True)
    if run.returncode:
        return f"exit {run.returncode}: {(run.stderr.strip().splitlines() or [''])[-1]}"
    ours = read_safetensors(folder / "output.safetensors")["logits"]
    theirs = logits(model, read_safetensors(folder / "model" / "model.safetensors"), images)
    if ours.shape != theirs.shape:
        return f"logits are {ours.shape} instead of {theirs.shape}"
    off, size = np.abs(ours - theirs).max(), np.abs(theirs).max()
    return f"logits are off by {off:.2g}, the largest is {size:.2g}" if not off <= 2e-4 * max(size, 1) else ""


def main():
    program, patterns = sys.argv[2], sys.argv[3:]
    full = "--full" in patterns
    patterns = [pattern for pattern in patterns if pattern != "--full"] or ["*"]
    if full:
        models = [Model(name) for name in VARIANTS if hasattr(family_of(name), "forward")]
    else:
        models = [Model(name, args, silent, 10, size) for family in FAMILIES.values()
                  for name, args, silent, size in getattr(family, "SMALL", [])]
    models = [m for m in models if any(fnmatch.fnmatch(m.architecture, pattern) for pattern in patterns)]
    failed = 0
    for model in models:
        with tempfile.TemporaryDirectory() as folder:
            fault = compare(program, Path(folder), model)
        failed += fault != ""
        print(f"{'FAILED' if fault else 'ok':6} {model.architecture:32} {json.dumps(model.all_args['img_size']):10} {fault}",
              flush=True)
    print(f"{len(models)} compared, {failed} failed")
    return 1 if failed or not models else 0


if __name__ == "__main__":
    sys.exit(main())
