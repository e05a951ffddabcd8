#!/usr/bin/python3
"""Everything is killed with SIGKILL at random for some minutes; then the books are balanced.

While pgbench and a log generator run, the agent, the collector, its PostgreSQL and the watched
PostgreSQL die in random order. In the end:
  * every record of the syslog file (through renames) and of the server's jsonlog files is stored
    exactly once,
  * no acknowledged batch is missing: the streams have no gaps,
  * the sum of statement deltas since the server's last start equals pg_stat_statements.

E2E_SECONDS sets how long (120), E2E_SEED the seed.
"""

import collections
import glob
import json
import os
import random
import subprocess
import threading
import time

import psycopg2

import harness
from harness import check, wait_until

SECONDS = int(os.environ.get("E2E_SECONDS", "120"))
SEED = int(os.environ.get("E2E_SEED", str(random.SystemRandom().randrange(10**6))))


class SyslogWriter(threading.Thread):
    """Appends numbered lines like a syslog daemon; now and then renames the file, as logrotate does."""

    def __init__(self, path, seed):
        super().__init__()
        self.path = path
        self.random = random.Random(seed)
        self.written = []
        self.rotations = 0
        self.stop_event = threading.Event()
        self.open()

    def open(self):
        self.file = open(self.path, "a", encoding="utf-8")  # pylint: disable=consider-using-with
        os.chown(self.path, *harness.account())

    def rotate(self):
        self.file.close()
        self.rotations += 1
        os.rename(self.path, f"{self.path}.{self.rotations}")
        self.open()

    def run(self):
        last_rotation = time.monotonic()
        while not self.stop_event.wait(0.05):
            for _ in range(self.random.randrange(1, 20)):
                number = len(self.written)
                filler = "x" * self.random.randrange(0, 300)
                stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
                self.file.write(f"{stamp} testhost ledger[77]: line {number} {filler}\n")
                self.written.append(number)
            self.file.flush()
            if time.monotonic() - last_rotation > 12:
                last_rotation = time.monotonic()
                self.rotate()


class Load(threading.Thread):
    """pgbench in short runs as the role `bench`, for as long as the server lets it."""

    def __init__(self, database):
        super().__init__()
        self.database = database
        self.stop_event = threading.Event()
        self.runs = 0

    def run(self):
        uid, gid = harness.account()
        command = [f"{harness.PG_BIN}/pgbench", "-n", "-h", self.database.socket_directory, "-U",
                   "bench", "-c", "2", "-T", "2", "-R", "200", "bench"]
        while not self.stop_event.is_set():
            done = subprocess.run(command, capture_output=True, cwd="/", user=uid, group=gid,
                                  extra_groups=[], check=False)
            self.runs += done.returncode == 0
            if done.returncode != 0:
                self.stop_event.wait(0.5)


