#!/usr/bin/python3
"""The main job, end to end on real programs: what the host, the server and its logs say is what the
API answers; and what happens when a part is away, hostile, or asked for something wrong."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import harness
from harness import check, wait_until

SECRET = "hunter2-planted-secret"


class World:
    """A store, a collector, a watched database, a syslog file and an agent; taken down at the end."""

    def __init__(self, programs, name):
        self.sandbox = harness.Sandbox(name)
        self.store = harness.make_store(self.sandbox)
        self.database = harness.make_database(self.sandbox)
        self.syslog = self.sandbox.write("syslog", "")
        self.collector = harness.Collector(self.sandbox, programs, self.store).start()
        self.agent = harness.Agent(self.sandbox, programs, self.collector.url, self.database,
                                   self.syslog)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            print(self.agent.process.child and self.agent.process.tail(30))
            print(self.collector.process.tail(30))
        for process in (self.agent.process, self.collector.process, self.store.process,
                        self.database.process):
            if process.alive():
                process.kill()
        self.sandbox.remove()

    def samples(self, metric, **labels):
        """Every sample of a metric, all series together."""
        matchers = {f"label.{name}": value for name, value in labels.items()}
        series = self.collector.get("samples", metric=metric, **matchers)["series"]
        return [sample for one in series for sample in one["samples"]]


def host_statements_and_logs_arrive(programs):
    with World(programs, "pipeline") as world:
        world.agent.start()
        collector, database = world.collector, world.database
        # Host: the newest uptime is the kernel's.
        wait_until("host metrics", lambda: world.samples("system.uptime"))
        when, uptime = world.samples("system.uptime")[-1]
        with open("/proc/uptime", encoding="utf-8") as file:
            now = float(file.read().split()[0])
        check(abs((now - uptime) - (time.time() - when)) < 2, f"uptime {uptime} at {when}, now {now}")
        for metric in ("system.cpu.time", "system.memory.usage", "system.disk.io",
                       "system.filesystem.usage", "system.network.io", "system.process.count",
                       "system.paging.operations", "system.cpu.load_average.1m"):
            wait_until(metric, lambda metric=metric: world.samples(metric))
        hosts = collector.get("hosts")["hosts"]
        check([host["name"] for host in hosts] == [socket.gethostname()], f"hosts: {hosts}")

        # PostgreSQL: what the server says of itself.
        wait_until("postgresql.up", lambda: world.samples("postgresql.up")[-1][1] == 1)
        wait_until("commits of the database 'bench'",
                   lambda: world.samples("postgresql.commits", **{"db.namespace": "bench"}))

        # Statements: counted exactly, text without the literal.
        wait_until("the first poll", lambda: collector.get("statements")["statements"])
        for _ in range(7):
            database.query(f"select '{SECRET}', count(*) from pg_class", user="bench")

        def counted():
            rows = collector.get("statements", user="bench", limit=1000)["statements"]
            rows = [row for row in rows if "count(*) from pg_class" in row["text"].lower()]
            return rows and rows[0]["counters"]["calls"] == 7 and rows[0]
        row = wait_until("seven calls", counted)
        check(SECRET not in row["text"] and "$1" in row["text"], f"text: {row['text']}")
        check(re.fullmatch("[0-9a-f]{16}", row["fingerprint"]), f"fingerprint: {row['fingerprint']}")
        history = collector.get(f"statements/{row['queryid']}")["intervals"]
        check(sum(point["counters"]["calls"] for point in history) == 7, f"history: {history}")

        # Logs: an error of the server with its SQLSTATE, a line of the host.
        try:
            database.query(f"select no_such_column, '{SECRET}'", user="bench")
        except harness.psycopg2.Error:
            pass
        record = wait_until("the error", lambda: collector.get("logs", sqlstate="42703")["records"])[0]
        check(record["severity"] == "ERROR" and record["fields"]["user"] == "bench",
              f"record: {record}")
        with open(world.syslog, "a", encoding="utf-8") as file:
            file.write(time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()) +
                       " somehost sshd[12]: a line with a needle in it\n")
        found = wait_until("the syslog line",
                           lambda: collector.get("logs", contains="a needle")["records"])
        check(len(found) == 1 and found[0]["fields"]["program"] == "sshd", f"records: {found}")

        # No literal left the host, in whatever table.
        everything = subprocess.run(
            [f"{harness.PG_BIN}/pg_dump", "-h", world.store.socket_directory, "-U", "postgres",
             "pgvigil", "--data-only"], capture_output=True, text=True, check=True).stdout
        check(SECRET not in everything, "the planted literal is in the store")
        check(not [record for record in collector.all_logs() if SECRET in json.dumps(record)],
              "the planted literal is in the logs")

        # Started again: nothing twice, nothing lost.
        lines = len(collector.all_logs(contains="a needle"))
        check(world.agent.process.stop() == 0, world.agent.process.tail())
        world.agent.start()
        wait_until("new samples", lambda: world.samples("system.uptime")[-1][1] > uptime + 3)
        check(len(collector.all_logs(contains="a needle")) == lines, "lines doubled by a restart")
        streams = collector.get("agents")["agents"][0]["streams"]
        check(all(stream["missing_batches"] == 0 for stream in streams), f"streams: {streams}")


def a_store_that_is_away_loses_nothing(programs):
    with World(programs, "away") as world:
        world.agent.start()
        wait_until("samples", lambda: world.samples("system.uptime"))
        world.store.stop()
        wait_until("/readyz says no", lambda: world.collector.get_raw("/readyz")[0] == 503)
        check(world.collector.get_raw("/healthz")[0] == 200, "/healthz stays 200")
        status, body = world.collector.get_raw("/api/pgvigil/v1/hosts")
        check(status == 503, f"a question meanwhile: {status} {body}")
        with open(world.syslog, "a", encoding="utf-8") as file:
            # Of today: retention drops an old line as soon as maintenance begins.
            now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
            file.write(f"{now} somehost cron[1]: written meanwhile\n")
        time.sleep(5)
        world.store.start()
        wait_until("/readyz says yes", world.collector.ready)
        records = wait_until("the line written meanwhile", lambda: world.collector.get(
            "logs", contains="written meanwhile", **{"from": "2025-12-31T00:00:00Z"})["records"])
        check(len(records) == 1, f"records: {records}")

        def no_hole():
            times = [sample[0] for sample in world.samples("system.uptime")]
            return times and time.time() - times[-1] < 6 and times
        times = wait_until("samples of now", no_hole)
        gaps = [later - earlier for earlier, later in zip(times, times[1:])]
        check(max(gaps) < 2.5, f"a hole of {max(gaps):.1f} s in samples at 1 s")


def a_stopped_agent_leaves_nothing_behind(programs):
    with World(programs, "stop") as world:
        world.agent.start()
        wait_until("samples", lambda: world.samples("system.uptime"))
        time.sleep(1.5)
        began = time.monotonic()
        check(world.agent.process.stop() == 0, world.agent.process.tail())
        check(time.monotonic() - began < 10, "the stop took longer than shutdown_timeout")
        last = world.samples("system.uptime")[-1][0]
        check(time.time() - last < (time.monotonic() - began) + 2.5,
              "the last samples before the stop were not sent")


def a_reload_validates_first(programs):
    with World(programs, "reload") as world:
        world.agent.start()
        wait_until("samples", lambda: world.samples("system.uptime"))
        world.sandbox.write("agent.toml", "[collector]\nurl = 5\nnonsense = true\n")
        world.agent.process.signal(signal.SIGHUP)
        wait_until("the refusal", lambda: "the old one stays in effect" in world.agent.process.log())
        check("agent.toml:3" in world.agent.process.log(), world.agent.process.tail())
        before = world.samples("system.uptime")[-1][0]
        wait_until("samples go on", lambda: world.samples("system.uptime")[-1][0] > before + 2)
        world.agent.write_config(world.collector.url, world.database, world.syslog,
                                 '[agent.labels]\n"deployment.environment" = "test"\n')
        world.agent.process.signal(signal.SIGHUP)
        wait_until("the new label", lambda: world.collector.get("hosts")["hosts"][0]["resource"].get(
            "deployment.environment") == "test")


def the_agents_commands_tell_the_truth(programs):
    with World(programs, "commands") as world:
        done = world.agent.command("check", "--json")
        check(done.returncode == 0, done.stdout + done.stderr)
        capabilities = {one["name"]: one for one in json.loads(done.stdout)["capabilities"]}
        for name in ("collector", "host", "postgres:main", "pg_stat_statements:main", "logs:main"):
            check(capabilities[name]["state"] == "ok", f"{name}: {capabilities.get(name)}")
        done = world.agent.command("once")
        check(done.returncode == 0, done.stderr)
        for line in ("system.uptime", "postgresql.up", "postgresql.backends"):
            check(line in done.stdout, f"`once` does not print {line}")
        done = world.agent.command("config", "show")
        check(done.returncode == 0 and "host.interval" in done.stdout, done.stdout)
        world.database.query("drop extension pg_stat_statements")
        world.database.query("revoke pg_monitor from pgvigil")
        world.collector.process.stop()
        done = world.agent.command("check", "--json")
        check(done.returncode == 69, f"exit status {done.returncode}: {done.stdout}")
        capabilities = {one["name"]: one for one in json.loads(done.stdout)["capabilities"]}
        check(capabilities["collector"]["state"] == "failed", f"{capabilities['collector']}")
        check("grant pg_monitor to" in json.dumps(capabilities["postgres:main"]).lower(),
              f"{capabilities['postgres:main']}")
        check("create extension" in json.dumps(
            capabilities["pg_stat_statements:main"]).lower(),
              f"{capabilities['pg_stat_statements:main']}")


def a_refused_role_is_named_with_its_remedy(programs):
    with World(programs, "role") as world:
        world.database.query("alter role pgvigil nologin")
        world.agent.start()

        def told():
            status = world.collector.get("agents")["agents"][0]["status"]
            return [one for one in status["capabilities"]
                    if one["name"] == "postgres:main" and one["state"] != "ok"]
        capability = wait_until("the capability", told)[0]
        check("login" in json.dumps(capability).lower(), f"{capability}")
        check(wait_until("postgresql.up", lambda: world.samples("postgresql.up"))[-1][1] == 0,
              "postgresql.up is 0 while the role is refused")
        world.database.query("alter role pgvigil login")
        wait_until("postgresql.up = 1", lambda: world.samples("postgresql.up")[-1][1] == 1, 90)


def bad_requests_are_answered_with_the_reason(programs):
    with World(programs, "requests") as world:
        def post(body, *headers):
            arguments = [option for header in headers for option in ("-H", header)]
            done = subprocess.run(
                ["curl", "-s", "-o", "-", "-w", "\n%{http_code}", "--data-binary", "@-",
                 *arguments, world.collector.url + "/v1/batches"],
                input=body, capture_output=True, check=True)
            answer, status = done.stdout.decode().rsplit("\n", 1)
            return int(status), answer
        protobuf, zstd = "Content-Type: application/x-protobuf", "Content-Encoding: zstd"
        status, answer = post(b"{}", "Content-Type: application/json")
        check(status == 415 and "application/x-protobuf" in answer, f"{status} {answer}")
        status, answer = post(b"garbage", protobuf, zstd)
        check(status == 400 and json.loads(answer)["error"]["code"] == "malformed",
              f"{status} {answer}")
        bomb = subprocess.run("head -c 1073741824 /dev/zero | zstd -q -19 --no-check --long=27 -c",
                              shell=True, capture_output=True, check=True).stdout
        check(len(bomb) < 200_000, f"the bomb has {len(bomb)} bytes")
        before = resident_mib(world.collector.process)
        status, answer = post(bomb, protobuf, zstd)
        check(status in (400, 413), f"{status} {answer}")
        check(resident_mib(world.collector.process) - before < 64, "the bomb grew the collector")
        status, answer = post(b"x" * (17 << 20), protobuf, zstd, "Expect:")
        check(status == 413, f"{status} {answer}")
        status, answer = world.collector.get_raw("/api/pgvigil/v1/logs?severity=bad&limt=5")
        check(status == 400 and "'severity'" in answer and "did you mean 'limit'" in answer, answer)


def resident_mib(process):
    with open(f"/proc/{process.child.pid}/status", encoding="utf-8") as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read()).group(1)) / 1024


def a_collector_that_answers_garbage_without_end_is_survived(programs):
    with World(programs, "garbage") as world:
        listener = socket.create_server(("127.0.0.1", 0))
        hits = []

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                hits.append(1)
                threading.Thread(target=flood, args=(connection,), daemon=True).start()

        def flood(connection):
            try:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n\r\n")
                while True:
                    connection.sendall(os.urandom(65536))
            except OSError:
                connection.close()
        threading.Thread(target=serve, daemon=True).start()
        world.agent.write_config(f"http://127.0.0.1:{listener.getsockname()[1]}", world.database,
                                 world.syslog)
        world.agent.start()
        wait_until("a few answers", lambda: len(hits) >= 4)
        check(resident_mib(world.agent.process) < 64, f"{resident_mib(world.agent.process)} MiB")
        check(world.agent.process.stop() == 0, world.agent.process.tail())
        listener.close()
        # Garbage acknowledged nothing: the true collector gets everything from the first sample on.
        world.agent.write_config(world.collector.url, world.database, world.syslog)
        world.agent.start()
        wait_until("samples", lambda: world.samples("system.uptime"))

        def settled():
            streams = world.collector.get("agents")["agents"][0]["streams"]
            return [one for one in streams if one["stream"] == "metrics" and one["sequence"] > 3]
        metrics = wait_until("the spool is drained", settled)[0]
        check(metrics["missing_batches"] == 0, f"{metrics}")


if __name__ == "__main__":
    harness.run_tests([
        host_statements_and_logs_arrive,
        a_store_that_is_away_loses_nothing,
        a_stopped_agent_leaves_nothing_behind,
        a_reload_validates_first,
        the_agents_commands_tell_the_truth,
        a_refused_role_is_named_with_its_remedy,
        bad_requests_are_answered_with_the_reason,
        a_collector_that_answers_garbage_without_end_is_survived,
    ])
