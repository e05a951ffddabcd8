"""Images for the compose test, built here: ours, and stand-ins for those of PostgreSQL and Kafka."""

import fcntl
import hashlib
import os

import container
from story import run

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
PODMAN = ["podman"]
TAG = "stand-in"
BASES = {
    # What a Debian image of a registry holds, and what the stand-ins need.
    "debian": ["ca-certificates"],
    "servers": ["ca-certificates", "openjdk-17-jre-headless", "postgresql-15", "procps"],
}


def _base(name):
    """A Debian with some packages, made when it is not there."""
    packages = BASES[name]
    key = hashlib.sha256((container.MIRRORS + " ".join(packages)).encode()).hexdigest()[:12]
    image = f"localhost/pgvigil-{name}:{key}"
    tree = f"{container.CACHE}/{name}-{key}.tar"
    os.makedirs(container.CACHE, exist_ok=True)
    with open(f"{container.CACHE}/{name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(tree):
            container.make_tree(tree, packages)
        if not run(*PODMAN, "images", "--quiet", image).strip():
            run(*PODMAN, "import", tree, image)
    return image


def _build(dockerfile, target, name, **arguments):
    command = [*PODMAN, "build", "--network=host", "--format=docker", f"--file={dockerfile}", f"--target={target}",
               f"--tag={name}"]
    jars = arguments.pop("jars", None)
    if jars:
        command.append(f"--build-context=jars={jars}")
    command += [f"--build-arg={key}={value}" for key, value in arguments.items()]
    run(*command, ".", cwd=SOURCE)


def build():
    """All that docker-compose.yml names, ours from build/packages; the variables that choose them."""
    servers = _base("servers")
    jars = run("tests/support/fetch-kafka", cwd=SOURCE).strip().splitlines()[-1]
    _build("tests/packages/compose/Dockerfile", "postgres", f"docker.io/library/postgres:{TAG}", BASE=servers)
    _build("tests/packages/compose/Dockerfile", "kafka", f"docker.io/apache/kafka:{TAG}", BASE=servers, jars=jars)
    for program in ("collector", "agent"):
        _build("packaging/docker/Dockerfile", program, f"docker.io/library/pgvigil-{program}:{TAG}",
               DEBIAN=_base("debian"), PACKAGES="tree")
    return {"POSTGRES_TAG": TAG, "KAFKA_TAG": TAG, "PGVIGIL_TAG": TAG}
