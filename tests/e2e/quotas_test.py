#!/usr/bin/python3
"""Quotas, end to end: an agent that sends too much is told to wait, waits, and loses nothing; another
tenant's does not notice; who asks too often is told which limit, and when to come back."""

import http.client
import json
import os
import socket
import time

import harness
from harness import check, wait_until

LINES = 1200
RATE = 100  # lines a second
QUOTAS = f"""
[quotas]
burst = "1s"
[quotas.key]
lines_per_second = {RATE}
requests_per_second = 20
"""


def create(collector, tenant, scope):
    return collector.command("keys", "create", "--name", f"{tenant} {scope}", "--scope", scope,
                             "--tenant", tenant).strip()


def with_key(collector, key, question):
    collector.key = key
    try:
        return question()
    finally:
        collector.key = None


def start_agent(sandbox, programs, collector, key):
    """An agent of its own sandbox with this key; its syslog file."""
    syslog = sandbox.write("syslog", "")
    key_file = sandbox.write("agent-key", key + "\n")
    os.chmod(key_file, 0o600)
    agent = harness.Agent(sandbox, programs, collector.url, syslog=syslog)
    with open(agent.config, encoding="utf-8") as file:
        config = file.read()
    sandbox.write("agent.toml",
                  config.replace("[collector]", f'[collector]\napi_key_file = "{key_file}"'))
    return agent.start(), syslog


def write_lines(syslog, first, count):
    now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    with open(syslog, "a", encoding="utf-8") as file:
        file.writelines(f"{now} somehost app[1]: line number {i}.\n"
                        for i in range(first, first + count))


def numbers(collector, key):
    """The numbers of the lines that are stored, in order."""
    records = with_key(collector, key, lambda: collector.all_logs(contains="line number"))
    return sorted(int(one["body"].split("line number ")[1].rstrip(".")) for one in records)


def refused(collector, admin, limit):
    metrics = with_key(collector, admin, lambda: collector.get_raw("/metrics"))
    check(metrics[0] == 200, f"/metrics: {metrics}")
    name = f'collector_quota_refused_total{{limit="{limit}",of="key"}} '
    return sum(float(line.removeprefix(name)) for line in metrics[1].splitlines()
               if line.startswith(name))


def ask_too_often(collector, key):
    """(status, Retry-After, document) of the first refusal. Many questions at a time on one
    connection, so that they come faster than the quota on the slowest machine."""
    at_a_time = 50
    question = ("GET /api/pgvigil/v1/hosts HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: Bearer {key}\r\n\r\n").encode() * at_a_time
    with socket.create_connection(("127.0.0.1", collector.port), timeout=20) as connection:
        answers = connection.makefile("rb")
        for _ in range(200):
            connection.sendall(question)
            for _ in range(at_a_time):
                status = int(answers.readline().split()[1])
                headers = http.client.parse_headers(answers)
                body = answers.read(int(headers["Content-Length"]))
                if status != 200:
                    return status, headers["Retry-After"], json.loads(body)
    raise harness.Failure("it was never refused")


def a_throttled_agent_loses_nothing_and_hinders_nobody(programs):
    sandbox = harness.Sandbox("quotas")
    other_sandbox = harness.Sandbox("quotas-other")
    store = harness.make_store(sandbox)
    collector = harness.Collector(sandbox, programs, store, QUOTAS)
    agents = []
    try:
        collector.start()
        # Keys are seen within a second or two.
        admin = create(collector, "default", "admin")
        sending, asking = create(collector, "acme", "ingest"), create(collector, "acme", "query")
        other_sending, other_asking = (create(collector, "other", "ingest"),
                                       create(collector, "other", "query"))
        wait_until("the keys are known", lambda: with_key(
            collector, other_asking, lambda: collector.get_raw("/api/pgvigil/v1/hosts"))[0] == 200)
        throttled, syslog = start_agent(sandbox, programs, collector, sending)
        agents.append(throttled)
        other, other_syslog = start_agent(other_sandbox, programs, collector, other_sending)
        agents.append(other)
        for key in (asking, other_asking):
            wait_until("both agents send", lambda key=key: with_key(
                collector, key, lambda: collector.get("hosts")["hosts"]))

        # More than twice the rate, until the agent was sent away.
        written = 0
        while written < LINES:
            write_lines(syslog, written, 60)
            written += 60
            time.sleep(0.2)
        wait_until("it is told to wait",
                   lambda: refused(collector, admin, "lines_per_second") > 0)
        write_lines(other_syslog, 0, 10)
        wait_until("the other tenant's lines",
                   lambda: numbers(collector, other_asking) == list(range(10)))
        wait_until("all lines", lambda: len(numbers(collector, asking)) >= LINES, 120, 0.5)
        check(numbers(collector, asking) == list(range(LINES)), "lines are there twice")
        streams = with_key(collector, asking, lambda: collector.get("agents")["agents"][0])
        check(all(one["missing_batches"] == 0 for one in streams["streams"]), f"{streams}")
        check(not streams["refused"] and "set aside" not in throttled.process.log(),
              f"something was given up: {streams}")
        check("quotas.key.lines_per_second" in throttled.process.log(), "the agent does not say why")
        check("takes nothing" not in other.process.log(), "the other agent was hindered")
        check(f"key {sending.split('_')[1]} of tenant " in collector.process.log(),
              "the collector does not say whose key it is")

        # Who asks too often is told what to know; and how it is can still be seen.
        status, retry_after, document = ask_too_often(collector, asking)
        check((status, retry_after) == (429, "1"), f"{status}, Retry-After {retry_after}")
        check(document == {"error": {
            "code": "resource_exhausted",
            "message": "the key's quota of 20 requests a second is used up "
                       "(quotas.key.requests_per_second)"}}, f"{document}")
        check(refused(collector, admin, "requests_per_second") >= 1, "it is not counted")
    except BaseException:
        print(collector.process.tail(30))
        for agent in agents:
            print(agent.process.tail(30))
        raise
    finally:
        for process in (*(agent.process for agent in agents), collector.process, store.process):
            if process.alive():
                process.kill()
        sandbox.remove()
        other_sandbox.remove()


if __name__ == "__main__":
    harness.run_tests([a_throttled_agent_loses_nothing_and_hinders_nobody])