def server_log_records(database):
    """(session_id, line_num) of every whole record in the server's jsonlog files."""
    records = collections.Counter()
    for path in glob.glob(os.path.join(database.data, "log", "*.json")):
        with open(path, "rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    continue  # the server died in the middle of it
                try:
                    record = json.loads(line)
                except ValueError:
                    continue  # likewise, and the next server wrote on
                records[(record.get("session_id"), record.get("line_num"),
                         record["timestamp"])] += 1
    return records


def check_syslog(collector, writer):
    records = collector.all_logs(**{"from": "now-1d", "contains": "line "})
    stored = collections.Counter(
        int(record["body"].split()[1]) for record in records
        if record["source"] == "syslog" and record["fields"].get("program") == "ledger")
    lost = [number for number in writer.written if stored[number] == 0]
    doubled = [number for number, count in stored.items() if count > 1]
    check(not lost, f"syslog: {len(lost)} of {len(writer.written)} lines lost: {lost[:10]}")
    check(not doubled, f"syslog: {len(doubled)} lines stored twice: {doubled[:10]}")
    check(len(stored) == len(writer.written), "syslog: more lines than were written")
    return len(stored)


def check_server_logs(collector, database):
    truth = server_log_records(database)
    records = collector.all_logs(**{"from": "now-1d"})
    stored = collections.Counter()
    places = collections.Counter()
    for record in records:
        if record["source"] != "postgres":
            continue
        places[(record["file"]["id"], record["file"]["offset"])] += 1
        if "session_id" in record["fields"]:
            stored[record["fields"]["session_id"]] += 1
    wanted = collections.Counter()
    for (session, _, _), count in truth.items():
        if session:
            wanted[session] += count
    lost = {session: (count, stored[session]) for session, count in wanted.items()
            if stored[session] < count}
    doubled = {session: (wanted[session], count) for session, count in stored.items()
               if count > wanted[session]}
    check(not lost, f"jsonlog: sessions with lost records (written, stored): {list(lost.items())[:5]}")
    check(not doubled, f"jsonlog: sessions with doubled records: {list(doubled.items())[:5]}")
    check(max(places.values()) == 1, "jsonlog: a (file, offset) is stored twice")
    return sum(wanted.values())


def check_streams(collector):
    agents = collector.get("agents")["agents"]
    check(len(agents) == 1, f"one agent, got {len(agents)}")
    for stream in agents[0]["streams"]:
        check(stream["missing_batches"] == 0, f"stream {stream['stream']} has gaps: {stream}")
    dropped = agents[0]["status"].get("dropped", [])
    check(not dropped, f"the agent dropped data: {dropped}")
    return {stream["stream"]: stream["batches"] for stream in agents[0]["streams"]}


COLUMNS = ("calls", "rows", "shared_blks_hit", "shared_blks_dirtied", "wal_records", "wal_bytes")


def server_counters(database):
    sql = (f"select queryid::text, {', '.join(COLUMNS)} from pg_stat_statements(false) "
           "where userid = 'bench'::regrole and queryid is not null")
    return {row[0]: tuple(int(value) for value in row[1:]) for row in database.query(sql)}


def delta_sums(store, since):
    sql = (f"select queryid::text, {', '.join(f'sum(d.{column})' for column in COLUMNS)} "
           "from pgvigil.statement_delta d "
           "join pgvigil.role_name r on r.instance_id = d.instance_id and r.oid = d.userid "
           "where r.name = 'bench' and d.interval_end > %s group by 1")
    return {row[0]: tuple(int(value) for value in row[1:])
            for row in store.query(sql, (since,), database="pgvigil")}


def balances(programs):
    print(f"seed {SEED}, {SECONDS} s", flush=True)
    chance = random.Random(SEED)
    sandbox = harness.Sandbox("ledger")
    store = harness.make_store(sandbox)
    database = harness.make_database(sandbox)
    database.query("alter system set log_min_duration_statement = '20ms'")
    uid, gid = harness.account()
    subprocess.run([f"{harness.PG_BIN}/pgbench", "-i", "-q", "-s", "2", "-h",
                    database.socket_directory, "-U", "bench", "bench"], check=True,
                   capture_output=True, cwd="/", user=uid, group=gid, extra_groups=[])
    logs = sandbox.make("syslog")
    writer = SyslogWriter(os.path.join(logs, "syslog"), SEED)
    collector = harness.Collector(sandbox, programs, store).start()
    agent = harness.Agent(sandbox, programs, collector.url, database, writer.path).start()
    load = Load(database)
    try:
        wait_until("the first statement deltas",
                   lambda: collector.get("statements")["statements"])
        writer.start()
        load.start()
        kills = collections.Counter()
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            time.sleep(chance.uniform(0.2, 4))
            victim = chance.choice(["agent", "agent", "collector", "collector", "store", "database"])
            kills[victim] += 1
            pause = chance.choice([0, 0, 0.3, 2])
            if victim == "agent":
                agent.process.kill()
                time.sleep(pause)
                agent.start()
            elif victim == "collector":
                collector.process.kill()
                time.sleep(pause)
                collector.start(ready=False)
            elif victim == "store":
                store.kill()
                time.sleep(pause)
                store.restart_after_kill()
            else:
                database.kill()
                time.sleep(pause)
                database.restart_after_kill()
            check(collector.process.alive(), collector.process.tail())
            check(agent.process.alive(), agent.process.tail())
        print(f"killed: {dict(kills)}", flush=True)

        since = database.query("select pg_postmaster_start_time()")[0][0]
        time.sleep(5)  # some load after the last start
        load.stop_event.set()
        load.join()
        writer.stop_event.set()
        writer.join()
        # On a busy machine the agent's own queries are slow enough to be logged, every second.
        database.query("alter system set log_min_duration_statement = -1")
        database.query("select pg_reload_conf()")
        wait_until("the collector's /readyz", collector.ready)

        def statements_agree():
            server = server_counters(database)
            return server and delta_sums(store, since) == server
        try:
            wait_until("statement deltas", statements_agree, 60)
        except harness.Failure:
            server, sums = server_counters(database), delta_sums(store, since)
            differing = {key: (server.get(key), sums.get(key)) for key in server.keys() | sums.keys()
                         if server.get(key) != sums.get(key)}
            raise harness.Failure(f"deltas differ (server, stored) in {COLUMNS}: "
                                  f"{list(differing.items())[:5]}") from None

        def settled():
            try:
                check_syslog(collector, writer)
                check_server_logs(collector, database)
                return True
            except harness.Failure as failure:
                settled.why = failure
                return False
        settled.why = None
        # The server writes on (connections of the agent and of this test), so that "everything
        # is stored" is true only between two records: look until it is.
        try:
            wait_until("the logs", settled, 60, pause=1)
        except harness.Failure:
            raise settled.why from None
        lines = check_syslog(collector, writer)
        records = check_server_logs(collector, database)
        batches = check_streams(collector)
        check(load.runs > 0, "pgbench never ran")
        print(f"ledger: {lines} syslog lines through {writer.rotations} renames, {records} server "
              f"log records, batches {batches}, {len(server_counters(database))} statements: "
              "0 lost, 0 doubled", flush=True)
        check(agent.process.stop() == 0, "the agent stops cleanly")
        check(collector.process.stop() == 0, "the collector stops cleanly")
    except (harness.Failure, psycopg2.Error):
        print(agent.process.tail(30))
        print(collector.process.tail(30))
        raise
    finally:
        load.stop_event.set()
        writer.stop_event.set()
        for process in (agent.process, collector.process, store.process, database.process):
            if process.alive():
                process.kill()
        sandbox.remove()


if __name__ == "__main__":
    harness.run_tests([balances])
