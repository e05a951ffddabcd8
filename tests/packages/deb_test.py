#!/usr/bin/python3
"""The life of the Debian packages on a real systemd: installed, started, upgraded with a configuration
that was changed on both sides, upgraded with a broken one, disabled, downgraded, removed, purged."""

import argparse
import glob
import json

from container import Container, image
from story import check, contains, equal, run, step, tell, wait_until

OLD, NEW = "0.1.0", "0.2.0"
APT = "DEBIAN_FRONTEND=noninteractive apt-get -o Dpkg::Options::=--force-confold -q -y"
AGENT_CONFIG = """[collector]
url = "http://127.0.0.1:8480"
api_key = "${cred:pgvigil_api-key}"
"""
COLLECTOR_CONFIG = """[postgres]
user = "pgvigil-collector"
"""


class Lifecycle:
    def __init__(self, machine):
        self.machine = machine
        self.shell = machine.shell

    def deb(self, part, version):
        return f"/packages/pgvigil-{part}_{version}_*.deb"

    def install(self, part, version, status=0, environment="", extra=""):
        return self.shell(f"{environment} {APT} install {extra} $(ls {self.deb(part, version)})", status=status)

    def state(self, part):
        unit = f"pgvigil-{part}"
        return tuple(self.shell(f"systemctl {word} {unit}", status=None).strip() for word in ("is-enabled", "is-active"))

    def mode(self, path):
        return self.shell(f"stat -c '%a %U:%G' {path}").strip()

    def files(self):
        """All files but those that any package leaves behind."""
        ignored = r"^/(proc|sys|dev|run|tmp|packages|var/(log|cache|tmp|lib/(dpkg|apt|postgresql)))"
        listing = self.shell(rf"find / -xdev -path /proc -prune -o -print | grep -vE '{ignored}' | sort")
        return set(listing.splitlines())

    def install_fresh(self):
        step("installed, and nothing else happens")
        self.before = self.files()
        for part in ("agent", "collector"):
            output = self.install(part, OLD)
            contains(output, f"pgvigil-{part}: installed, not started. What to do first: man pgvigil-{part}.service",
                     "the installation says what is next")
            equal(self.state(part), ("disabled", "inactive"), f"{part} after its installation")
        equal(self.mode("/etc/pgvigil-agent/agent.toml"), "640 root:pgvigil", "agent.toml")
        equal(self.mode("/etc/pgvigil-collector/collector.toml"), "640 root:pgvigil-collector", "collector.toml")
        equal(self.mode("/etc/pgvigil-agent/credentials"), "700 root:root", "credentials")
        equal(self.mode("/var/lib/pgvigil-agent"), "700 pgvigil:pgvigil", "the agent's state")
        contains(self.shell("getent passwd pgvigil"), "/usr/sbin/nologin", "the user has no shell")
        self.shell("runuser -u pgvigil -- test -r /etc/pgvigil-agent/agent.toml")
        self.shell("runuser -u pgvigil -- test -w /etc/pgvigil-agent/agent.toml", status=1)
        self.shell("runuser -u nobody -- test -r /etc/pgvigil-agent/agent.toml", status=1)

        for part in ("agent", "collector"):
            unit = f"/lib/systemd/system/pgvigil-{part}.service"
            equal(self.shell(f"systemd-analyze verify --man=no {unit}"), "", f"systemd-analyze verify {unit}")

        step("the placeholder is not taken for a collector")
        self.shell("systemctl start pgvigil-agent", status=1)
        equal(self.machine.property("pgvigil-agent", "ExecMainStatus"), "78", "exit status")
        equal(self.machine.property("pgvigil-agent", "NRestarts"), "0", "restarts")
        contains(self.shell("journalctl --no-pager -u pgvigil-agent"), "is the example's placeholder", "the journal")
        self.shell("systemctl reset-failed pgvigil-agent")

    def start(self):
        step("started as the manual page says, with a PostgreSQL on the same host")
        self.shell("pg_createcluster 15 main && systemctl start postgresql@15-main")
        self.shell("""cd / && runuser -u postgres -- psql -q -c 'CREATE ROLE pgvigil LOGIN IN ROLE pg_monitor' &&
            runuser -u postgres -- psql -q -c 'CREATE ROLE "pgvigil-collector" LOGIN' &&
            runuser -u postgres -- createdb -O pgvigil-collector -E UTF8 -T template0 pgvigil""")
        self.machine.write("/etc/pgvigil-collector/collector.toml", COLLECTOR_CONFIG, "0640")
        self.machine.write("/etc/pgvigil-agent/agent.toml", AGENT_CONFIG, "0640")
        self.key = self.shell("cd / && runuser -u pgvigil-collector -- pgvigil-collector keys create --name test "
                              "--scope ingest,query,admin 2>/dev/null").strip()
        self.machine.write("/etc/pgvigil-agent/credentials/api-key", self.key + "\n", "0600")
        self.shell("systemctl enable --now pgvigil-agent")  # before its collector: it does not mind
        self.shell("systemctl start pgvigil-collector")
        equal(self.state("agent"), ("enabled", "active"), "the agent")
        equal(self.state("collector"), ("disabled", "active"), "the collector")
        contains(self.machine.property("pgvigil-agent", "StatusText"), "http://127.0.0.1:8480", "the agent's status")
        contains(self.machine.property("pgvigil-collector", "StatusText"), "127.0.0.1:8480", "the collector's status")
        for part, user in (("agent", "pgvigil"), ("collector", "pgvigil-collector")):
            equal(self.shell(f"stat -c %U /proc/{self.machine.pid('pgvigil-' + part)}").strip(), user, f"user of {part}")
        wait_until("the collector is ready", lambda: "not ready" not in self.shell(
            "pgvigil-collector healthcheck || echo not ready", status=None))
        wait_until("the agent's data is stored", self.has_data, seconds=90)

    def has_data(self):
        answer = self.shell(f"curl -s -H 'Authorization: Bearer {self.key}' "
                            "http://127.0.0.1:8480/api/pgvigil/v1/hosts", status=None)
        try:
            hosts = json.loads(answer)["hosts"]
        except (ValueError, KeyError):
            return False
        return len(hosts) == 1

    def watchdog(self):
        step("a program that hangs is restarted")
        for part in ("agent", "collector"):
            unit = f"pgvigil-{part}"
            self.shell(f"mkdir -p /run/systemd/system/{unit}.service.d")
            self.machine.write(f"/run/systemd/system/{unit}.service.d/test.conf",
                               "[Service]\nWatchdogSec=3s\nRestartSec=100ms\n")
            self.shell(f"systemctl daemon-reload && systemctl restart {unit}")
        pids = {part: self.machine.pid(f"pgvigil-{part}") for part in ("agent", "collector")}
        self.shell("sleep 5")
        for part, pid in pids.items():
            equal(self.machine.pid(f"pgvigil-{part}"), pid, f"{part} that turns is left alone")
            self.shell(f"kill -STOP {pid}")
        for part, pid in pids.items():
            unit = f"pgvigil-{part}"
            wait_until(f"{part} is restarted by the watchdog",
                       lambda: self.machine.pid(unit) not in (0, pid) and self.state(part)[1] == "active")
            contains(self.shell(f"journalctl --no-pager -u {unit}"), "Watchdog timeout", f"the journal of {part}")
            self.shell(f"rm -r /run/systemd/system/{unit}.service.d")
        self.shell("systemctl daemon-reload; systemctl restart pgvigil-agent pgvigil-collector")

    def reload(self):
        step("a reload takes what is right and refuses what is wrong")
        pid = self.machine.pid("pgvigil-agent")
        self.shell("echo '[nonsense]' >> /etc/pgvigil-agent/agent.toml; systemctl reload pgvigil-agent", status=1)
        contains(self.shell("journalctl --no-pager -u pgvigil-agent"), "nonsense", "the journal names the mistake")
        self.machine.write("/etc/pgvigil-agent/agent.toml", AGENT_CONFIG + "[agent]\nlog_level = \"debug\"\n", "0640")
        self.shell("systemctl reload pgvigil-agent")
        wait_until("the reload is done",
                   lambda: "reload: done" in self.shell("journalctl --no-pager -u pgvigil-agent"))
        equal((self.machine.pid("pgvigil-agent"), self.state("agent")), (pid, ("enabled", "active")), "the agent")

    def upgrade(self):
        step("an upgrade keeps the changed configuration, the state, and what is enabled")
        agent_id = self.shell("cat /var/lib/pgvigil-agent/agent-id")
        pids = {part: self.machine.pid(f"pgvigil-{part}") for part in ("agent", "collector")}
        config = self.shell("cat /etc/pgvigil-agent/agent.toml")
        for part in ("agent", "collector"):
            self.install(part, NEW)
        equal(self.shell("cat /etc/pgvigil-agent/agent.toml"), config, "agent.toml after the upgrade")
        equal(self.mode("/etc/pgvigil-agent/agent.toml"), "640 root:pgvigil", "its mode")
        contains(self.shell("cat /etc/pgvigil-agent/agent.toml.dpkg-dist"), "# New in 0.2.0", "the new default beside it")
        equal(self.state("agent"), ("enabled", "active"), "the agent")
        equal(self.state("collector"), ("disabled", "active"), "the collector")
        for part, pid in pids.items():
            check(self.machine.pid(f"pgvigil-{part}") != pid, f"{part} was not restarted")
        equal(self.shell("cat /var/lib/pgvigil-agent/agent-id"), agent_id, "the agent's id")
        check(self.has_data(), "the data is still there")

    def broken_configuration(self):
        step("an upgrade with a broken configuration leaves what runs alone, and says so")
        pid = self.machine.pid("pgvigil-agent")
        self.shell("echo 'interval = 5' >> /etc/pgvigil-agent/agent.toml")
        output = self.install("agent", NEW, extra="--reinstall")
        contains(output, "unknown key 'agent.interval'", "the mistake is named")
        contains(output, "pgvigil-agent: the new version does not accept the configuration; the old one was left running. "
                 "Correct it, then: systemctl restart pgvigil-agent", "what to do is said")
        equal(self.machine.pid("pgvigil-agent"), pid, "the agent's process")
        self.machine.write("/etc/pgvigil-agent/agent.toml", AGENT_CONFIG, "0640")

    def disabled(self):
        step("what is stopped or disabled stays so")
        self.shell("systemctl disable --now pgvigil-agent")
        self.install("agent", NEW, extra="--reinstall")
        equal(self.state("agent"), ("disabled", "inactive"), "the agent")
        self.shell("systemctl enable --now pgvigil-agent")

    def downgrade(self):
        step("a downgrade is refused with one line")
        pid = self.machine.pid("pgvigil-agent")
        output = self.install("agent", OLD, status=100, extra="--allow-downgrades")
        lines = [line for line in output.splitlines() if "not downgraded" in line]
        equal(lines, [f"pgvigil-agent: not downgraded from {NEW} to {OLD}, which may misread what the newer one stored; "
                      "PGVIGIL_ALLOW_DOWNGRADE=1 overrules this"], "the refusal")
        contains(self.shell("dpkg -s pgvigil-agent"), f"Status: install ok installed", "the package")
        contains(self.shell("dpkg -s pgvigil-agent"), f"Version: {NEW}", "the package")
        equal(self.machine.pid("pgvigil-agent"), pid, "the agent's process")
        self.install("agent", OLD, environment="PGVIGIL_ALLOW_DOWNGRADE=1", extra="--allow-downgrades")
        equal(self.state("agent"), ("enabled", "active"), "the agent after a downgrade that was wanted")

        step("an agent does not touch what a newer one stored")
        self.shell("systemctl stop pgvigil-agent; echo 2 > /var/lib/pgvigil-agent/format")
        self.shell("systemctl start pgvigil-agent", status=1)
        equal(self.machine.property("pgvigil-agent", "ExecMainStatus"), "78", "exit status")
        contains(self.shell("journalctl --no-pager -u pgvigil-agent"),
                 "/var/lib/pgvigil-agent has state format 2, pgvigil-agent 0.1.0 knows up to 1: install the newer "
                 "pgvigil-agent again, or move the directory away to start anew", "the journal")
        self.shell("echo 1 > /var/lib/pgvigil-agent/format; systemctl reset-failed pgvigil-agent; "
                   "systemctl start pgvigil-agent")

    def remove(self):
        step("removed: stopped, configuration and state stay")
        self.shell(f"{APT} remove pgvigil-agent")
        equal(self.shell("pgrep -x pgvigil-agent", status=None), "", "processes")
        self.shell("test -f /etc/pgvigil-agent/agent.toml -a -d /var/lib/pgvigil-agent/spool")
        step("purged: nothing is left but the users")
        self.shell(f"{APT} purge pgvigil-agent pgvigil-collector")
        left = self.files() - self.before
        equal(sorted(one for one in left if "pgvigil" in one), [], "files")
        self.shell("getent passwd pgvigil pgvigil-collector")
        equal(self.shell("systemctl list-unit-files --no-legend 'pgvigil*'", status=None), "", "units")


def story(debs):
    directory = debs.rstrip("/")
    first = sorted(glob.glob(f"{directory}/*_{OLD}_*.deb"))
    equal(len(first), 2, f"packages in {directory}")
    name, _ = image(first)
    with Container(name, directory) as machine:
        life = Lifecycle(machine)

        def chapters():
            for chapter in (life.install_fresh, life.start, life.watchdog, life.reload, life.upgrade,
                            life.broken_configuration, life.disabled, life.downgrade, life.remove):
                chapter()
                machine.shell("systemctl reset-failed")  # or so many starts in a minute are too many

        tell(chapters, on_failure=machine.print_logs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", required=True, help="directory with versions 0.1.0 and 0.2.0")
    story(parser.parse_args().packages)
