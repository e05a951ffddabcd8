#!/usr/bin/python3
"""docker-compose.yml as a newcomer runs it, with the profile "demo": images from the packages, started by
docker-compose against podman's socket. What is claimed: the demo's data can be asked for by the key that
was made, no program of ours has rights or a writable root, nothing is published but on loopback, no
password is in an environment or a log, and data and keys survive `down`."""

import argparse
import json
import os
import re
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

import images
from story import check, equal, run, step, tell, wait_until

PROJECT = "pgvigil-compose-test"
OURS = ("collector", "demo-agent")
os.environ["CONTAINERS_CONF"] = os.path.join(os.path.dirname(os.path.abspath(__file__)), "containers.conf")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Engine:
    """podman's service, which docker-compose talks to. Podman has its health checks called by systemd
    timers; without systemd we are the timer."""

    def __init__(self, directory):
        self.address = f"unix://{directory}/podman.sock"
        self._service = subprocess.Popen([*images.PODMAN, "system", "service", "--time=0", self.address],
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._stop = threading.Event()
        self._timer = threading.Thread(target=self._check_health)
        self._timer.start()

    def _check_health(self):
        while not self._stop.wait(1):
            for one in run(*images.PODMAN, "ps", "--quiet", "--filter", f"name={PROJECT}", status=None).split():
                subprocess.run([*images.PODMAN, "healthcheck", "run", one], check=False, capture_output=True)

    def close(self):
        self._stop.set()
        self._timer.join()
        self._service.terminate()
        self._service.wait()


class Compose:
    def __init__(self, engine, choice):
        self.port = free_port()
        self._environment = {**os.environ, **choice, "DOCKER_HOST": engine.address, "PGVIGIL_PORT": str(self.port),
                             "COMPOSE_HTTP_TIMEOUT": "300"}

    def __call__(self, *arguments, status=0):
        return run("docker-compose", f"--project-name={PROJECT}", "--profile=demo", *arguments, status=status,
                   cwd=images.SOURCE, env=self._environment)

    def up(self):
        self("up", "--detach", "--no-build")

    def inspect(self, service):
        return json.loads(run(*images.PODMAN, "inspect", f"{PROJECT}_{service}_1"))[0]

    def ask(self, path, key=None):
        """Status and answer."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/pgvigil/v1/{path}")
        if key:
            request.add_header("Authorization", f"Bearer {key}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, {}
        except OSError:
            return 0, {}


def rights(compose):
    step("no rights, no writable root, no port but on loopback")
    for service in OURS:
        told = compose.inspect(service)
        status = run(*images.PODMAN, "exec", told["Id"], "cat", "/proc/1/status")
        equal(re.findall(r"^(CapEff|CapPrm|CapBnd|NoNewPrivs):\s*(\S+)", status, re.MULTILINE),
              [("CapPrm", "0" * 16), ("CapEff", "0" * 16), ("CapBnd", "0" * 16), ("NoNewPrivs", "1")], service)
        equal(re.findall(r"^Uid:\s*(\d+)", status, re.MULTILINE), ["65532"], f"{service}: user")
        run(*images.PODMAN, "exec", told["Id"], "sh", "-c", "! touch /var/lib/here /etc/here /usr/here 2>/dev/null")
    published = {binding["HostIp"] for service in (*OURS, "postgres", "kafka", "demo-postgres")
                 for bindings in (compose.inspect(service)["NetworkSettings"]["Ports"] or {}).values()
                 for binding in bindings or []}
    equal(published, {"127.0.0.1"}, "addresses that ports are published on")


def secrets_of(compose):
    """All passwords and keys, as the volumes hold them."""
    found = set()
    for volume in ("secrets", "keys"):
        place = run(*images.PODMAN, "volume", "inspect", "--format={{.Mountpoint}}", f"{PROJECT}_{volume}").strip()
        for name in os.listdir(place):
            with open(f"{place}/{name}", encoding="utf-8") as file:
                found.add(file.read().strip())
    check(len(found) >= 6, f"expected four passwords and two keys at least, got {len(found)}")
    return found


def no_leaks(compose):
    step("no password and no key in an environment, a command line or a log")
    secrets = secrets_of(compose)
    everything = compose("logs", "--no-color")
    for service in (*OURS, "init", "secrets", "postgres", "kafka", "demo-postgres", "demo-load"):
        everything += json.dumps(compose.inspect(service))
    for service, program in (("collector", "pgvigil-collector"), ("demo-agent", "pgvigil-agent")):
        bundle = compose("exec", "-T", service, program, "support-bundle")
        check("== settings in effect" in bundle, f"{service}: the support bundle is there")
        everything += bundle
    equal([secret for secret in secrets if secret in everything], [], "secrets that can be read")


def dashboards(compose):
    step("Grafana's role can ask what the dashboard's panels ask, and nothing else")
    compose("run", "--rm", "grafana-role")
    place = run(*images.PODMAN, "volume", "inspect", "--format={{.Mountpoint}}", f"{PROJECT}_postgres-secrets").strip()
    with open(f"{place}/grafana", encoding="utf-8") as file:
        password = file.read()

    def ask(sql, status=0):
        return run(*images.PODMAN, "exec", f"--env=PGPASSWORD={password}", f"{PROJECT}_postgres_1", "psql",
                   "--no-psqlrc", "--tuples-only", "--host=127.0.0.1", "--username=grafana", "--dbname=pgvigil",
                   f"--command={sql}", status=status)
    with open(f"{images.SOURCE}/packaging/grafana/dashboards/host.json", encoding="utf-8") as file:
        dashboard = json.load(file)
    equal(ask(dashboard["templating"]["list"][0]["query"]).split(), ["demo"], "the dashboard's hosts")
    for panel in dashboard["panels"]:
        sql = panel["targets"][0]["rawSql"].replace("$__timeFrom()", "(now() - interval '15 minutes')")
        sql = sql.replace("$__timeTo()", "now()").replace("$host", "demo")
        if panel["title"] == "Warnings and errors":
            ask(sql)  # there may be none
        else:
            wait_until(f"rows of the panel {panel['title']!r}", lambda: ask(sql).strip(), seconds=60)
    check("permission denied" in ask("SELECT secret_hash FROM pgvigil.api_key", status=1), "keys are not for Grafana")


def story(arguments):
    build = ["--build-dir", arguments.build_dir] if arguments.build_dir else []
    step("packages and images")
    run("packaging/build-deb", *build, cwd=images.SOURCE)
    choice = images.build()
    with tempfile.TemporaryDirectory() as directory:
        engine = Engine(directory)
        compose = Compose(engine, choice)
        try:
            compose("down", "--volumes", status=None)  # of a run that was killed
            live(compose)
        except Exception:
            print(compose("logs", "--no-color", "--tail=30", status=None))
            raise
        finally:
            compose("down", "--volumes", "--timeout=5", status=None)
            engine.close()


def live(compose):
    step("docker compose --profile demo up")
    begin = time.monotonic()
    compose.up()
    told = compose("logs", "--no-color", "init")
    key = read_key(compose, told)
    wait_until("the first graph", lambda: '"samples":[[' in json.dumps(
        compose.ask("samples?metric=system.cpu.load_average.1m", key)[1], separators=(",", ":")), seconds=120)
    print(f"   the first graph after {time.monotonic() - begin:.0f} s")
    wait_until("statements of the demo's load", lambda: compose.ask("statements", key)[1].get("statements"), seconds=120)
    wait_until("log lines", lambda: compose.ask("logs", key)[1].get("records"), seconds=120)
    equal(compose.ask("hosts")[0], 401, "the API without a key")
    rights(compose)
    no_leaks(compose)
    dashboards(compose)
    before = compose.ask("hosts", key)[1]["hosts"][0]
    step("down and up again: keys and data are there")
    compose("down", "--timeout=20")
    compose.up()
    status, answer = wait_until("an answer", lambda: (lambda got: got if got[0] else None)(compose.ask("hosts", key)),
                                seconds=120)
    equal(status, 200, "the key after down and up")
    after = answer["hosts"][0]
    equal((after["id"], after["first_seen"]), (before["id"], before["first_seen"]), "the demo's host")


def read_key(compose, told):
    """By the command that init tells."""
    command = re.search(r"docker compose exec collector (cat \S+)$", told, re.MULTILINE)
    check(command, f"init tells where the key is:\n{told}")
    return compose("exec", "-T", "collector", *command.group(1).split()).strip()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build-dir", default="")
    parser.add_argument("--packages")
    arguments = parser.parse_args()
    tell(lambda: story(arguments))


if __name__ == "__main__":
    main()
