"""What the Kafka benchmarks share: one broker, one PostgreSQL, collectors by role, simulated agents."""

import json
import os
import subprocess
import sys
import time

import bench
import harness

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from kafka import Kafka  # noqa: E402  pylint: disable=wrong-import-position

SERIES, TICKS = 500, 6  # of ingest_bench's batches: a minute of a host at 10 s
FEEDS = ("otel-metrics", "raw-host-logs", "raw-logs", "raw-queries")


class Setup:
    """One benchmark's processes; everything goes with the object."""

    def __init__(self, name, kafka=True):
        self.sandbox = harness.Sandbox(name)
        self.programs = self.sandbox.make("bin")
        source = bench.bin_directory()
        subprocess.run(["install", "-m", "755", f"{source}/pgvigil-collector",
                        f"{source}/ingest_bench", self.programs], check=True)
        self.store = harness.make_store(self.sandbox, settings={
            "shared_buffers": "1GB", "max_wal_size": "4GB", "wal_compression": "lz4"})
        self.kafka = Kafka(self.sandbox, nodes=1, heap="512m").start() if kafka else None
        self.collectors = []

    def collector(self, name="collector", roles=(), feeds=False):
        config = ""
        if self.kafka:
            config = f'[kafka]\nbrokers = {self.kafka.toml_brokers()}\n'
            config += "".join(f"[kafka.feeds.{feed}]\nenabled = {str(feeds).lower()}\n"
                              for feed in FEEDS)
        collector = harness.Collector(self.sandbox, self.programs, self.store, config, name=name,
                                      roles=list(roles)).start()
        self.collectors.append(collector)
        return collector

    def send(self, collector, agents, rounds, connections=64):
        """What the simulated agents say: {"samples_per_s": …, "samples": …, "seconds": …}"""
        done = subprocess.run([f"{self.programs}/ingest_bench", collector.url, str(agents),
                               str(rounds), str(connections)], capture_output=True, text=True,
                              check=False)
        harness.check(done.returncode == 0, done.stderr + collector.process.tail())
        return json.loads(done.stdout)

    def wait_until_stored(self, samples, seconds=150):
        """How long it took until PostgreSQL had so many; agent_stream tells without counting rows."""
        began = time.monotonic()
        batches = samples // (SERIES * TICKS)
        harness.wait_until(
            f"{batches} batches in PostgreSQL",
            lambda: self.store.query("select coalesce(sum(batches), 0) >= %s from"
                                     " pgvigil.agent_stream", (batches,), "pgvigil")[0][0],
            seconds, pause=0.05)
        return time.monotonic() - began

    def cpu_seconds(self, process):
        """User and system time of a process and its live children."""
        ticks = 0
        pids = [process.pid] + [int(pid) for pid in subprocess.run(
            ["pgrep", "-P", str(process.pid)], capture_output=True, text=True,
            check=False).stdout.split()]
        for pid in pids:
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
                ticks += int(fields[11]) + int(fields[12])
            except FileNotFoundError:
                continue
        return ticks / os.sysconf("SC_CLK_TCK")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for collector in self.collectors:
            if collector.process.alive():
                collector.process.stop(60)
        if self.kafka:
            self.kafka.remove()
        self.store.stop()
        self.sandbox.remove()
