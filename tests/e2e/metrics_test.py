#!/usr/bin/python3
"""The manual pages of metrics tell the truth: what the programs say of themselves is listed, with the
same kind, labels and HELP, and what is listed they say; the alerts ask for what there is."""

import glob
import os
import re
import sys
import urllib.request

import harness
from harness import check, wait_until

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path.insert(0, f"{SOURCE}/packaging/manual")

import metrics  # noqa: E402  pylint: disable=wrong-import-position

SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? \S+$")
LABEL = re.compile(r'(\w+)="(?:[^"\\]|\\.)*"')


def read(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
        return file.read()


def listed(part):
    """{name: Metric} of the page of a program."""
    path = f"packaging/manual/pgvigil-{part}.metrics"
    return {one.name: one for _, entries in metrics.parse(read(path), path) for one in entries}


def exposed(text):
    """{name: (kind, help, label names or None)} of an exposition; None: no sample yet."""
    families = {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name, what = line.removeprefix("# HELP ").split(" ", 1)
            families[name] = ["", what, None]
        elif line.startswith("# TYPE "):
            name, kind = line.removeprefix("# TYPE ").split(" ")
            families[name][0] = kind
        elif line:
            sample = SAMPLE.match(line)
            check(sample, f"not a sample: {line}")
            name = sample[1]
            if name not in families:
                name = re.sub("_(bucket|sum|count)$", "", name)
            labels = set(LABEL.findall(sample[2] or "")) - {"le"}
            families[name][2] = labels if families[name][2] is None else families[name][2] | labels
    return {name: tuple(family) for name, family in families.items()}


def compare(part, text):
    pages, found = listed(part), exposed(text)
    unlisted = sorted(found.keys() - pages.keys())
    check(not unlisted, f"packaging/manual/pgvigil-{part}.metrics does not list {unlisted}")
    gone = sorted(name for name, one in pages.items() if one.always and name not in found)
    check(not gone, f"packaging/manual/pgvigil-{part}.metrics lists what the program does not tell: {gone}")
    for name, (kind, what, labels) in found.items():
        one = pages[name]
        check((one.kind, one.help) == (kind, what),
              f"{name} is listed as {one.kind}: {one.help!r}; the program says {kind}: {what!r}")
        check(labels is None or labels == set(one.labels),
              f"{name} is listed with the labels {one.labels}; the program says {labels}")
    print(f"  {part}: {len(found)} of {len(pages)} were seen")


def what_the_programs_tell_is_what_is_listed(programs):
    sandbox = harness.Sandbox("metrics")
    store = harness.make_store(sandbox)
    collector = harness.Collector(sandbox, programs, store)
    port = harness.free_port()
    agent = harness.Agent(sandbox, programs, collector.url, syslog=sandbox.write("syslog", ""),
                          more_config=f'[status]\nlisten = "127.0.0.1:{port}"\n')
    try:
        collector.start()
        agent.start()
        wait_until("samples", lambda: collector.get("hosts")["hosts"])
        compare("collector", collector.get_raw("/metrics")[1])
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as response:
            compare("agent", response.read().decode())
    except BaseException:
        print(collector.process.tail(30))
        print(agent.process.tail(30))
        raise
    finally:
        for process in (agent.process, collector.process, store.process):
            if process.child and process.alive():
                process.kill()
        sandbox.remove()


def what_seldom_comes_is_listed_too(_programs):
    """Not everything can be made to happen here: the sources know every name and text."""
    for part, pattern, name in (("collector", "collector/**/*", r'"(collector_[a-z_]+)"'),
                                ("agent", "agent/status/*", r'"((?:pgvigil_agent|process)_[a-z_]+)"')):
        text = "\n".join(read(path) for kind in ("cc", "h")
                         for path in sorted(glob.glob(f"{SOURCE}/{pattern}.{kind}", recursive=True)))
        text = re.sub(r'"\s*"', "", text)  # the compiler puts adjacent literals together, too
        names, pages = set(re.findall(name, text)), listed(part)
        check(names == pages.keys(),
              f"{part}: not listed: {sorted(names - pages.keys())}; not in the sources: "
              f"{sorted(pages.keys() - names)}")
        for one in pages.values():
            check(f'"{one.help}"' in text, f"{one.name}: no HELP {one.help!r} in the sources")


def alerts_ask_for_what_there_is(_programs):
    pages = listed("collector")
    rules = re.findall(r"expr: (.*)", read("packaging/kubernetes/monitoring.yaml"))
    asked = 0
    for rule in rules:
        for name in re.findall(r"\bcollector_[a-z_]+", rule):
            one = pages.get(name) or pages.get(re.sub("_(bucket|sum|count)$", "", name))
            check(one, f"an alert asks for {name}, which there is not: {rule}")
            asked += 1
            grouped = re.search(r"by \(([\w, ]+)\)", rule)
            labels = set(re.split(r",\s*", grouped[1])) if grouped else set()
            check(labels <= {*one.labels, "instance", "job", "le"},
                  f"an alert groups {name} by {labels}, its labels are {one.labels}")
    check(asked > 4, f"only {asked} metrics in {len(rules)} alerts")


if __name__ == "__main__":
    harness.run_tests([what_the_programs_tell_is_what_is_listed, what_seldom_comes_is_listed_too,
                       alerts_ask_for_what_there_is])
