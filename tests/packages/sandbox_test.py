#!/usr/bin/python3
"""What the agent's sandbox must not spoil, in a running systemd: disk figures below /home, sockets in
/tmp, mounts that are read-only for the service alone; and what it must forbid."""

import argparse
import glob
import json

from container import Container, image
from story import check, contains, equal, step, tell, wait_until

CONFIG = """[collector]
url = "http://127.0.0.1:9"
[status]
listen = "127.0.0.1:9187"
"""
AS_SERVICE = ("pid=$(systemctl show -p MainPID --value pgvigil-agent); nsenter --target $pid --mount -- "
              "setpriv --reuid pgvigil --regid pgvigil --groups adm -- ")


def samples(machine, prefix=AS_SERVICE):
    """(name, labels, value) of the file systems that `once` measures."""
    document = json.loads(machine.shell(f"{prefix} pgvigil-agent once --json --config /etc/pgvigil-agent/agent.toml"
                                        " 2>/dev/null", status=None))
    return [one for one in document["metrics"] if one["name"].startswith("system.filesystem.")]


def limit_of(found, mountpoint):
    values = {(one["labels"]["system.filesystem.mode"], one["value"]) for one in found
              if one["name"] == "system.filesystem.limit"
              and one["labels"]["system.filesystem.mountpoint"] == mountpoint}
    equal(len(values), 1, f"file systems at {mountpoint}")
    return values.pop()


def drop_in(machine, name):
    unit = "/etc/systemd/system/pgvigil-agent.service.d"
    machine.shell(f"mkdir -p {unit}; cp /usr/share/doc/pgvigil-agent/examples/pgvigil-agent.service.d/{name} {unit}/ &&"
                  " systemctl daemon-reload && systemctl restart pgvigil-agent")


def capability(machine, name):
    """Its line on the agent's page, with state; "" while there is none."""
    page = machine.shell("curl -s http://127.0.0.1:9187/metrics", status=None)
    states = [line for line in page.splitlines()
              if line.startswith(f'pgvigil_agent_capability{{name="{name}"') and line.endswith(" 1")]
    return states[0] if states else ""


def story(machine):
    step("the agent runs in its sandbox")
    machine.shell("dpkg -i /packages/pgvigil-agent_0.1.0_*.deb")
    machine.write("/etc/pgvigil-agent/agent.toml", CONFIG, "0640")
    machine.shell("systemctl start pgvigil-agent")

    step("a file system at /home is measured as it is (ProtectHome), and as writable (ProtectSystem)")
    equal(limit_of(samples(machine), "/home"), ("rw", 7 * 1024 * 1024), "/home as the service sees it")

    step("with ProtectHome=yes it is left out, not measured wrongly")
    machine.shell("mkdir -p /run/systemd/system/pgvigil-agent.service.d")
    machine.write("/run/systemd/system/pgvigil-agent.service.d/home.conf", "[Service]\nProtectHome=yes\n")
    machine.shell("systemctl daemon-reload; systemctl restart pgvigil-agent")
    equal([one for one in samples(machine) if one["labels"].get("system.filesystem.mountpoint") == "/home"], [],
          "samples of /home")
    machine.shell("rm /run/systemd/system/pgvigil-agent.service.d/home.conf; systemctl daemon-reload;"
                  " systemctl restart pgvigil-agent")

    step("a socket in /tmp is hidden, the agent says why, and the drop-in shows it")
    machine.shell("pg_createcluster 15 main -- --auth=trust && echo \"unix_socket_directories = '/tmp'\" >>"
                  " /etc/postgresql/15/main/postgresql.conf && systemctl start postgresql@15-main && cd / &&"
                  " runuser -u postgres -- psql -q -h /tmp -c 'CREATE ROLE pgvigil LOGIN IN ROLE pg_monitor'")
    check_output = machine.shell(AS_SERVICE + "pgvigil-agent check", status=None)
    contains(check_output, "a socket in /tmp is hidden from the service by PrivateTmp: see pgvigil-agent.service(8)",
             "the agent's check")
    drop_in(machine, "shared-tmp.conf")
    wait_until("the agent reads the server's statistics",
               lambda: 'state="ok"' in capability(machine, "postgres:main"))

    step("the service may change nothing but its state")
    for path in ("/etc/x", "/usr/x", "/var/log/x", "/home/x", "/sys/kernel/x"):
        machine.shell(f"{AS_SERVICE} touch {path}", status=1)
    machine.shell(f"{AS_SERVICE} touch /var/lib/pgvigil-agent/x && rm /var/lib/pgvigil-agent/x")
    pid = machine.pid("pgvigil-agent")
    status = machine.shell(f"cat /proc/{pid}/status")
    for line in ("CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"):
        contains(status, line, "the process")
    resident = int(status.split("VmRSS:")[1].split()[0])
    check(resident < 32 * 1024, f"{resident} KiB are resident")

    step("each example of a drop-in is understood")
    for name in machine.shell("ls /usr/share/doc/pgvigil-agent/examples/pgvigil-agent.service.d").split():
        machine.shell("groupadd -f postgres")
        drop_in(machine, name)
        equal(machine.shell("systemctl is-active pgvigil-agent").strip(), "active", f"the agent with {name}")
    exposed = machine.shell("cat /proc/$(systemctl show -p MainPID --value pgvigil-agent)/status")
    contains(exposed, "CapEff:\t0000000000080004", "the process with process-details.conf")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", required=True, help="directory with version 0.1.0")
    directory = parser.parse_args().packages.rstrip("/")
    name, _ = image(sorted(glob.glob(f"{directory}/*_0.1.0_*.deb")))
    with Container(name, directory) as machine:
        tell(lambda: story(machine), on_failure=machine.print_logs)


if __name__ == "__main__":
    main()
