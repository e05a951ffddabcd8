#!/usr/bin/python3
"""Ten thousand simulated agents that push a batch every ten seconds, each over a TLS connection that it
keeps; agents, collector and PostgreSQL share this machine's cores. What the collector needs for them once
all are there: they come within a minute."""

import json
import os
import resource
import subprocess
import time

import bench
import harness
import siege

AGENTS, INTERVAL = int(os.environ.get("BENCH_AGENTS", "10000")), 10
RAMP = int(os.environ.get("BENCH_RAMP", "60"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "60"))


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024


def main():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(AGENTS + 1000, most), most))  # the collector's
    sandbox = harness.Sandbox("many-agents")
    programs = sandbox.make("bin")
    source = bench.bin_directory()
    subprocess.run(["install", "-m", "755", f"{source}/pgvigil-collector",
                    f"{source}/many_agents_bench", programs], check=True)
    authority, cert, key = siege.make_certificate(sandbox)
    store = harness.make_store(sandbox, settings={"shared_buffers": "512MB", "max_wal_size": "4GB"})
    collector = harness.Collector(sandbox, programs, store, name="collector", more_config=f"""
[http.tls]
cert_file = "{cert}"
key_file = "{key}"
[limits]
series_per_tenant = 10000000
""")
    config = collector.process.command[-1]
    with open(config, encoding="utf-8") as file:
        text = file.read()
    sandbox.write("collector.toml", text.replace("[http]\n", f"""[http]
connections = {2 * AGENTS}
connections_per_address = {2 * AGENTS}
""", 1))
    collector.process.start()
    try:
        pid = collector.process.child.pid
        harness.wait_until("the store", lambda: "listens on" in collector.process.log())
        time.sleep(2)  # migrations
        load = subprocess.Popen(
            [f"{programs}/many_agents_bench", str(collector.port), authority, str(AGENTS),
             str(INTERVAL), str(RAMP), str(SECONDS)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        before = rss_mib(pid)
        time.sleep(RAMP + 2 * INTERVAL)
        begin, cpu = time.monotonic(), cpu_seconds(pid)
        time.sleep(max(SECONDS - 2, 1))
        cores = (cpu_seconds(pid) - cpu) / (time.monotonic() - begin)
        memory = rss_mib(pid)
        output, problems = load.communicate(timeout=60)
        harness.check(load.returncode == 0, problems + collector.process.tail())
        print(json.dumps({"agents": AGENTS, "interval_s": INTERVAL, **json.loads(output),
                          "collector_cores": round(cores, 3), "collector_rss_mib": round(memory, 1),
                          "kib_per_connection": round((memory - before) * 1024 / AGENTS, 1)}))
    finally:
        collector.process.stop()
        store.stop()
        sandbox.remove()


if __name__ == "__main__":
    main()
