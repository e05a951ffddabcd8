#!/usr/bin/python3
"""Upkeep is killed with SIGKILL, again and again; then every answer must be the one that was sent.

Two to three days of a few hosts (history.py) are sent in parts. While compaction, rollups, log
merging and retention work on them, the collector, the whole PostgreSQL (fsync on) or both die: in
some rounds at a random moment, in others in the middle of the kind of work that was cut least so
far. In the end upkeep may finish, and
  * every sample and every line is there exactly once, with the value that was sent,
  * every bucket of five minutes and of an hour is what these samples make, and rollups answered,
  * blocks were dropped, chunks and rollups made, and kills did cut transactions of each kind;
  * when the oldest day's chunks are dropped, too (and that is killed), its rollups stay as they are.

E2E_ROUNDS sets how many rounds (24), E2E_SEED the seed.
"""

import collections
import datetime
import itertools
import math
import os
import random
import signal
import subprocess
import time

import psycopg2

import harness
import history
from harness import check, wait_until

ROUNDS = int(os.environ.get("E2E_ROUNDS", "24"))
SEED = int(os.environ.get("E2E_SEED", str(random.SystemRandom().randrange(10**6))))
HOSTS = 3
AIMS = ("compaction", "rollups", "retention", "logs")
SPARE_ROUNDS = 6  # for a machine so slow that some kind of work was not met in the others

# What the session of maintenance does at this moment. Who writes chunks or rollups holds an advisory
# lock for his transaction (collector/storage/lock_keys.h). After DETACH comes DROP: what is idle
# between them is in the middle of it.
WATCH = """
select case
    when exists (select from pg_locks l where l.pid = a.pid and l.locktype = 'advisory' and l.granted
                 and l.classid::int8 = x'70677667'::int8 and l.objid::int8 = 5) then 'compaction'
    when exists (select from pg_locks l where l.pid = a.pid and l.locktype = 'advisory' and l.granted
                 and l.classid::int8 = x'70677667'::int8 and l.objid::int8 = 7) then 'rollups'
    when a.query ~ '^(ALTER TABLE .* DETACH|DROP TABLE)' then 'retention'
    when a.query ~ 'log_(segment|block|pattern)' then 'logs'
    else 'other' end
from pg_stat_activity a
where a.application_name = 'pgvigil-collector maintenance'
  and (a.state <> 'idle' or a.query ~ '^ALTER TABLE .* DETACH')
"""

# What waits for upkeep, by kind; windows that were open a moment ago apart.
WAITING = """
select 'windows', count(*) from pgvigil.uncompacted_windows(
    %(begin)s, date_bin('10 minutes', now() - interval '15 minutes', '2000-01-01 00:00:00+00'))
union all
select 'short chunks', count(*) from pgvigil.chunk_minutes where window_start < %(closed_hour)s
union all
select 'dirty hours', count(*) from pgvigil.rollup_dirty where hour < %(closed)s
union all
select 'block partitions', count(*) from pg_class
where relnamespace = 'pgvigil'::regnamespace and relkind = 'r'
  and relname ~ '^block_[0-9]{8}_[0-9]{2}$'
  and relname < to_char(now() at time zone 'utc' - interval '3 hours', '"block_"YYYYMMDD_HH24')
union all
select 'log blocks', count(*) from pgvigil.log_block where last_time < now() - interval '1 hour'
"""


def utc(time_ms):
    return datetime.datetime.fromtimestamp(time_ms / 1000, datetime.timezone.utc)


