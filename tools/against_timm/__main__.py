#!/usr/bin/env python3
"""Compares Fovea with timm, by timm's own registry: every architecture that Fovea claims gives timm's logits, or is
refused with a reason.

Usage: against_timm [--root ROOT] [--program FOVEA] [--only GLOB]... [--tenth SEED] [--unclaimed] [--report FILE]
  --root ROOT      a Debian root whose python3 has torch and timm (./dev against-timm makes one); without it this Python
  --program FOVEA  default: build/apps/fovea
  --only GLOB      architectures by name, such as 'vit_pe_*'; may be given more than once
  --tenth SEED     a random tenth of them
  --unclaimed      try architectures that Fovea does not claim too
  --seed N         other random weights
  --keep FOLDER    keep model folders there, with input.safetensors and timm's logits in reference.safetensors
  --report FILE    write the table, in Markdown
Each architecture is built by timm with its depth and its input cut, all weights scrambled (models.py, scramble.py) and
written as the hub has it. A line for each: equal, refused or WRONG. Exits 1 when one is wrong, or none was compared.
"""
import argparse
import fnmatch
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
import report  # noqa: E402
from tensors import read_safetensors  # noqa: E402

TOLERANCE = 1e-3
HERE = Path(__file__).resolve().parent


class Timm:
    """The other process, which has torch and timm."""

    def __init__(self, root):
        self.root = root
        scratch = root / "var/tmp" if root else Path(tempfile.gettempdir())
        self.folder = Path(tempfile.mkdtemp(prefix="against_timm-", dir=scratch))
        shutil.copytree(HERE, self.folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
        command = [sys.executable]
        if root:
            command = ["chroot", str(root), "/usr/bin/python3"]
            command = command if os.getuid() == 0 else ["sudo", "-n", *command]
        environment = {**os.environ, "PYTHONPATH": "/opt/timm" if root else os.environ.get("PYTHONPATH", "")}
        self.process = subprocess.Popen([*command, self.inside(self.folder / "scripts/reference.py")], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
                                        stderr=(self.folder / "log").open("w"))
        self.about = self.answer()

    def inside(self, path):
        return str(Path("/") / path.relative_to(self.root)) if self.root else str(path)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            tail = (self.folder / "log").read_text().splitlines()[-5:]
            sys.exit("against_timm: the process with timm ended: " + " / ".join(tail))
        return json.loads(line)

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def claims(timm, program):
    """Family by architecture, as `fovea models` says of a folder with config.json alone."""
    cache = timm.folder / "cache"
    folder = cache / "fovea/models"
    timm.ask(configs=timm.inside(folder))
    timm.answer()
    for model in folder.iterdir():
        (model / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "HF_HOME": str(cache / "none")}
    environment.pop("HF_HUB_CACHE", None)
    listed = subprocess.run([program, "models", "--json"], env=environment, capture_output=True, text=True, check=True)
    shutil.rmtree(cache)
    return {Path(row["folder"]).name: row["family"] for row in json.loads(listed.stdout)
            if row["state"] == "pulled" and row["family"]}


def compare(program, folder):
    """(verdict, remark, largest difference by the largest logit)."""
    run = subprocess.run([program, "run", "--model", folder, "--dtype", "fp32", "--input", folder / "input.safetensors",
                          "--output", folder / "output.safetensors"], capture_output=True, text=True)
    if run.returncode:
        said = (run.stderr.strip().splitlines() or [""])[-1].replace(f"{folder}/", "").removeprefix("fovea: ")
        return ("refused" if 0 < run.returncode < 100 and said else "wrong", said or f"exit {run.returncode}", None)
    ours = read_safetensors(folder / "output.safetensors")["logits"]
    theirs = read_safetensors(folder / "reference.safetensors")["logits"]
    if ours.shape != theirs.shape:
        return "wrong", f"logits are {list(ours.shape)}, timm's {list(theirs.shape)}", None
    off = float(abs(ours - theirs).max() / abs(theirs).max())
    return ("equal" if off <= TOLERANCE else "wrong"), f"off by {off:.1e}", off


def chosen(options, about, families):
    names = [name for name in about["names"] if options.unclaimed or name in families]
    if options.only:
        names = [name for name in names if any(fnmatch.fnmatch(name, glob) for glob in options.only)]
    if options.tenth is not None:
        names = sorted(random.Random(options.tenth).sample(names, -(-len(names) // 10)))
    return names


def try_all(options, timm, names):
    """Timm makes the next model while the program runs this one."""
    folders = Path(options.keep).resolve() if options.keep else timm.folder / "models"

    def begin(name):
        timm.ask(name=name, seed=options.seed, folder=timm.inside(timm.folder / "models" / name))

    for name in names[:1]:
        begin(name)
    for name, following in zip(names, [*names[1:], None]):
        made, folder = timm.answer(), timm.folder / "models" / name
        if following:
            begin(following)
        if "error" in made:
            yield name, "unbuilt", made["error"], None, None
            continue
        yield name, *compare(options.program, folder), made["cut"]
        if options.keep:
            shutil.copytree(folder, folders / name, dirs_exist_ok=True)
        shutil.rmtree(folder)


def parse():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--root", type=lambda text: Path(text).resolve())
    parser.add_argument("--program", default="build/apps/fovea")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--tenth", type=int)
    parser.add_argument("--unclaimed", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep")
    parser.add_argument("--report")
    return parser.parse_args()


def main():
    options = parse()
    timm = Timm(options.root)
    try:
        families = claims(timm, options.program)
        names = chosen(options, timm.about, families)
        rows = []
        for name, verdict, remark, off, cut in try_all(options, timm, names):
            family = families.get(name) or f"not claimed ({timm.about['modules'][name]})"
            rows.append(report.Row(name, family, verdict, remark, off, cut))
            print(f"{'WRONG' if verdict == 'wrong' else verdict:8} {name:48} {remark}", flush=True)
    finally:
        timm.end()
    text = report.text(rows, timm.about, len(families))
    print("\n" + report.summary(rows, timm.about, len(families)))
    if options.report:
        Path(options.report).write_text(text)
    compared = [row for row in rows if row.verdict in ("equal", "wrong")]
    return 1 if not compared or any(row.verdict == "wrong" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
