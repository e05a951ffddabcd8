#!/usr/bin/python3
"""Secrets are planted wherever the programs take them: configuration, files, environment, headers,
queries; right ones and wrong ones, which make errors. None is found in a log at level debug, in a
metric, an answer of the API, `config show`, `check`, `once`, or a support bundle."""

import os
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import harness
from harness import check, wait_until

PAGES = ("/healthz", "/readyz", "/metrics")
QUESTIONS = ("hosts", "agents", "series", "samples?metric=system.uptime", "statements", "logs", "log-patterns",
             "cardinality", "kafka", "dead-letters", "no-such-page")


class World:
    def __init__(self, programs):
        self.sandbox = harness.Sandbox("secrets")
        self.programs = programs
        self.secrets = {name: f"planted-{name}-{os.urandom(6).hex()}" for name in (
            "store-password", "environment", "database-password", "wrong-password", "wrong-bearer",
            "wrong-x-api-key", "query")}
        self.store = harness.make_store(self.sandbox, settings={"log_connections": "on"})
        self.database = harness.make_database(self.sandbox)
        for server, secret in ((self.store, "store-password"), (self.database, "database-password")):
            server.query(f"alter role pgvigil password '{self.secrets[secret]}'")
            with open(f"{server.data}/pg_hba.conf", "r+", encoding="utf-8") as file:
                rules = file.read()
                file.seek(0)
                file.write("local all pgvigil scram-sha-256\n" + rules)
            server.query("select pg_reload_conf()")
        self.syslog = self.sandbox.write("syslog", "")
        self.collector = harness.Collector(
            self.sandbox, programs, self.store,
            f'password_file = "{self.secret_file("store-password")}"\n[log]\nlevel = "debug"\n')
        self.collector.process.environment["PGPASSWORD"] = self.secrets["environment"]
        for name, scopes in (("sending-key", "ingest"), ("asking-key", "query,admin")):
            self.secrets[name] = self.collector.command("keys", "create", "--name", name, "--scope", scopes).strip()
        self.collector.key = self.secrets["asking-key"]
        environment = {"PGPASSWORD": self.secrets["environment"], "AGENT_KEY": self.secrets["sending-key"]}
        self.agent = harness.Agent(self.sandbox, programs, self.collector.url, self.database, self.syslog,
                                   environment=environment)
        self.write_agent(self.secret_file("database-password"))

    def write_agent(self, password_file):
        """With a key and a status page; the harness' configuration has none of them."""
        self.page = harness.free_port()
        self.agent.write_config(self.collector.url, self.database, self.syslog,
                                f'[status]\nlisten = "127.0.0.1:{self.page}"\n')
        with open(self.agent.config, encoding="utf-8") as file:
            text = file.read()
        text = text.replace("[collector]\n", '[collector]\napi_key = "${env:AGENT_KEY}"\n', 1)
        text = text.replace("[agent]\n", '[agent]\nlog_level = "debug"\n', 1)
        text = text.replace('name = "main"\n', f'name = "main"\npassword_file = "{password_file}"\n', 1)
        self.sandbox.write("agent.toml", text)

    def secret_file(self, name):
        path = self.sandbox.write(name, self.secrets[name] + "\n")
        os.chmod(path, 0o600)
        return path

    def run(self, program, *arguments):
        """All that a command prints."""
        uid, gid = harness.account()
        config = self.agent.config if program == "pgvigil-agent" else f"{self.sandbox.path}/collector.toml"
        done = subprocess.run(
            [f"{self.programs}/{program}", *arguments, "--config", config], capture_output=True, text=True,
            timeout=120, cwd="/", user=uid, group=gid, extra_groups=[], check=False,
            env={**os.environ, "PGPASSWORD": self.secrets["environment"], "AGENT_KEY": self.secrets["sending-key"]})
        return done.stdout + done.stderr

    def everything(self, said):
        """All that can be read from outside, by name."""
        for page in PAGES:
            said[f"collector {page}"] = self.ask(self.collector.url + page)
            said[f"agent {page}"] = self.ask(f"http://127.0.0.1:{self.page}{page}")
        query = urllib.parse.quote(self.secrets["query"])
        for question in QUESTIONS:
            url = f"{self.collector.url}/api/pgvigil/v1/{question}"
            said[question] = self.ask(url)
            # A mistake in a question may be repeated to whoever made it; a key may not.
            self.ask(f"{url}{'&' if '?' in question else '?'}token={query}")
            for header, name in (("Authorization", "wrong-bearer"), ("X-API-Key", "wrong-x-api-key")):
                said[f"{question}, {name}"] = self.ask(url, {header: f"Bearer {self.secrets[name]}"})
        key_file = self.secret_file("asking-key")
        for program, commands in (
                ("pgvigil-collector", (("config", "show"), ("config", "check"), ("support-bundle", "--key-file", key_file))),
                ("pgvigil-agent", (("config", "show"), ("config", "check"), ("check",), ("check", "--json"), ("once",),
                                   ("support-bundle",)))):
            for command in commands:
                said[f"{program} {' '.join(command)}"] = self.run(program, *command)
        said["collector's log"] = self.collector.process.log()
        said["agent's log"] = self.agent.process.log()

    def ask(self, url, headers=None):
        right = {"Authorization": f"Bearer {self.secrets['asking-key']}"}
        request = urllib.request.Request(url, headers=headers or right)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.read().decode() + str(answer.headers)
        except urllib.error.HTTPError as error:
            return error.read().decode() + str(error.headers)

    def stop(self):
        for process in (self.agent.process, self.collector.process, self.store.process, self.database.process):
            if process.alive():
                process.kill()
        self.sandbox.remove()


def check_nothing_leaks(world, when):
    said = {}
    world.everything(said)
    for name, text in said.items():
        check(text, f"{when}: {name} says nothing")
        for secret, value in world.secrets.items():
            check(value not in text, f"{when}: {secret} is in {name}")
    return said


def no_secret_is_found_anywhere(programs):
    world = World(programs)
    try:
        world.collector.start()
        world.agent.start()
        wait_until("samples", lambda: world.collector.get("samples", metric="postgresql.up")["series"])
        said = check_nothing_leaks(world, "all is well")
        for program in ("pgvigil-agent", "pgvigil-collector"):
            bundle = next(text for name, text in said.items() if name.startswith(f"{program} support-bundle"))
            for part in ("== machine", "== settings in effect", "/readyz\nstatus 200", "/metrics\nstatus 200",
                         "PGPASSWORD"):
                check(part in bundle, f"the bundle of {program} lacks {part!r}:\n{bundle}")
            check(program == "pgvigil-agent" or "== tables" in bundle, "the bundle tells of no table")
        # Now both are refused by their servers, and say so.
        wrong = world.secret_file("wrong-password")
        for server in (world.store, world.database):
            server.query("alter role pgvigil password 'another'")
        world.write_agent(wrong)
        for process in (world.agent.process, world.collector.process):
            process.stop()
        world.collector.start(ready=False)
        world.agent.start()
        wait_until("the refusals", lambda: "28P01" in world.collector.process.log() and
                   "28P01" in world.agent.process.log())
        said = check_nothing_leaks(world, "refused")
        bundle = next(text for name, text in said.items() if name.startswith("pgvigil-collector support-bundle"))
        check("28P01" in bundle, "the bundle does not tell of the refusal")
    except Exception:
        print(world.collector.process.tail(30))
        print(world.agent.process.tail(30))
        raise
    finally:
        world.stop()


if __name__ == "__main__":
    harness.run_tests([no_secret_is_found_anywhere])
