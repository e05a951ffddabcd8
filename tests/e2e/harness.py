"""Real processes for the end-to-end tests: PostgreSQL, the collector, the agent, and questions to them.

Everything lives in one temporary directory and belongs to the user `postgres` when the tests run as
root (a PostgreSQL server refuses to be root). Nothing here knows what a test claims.
"""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import psycopg2

PG_BIN = os.environ.get("PGVIGIL_PG_BIN", "/usr/lib/postgresql/15/bin")


class Failure(Exception):
    """A claim of a test that does not hold."""


def check(condition, message):
    if not condition:
        raise Failure(message)


def wait_until(what, predicate, seconds=60, pause=0.1):
    """The first true value of `predicate`; a Failure that names `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    error = None
    while time.monotonic() < deadline:
        try:
            value = predicate()
            if value:
                return value
            error = None
        except (OSError, psycopg2.Error, urllib.error.URLError, KeyError, IndexError) as problem:
            error = problem
        time.sleep(pause)
    raise Failure(f"{what}: not within {seconds} s{f' ({error})' if error else ''}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def account():
    """(uid, gid) that servers run as."""
    if os.getuid() == 0:
        entry = pwd.getpwnam("postgres")
        return entry.pw_uid, entry.pw_gid
    return os.getuid(), os.getgid()


class Sandbox:
    """The temporary directory of one test; removed at the end unless KEEP is set."""

    def __init__(self, name):
        self.path = tempfile.mkdtemp(prefix=f"pgvigil-{name}-")
        os.chown(self.path, *account())
        os.chmod(self.path, 0o755)

    def make(self, *parts):
        path = os.path.join(self.path, *parts)
        if not os.path.isdir(path):
            os.makedirs(path)
            os.chown(path, *account())
        return path

    def write(self, name, text):
        path = os.path.join(self.path, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chown(path, *account())
        return path

    def remove(self):
        if "KEEP" in os.environ:
            print(f"kept: {self.path}")
        else:
            shutil.rmtree(self.path, ignore_errors=True)


class Process:
    """One program: started, stopped, killed, started again; its output in a file."""

    def __init__(self, sandbox, name, command, environment=None, as_ourselves=False):
        self.name = name
        self.as_ourselves = as_ourselves  # else as `postgres` when we are root
        self.command = command
        self.log_path = os.path.join(sandbox.path, f"{name}.log")
        self.environment = {**os.environ, **(environment or {})}
        self.child = None

    def start(self):
        uid, gid = (os.getuid(), os.getgid()) if self.as_ourselves else account()
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(
                self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/",
                env=self.environment, user=uid, group=gid, extra_groups=[], start_new_session=True)
        return self

    def alive(self):
        return self.child is not None and self.child.poll() is None

    def kill(self):
        """SIGKILL, at once."""
        if self.alive():
            self.child.kill()
        self.child.wait()

    def stop(self, seconds=30):
        """SIGTERM, and the exit status."""
        if self.alive():
            self.child.terminate()
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise Failure(f"{self.name} did not stop within {seconds} s; {self.tail()}") from None

    def signal(self, number):
        self.child.send_signal(number)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def tail(self, lines=15):
        return f"{self.log_path}:\n" + "\n".join(self.log().splitlines()[-lines:])


class Postgres:
    """A private PostgreSQL cluster on a socket of its own."""

    def __init__(self, sandbox, name, settings=None):
        self.name = name
        self.data = os.path.join(sandbox.path, f"{name}-data")
        self.socket_directory = sandbox.make(f"{name}-socket")
        self.sandbox = sandbox
        uid, gid = account()
        subprocess.run([f"{PG_BIN}/initdb", "-D", self.data, "-U", "postgres", "--auth=trust",
                        "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"],
                       check=True, stdout=subprocess.DEVNULL, cwd="/", user=uid, group=gid,
                       extra_groups=[])
        lines = {"listen_addresses": "", "unix_socket_directories": self.socket_directory,
                 "port": "5432", "max_connections": "60", "shared_buffers": "64MB",
                 **(settings or {})}
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as file:
            for key, value in lines.items():
                file.write(f"{key} = '{value}'\n")
        self.process = Process(sandbox, name, [f"{PG_BIN}/postgres", "-D", self.data])

    def start(self):
        self.process.start()
        wait_until(f"PostgreSQL {self.name}", lambda: self.query("select 1"))
        return self

    def stop(self):
        if self.process.alive():
            self.process.signal(signal.SIGINT)  # fast shutdown
            self.process.child.wait(60)

    def kill(self):
        """SIGKILL to the postmaster and all its children, as the kernel's OOM killer at its worst."""
        children = subprocess.run(["pgrep", "-P", str(self.process.child.pid)],
                                  capture_output=True, text=True, check=False).stdout.split()
        self.process.kill()
        for child in children:
            try:
                os.kill(int(child), signal.SIGKILL)
            except ProcessLookupError:
                pass

    def restart_after_kill(self):
        """Starts again; the old shared memory may need a moment to go."""
        deadline = time.monotonic() + 60
        while True:
            self.process.start()
            try:
                wait_until(f"PostgreSQL {self.name}", lambda: self.query("select 1"), 15)
                return
            except Failure:
                if time.monotonic() > deadline:
                    raise Failure(self.process.tail()) from None
                if self.process.alive():
                    self.process.kill()

    def connect(self, database="postgres", user="postgres"):
        return psycopg2.connect(host=self.socket_directory, port=5432, dbname=database, user=user,
                                connect_timeout=5)

    def query(self, sql, parameters=None, database="postgres", user="postgres"):
        """Rows of one statement, each a tuple; its own connection."""
        connection = self.connect(database, user)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()


