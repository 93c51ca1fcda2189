#!/usr/bin/env python3
"""Serves a stream on loopback whose frames carry the time they were made at, kills and restarts it, and holds
what stream_probe saw of it to: never backwards, latency bounded, memory flat, every restart survived."""
import argparse
import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

WIDTH, HEIGHT, RATE = 320, 240, 25
BLOCK, COLUMNS = 16, 20


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def frame_with(stamp):
    """Grey pixels: five bytes of `stamp` and their sum, a bit a block, and below a bar that moves."""
    data = stamp.to_bytes(5, "big")
    data += bytes([sum(data) & 255])
    bits = "".join(f"{byte:08b}" for byte in data).ljust(COLUMNS * 3, "0")
    rows = []
    for row in range(3):
        line = b"".join((b"\xf0" if bit == "1" else b"\x10") * BLOCK for bit in bits[row * COLUMNS:(row + 1) * COLUMNS])
        rows.append(line * BLOCK)
    at = stamp // 40 % (WIDTH - 32)
    line = bytes(60 + (x & 63) for x in range(WIDTH))
    line = line[:at] + b"\xff" * 32 + line[at + 32:]
    return b"".join(rows) + line * (HEIGHT - 3 * BLOCK)


class Source:
    """An ffmpeg that serves such frames as MPEG-TS over HTTP to one client; start() and kill() as often as you like."""

    def __init__(self, port=None):
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}/live.ts"
        self.process = None

    def start(self):
        command = ["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{WIDTH}x{HEIGHT}", "-r",
                   str(RATE), "-i", "pipe:0", "-c:v", "mpeg2video", "-q:v", "2", "-g", "5", "-bf", "0", "-flush_packets",
                   "1", "-f", "mpegts", "-listen", "1", self.url]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        threading.Thread(target=self._feed, args=(self.process,), daemon=True).start()

    @staticmethod
    def _feed(process):
        due = time.monotonic()
        try:
            while process.poll() is None:
                process.stdin.write(frame_with(time.monotonic_ns() // 1_000_000))
                process.stdin.flush()
                due = max(due + 1 / RATE, time.monotonic() - 1 / RATE)
                time.sleep(max(0, due - time.monotonic()))
        except (BrokenPipeError, ValueError):
            pass

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


def add_limits(parser):
    """How long a soak lasts, and what it is held to."""
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--restarts", type=int, default=4, help="how often the source is killed, spread evenly")
    parser.add_argument("--latency", type=float, default=2000, help="the most milliseconds from camera to viewer")
    parser.add_argument("--growth", type=float, default=24, help="the most MiB that memory may grow after a fifth")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--probe", required=True, help="the program stream_probe")
    parser.add_argument("--model", required=True)
    add_limits(parser)
    args = parser.parse_args()
    if not shutil.which("ffmpeg"):
        sys.exit("stream_soak: needs ffmpeg (Debian: apt-get install ffmpeg)")

    source = Source()
    source.start()
    time.sleep(1)
    probe = subprocess.Popen([args.probe, source.url, args.model, str(args.seconds)], stdout=subprocess.PIPE, text=True)
    kills = [args.seconds * (i + 1) // (args.restarts + 1) for i in range(args.restarts)]
    lines, away, silent = [], [], 0
    try:
        for text in probe.stdout:
            line = json.loads(text)
            lines.append(line)
            if args.seconds > 60 and line["second"] % 30 == 0:
                print(text, end="", flush=True)
            if line["second"] in kills:
                source.kill()
                away.append(line["second"])
                threading.Timer(1.5, source.start).start()
            if line["second"] == args.seconds - 1 and source.process:
                source.process.send_signal(signal.SIGSTOP)  # it ends while its source stalls
        ended = time.monotonic()
        probe.wait()
        ended = time.monotonic() - ended
    finally:
        source.kill()
        probe.wait()

    problems = []

    def demand(good, what):
        if not good:
            problems.append(what)

    demand(ended < 4, f"the probe took {ended:.1f} s to end while its source stalled")
    demand(probe.returncode == 0 and len(lines) == args.seconds, f"the probe ended early with {probe.returncode}")
    if lines:
        last = lines[-1]
        spells = []  # from each kill to two seconds after pictures came again: what waited in pipes is old
        for second in away:
            back = next((l["second"] for l in lines if l["second"] > second + 1 and
                         l["pictures"] > lines[second]["pictures"] + 5), None)
            demand(back is not None, f"killed at {second} s, it never came back")
            if back is not None:
                silent = max(silent, back - second)
            spells.append((second, (back or args.seconds) + 2))
        quiet = [l for l in lines if l["second"] > 2 and not any(a <= l["second"] <= b for a, b in spells)]
        most = max((l["latency_most"] for l in quiet), default=0)
        median = sorted(l["latency_median"] for l in quiet)[len(quiet) // 2] if quiet else 0
        settled = lines[max(2, len(lines) // 5)]["resident_kib"] if len(lines) > 5 else last["resident_kib"]
        growth = (last["resident_kib"] - settled) / 1024
        demand(last["pictures"] > args.seconds, f"{last['pictures']} pictures in {args.seconds} s")
        demand(last["slow_pictures"] > 2, f"the slow viewer got {last['slow_pictures']} pictures")
        demand(last["restless_pictures"] > 2, f"the restless viewer got {last['restless_pictures']} pictures")
        demand(last["backwards"] == 0, f"{last['backwards']} pictures out of order")
        demand(last["unreadable"] <= last["pictures"] // 50 + 2 * len(away), f"{last['unreadable']} broken pictures")
        demand(last["errors"] == 0, f"{last['errors']} pictures with errors")
        demand(most <= args.latency, f"{most:.0f} ms from camera to viewer")
        demand(growth <= args.growth, f"memory grew by {growth:.1f} MiB")
        print(f"{args.seconds} s, {last['pictures']} pictures at {last['pictures'] / args.seconds:.1f}/s, "
              f"{last['dropped']} dropped, {last['backwards']} out of order; latency {median:.0f} ms in the middle, "
              f"{most:.0f} at most; memory {growth:+.1f} MiB to {last['resident_kib'] / 1024:.0f}; "
              f"{len(away)} restarts, back after {silent} s at most")
    for problem in problems:
        print(f"stream_soak: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
