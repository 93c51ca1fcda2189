#!/usr/bin/env bash
# Loads architectures with random weights, as the hub names and shapes them, and classifies one picture with each, or
# draws its map where the hub's model has no head.
#
# Usage: tools/try_architectures.sh FOVEA [PATTERN…]
#   FOVEA    the program, such as build/apps/fovea
#   PATTERN  which architectures, such as 'swin_*'; without one all but ViTs and what has more than 2 G parameters
# A line for each: ok or FAILED, parameters' size, seconds, and the best probability or the program's complaint.
# Exits 1 when one failed. FOVEA_ARGUMENTS are passed on, such as --dtype=fp16. PYTHON is the interpreter with numpy.
set -uo pipefail

tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-/usr/bin/python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

usage() {
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2
  exit 2
}

picture() {
  "$python" - "$1" <<'TEXT'
import sys
import numpy as np
rows, cols = np.mgrid[0:240, 0:320]
waves = [np.sin(rows / a) * np.cos(cols / b) for a, b in ((9, 31), (23, 13), (40, 7))]
pixels = 127 + 90 * np.stack(waves, -1) + np.random.default_rng(0).normal(0, 12, (240, 320, 3))
open(sys.argv[1], "wb").write(b"P6 320 240 255 " + pixels.clip(0, 255).astype("u1").tobytes())
TEXT
}

# The best class's probability: a number, and less than one.
best() {
  "$python" -c '
import json, math, sys
best = json.loads(sys.stdin.readline())["topk"][0]["probability"]
sys.exit(f"the best probability is {best}") if not (isinstance(best, float) and 0 < best < 1) else print(f"{best:.4f}")'
}

try() {
  local architecture=$1 began=$SECONDS size
  if ! size=$("$python" "$tools/random_model" "$architecture" "$work/model" 2>&1); then
    printf 'FAILED %-32s %s\n' "$architecture" "$size"
    return 1
  fi
  # shellcheck disable=SC2086 # several arguments in one variable
  "$fovea" classify --model "$work/model" --json ${FOVEA_ARGUMENTS:-} "$work/picture.ppm" >"$work/out" 2>"$work/log"
  local status=$? verdict=ok said
  if grep -q 'has no classification head' "$work/log"; then
    # shellcheck disable=SC2086
    said=$("$fovea" overlay --model "$work/model" ${FOVEA_ARGUMENTS:-} --npy "$work/map.npy" --out "$work/map.png" \
      "$work/picture.ppm" 2>&1 | grep -v 'no GPU found')
    [ -s "$work/map.npy" ] && said="a map" || verdict=FAILED
  elif [ $status -ne 0 ]; then
    verdict=FAILED
    said="exit $status: $(grep -v 'no GPU found' "$work/log" | tail -n 1)"
  elif ! said=$(best <"$work/out" 2>&1); then
    verdict=FAILED
  fi
  printf '%-6s %-32s %9s %4d s  %s\n' $verdict "$architecture" "${size##*, }" $((SECONDS - began)) "$said"
  rm -rf "$work/model"
  [ $verdict = ok ]
}

# wanted NAME PATTERN… : without a pattern everything but ViTs and the largest.
wanted() {
  local name=$1 pattern
  shift
  for pattern; do
    # shellcheck disable=SC2254 # it is meant as a pattern
    case $name in $pattern) return 0 ;; esac
  done
  [ $# -eq 0 ] && [[ $name != vit_* && $name != deit* && $name != *_enormous_* ]]
}

[ $# -ge 1 ] || usage
fovea=$1
shift
[ -x "$fovea" ] || { echo "try_architectures: $fovea is no program" >&2; exit 2; }

picture "$work/picture.ppm"
tried=0 failed=0
for architecture in $("$python" "$tools/random_model" --list); do
  wanted "$architecture" "$@" || continue
  tried=$((tried + 1))
  try "$architecture" || failed=$((failed + 1))
done
echo "$tried tried, $failed failed"
[ $tried -gt 0 ] && [ $failed -eq 0 ]
