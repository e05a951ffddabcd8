#!/usr/bin/python3
"""What Kafka costs: the same load through the collector with and without it, as the ratio of the CPU
time of collector and PostgreSQL together; with the broker's own as a second figure."""

import json
import os

import kafka_setup

AGENTS = 400
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "16"))


def measure(kafka, feeds=False):
    with kafka_setup.Setup("kafka-overhead", kafka=kafka) as setup:
        collector = setup.collector(feeds=feeds)
        processes = [collector.process.child, setup.store.process.child]
        before = [setup.cpu_seconds(process) for process in processes]
        broker = setup.cpu_seconds(setup.kafka.nodes[0].child) if kafka else 0
        setup.send(collector, AGENTS, ROUNDS)
        setup.wait_until_stored(AGENTS * ROUNDS * kafka_setup.SERIES * kafka_setup.TICKS)
        cpu = [setup.cpu_seconds(process) - begin for process, begin in zip(processes, before)]
        if kafka:
            broker = setup.cpu_seconds(setup.kafka.nodes[0].child) - broker
        return {"collector": cpu[0], "postgres": cpu[1], "broker": broker}


def main():
    without = measure(kafka=False)
    bus = measure(kafka=True)
    feeds = measure(kafka=True, feeds=True)

    def total(cpu, broker=False):
        return cpu["collector"] + cpu["postgres"] + (cpu["broker"] if broker else 0)
    print(json.dumps({"cpu_ratio": round(total(bus) / total(without), 2),
                      "cpu_ratio_with_broker": round(total(bus, True) / total(without), 2),
                      "cpu_ratio_with_feeds": round(total(feeds) / total(without), 2),
                      "cpu_s_without": without, "cpu_s_bus": bus, "cpu_s_feeds": feeds,
                      "samples": AGENTS * ROUNDS * kafka_setup.SERIES * kafka_setup.TICKS}))


if __name__ == "__main__":
    main()
