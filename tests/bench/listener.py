#!/usr/bin/python3
"""What the collector's other clients feel while somebody attacks its listener, in plain and within TLS,
and what it needs meanwhile. Attacker, collector and client share this machine's cores."""

import json
import os
import subprocess

import bench
import harness
import siege

SECONDS = float(os.environ.get("BENCH_SECONDS", "8"))
ATTACKS = ("slow_headers", "slow_bodies", "silent", "flood", "bombs", "crooked")


def main():
    sandbox = harness.Sandbox("siege")
    programs = sandbox.make("bin")
    subprocess.run(["install", "-m", "755", f"{bench.bin_directory()}/pgvigil-collector", programs],
                   check=True)
    result = {}
    try:
        for tls in (False, True):
            besieged = siege.Siege(sandbox, programs, tls)
            try:
                for attack in ATTACKS:
                    seen = besieged.endure(attack, SECONDS)
                    print(f"{besieged.name} {attack}: {json.dumps(seen)}", flush=True)
                    result[f"{besieged.name}_{attack}"] = {
                        key: seen[key] for key in ("rss_growth_mib", "p50_ms", "p99_ms")}
                print(f"{besieged.name} refused: {json.dumps(besieged.counters())}", flush=True)
            finally:
                besieged.stop()
        print(json.dumps(result))
    finally:
        sandbox.remove()


if __name__ == "__main__":
    main()
