#!/usr/bin/env python3
"""Counts what docs/architecture.md says of the structure: run at any commit, from the top of the repository.

    tools/count_structure.py [--family PATTERN] [--commits SUBJECT-PATTERN]

With --family also how many files name a model family, in whatever case its letters are; the pattern is a regular
expression, such as 'mobile_?vit'. With --commits also how many files each commit touched whose subject has the pattern.
"""
import argparse
import pathlib
import re
import subprocess


def git(*arguments):
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout


def sources(*endings):
    """The tracked files of the project's own code."""
    folders = ("core", "runtime", "models", "maps", "vision", "stream", "apps", "include", "shaders")
    return [pathlib.Path(name) for name in git("ls-files", *folders).splitlines() if name.endswith(endings)]


def long_functions(path, most=60):
    """Bodies of functions longer than `most` lines, as clang-format lays them out: opened by `) … {` at an indent, closed
    by `}` at the same."""
    lines = path.read_text().splitlines()
    for i, line in enumerate(lines):
        opened = re.match(r"( {0,4})(?!namespace|class|struct|enum|if|for|while|switch|else|do\b)\S.*\{$", line)
        if not opened or not re.search(r"\)( const| noexcept| override| ->.*)* \{$", line):
            continue
        indent = opened.group(1)
        if line.lstrip().startswith(":"):  # a constructor's initialisers are four further in than its end
            indent = indent[4:]
        for j in range(i + 1, len(lines)):
            if lines[j].startswith(indent + "}"):
                if j - i - 1 > most:
                    yield f"{path}:{i + 1} ({j - i - 1} lines)"
                break


def count_sources(cpp):
    length, longest = max((len(path.read_text().splitlines()), str(path)) for path in sources(".cpp", ".h", ".comp", ".glsl"))
    print(f"longest file: {longest}, {length} lines")
    long = [text for path in cpp for text in long_functions(path)]
    print(f"functions over 60 lines: {len(long)}")
    for text in long:
        print(f"  {text}")
    wrappers = [path for path in sources(".comp") if len(path.read_text().splitlines()) <= 8]
    print(f".comp files of at most 8 lines: {len(wrappers)}")
    texel = re.compile(r"reads_texels\(|prefers_texels\(|texels_fit\(|runs_on\(")
    sites = [path for path in cpp for _ in texel.findall(path.read_text())]
    print(f"sites that decide texel or storage: {len(sites)}, in {len(set(sites))} files")


def count_names(pattern, cpp):
    named = [path for path in git("ls-files").splitlines() if not path.startswith(("tests/golden", "fuzz/corpus"))
             and re.search(pattern, pathlib.Path(path).read_bytes().decode(errors="ignore"), re.IGNORECASE)]
    code = [path for path in named if path in set(map(str, cpp))]
    print(f"files that name {pattern}: {len(named)}, {len(code)} of them sources")


def count_commits(pattern):
    for line in git("log", "--format=%h %s", f"--grep={pattern}").splitlines():
        touched = git("show", "--format=", "--name-only", "--no-renames", line.split()[0]).split("\n")
        touched = [name for name in touched if name and not name.startswith("tests/golden")]
        print(f"{len(touched):4d} files: {line}")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--family")
    parser.add_argument("--commits")
    options = parser.parse_args()
    cpp = sources(".cpp", ".h")
    count_sources(cpp)
    if options.family:
        count_names(options.family, cpp)
    if options.commits:
        count_commits(options.commits)


if __name__ == "__main__":
    main()
