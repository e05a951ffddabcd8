"""The program's own metrics as *.metrics beside this file lists them; the form is at the head of
pgvigil-collector.metrics."""

import re
from dataclasses import dataclass, field

ENTRY = re.compile(r"^([a-z_]+)(?:\{([a-z_,]+)\})? (counter|gauge|histogram) (\w+)( \(not always\))?$")


@dataclass
class Metric:
    """One family: "collector_store_samples_total", its labels without a histogram's le, and texts."""
    name: str
    labels: list
    kind: str
    unit: str
    always: bool
    help: str = ""
    remarks: list = field(default_factory=list)
    alert: str = ""


def parse(text, path):
    """[(section, [Metric])], in the order of the file. ValueError: "PATH:LINE: …"."""
    sections = []
    for number, line in enumerate(text.splitlines(), 1):
        def wrong(what, where=number):
            return ValueError(f"{path}:{where}: {what}")
        metric = sections[-1][1][-1] if sections and sections[-1][1] else None
        if line.startswith("#") or not line.strip():
            continue
        if line.startswith("= "):
            sections.append((line[2:], []))
        elif line.startswith("  "):
            if metric is None:
                raise wrong("a text without a metric")
            body = line.strip()
            if not metric.help:
                metric.help = body
            elif body.startswith("Alert: "):
                metric.alert = body.removeprefix("Alert: ")
            else:
                metric.remarks.append(body)
        else:
            entry = ENTRY.match(line)
            if not entry or not sections:
                raise wrong(f"not understood: {line!r}")
            name, labels, kind, unit, sometimes = entry.groups()
            if any(one.name == name for _, metrics in sections for one in metrics):
                raise wrong(f"{name} is there twice")
            sections[-1][1].append(Metric(name, labels.split(",") if labels else [], kind, unit, not sometimes))
    for _, metrics in sections:
        for one in metrics:
            if not one.help:
                raise ValueError(f"{path}: {one.name} has no text")
    return sections
