#!/usr/bin/env python3
"""Serves a stream on loopback to `fovea overlay --serve`, which three clients of tools/watch_streams.py look at; kills
and restarts the stream meanwhile, and holds the program to flat memory and the clients to pictures in order.

    tools/serve_soak.py --program build/apps/fovea --model MODEL --seconds 300 --restarts 4
"""
import argparse
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from stream_soak import Source, add_limits, free_port

STALL = 15  # seconds: the pauses between attempts to open a stream grow up to eight


def resident_mib(process):
    for line in Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def wait_for(url, process):
    for _ in range(300):
        if process.poll() is not None:
            sys.exit("serve_soak: the program ended at once")
        try:
            with urllib.request.urlopen(url + "api/status", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    sys.exit(f"serve_soak: {url} does not answer")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--model", required=True)
    add_limits(parser)
    args = parser.parse_args()

    source, port = Source(), free_port()
    url = f"http://127.0.0.1:{port}/"
    source.start()
    time.sleep(1)
    program = subprocess.Popen([args.program, "overlay", "--model", args.model, "--serve", str(port), source.url])
    memory = []
    try:
        wait_for(url, program)
        watch = subprocess.Popen([sys.executable, Path(__file__).parent / "watch_streams.py", url, "--seconds",
                                  str(args.seconds), "--stall", str(STALL), "--latency", str(args.latency)])
        kills = [args.seconds * (i + 1) // (args.restarts + 1) for i in range(args.restarts)]
        for second in range(args.seconds):
            time.sleep(1)
            memory.append(resident_mib(program))
            if second in kills:
                source.kill()
            elif second - 2 in kills:
                source.start()
        clients_good = watch.wait(timeout=120) == 0
        alive = program.poll() is None
    finally:
        program.terminate()
        source.kill()
        program.wait(timeout=30)
    growth = memory[-1] - memory[len(memory) // 5]
    print(f"{args.seconds} s, {args.restarts} restarts; memory {growth:+.1f} MiB to {memory[-1]:.0f}")
    return 0 if clients_good and alive and growth <= args.growth else 1


if __name__ == "__main__":
    sys.exit(main())
