#!/usr/bin/python3
"""What the agent costs a database host: everything on, default periods, under pgbench.

rss_mib, private_dirty_mib: at the end of the measured part. cpu_pct: of one core, user and system.
syscalls_per_s: counted by strace in a window of its own, after the measured part.
"""

import json
import os
import re
import subprocess
import time

import bench

SECONDS = int(os.environ.get("BENCH_SECONDS", "90"))


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rollup_mib(pid):
    """(RSS, private dirty) from the kernel's own sum over all mappings."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
        text = file.read()
    kib = {name: int(value) for name, value in re.findall(r"^(\w+): +(\d+) kB", text, re.M)}
    return kib["Rss"] / 1024, kib["Private_Dirty"] / 1024


def count_syscalls(pid, seconds):
    done = subprocess.run(["timeout", "-s", "INT", str(seconds), "strace", "-f", "-c", "-p", str(pid)],
                          capture_output=True, text=True, check=False)
    # "100.00    0.001234           5       240        12 total": the calls are the last number but
    # the errors; strace leaves the errors out when there are none.
    total = [line.split() for line in done.stderr.splitlines() if line.endswith(" total")]
    return int(total[-1][3]) / seconds if total else None


def main():
    with bench.Fleet("footprint") as fleet:
        pid = fleet.agent.process.child.pid
        time.sleep(35)  # first statement polls, first texts, first batches
        peak = 0.0
        began, cpu = time.monotonic(), cpu_seconds(pid)
        while time.monotonic() - began < SECONDS:
            time.sleep(5)
            peak = max(peak, rollup_mib(pid)[0])
        elapsed = time.monotonic() - began
        used = cpu_seconds(pid) - cpu
        rss, dirty = rollup_mib(pid)
        syscalls = count_syscalls(pid, 20)
        agents = fleet.collector.get("agents")["agents"]
        print(json.dumps({
            "rss_mib": round(rss, 2), "peak_rss_mib": round(peak, 2),
            "private_dirty_mib": round(dirty, 2), "cpu_pct": round(100 * used / elapsed, 3),
            "syscalls_per_s": syscalls, "seconds": round(elapsed),
            "log_lines": fleet.store_count("select coalesce(sum(lines), 0) from pgvigil.log_block"),
            "statements": fleet.database.query("select count(*) from pg_stat_statements(false)")[0][0],
            "dropped": agents[0]["status"].get("dropped", [])}))


if __name__ == "__main__":
    main()