class World:
    """A store, a collector that keeps blocks for an hour, and a history that is sent to it."""

    def __init__(self, programs):
        self.chance = random.Random(SEED)
        now_ms = int(time.time() * 1000)
        # Two days that are over and settled, and whatever there is of the next.
        self.closed_ms = (now_ms - 25 * 60_000) // history.DAY_MS * history.DAY_MS
        self.begin_ms = self.closed_ms - 2 * history.DAY_MS
        self.past = history.History(SEED, HOSTS, self.begin_ms, now_ms - 60_000,
                                    ROUNDS + SPARE_ROUNDS)
        self.programs = programs
        self.sandbox = harness.Sandbox("upkeep")
        self.store = harness.make_store(self.sandbox)
        self.collector = None
        self.keep('blocks = "1h"')
        self.connection = None
        self.sender = None
        self.sent = 0

    def keep(self, retention):
        """A collector with this retention; it is not started."""
        self.collector = harness.Collector(self.sandbox, self.programs, self.store,
                                           f"[retention]\n{retention}\n")

    def close(self):
        if self.sender and self.sender.poll() is None:
            self.sender.kill()
        for process in (self.collector.process, self.store.process):
            if process.alive():
                process.kill()
        self.sandbox.remove()

    def at_work(self):
        """What upkeep is doing, or None. On a connection that is kept: this is asked often."""
        try:
            if self.connection is None:
                self.connection = self.store.connect("pgvigil")
                self.connection.autocommit = True
            with self.connection.cursor() as cursor:
                cursor.execute(WATCH)
                row = cursor.fetchone()
                return row[0] if row else None
        except psycopg2.Error:
            self.connection = None
            return None

    def maintenance_sessions(self):
        return self.store.query("select count(*) from pg_stat_activity"
                                " where application_name = 'pgvigil-collector maintenance'")[0][0]

    def send_next_part(self):
        """Begins to send, if the part before has been acknowledged. False: all parts have."""
        if self.sender:
            status = self.sender.poll()
            if status is None:
                return True
            check(status == 0, f"history_sender: {status}")
            self.sender = None
        if self.sent == self.past.parts:
            return False
        path = self.sandbox.write("part.txt", self.past.part_as_text(self.sent))
        with open(path, encoding="utf-8") as text:
            self.sender = subprocess.Popen(  # pylint: disable=consider-using-with
                [f"{self.programs}/history_sender", str(SEED + self.sent), str(history.SERIES),
                 self.collector.url], stdin=text)
        self.sent += 1
        return True

    def stop_at(self, aim, seconds):
        """Lets the collector stand still (SIGSTOP) in the middle of `aim`; when it is None, or does
        not come within `seconds`, wherever it is then. Returns what upkeep is doing: a transaction
        that is open now will never be ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if aim is not None and self.at_work() == aim:
                time.sleep(self.chance.choice([0, 0, 0.005, 0.02]))
                self.collector.process.signal(signal.SIGSTOP)
                if self.at_work() == aim:
                    return aim
                self.collector.process.signal(signal.SIGCONT)
            time.sleep(0.002)
        self.collector.process.signal(signal.SIGSTOP)
        return self.at_work()

    def kill_stopped(self, victim):
        self.connection = None
        if victim in ("store", "both"):
            self.store.kill()
        if victim in ("collector", "both"):
            self.collector.process.kill()
        else:
            self.collector.process.signal(signal.SIGCONT)
        if victim in ("store", "both"):
            self.store.restart_after_kill()
        if victim in ("collector", "both"):
            # A dying session is the owner until it knows that it is; then the next one need not wait.
            wait_until("the end of the old session", lambda: not self.maintenance_sessions())
            self.collector.start()

    def waiting(self):
        """What upkeep has not done yet, {} when it is through."""
        rows = self.store.query(WAITING, {
            "begin": utc(self.begin_ms - history.DAY_MS), "closed": utc(self.closed_ms),
            "closed_hour": utc((int(time.time()) // 3600 - 1) * 3_600_000)}, database="pgvigil")
        return {what: count for what, count in rows if count}

    def finish_upkeep(self):
        """Lets upkeep do all that waits. What came late it looks for every five minutes only, and
        whenever a collector starts: so that is started a few times."""
        deadline = time.monotonic() + 300
        while True:
            wait_until("the collector's /readyz", self.collector.ready)
            try:
                wait_until("upkeep", lambda: not self.waiting(), 15, pause=0.3)
                return
            except harness.Failure:
                check(time.monotonic() < deadline, f"upkeep does not finish: {self.waiting()}")
            check(self.collector.process.stop() == 0, "the collector stops cleanly")
            self.collector.start()

    def ask(self, series, begin_ms, end_ms, **more):
        """({time_ms: value} of each host, resolution_ms) of one metric."""
        metric = history.metric(series)
        answer = self.collector.get("samples", metric=metric, **{"from": begin_ms / 1000},
                                    to=end_ms / 1000, limit=1_000_000, **more)
        found = {}
        for one in answer["series"]:
            check(one["host"] not in found, f"two series {metric} of {one['host']}")
            found[one["host"]] = {round(when * 1000): value for when, value in one["samples"]}
            check(len(found[one["host"]]) == len(one["samples"]),
                  f"{metric} of {one['host']}: a time is there twice")
        hosts = [history.host_name(host) for host in range(HOSTS)]
        check(sorted(found) == hosts, f"hosts of {metric}: {sorted(found)}")
        return [found[host] for host in hosts], answer["resolution_ms"]


def check_equal(what, found, wanted, exact=True):
    if found.keys() == wanted.keys() and all(
            found[key] == wanted[key] or (not exact and math.isclose(found[key], wanted[key],
                                                                     rel_tol=1e-12, abs_tol=1e-9))
            for key in wanted):
        return
    lost = sorted(wanted.keys() - found.keys())
    more = sorted(found.keys() - wanted.keys())
    other = [(key, found[key], wanted[key]) for key in wanted
             if key in found and found[key] != wanted[key]]
    raise harness.Failure(f"{what}: {len(wanted)} wanted, {len(found)} found; lost {len(lost)}: "
                          f"{lost[:3]}; too many {len(more)}: {more[:3]}; other values (found, "
                          f"wanted) {len(other)}: {other[:3]}")


def check_samples(world):
    total = 0
    for series in range(history.SERIES):
        found, _ = world.ask(series, world.begin_ms, world.past.end_ms + 1)
        for host in range(HOSTS):
            check_equal(f"samples of {history.metric(series)} of host {host}", found[host],
                        world.past.samples[host, series])
            total += len(found[host])
    return total


def check_buckets(world):
    """Of the two days that are over, by rollups alone; and of the whole history."""
    total = 0
    for series, step_ms, aggregate, end_ms in itertools.product(
            range(history.SERIES), (300_000, history.HOUR_MS),
            ("count", "sum", "min", "max", "last", "increase"),
            (world.closed_ms, world.past.end_ms)):
        if aggregate == "increase" and not history.is_counter(series):
            continue
        found, resolution_ms = world.ask(series, world.begin_ms, end_ms,
                                         step=f"{step_ms // 1000}s", aggregate=aggregate)
        what = f"{aggregate} of {history.metric(series)} by {step_ms} ms to {utc(end_ms)}"
        if end_ms == world.closed_ms:
            check(resolution_ms == step_ms, f"{what}: resolution {resolution_ms} ms")
        for host in range(HOSTS):
            wanted = {start: bucket[aggregate] for start, bucket
                      in world.past.buckets(host, series, step_ms).items() if start < end_ms}
            check_equal(f"{what}, host {host}", found[host], wanted, exact=aggregate != "sum")
            total += len(wanted)
    return total


def check_lines(world):
    records = world.collector.all_logs(**{"from": world.begin_ms / 1000, "to": time.time()})
    found = collections.Counter((record["host"], record["body"]) for record in records)
    wanted = collections.Counter((history.host_name(host), body)
                                 for (host, _), (_, body) in world.past.lines.items())
    check_equal("log lines", found, wanted)
    return len(records)


def count(world, sql):
    return world.store.query(sql, database="pgvigil")[0][0]


def run_rounds(world, aims, cut, patience=4):
    """Sends and kills, once for each of `aims`; counts in `cut` what was cut."""
    for aim in aims:
        world.send_next_part()
        work = world.stop_at(aim, patience if aim else world.chance.uniform(0, 2))
        # A collector that lives on has upkeep come again later than a new one has.
        world.kill_stopped(world.chance.choice(["collector", "store", "both", "both"]))
        cut[work] += 1


def answers_are_what_was_sent(programs):
    print(f"seed {SEED}, {ROUNDS} rounds", flush=True)
    world = World(programs)
    try:
        world.collector.start()
        cut = collections.Counter()
        began = time.monotonic()
        run_rounds(world, (min(AIMS, key=cut.__getitem__) if number % 3 else None
                           for number in range(ROUNDS)), cut)
        for _ in range(SPARE_ROUNDS):
            run_rounds(world, [kind for kind in AIMS[:3] if not cut[kind]][:1], cut, patience=20)
        print(f"{time.monotonic() - began:.0f} s of kills, upkeep was at: {dict(cut)}", flush=True)
        wait_until("all of the history is acknowledged", lambda: not world.send_next_part(), 300)
        world.finish_upkeep()
        print(f"{time.monotonic() - began:.0f} s: upkeep is through", flush=True)

        samples = check_samples(world)
        buckets = check_buckets(world)
        lines = check_lines(world)
        chunks = count(world, "select count(*) from pgvigil.chunk_hours")
        rollups = count(world, "select count(*) from pgvigil.rollup_5m")
        old_blocks = count(world, "select count(*) from pgvigil.block"
                                  " where first_time < now() - interval '4 hours'")
        segments = count(world, "select count(*) from pgvigil.log_segment")
        check(chunks > 0 and rollups > 0 and segments > 0 and old_blocks == 0,
              f"{chunks} chunks, {rollups} rollups, {segments} log segments, {old_blocks} old blocks")
        for kind in AIMS[:3]:
            check(cut[kind] > 0, f"no kill met {kind}: {dict(cut)}")
        print(f"{time.monotonic() - began:.0f} s: {samples} samples in {chunks} chunks, {buckets} "
              f"buckets from {rollups} rollups, {lines} lines in {segments} segments: as sent",
              flush=True)

        # The oldest day goes; its rollups stay.
        oldest_ms = world.begin_ms + history.DAY_MS
        check(world.collector.process.stop() == 0, "the collector stops cleanly")
        world.keep('blocks = "1h"\nchunks = "1d"')
        world.collector.start()
        run_rounds(world, ["retention"] * 3, cut)
        wait_until("the oldest day's chunks are gone",
                   lambda: not count(world, "select count(*) from pgvigil.chunk_hours where"
                                            f" window_start < '{utc(oldest_ms)}'"), 120)
        check_buckets(world)
        check(world.collector.process.stop() == 0, "the collector stops cleanly")
        print(f"{time.monotonic() - began:.0f} s in all; upkeep was at {dict(cut)}", flush=True)
    except (harness.Failure, psycopg2.Error):
        print(world.collector.process.tail(40))
        print(world.store.process.tail(20))
        raise
    finally:
        world.close()


if __name__ == "__main__":
    harness.run_tests([answers_are_what_was_sent], ("history_sender",))
