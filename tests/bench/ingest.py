#!/usr/bin/python3
"""Samples per second from HTTP into PostgreSQL (durable: fsync is on), everything on this machine: the
simulated agents, the collector and PostgreSQL share its cores."""

import json
import os
import subprocess

import bench
import harness

AGENTS, ROUNDS, CONNECTIONS = 400, int(os.environ.get("BENCH_ROUNDS", "30")), 64


def main():
    sandbox = harness.Sandbox("ingest")
    programs = sandbox.make("bin")
    source = bench.bin_directory()
    subprocess.run(["install", "-m", "755", f"{source}/pgvigil-collector", f"{source}/ingest_bench",
                    programs], check=True)
    store = harness.make_store(sandbox, settings={
        "shared_buffers": "1GB", "max_wal_size": "4GB", "wal_compression": "lz4"})
    collector = harness.Collector(sandbox, programs, store).start()
    try:
        done = subprocess.run([f"{programs}/ingest_bench", collector.url, str(AGENTS), str(ROUNDS),
                               str(CONNECTIONS)], capture_output=True, text=True, check=False)
        harness.check(done.returncode == 0, done.stderr + collector.process.tail())
        result = json.loads(done.stdout)
        stored = store.query("select coalesce(sum(b.ticks * cardinality(l.series_ids)), 0) "
                             "from pgvigil.block b join pgvigil.layout l on l.id = b.layout_id",
                             database="pgvigil")[0][0]
        harness.check(stored >= result["samples"], f"stored {stored} of {result['samples']}")
        print(json.dumps({**result, "agents": AGENTS, "series_per_agent": 500,
                          "stored_samples": int(stored)}))
    finally:
        collector.process.stop()
        store.stop()
        sandbox.remove()


if __name__ == "__main__":
    main()
