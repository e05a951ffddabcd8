#!/usr/bin/python3
"""The life of the rpm packages: their scriptlets on a running systemd, and below `rpm --root` without
one. The machine is a Debian, for only its libraries fit what was built here: --nodeps."""

import argparse
import glob
import os
import tempfile

from container import Container, image
from story import check, contains, equal, run, step, tell

OLD, NEW = "0.1.0", "0.2.0"
CONFIG = '[collector]\nurl = "http://127.0.0.1:8480"\n'


def on_systemd(machine):
    shell = machine.shell

    def rpm(words, part, version):
        return shell(f"{words} --nodeps /packages/pgvigil-{part}-{version}-1.*.rpm")

    def state(part):
        return tuple(shell(f"systemctl {word} pgvigil-{part}", status=None).strip()
                     for word in ("is-enabled", "is-active"))

    def mode(path):
        return shell(f"stat -c '%a %U:%G' {path}").strip()

    step("installed, not started")
    for part in ("agent", "collector"):
        contains(rpm("rpm -i", part, OLD), f"pgvigil-{part}: installed, not started", "the installation says what is next")
        equal(state(part), ("disabled", "inactive"), part)
    equal(mode("/etc/pgvigil-agent/agent.toml"), "640 root:pgvigil", "agent.toml")
    equal(mode("/etc/pgvigil-collector/collector.toml"), "640 root:pgvigil-collector", "collector.toml")
    equal(mode("/etc/pgvigil-agent/credentials"), "700 root:root", "credentials")
    equal(mode("/var/lib/pgvigil-agent"), "700 pgvigil:pgvigil", "the agent's state")

    step("upgraded: configuration kept, restarted, still not enabled")
    machine.write("/etc/pgvigil-agent/agent.toml", CONFIG, "0640")
    shell("systemctl start pgvigil-agent")
    pid = machine.pid("pgvigil-agent")
    rpm("rpm -U", "agent", NEW)
    equal(shell("cat /etc/pgvigil-agent/agent.toml"), CONFIG, "agent.toml")
    equal(state("agent"), ("disabled", "active"), "the agent")
    check(machine.pid("pgvigil-agent") != pid, "the agent was not restarted")

    step("a broken configuration leaves what runs alone")
    pid = machine.pid("pgvigil-agent")
    shell("echo '[nonsense]' >> /etc/pgvigil-agent/agent.toml")
    output = rpm("rpm -U --replacepkgs", "agent", NEW)
    contains(output, "the new version does not accept the configuration; the old one was left running", "the upgrade")
    equal(machine.pid("pgvigil-agent"), pid, "the agent's process")
    machine.write("/etc/pgvigil-agent/agent.toml", CONFIG, "0640")

    step("a downgrade is refused")
    contains(rpm("! rpm -U", "agent", OLD), "which is newer than", "rpm")

    step("erased: stopped, configuration and state kept")
    shell("systemctl enable pgvigil-agent; rpm -e pgvigil-agent pgvigil-collector")
    equal(shell("pgrep -x pgvigil-agent", status=None), "", "processes")
    equal(shell("ls /etc/systemd/system/multi-user.target.wants | grep pgvigil", status=None), "", "enabled units")
    shell("test -f /etc/pgvigil-agent/agent.toml.rpmsave -a -d /var/lib/pgvigil-agent")


def below_root(directory, tree):
    step("below rpm --root, where no systemd runs")
    with tempfile.TemporaryDirectory() as root:
        run("tar", "--extract", "--file", tree, "--directory", root, "--exclude=./dev/*")
        packages = [one for part in ("agent", "collector") for one in glob.glob(f"{directory}/pgvigil-{part}-{OLD}-1.*.rpm")]
        equal(len(packages), 2, "packages")
        output = run("rpm", f"--root={root}", "--install", "--nodeps", *packages)
        contains(output, "pgvigil-collector: installed, not started", "the installation")
        check(os.path.exists(f"{root}/usr/lib/systemd/system/pgvigil-agent.service"), "the unit")
        verified = run("rpm", f"--root={root}", "--verify", "--nodeps", "pgvigil-agent", "pgvigil-collector")
        equal(verified, "", "what rpm --verify finds")
        run("rpm", f"--root={root}", "--erase", "pgvigil-agent", "pgvigil-collector")
        check(not os.path.exists(f"{root}/usr/bin/pgvigil-agent"), "the program is gone")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", required=True, help="directory with versions 0.1.0 and 0.2.0")
    directory = parser.parse_args().packages.rstrip("/")
    name, tree = image(sorted(glob.glob(f"{directory}/*_{OLD}_*.deb")))
    with Container(name, directory) as machine:
        def chapters():
            on_systemd(machine)
            below_root(directory, tree)

        tell(chapters, on_failure=machine.print_logs)


if __name__ == "__main__":
    main()
