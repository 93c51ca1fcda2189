#!/usr/bin/env bash
# Installs into a fresh prefix, builds examples through find_package and one of them through pkg-config too,
# and runs all: run.sh SOURCE-FOLDER BUILD-FOLDER CXX [CXX-FLAG…]
set -euo pipefail
source=$1 build=$2 cxx=$3
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

fail() {
  echo "package: $*" >&2
  exit 1
}

cmake --install "$build" --prefix "$prefix" >"$work/install.log" || fail "install failed: $(tail -n 5 "$work/install.log")"

# Every public header stands on its own and needs nothing from the source tree.
for header in "$source"/include/fovea/*.h; do
  installed=$prefix/include/fovea/$(basename "$header")
  [ -f "$installed" ] || fail "$(basename "$header") is not installed"
  echo "#include \"fovea/$(basename "$header")\"" |
    "$cxx" "$@" -std=c++20 -Wall -Wextra -Werror -fsyntax-only -I"$prefix/include" -x c++ - ||
    fail "$(basename "$header") does not compile alone"
done
if grep -rn --include='*.cmake' --include='*.pc' -F -e "$source" -e "$build" "$prefix"; then
  fail "an installed file points into the source or build tree"
fi

# A picture without a decoder's help: binary PPM, a bright square on a dark ground.
{
  printf 'P6\n96 80\n255\n'
  for ((y = 0; y < 80; y++)); do
    for ((x = 0; x < 96; x++)); do
      if ((x > 30 && x < 66 && y > 20 && y < 60)); then printf '\xf0\xc8\x64'; else printf '\x1e\x32\x3c'; fi
    done
  done
} >"$work/picture.ppm"

check() {
  local program=$1 how=$2 lines
  "$program" "$source/tests/golden/vit_mini" "$work/picture.ppm" >"$work/out.txt" || fail "the example ($how) failed"
  # vit_mini has ten classes; five are asked for.
  lines=$(grep -cE '^ +[0-9] +[0-9]+\.[0-9]{2} %$' "$work/out.txt") || true
  [ "$lines" = 5 ] || fail "the example ($how) printed: $(cat "$work/out.txt")"
  if "$program" "$work/no-such-model" "$work/picture.ppm" >/dev/null 2>"$work/error.txt"; then
    fail "the example ($how) found a model where there is none"
  fi
  grep -q 'no-such-model' "$work/error.txt" || fail "the error ($how) does not name the folder: $(cat "$work/error.txt")"
}

flags=("$@")
build_example() {
  cmake -S "$source/examples/$1" -B "$work/$1.build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_COMPILER="$cxx" \
    -DCMAKE_CXX_FLAGS="${flags[*]}" >"$work/configure.log" 2>&1 || fail "$1: $(tail -n 20 "$work/configure.log")"
  cmake --build "$work/$1.build" >"$work/build.log" 2>&1 || fail "$1: $(tail -n 20 "$work/build.log")"
}
build_example classify
check "$work/classify.build/classify" find_package
cp "$work/out.txt" "$work/first.txt"

pc=$(find "$prefix" -name fovea.pc)
[ -n "$pc" ] || fail "fovea.pc is not installed"
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
read -ra uses <<<"$(pkg-config --cflags --libs fovea)"
"$cxx" "$@" -std=c++20 -I/usr/include/stb "$source/examples/classify/classify.cpp" -o "$work/classify" "${uses[@]}" ||
  fail "pkg-config: the example does not build"
LD_LIBRARY_PATH=$(pkg-config --variable=libdir fovea)${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
check "$work/classify" pkg-config
cmp "$work/first.txt" "$work/out.txt" || fail "the two builds of the example disagree"

build_example digits
"$work/digits.build/digits" "$source/examples/digits/model" "$source/examples/digits/seven.png" >"$work/out.txt" ||
  fail "the example of digits failed"
[ "$(head -c 2 "$work/out.txt")" = 7, ] && [ "$(wc -l <"$work/out.txt")" = 29 ] ||
  fail "the example of digits printed: $(cat "$work/out.txt")"

if [ -x "$build/apps/fovea" ]; then
  "$prefix/bin/fovea" --help >"$work/help.txt" || fail "the installed program does not start"
  "$prefix/bin/fovea" classify --model embedded "$work/picture.ppm" >"$work/classes.txt" 2>"$work/error.txt" ||
    fail "the installed program does not classify: $(cat "$work/error.txt")"
  codecs=$(find "$prefix" -name libfovea_codecs.so)
  [ -n "$codecs" ] || fail "libfovea_codecs.so is not installed"
  rm "$codecs"
  if "$prefix/bin/fovea" classify --model embedded "$work/picture.ppm" >/dev/null 2>"$work/error.txt"; then
    fail "the installed program took its codecs from elsewhere"
  fi
  grep -q 'cannot load libfovea_codecs.so' "$work/error.txt" || fail "no word of the codecs: $(cat "$work/error.txt")"
fi
echo "package: headers, find_package and pkg-config work"
