"""A Debian with a running systemd in a container (podman, runc), for packages to be installed in.

The root file system is made once from Debian's archive and kept in the cache directory; it holds what
the packages depend on, a PostgreSQL server, rpm and curl, so that the container needs no network.
"""

import fcntl
import hashlib
import os
import re
import subprocess

from story import Failure, run, wait_until

CACHE = os.environ.get("PGVIGIL_CACHE") or os.path.expanduser("~/.cache/pgvigil")
MIRRORS = """deb http://deb.debian.org/debian bookworm main
deb http://deb.debian.org/debian bookworm-updates main
deb http://deb.debian.org/debian-security bookworm-security main
"""
ALWAYS = ["systemd", "systemd-sysv", "dbus", "postgresql-15", "rpm", "curl", "ca-certificates", "tzdata", "procps"]
PODMAN = ["podman", "--runtime", "runc"]


def _dependencies(debs):
    """Names of the packages that these need, as their control files say."""
    names = set()
    for deb in debs:
        for field in ("Depends", "Pre-Depends"):
            for one in run("dpkg-deb", "-f", deb, field).strip().split(","):
                if one.strip():
                    names.add(re.split(r"[ (|:]", one.strip())[0])
    return sorted(names)


def image(debs):
    """An image in which `debs` can be installed, made when it is not there: its name, and the archive
    with its files."""
    packages = sorted(set(ALWAYS + _dependencies(debs)))
    key = hashlib.sha256((MIRRORS + " ".join(packages)).encode()).hexdigest()[:12]
    name = f"localhost/pgvigil-packages:{key}"
    tree = f"{CACHE}/debian-12-{key}.tar"
    os.makedirs(CACHE, exist_ok=True)
    with open(f"{CACHE}/debian-12.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests that start at once make it once
        if not os.path.exists(tree):
            make_tree(tree, packages)
        if subprocess.run([*PODMAN, "image", "exists", name], check=False).returncode != 0:
            run(*PODMAN, "import", tree, name)
    return name, tree


def make_tree(tree, packages):
    """The root file system of a Debian with these packages, as a tar archive."""
    run("mmdebstrap", "--format=tar", "--variant=minbase", "--dpkgopt=force-unsafe-io",
        f"--include={','.join(packages)}",
        # No PostgreSQL cluster of its own: the test makes one.
        "--essential-hook=mkdir -p $1/etc/postgresql-common",
        "--essential-hook=echo create_main_cluster=false > $1/etc/postgresql-common/createcluster.conf",
        "bookworm", tree + ".part", "-", input=MIRRORS)
    os.rename(tree + ".part", tree)


class Container:
    """One machine; use as a context manager."""

    def __init__(self, image_name, packages_directory):
        self._id = run(
            *PODMAN, "run", "--detach", "--rm", "--systemd=always", "--privileged", "--network=none",
            "--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096", "--tmpfs=/home:size=7m,mode=755",
            f"--volume={packages_directory}:/packages:ro", image_name,
            # As on a machine, mounts are shared: credentials reach a service that way.
            "sh", "-c", "mount --make-rshared / && exec /lib/systemd/systemd",
        ).strip().splitlines()[-1]
        wait_until("systemd in the container", lambda: self.shell(
            "systemctl is-system-running", status=None).strip() in ("running", "degraded"), seconds=60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        run(*PODMAN, "rm", "--force", "--time=0", self._id)

    def shell(self, script, status=0):
        """Output of a script run by root, standard error included."""
        try:
            return run(*PODMAN, "exec", self._id, "bash", "-c", script, status=status)
        except Failure as failure:
            raise Failure(f"in the container: {script}\n{failure}") from failure

    def write(self, path, content, mode="0644"):
        run(*PODMAN, "exec", "--interactive", self._id, "bash", "-c", f"cat > {path} && chmod {mode} {path}",
            input=content)

    def property(self, unit, name):
        return self.shell(f"systemctl show --property={name} --value {unit}").strip()

    def pid(self, unit):
        return int(self.property(unit, "MainPID"))

    def print_logs(self):
        print(self.shell("journalctl --no-pager -n 60 -u 'pgvigil-*'; systemctl --no-pager status 'pgvigil-*'",
                         status=None))
