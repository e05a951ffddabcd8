#!/usr/bin/python3
"""API keys, end to end: nobody from outside before the first, an agent with one, its end, and no key
anywhere but where it belongs."""

import json
import os
import socket
import time

import harness
from harness import check, wait_until


def reaches(address, port):
    """Whether somebody listens there."""
    try:
        with socket.create_connection((address, port), timeout=5):
            return True
    except ConnectionRefusedError:
        return False


def status_of(collector, path, key=None):
    collector.key = key
    try:
        return collector.get_raw(path)[0]
    finally:
        collector.key = None


def create(collector, name, *arguments):
    return collector.command("keys", "create", "--name", name, *arguments).strip()


def keys_open_the_door_and_close_it(programs):
    sandbox = harness.Sandbox("access")
    store = harness.make_store(sandbox)
    collector = harness.Collector(sandbox, programs, store, address="0.0.0.0")
    agent = None
    hosts = "/api/pgvigil/v1/hosts"
    try:
        # Without a key: this machine only, by an address that is no other's.
        collector.start()
        check(status_of(collector, hosts) == 200, "this machine may not ask without a key")
        check(not reaches("127.0.0.2", collector.port), "it listens on more than loopback")
        wait_until("it says so", lambda: "there is no API key" in collector.process.log())

        sending = create(collector, "agents", "--scope", "ingest", "--tenant", "acme")
        asking = create(collector, "people", "--scope", "query", "--tenant", "acme")
        foreign = create(collector, "others", "--scope", "ingest,query", "--tenant", "other")
        admin = create(collector, "admin", "--scope", "admin", "--cidr", "127.0.0.0/8")
        elsewhere = create(collector, "away", "--scope", "query", "--cidr", "10.255.0.0/16,::2")
        wait_until("it listens everywhere", lambda: reaches("127.0.0.2", collector.port))
        expected = {None: 401, "hunter2": 401, asking[:-1] + "~": 401, sending: 403, asking: 200,
                    admin: 403, elsewhere: 403}
        for key, status in expected.items():
            wait_until(f"{status}", lambda key=key, status=status:
                       status_of(collector, hosts, key) == status)
        check(status_of(collector, "/healthz") == 200 and status_of(collector, "/readyz") == 200,
              "health needs a key")
        check(status_of(collector, "/metrics", asking) == 403, "/metrics for anybody")

        # An agent with its key in a file; its data is its tenant's.
        key_file = sandbox.write("agent-key", sending + "\n")
        os.chmod(key_file, 0o600)
        agent = harness.Agent(sandbox, programs, collector.url)
        with open(agent.config, encoding="utf-8") as file:
            config = file.read()
        sandbox.write("agent.toml", config.replace(
            "[collector]", f'[collector]\napi_key_file = "{key_file}"'))
        agent.start()

        def names(key):
            collector.key = key
            try:
                return [host["name"] for host in collector.get("hosts")["hosts"]]
            finally:
                collector.key = None

        wait_until("the agent's host", lambda: names(asking) == [socket.gethostname()])
        check(names(foreign) == [], "another tenant sees the host")

        # Revoked: refused by a collector that runs, at the latest within seconds.
        identifier = sending.split("_")[1]
        check(collector.command("keys", "revoke", identifier) == f"key {identifier} is revoked\n",
              "keys revoke")
        began = time.monotonic()
        wait_until("the agent is refused", lambda: "401" in agent.process.log())
        print(f"  refused {time.monotonic() - began:.1f} s after its key was revoked")
        check(collector.command("keys", "revoke", identifier).endswith("was revoked before\n"),
              "keys revoke, again")
        collector.command("keys", "revoke", "0000000000", status=69)
        listed = [json.loads(line) for line in
                  collector.command("keys", "list", "--all", "--json").splitlines()]
        check([(one["name"], one["state"], one["tenant"]) for one in listed] ==
              [("agents", "revoked", "acme"), ("people", "active", "acme"),
               ("others", "active", "other"), ("admin", "active", "default"),
               ("away", "active", "default")], f"keys list: {listed}")

        # With PostgreSQL away, the keys that are known are good, and others are not.
        store.stop()
        wait_until("503", lambda: status_of(collector, hosts, asking) == 503)
        check(status_of(collector, hosts, sending) == 401, "a revoked key while PostgreSQL is away")
        check(status_of(collector, "/metrics", admin) == 200, "/metrics while PostgreSQL is away")
        collector.key = admin
        metrics = collector.get_raw("/metrics")[1]
        collector.key = None
        check('collector_access_denied_total{reason="revoked"}' in metrics, metrics)
        store.start()

        acts = store.query("select act from pgvigil.audit order by id", database="pgvigil")
        check(sorted(act for act, in acts) ==
              ["admin_denied"] + ["key_created"] * 5 + ["key_revoked"], f"audit: {acts}")
        stored = store.query("select k::text from pgvigil.api_key k union all"
                             " select a::text from pgvigil.audit a", database="pgvigil")
        everything = "\n".join([metrics, collector.process.log(), agent.process.log(), str(listed),
                                str(stored)])
        for key in (sending, asking, foreign, admin, elsewhere):
            check(key.split("_")[2] not in everything, "a key is where it does not belong")
    except BaseException:
        print(collector.process.tail(30))
        print(agent and agent.process.tail(30))
        raise
    finally:
        for process in (agent and agent.process, collector.process, store.process):
            if process and process.alive():
                process.kill()
        sandbox.remove()


def bad_orders_are_refused(programs):
    sandbox = harness.Sandbox("access-orders")
    store = harness.make_store(sandbox)
    collector = harness.Collector(sandbox, programs, store)
    try:
        for arguments in (["--name", "x"], ["--scope", "query"],
                          ["--name", "", "--scope", "query"],
                          ["--name", "x", "--scope", "root"],
                          ["--name", "x", "--scope", "query", "--cidr", "10.0.0.1/8"],
                          ["--name", "x", "--scope", "query", "--expires", "soon"],
                          ["--name", "x", "--scope", "query", "--expires", "2020-01-01T00:00:00Z"],
                          ["--name", "x", "--scope", "query", "--tenant", "../x"]):
            check(collector.command("keys", "create", *arguments, status=64) == "", str(arguments))
        collector.command("keys", "revoke", "x", status=64)
        check(collector.command("keys", "list") == "", "a key was made")
    finally:
        store.process.kill()
        sandbox.remove()


if __name__ == "__main__":
    harness.run_tests([keys_open_the_door_and_close_it, bad_orders_are_refused])
