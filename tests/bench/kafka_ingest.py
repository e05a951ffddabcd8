#!/usr/bin/python3
"""Samples per second from HTTP through Kafka (acks=all) into PostgreSQL (fsync on), everything on this
machine: simulated agents, collector, broker and PostgreSQL share its cores. The clock stops when the last
batch is in PostgreSQL. Once with the bus alone, once with every feed."""

import json
import os

import kafka_setup

AGENTS = 400
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "16"))


def measure(feeds):
    with kafka_setup.Setup("kafka-ingest") as setup:
        collector = setup.collector(feeds=feeds)
        sent = setup.send(collector, AGENTS, ROUNDS)
        more = setup.wait_until_stored(AGENTS * ROUNDS * kafka_setup.SERIES * kafka_setup.TICKS)
        seconds = sent["seconds"] + more
        return {"samples_per_s": round(sent["samples"] / seconds),
                "batches_per_s": round(sent["samples"] / seconds / kafka_setup.SERIES
                                       / kafka_setup.TICKS),
                "acknowledged_samples_per_s": round(sent["samples_per_s"])}


def main():
    result = measure(feeds=False)
    with_feeds = measure(feeds=True)
    print(json.dumps({**result, **{f"with_feeds_{key}": value for key, value in with_feeds.items()},
                      "agents": AGENTS, "rounds": ROUNDS}))


if __name__ == "__main__":
    main()
