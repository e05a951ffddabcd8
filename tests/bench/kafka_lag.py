#!/usr/bin/python3
"""How quickly a store catches up: ten minutes of a fleet (1,000 hosts of 500 series every 10 s) wait in
Kafka while no store runs; then one starts. times_real_time: ten minutes over the time to drain, the start
of the store included."""

import json
import time

import kafka_setup

AGENTS, MINUTES = 1000, 10


def main():
    with kafka_setup.Setup("kafka-lag") as setup:
        ingest = setup.collector("ingest", ["ingest"])
        sent = setup.send(ingest, AGENTS, MINUTES)
        samples = AGENTS * MINUTES * kafka_setup.SERIES * kafka_setup.TICKS
        began = time.monotonic()
        setup.collector("store", ["store"])
        setup.wait_until_stored(samples)
        seconds = time.monotonic() - began
        print(json.dumps({"times_real_time": round(MINUTES * 60 / seconds, 1),
                          "drain_s": round(seconds, 1), "samples": samples,
                          "drained_samples_per_s": round(samples / seconds),
                          "published_samples_per_s": round(sent["samples_per_s"])}))


if __name__ == "__main__":
    main()
