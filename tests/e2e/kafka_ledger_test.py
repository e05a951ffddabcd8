#!/usr/bin/python3
"""Kafka between ingest and store, everything killed at random; then the books are balanced.

Three brokers, two processes that ingest, three that store, one that answers, one PostgreSQL. Simulated
agents (ledger_agents) send metrics and logs while brokers and collectors die by SIGKILL, stand still, and
come back, and PostgreSQL is restarted. In the end every acknowledged batch, sample and line is stored
exactly once, the canary that sang all the while says so too, and Kafka's own console consumer shows feeds
that people can read.

E2E_SECONDS sets how long (90 here), E2E_SEED the seed.
"""

import collections
import json
import os
import random
import signal
import subprocess
import sys
import time

import psycopg2

import harness
from harness import check, wait_until
from kafka_books import Agents, stored, wait_until_balanced

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from kafka import Kafka  # noqa: E402  pylint: disable=wrong-import-position

SECONDS = int(os.environ.get("E2E_SECONDS", "90"))
SEED = int(os.environ.get("E2E_SEED", str(random.SystemRandom().randrange(10**6))))
AGENTS = 12


def config(cluster):
    return f"""
[kafka]
brokers = {cluster.toml_brokers()}
partitions = 6
delivery_timeout = "8s"
session_timeout = "10s"
"""


CANARY = """
[canary]
enabled = true
interval = "1s"
deadline = "1h"
"""


def check_canary(collector):
    """All that it was acknowledged came back, once and as it was sent."""
    def value(name):
        return collector.metric(f"collector_canary_{name}")

    wait_until("the canary's last sample",
               lambda: 0 < value("written_total") <= value("delay_seconds_count"))
    wrong = {name: value(name) for name in ("lost_total", "duplicates_total", "wrong_total", "missing")}
    check(not any(wrong.values()), f"canary: {wrong}")
    print(f"canary: {value('written_total'):.0f} samples went round", flush=True)


def check_values(books, query):
    """The samples of one series: its value tells which batch brought it, and each came once."""
    agent = books["agents"][0]
    document = query.get("samples", metric="ledger.value_3", host=agent["name"],
                         **{"from": "now-1h"})
    values = [int(value) for _, value in document["series"][0]["samples"]]
    wanted = [sequence * 1000 + 30 + tick for sequence in range(1, agent["metrics"] + 1)
              for tick in range(5)]
    check(sorted(values) == wanted, f"{agent['name']}: values differ: {len(values)} stored, "
                                    f"{len(wanted)} sent")


VENV_PYTHON = os.path.expanduser("~/.cache/pgvigil/venv/bin/python3")  # support/python_packages


def check_others_read_all(cluster, books):
    """Every acknowledged sample and line is in the OTLP feeds, read with others' software alone."""
    done = subprocess.run([VENV_PYTHON, os.path.join(os.path.dirname(__file__), "read_feeds.py"),
                           ",".join(cluster.brokers()), "8"], capture_output=True, text=True,
                          timeout=150, check=False)
    check(done.returncode == 0, f"read_feeds.py: {done.stderr}")
    found = json.loads(done.stdout)
    for agent in books["agents"]:
        got = (found["points"].get(agent["name"], 0), found["records"].get(agent["name"], 0))
        check(got == (agent["samples"], agent["lines"]),
              f"feeds of {agent['name']}: {got} points and records, "
              f"{(agent['samples'], agent['lines'])} were sent")


