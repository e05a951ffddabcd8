#!/usr/bin/python3

import argparse
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import harness  # noqa: E402  pylint: disable=wrong-import-position


def bin_directory():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, type=os.path.abspath)
    return parser.parse_args().bin


class Fleet:
    """A store, a collector, a watched database under pgbench, and an agent with default periods."""

    def __init__(self, name):
        self.sandbox = harness.Sandbox(name)
        programs = self.sandbox.make("bin")
        for program in ("pgvigil-agent", "pgvigil-collector"):
            subprocess.run(["install", "-m", "755", os.path.join(bin_directory(), program), programs],
                           check=True)
        self.store = harness.make_store(self.sandbox)
        self.database = harness.make_database(self.sandbox,
                                              settings={"log_min_duration_statement": "5ms"})
        self.uid, self.gid = harness.account()
        self.pgbench("-i", "-q", "-s", "5").wait()
        syslog = os.path.exists("/var/log/syslog") and "/var/log/syslog"
        self.collector = harness.Collector(self.sandbox, programs, self.store).start()
        self.agent = harness.Agent(self.sandbox, programs, self.collector.url, self.database, syslog)
        self.agent.config = self.sandbox.write("agent.toml", f"""
[collector]
url = "{self.collector.url}"
[agent]
state_dir = "{self.agent.state}"
[[postgres]]
host = "{self.database.socket_directory}"
""")
        self.load = self.pgbench("-n", "-c", "2", "-R", "100", "-T", "600")
        self.agent.start()

    def pgbench(self, *arguments):
        return subprocess.Popen(
            [f"{harness.PG_BIN}/pgbench", *arguments, "-h", self.database.socket_directory, "-U",
             "bench", "bench"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
            user=self.uid, group=self.gid, extra_groups=[])

    def store_count(self, sql):
        return int(self.store.query(sql, database="pgvigil")[0][0])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.load.kill()
        for process in (self.agent.process, self.collector.process):
            process.stop()
        for server in (self.store, self.database):
            server.stop()
        self.sandbox.remove()
