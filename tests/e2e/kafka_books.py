"""Books of simulated agents (ledger_agents): what they were acknowledged, and what PostgreSQL holds."""

import json
import subprocess

import harness
from harness import check, wait_until


class Agents:
    """`count` simulated agents that send to the collectors at `urls` for `seconds`, and again until all
    is acknowledged."""

    def __init__(self, programs, seed, count, seconds, urls):
        uid, gid = harness.account()
        self.seconds = seconds
        self.child = subprocess.Popen(
            [f"{programs}/ledger_agents", str(seed), str(count), str(seconds), *urls],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/", user=uid, group=gid,
            extra_groups=[])

    def books(self):
        """Waits for their end: what the store must hold."""
        output, errors = self.child.communicate(timeout=self.seconds + 180)
        check(self.child.returncode == 0, f"ledger_agents: {errors}")
        return json.loads(output)

    def running(self):
        return self.child.poll() is None

    def kill(self):
        if self.running():
            self.child.kill()


def stored(store):
    """{host: (metrics sequence, logs sequence, missing, samples, lines, gap bytes)}"""
    rows = store.query("""
        with streams as (
          select a.host_id, max(s.sequence) filter (where s.stream = 1) as metrics,
                 max(s.sequence) filter (where s.stream = 2) as logs, sum(s.gaps) as gaps
          from pgvigil.agent_stream s join pgvigil.agent a on a.id = s.agent_id group by 1
        ), samples as (
          select b.host_id, sum(b.ticks * cardinality(l.series_ids)) as samples
          from pgvigil.block b join pgvigil.layout l on l.id = b.layout_id group by 1
        ), lines as (
          select host_id, sum(lines) as lines from (
            select host_id, lines from pgvigil.log_block union all
            select host_id, lines from pgvigil.log_segment) l group by 1
        ), files as (
          select host_id, sum(lines) as lines, sum(gap_bytes) as gap_bytes from pgvigil.log_file
          group by 1
        )
        select h.name, t.metrics, t.logs, t.gaps, s.samples, l.lines, f.lines, f.gap_bytes
        from pgvigil.host h join streams t on t.host_id = h.id
        left join samples s on s.host_id = h.id left join lines l on l.host_id = h.id
        left join files f on f.host_id = h.id""", database="pgvigil")
    names = ("metrics", "logs", "gaps", "samples", "lines", "file_lines", "gap_bytes")
    return {row[0]: {name: int(value or 0) for name, value in zip(names, row[1:])} for row in rows}


def differences(books, store):
    held = stored(store)
    out = []
    for agent in books["agents"]:
        row = held.get(agent["name"], {})
        wanted = {"metrics": agent["metrics"], "logs": agent["logs"], "gaps": 0,
                  "samples": agent["samples"], "lines": agent["lines"],
                  "file_lines": agent["lines"], "gap_bytes": 0}
        if row != wanted:
            out.append((agent["name"], {key: (value, row.get(key)) for key, value in wanted.items()
                                        if row.get(key) != value}))
    return out


def wait_until_balanced(books, store, seconds=90):
    """Everything acknowledged is stored exactly once, and nothing else."""
    try:
        wait_until("the books", lambda: not differences(books, store), seconds, pause=1)
    except harness.Failure:
        raise harness.Failure("the books differ (sent, stored): "
                              f"{differences(books, store)[:4]}") from None