def check_feeds(cluster):
    """What a stock consumer prints of the feeds; otel-metrics is protobuf."""
    topics = cluster.topics()
    for topic in ("pgvigil.batches.v1", "otel-metrics", "raw-host-logs"):
        check(topic in topics, f"topic {topic} is missing: {topics}")
    lines = cluster.console_consumer("raw-host-logs", 3)
    check(lines, "raw-host-logs is empty")
    document = json.loads(lines[0])
    record = document["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    check(record["body"]["stringValue"].startswith("line "), f"raw-host-logs: {lines[0][:300]}")
    check(len(cluster.console_consumer("otel-metrics", 1)) > 0, "otel-metrics is empty")


def balances(programs):
    print(f"seed {SEED}, {SECONDS} s", flush=True)
    chance = random.Random(SEED)
    sandbox = harness.Sandbox("kafka-ledger")
    store = harness.make_store(sandbox)
    cluster = Kafka(sandbox, nodes=3, heap="192m")
    collectors = {}
    agents = None
    try:
        cluster.start()
        for name, role in (("store-1", "store"), ("store-2", "store"), ("store-3", "store"),
                           ("ingest-1", "ingest"), ("ingest-2", "ingest"), ("query", "query")):
            collectors[name] = harness.Collector(sandbox, programs, store, config(cluster),
                                                 name=name, roles=[role]).start()
        collectors["canary"] = harness.Collector(sandbox, programs, store, config(cluster) + CANARY,
                                                 name="canary", roles=["ingest", "query"]).start()
        agents = Agents(programs, SEED, AGENTS, SECONDS,
                        [collectors["ingest-1"].url, collectors["ingest-2"].url])
        wait_until("the first batches", lambda: len(stored(store)) > AGENTS)
        happened = collections.Counter()
        end = time.monotonic() + SECONDS - 10
        while time.monotonic() < end:
            time.sleep(chance.uniform(0.5, 5))
            what = chance.choice(["ingest", "ingest", "store", "store", "store", "broker", "pause",
                                  "postgres"])
            happened[what] += 1
            if what == "broker":
                node = chance.choice(cluster.nodes)
                node.kill()
                time.sleep(chance.choice([0, 1, 4]))
                node.start()
            elif what == "pause":
                # A store that stands still until the group has given its partitions away, and then
                # goes on as if nothing had happened.
                victim = collectors[chance.choice(["store-1", "store-2", "store-3"])].process
                victim.signal(signal.SIGSTOP)
                time.sleep(chance.choice([1, 13]))
                victim.signal(signal.SIGCONT)
            elif what == "postgres":
                store.kill()
                time.sleep(chance.choice([0, 2]))
                store.restart_after_kill()
            else:
                name = chance.choice([name for name in collectors if name.startswith(what)])
                collectors[name].process.kill()
                time.sleep(chance.choice([0, 0, 2]))
                collectors[name].start(ready=False)
            for name, collector in collectors.items():
                check(collector.process.alive(), f"{name} died: {collector.process.tail()}")
        print(f"happened: {dict(happened)}", flush=True)
        books = agents.books()
        wait_until_balanced(books, store)
        check_values(books, collectors["query"])
        check_canary(collectors["canary"])
        check(collectors.pop("canary").process.stop() == 0, "the canary's collector stops cleanly")
        check_feeds(cluster)
        check_others_read_all(cluster, books)
        dead = store.query("select count(*) from pgvigil.dead_letter", database="pgvigil")[0][0]
        check(dead == 0, f"{dead} dead letters: " + str(store.query(
            "select reason, message from pgvigil.dead_letter limit 3", database="pgvigil")))
        lines = sum(agent["lines"] for agent in books["agents"])
        samples = sum(agent["samples"] for agent in books["agents"])
        print(f"ledger: {samples} samples and {lines} lines of {AGENTS} agents, "
              f"{books['repeated']} batches sent again on purpose, {books['failures']} attempts "
              f"failed, {books['layouts_asked']} layouts asked for: 0 lost, 0 doubled", flush=True)
        for name, collector in collectors.items():
            check(collector.process.stop() == 0, f"{name} stops cleanly")
    except (harness.Failure, psycopg2.Error):
        for collector in collectors.values():
            print(collector.process.tail(12))
        raise
    finally:
        if agents is not None:
            agents.kill()
        for collector in collectors.values():
            if collector.process.alive():
                collector.process.signal(signal.SIGCONT)
                collector.process.kill()
        cluster.remove()
        if store.process.alive():
            store.process.kill()
        sandbox.remove()


if __name__ == "__main__":
    harness.run_tests([balances], ["ledger_agents"])