class Collector:
    """The collector over a store; its API's documents as Python values."""

    def __init__(self, sandbox, bin_directory, store, more_config="", name="collector", roles=(),
                 address="127.0.0.1"):
        self.port = free_port()
        self.key = None  # what questions show
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = sandbox.write(f"{name}.toml", f"""
{f"roles = {json.dumps(roles)}" if roles else ""}
[http]
listen = "{address}:{self.port}"

[postgres]
host = "{store.socket_directory}"
database = "pgvigil"
user = "pgvigil"
{more_config}
""")
        self.binary = f"{bin_directory}/pgvigil-collector"
        self.process = Process(sandbox, name, [self.binary, "run", "--config", self.config])

    def start(self, ready=True):
        self.process.start()
        if ready:
            wait_until("the collector's /readyz", self.ready)
        return self

    def ready(self):
        return self.get_raw("/readyz")[0] == 200

    def get_raw(self, path, timeout=20):
        """(status, body)"""
        request = urllib.request.Request(self.url + path)
        if self.key:
            request.add_header("Authorization", f"Bearer {self.key}")
        try:
            with urllib.request.urlopen(request, timeout=timeout) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name):
        """The sum of one of its own metrics over the labels."""
        lines = self.get_raw("/metrics")[1].splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines
                   if line.startswith((name + " ", name + "{")))

    def get(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        status, body = self.get_raw(f"/api/pgvigil/v1/{path}{'?' + query if query else ''}")
        check(status == 200, f"GET {path}: {status}: {body}")
        return json.loads(body)

    def command(self, *arguments, status=0, timeout=60):
        """Standard output of another command of the collector's program."""
        uid, gid = account()
        done = subprocess.run([self.binary, *arguments, "--config", self.config],
                              capture_output=True, text=True, timeout=timeout, cwd="/", user=uid,
                              group=gid, extra_groups=[], check=False)
        check(done.returncode == status,
              f"{arguments}: status {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def all_logs(self, **parameters):
        """Every record of a question, page after page."""
        records = []
        cursor = None
        while True:
            extra = {"cursor": cursor} if cursor else {}
            page = self.get("logs", limit=5000, **parameters, **extra)
            records.extend(page["records"])
            cursor = page["next_cursor"]
            if not cursor:
                return records


class Agent:
    """The agent of one host, watching one cluster and one syslog file."""

    def __init__(self, sandbox, bin_directory, collector_url, database=None, syslog=None,
                 more_config="", environment=None):
        self.state = sandbox.make("agent-state")
        self.binary = f"{bin_directory}/pgvigil-agent"
        self.sandbox = sandbox
        self.config = None
        self.write_config(collector_url, database, syslog, more_config)
        self.process = Process(sandbox, "agent", [self.binary, "run", "--config", self.config],
                               environment)

    def write_config(self, collector_url, database=None, syslog=None, more_config=""):
        postgres = f"""
[[postgres]]
name = "main"
host = "{database.socket_directory}"
interval = "1s"
[postgres.statements]
interval = "1s"
text_interval = "10s"
""" if database else "postgres = []\n"
        text = f"""
{postgres if not database else ""}
[collector]
url = "{collector_url}"
[agent]
state_dir = "{self.state}"
shutdown_timeout = "10s"
[metrics]
batch = "2s"
[host]
interval = "1s"
[syslog]
enabled = {"true" if syslog else "false"}
{f'path = "{syslog}"' if syslog else ""}
{postgres if database else ""}
{more_config}
"""
        self.config = self.sandbox.write("agent.toml", text)

    def start(self):
        self.process.start()
        return self

    def command(self, *arguments, timeout=60):
        """Runs another command of the agent's program; the finished process."""
        uid, gid = account()
        return subprocess.run([self.binary, *arguments, "--config", self.config],
                              capture_output=True, text=True, timeout=timeout, cwd="/", user=uid,
                              group=gid, extra_groups=[], check=False)


def make_store(sandbox, name="store", settings=None):
    """A started PostgreSQL with the empty database that the collector wants."""
    store = Postgres(sandbox, name, settings).start()
    store.query("create role pgvigil login")
    store.query("create database pgvigil owner pgvigil")
    return store


def make_database(sandbox, name="database", settings=None):
    """A started PostgreSQL to be watched: statements, jsonlog, the agent's role, a bench role."""
    database = Postgres(sandbox, name, {
        "shared_preload_libraries": "pg_stat_statements",
        "pg_stat_statements.max": "5000",
        "logging_collector": "on",
        "log_destination": "jsonlog",
        "log_directory": "log",
        "log_filename": "postgresql-%Y-%m-%d_%H%M%S.log",
        "log_rotation_size": "256kB",
        "log_connections": "on",
        "log_disconnections": "on",
        **(settings or {})}).start()
    database.query("create extension pg_stat_statements")
    database.query("create role pgvigil login in role pg_monitor")
    database.query("create role bench login")
    database.query("create database bench owner bench")
    return database


def run_tests(tests, more_programs=()):
    """Runs each function with a directory of programs; prints a line for each, exits with 1 when one
    failed."""
    import argparse  # pylint: disable=import-outside-toplevel
    import sys  # pylint: disable=import-outside-toplevel
    import traceback  # pylint: disable=import-outside-toplevel
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, type=os.path.abspath)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    failed = 0
    chosen = [test for test in tests if arguments.only in test.__name__]
    # Programs must be readable by the account that runs them.
    programs = tempfile.mkdtemp(prefix="pgvigil-bin-")
    os.chmod(programs, 0o755)
    for program in ("pgvigil-agent", "pgvigil-collector", *more_programs):
        shutil.copy(os.path.join(arguments.bin, program), programs)
    try:
        for test in chosen:
            began = time.monotonic()
            try:
                test(programs)
                print(f"ok: {test.__name__} ({time.monotonic() - began:.0f} s)", flush=True)
            except Exception:  # pylint: disable=broad-except
                failed += 1
                print(f"FAILED: {test.__name__}", flush=True)
                traceback.print_exc()
                sys.stderr.flush()
    finally:
        shutil.rmtree(programs, ignore_errors=True)
    print(f"{len(chosen) - failed} claims hold, {failed} do not")
    sys.exit(1 if failed or not chosen else 0)
