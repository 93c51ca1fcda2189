"""What came out, as a table in Markdown."""
import datetime
import re
from collections import Counter
from dataclasses import dataclass


@dataclass
class Row:
    name: str
    family: str
    verdict: str  # equal, refused, wrong, unbuilt
    remark: str
    off: float
    cut: dict


def summary(rows, about, claimed):
    count = Counter(row.verdict for row in rows)
    kinds = ", ".join(f"{count[verdict]} {verdict}" for verdict in ("equal", "refused", "wrong", "unbuilt"))
    return f"timm {about['timm']}, torch {about['torch']}: of {len(about['names'])} names {claimed} claimed, " \
           f"{len(rows)} tried: {kinds}"


def families(rows):
    lines = ["| family | tried | equal | refused | wrong | largest difference |", "|---|--:|--:|--:|--:|--:|"]
    for family in sorted({row.family for row in rows}):
        own = [row for row in rows if row.family == family]
        count = Counter(row.verdict for row in own)
        off = max((row.off for row in own if row.verdict == "equal"), default=None)
        lines.append(f"| {family} | {len(own)} | {count['equal']} | {count['refused']} | {count['wrong']} | "
                     f"{f'{off:.0e}' if off is not None else ''} |")
    return lines


def reasons(rows, verdict):
    """Names by what the program said, numbers and names left out."""
    groups = {}
    for row in rows:
        if row.verdict == verdict:
            kind = re.sub(r"\d+", "n", row.remark.replace(row.name, "NAME"))
            groups.setdefault(kind, []).append(row)
    for own in sorted(groups.values(), key=len, reverse=True):
        yield f"- {own[0].remark} ({len(own)}: {', '.join(row.name for row in own)})"


def text(rows, about, claimed):
    lines = [summary(rows, about, claimed) + f", on {datetime.date.today().isoformat()}.", "", *families(rows)]
    for verdict, title in (("wrong", "Wrong"), ("refused", "Refused"), ("unbuilt", "Not built by timm here")):
        own = list(reasons(rows, verdict))
        if own:
            lines += ["", f"## {title}", "", *own]
    return "\n".join(lines) + "\n"
