#!/usr/bin/python3
"""Bytes per sample on the wire: request bodies of the metrics stream over the samples in the store,
from a real host and a real PostgreSQL under pgbench, at default periods."""

import json
import os
import re
import time

import bench

SECONDS = int(os.environ.get("BENCH_SECONDS", "130"))


def body_bytes(fleet):
    text = fleet.collector.get_raw("/metrics")[1]
    found = re.search(r'^collector_ingest_body_bytes_total\{stream="metrics"\} (\S+)', text, re.M)
    return float(found.group(1)) if found else 0.0


def samples(fleet):
    return fleet.store_count(
        "select coalesce(sum(b.ticks * cardinality(l.series_ids)), 0) "
        "from pgvigil.block b join pgvigil.layout l on l.id = b.layout_id")


def main():
    with bench.Fleet("wire") as fleet:
        time.sleep(15)  # past the first blocks, which go at once and alone
        bytes_before, samples_before = body_bytes(fleet), samples(fleet)
        time.sleep(SECONDS)
        sent, stored = body_bytes(fleet) - bytes_before, samples(fleet) - samples_before
        print(json.dumps({
            "bytes_per_sample": round(sent / max(1, stored), 3), "samples": int(stored),
            "body_bytes": int(sent), "seconds": SECONDS,
            "series": fleet.store_count("select count(*) from pgvigil.series")}))


if __name__ == "__main__":
    main()
