#!/usr/bin/python3
"""The listener holds against peers that mean harm, in plain and within TLS: what they send is refused
with the status that it deserves, the collector grows by at most 64 MiB, and everybody else is answered.
How quickly is measured by tests/bench/run listener."""

import argparse
import os
import subprocess

import harness
import siege
from harness import check

RSS_GROWTH_MIB = 64
SECONDS = 3


def check_answers(attack, seen):
    if attack == "flood":
        check(seen["status"] == 431, f"the flood was answered with {seen['status']}")
        check(seen["taken_bytes"] < 16 << 20, f"{seen['taken_bytes']} bytes of the flood were taken")
    elif attack == "bombs":
        expected = {"zstd 413": 8, "deflate 415": 8, "snappy 415": 8, "gzip 415": 8}
        check(seen == expected, f"bombs: {seen}, expected {expected}")
    elif attack == "crooked":
        for name, status in seen.items():
            expected = 431 if name == "ten thousand headers" else 400
            check(status == expected, f"{name}: {status}, expected {expected}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, type=os.path.abspath)
    sandbox = harness.Sandbox("listener")
    programs = sandbox.make("bin")
    subprocess.run(["install", "-m", "755",
                    f"{parser.parse_args().bin}/pgvigil-collector", programs], check=True)
    attacks = 0
    try:
        for tls in (False, True):
            besieged = siege.Siege(sandbox, programs, tls)
            try:
                for attack in ("slow_headers", "slow_bodies", "silent", "flood", "bombs", "crooked"):
                    seen = besieged.endure(attack, SECONDS)
                    check_answers(attack, seen["attacker"])
                    check(seen["rss_growth_mib"] <= RSS_GROWTH_MIB,
                          f"{besieged.name} {attack}: the collector grew by {seen['rss_growth_mib']} MiB")
                    attacks += 1
                counted = besieged.counters()
                check(counted.get("malformed", 0) > 0 and counted.get("header_too_large", 0) > 0,
                      f"what was refused is not counted: {counted}")
            finally:
                besieged.stop()
        print(f"{attacks} attacks: each refused, others answered")
    finally:
        sandbox.remove()


if __name__ == "__main__":
    main()
