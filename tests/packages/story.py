"""What the package tests share: claims, and commands that tell what they did when they fail."""

import subprocess
import sys
import time


class Failure(Exception):
    """A claim that does not hold."""


claims = 0


def check(condition, message):
    global claims
    claims += 1
    if not condition:
        raise Failure(message)


def equal(got, expected, what):
    check(got == expected, f"{what}: expected {expected!r}, got {got!r}")


def contains(text, part, what):
    check(part in text, f"{what}: expected {part!r} in:\n{text}")


def step(what):
    print(f"-- {what} ({time.strftime('%H:%M:%S')})", flush=True)


def run(*command, status=0, **options):
    """Its output, standard error included; a Failure when it ends with another status (None: any)."""
    options.setdefault("text", True)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options)
    if status is not None and done.returncode != status:
        raise Failure(f"{' '.join(command)}: exit status {done.returncode}:\n{done.stdout}")
    return done.stdout


def wait_until(what, predicate, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = predicate()
        if value:
            return value
        time.sleep(0.2)
    raise Failure(f"{what}: not within {seconds} s")


def tell(story, on_failure=None):
    """Runs a test; the last line it prints is its result."""
    try:
        story()
    except Failure as failure:
        if on_failure:
            on_failure()
        sys.exit(f"FAILED: {failure}")
    print(f"{claims} claims hold")
