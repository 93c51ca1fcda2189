"""What files include, as graphs of files and of rooms."""

import re
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)
SOURCES = {".cpp", ".h", ".c", ".S", ".inc", ".comp", ".glsl"}


def includes(file):
    """Pairs (quoted, name) in the order of the file."""
    return [(mark == '"', name) for mark, name in INCLUDE.findall(file.read_text(encoding="utf-8"))]


def sources(root, folders, endings=SOURCES):
    """Relative paths of the sources below some folders of a tree."""
    found = []
    for folder in folders:
        found += [path.relative_to(root) for path in sorted((root / folder).rglob("*")) if path.suffix in endings]
    return found


def file_graph(root, files):
    """Of each file the files of the tree that it includes. The public headers are named from include/ on."""
    known = {str(file): str(file) for file in files}
    known.update({name.removeprefix("include/"): name for name in list(known) if name.startswith("include/")})
    graph = {}
    for file in files:
        beside = str(file.parent)
        names = [name for _, name in includes(root / file)]
        graph[str(file)] = [known[path] for name in names for path in (name, f"{beside}/{name}") if path in known]
    return graph


def room_of(file, rooms):
    """The room that a file lies in: the longest of the folders that begin its path."""
    holding = [room for room in rooms if file.startswith(room + "/")]
    return max(holding, key=len, default=None)


def room_graph(files, rooms):
    """Of each room the other rooms that its files include, each with one such pair of files."""
    graph = {room: {} for room in rooms}
    for file, included in files.items():
        room = room_of(file, rooms)
        for other_file in included:
            other = room_of(other_file, rooms)
            if room and other and room != other:
                graph[room].setdefault(other, (file, other_file))
    return graph


def cycle(graph):
    """A cycle as the list of its nodes, the first once more at the end; nothing where there is none."""
    state, path = {}, []

    def visit(node):
        state[node] = "open"
        path.append(node)
        for following in graph.get(node, ()):
            if state.get(following) == "open":
                return path[path.index(following):] + [following]
            if following not in state and (found := visit(following)):
                return found
        path.pop()
        state[node] = "done"
        return None

    for node in graph:
        if node not in state and (found := visit(node)):
            return found
    return None
