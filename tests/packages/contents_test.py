#!/usr/bin/python3
"""What is in the packages, without installing them: the same bytes when packed again, what lintian says,
the units' exposure, pages and completions that tell what --help tells, a bill of materials that names
what is linked."""

import argparse
import glob
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile

from story import check, contains, equal, run, step, tell

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path.insert(0, f"{SOURCE}/packaging/manual")

import command_line  # noqa: E402
import metrics  # noqa: E402

VERSION = "0.1.0"
EXPOSURE = {"agent": 20, "collector": 15}  # at most, in tenths


def digests(directory):
    out = {}
    for path in sorted(glob.glob(f"{directory}/*{VERSION}*")):
        with open(path, "rb") as file:
            out[os.path.basename(path)] = hashlib.sha256(file.read()).hexdigest()
    return out


def same_bytes(directory, build_dir, again):
    step("packed again, on another day and by another umask: the same bytes")
    for tool in ("build-deb", "build-rpm"):
        run("bash", "-c", f"umask 0077; TZ=Asia/Tokyo LC_ALL=C packaging/{tool} --build-dir {build_dir} --output {again}",
            cwd=SOURCE)
    equal(digests(again), digests(directory), "sha256 of the packages")


def lintian(directory):
    step("lintian finds no error and no warning")
    debs = sorted(glob.glob(f"{directory}/*_{VERSION}_*.deb"))
    output = run("lintian", "--allow-root", "--fail-on", "error,warning", "--display-info", *debs, status=None)
    found = [line for line in output.splitlines() if line.startswith(("E:", "W:"))]
    equal(found, [], "lintian")


def units(root, part):
    step(f"the unit of the {part}")
    unit = f"{root}/lib/systemd/system/pgvigil-{part}.service"
    run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE[part]}", unit)
    with open(unit, encoding="utf-8") as file:
        text = file.read()
    for setting in ("Type=notify", "WatchdogSec=", "MemoryMax=", "MemoryHigh=", "CPUQuota=", "TasksMax=", "LoadCredential="):
        contains(text, f"\n{setting}", "the unit")


def manual(root, part, commands):
    step(f"the manual pages of the {part}")
    name = f"pgvigil-{part}"
    pages = {"1": f"man1/{name}.1.gz", "5": f"man5/{name}.toml.5.gz", "7": f"man7/{name}.metrics.7.gz",
             "8": f"man8/{name}.service.8.gz"}
    texts = {}
    for section, page in pages.items():
        path = f"{root}/usr/share/man/{page}"
        environment = {**os.environ, "MANROFFSEQ": "", "MANWIDTH": "200", "LC_ALL": "C.UTF-8"}
        warnings = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", path], check=False, text=True,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment).stderr
        equal(warnings, "", f"warnings of {page}")
        texts[section] = run("bash", "-c", f"man -l {path} | col -b", env=environment)
    for command in command_line.walk(commands):
        if command.subcommands:
            continue
        contains(texts["1"], " ".join(command.words), "section 1")
        for option in command.options:
            contains(texts["1"], ", ".join(option.names), f"section 1 of {' '.join(command.words)}")
    with open(f"{SOURCE}/{part}/config/{part}.toml.example", encoding="utf-8") as file:
        for line in file:
            if key := re.match(r"^#? ?([\w.-]+) = (.*)$", line):
                contains(texts["5"], f"{key[1]} = {key[2]}", "section 5")
    with open(f"{SOURCE}/packaging/manual/{name}.metrics", encoding="utf-8") as file:
        for _, entries in metrics.parse(file.read(), f"{name}.metrics"):
            for one in entries:
                contains(texts["7"], one.name, "section 7")
    contains(texts["8"], f"/etc/{name}/credentials/", "section 8")


def completions(root, part, commands):
    step(f"the completions of the {part}")
    name = f"pgvigil-{part}"
    share = f"{root}/usr/share"
    bash = f"{share}/bash-completion/completions/{name}"
    run("zsh", "-n", f"{share}/zsh/vendor-completions/_{name}")
    run("fish", "--no-execute", f"{share}/fish/vendor_completions.d/{name}.fish")

    def bash_offers(*words):
        script = (f"source {bash}; COMP_WORDS=({name} {' '.join(words)} ''); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
                  f"_{name.replace('-', '_')}; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        return set(run("bash", "-c", script).split())

    def fish_offers(*words):
        script = f"source {share}/fish/vendor_completions.d/{name}.fish; complete -C '{' '.join([name, *words, ''])}'"
        return {line.split("\t")[0] for line in run("fish", "--no-config", "-c", script).splitlines()}

    for command in command_line.walk(commands):
        below = {one.words[-1] for one in command.subcommands}
        options = {one for option in command.options for one in option.names if one.startswith("--")}
        equal(bash_offers(*command.words), below | options, f"bash after {command.words}")
        if below:
            equal(fish_offers(*command.words), below, f"fish after {command.words}")
        with open(f"{share}/zsh/vendor-completions/_{name}", encoding="utf-8") as file:
            zsh = file.read()
        for word in below:
            contains(zsh, f"'{word}:", "zsh")


def materials(root, part, program):
    step(f"the bill of materials of the {part}")
    name = f"pgvigil-{part}"
    with open(f"{root}/usr/share/doc/{name}/{name}.spdx.json", encoding="utf-8") as file:
        document = json.load(file)
    equal(document["spdxVersion"], "SPDX-2.3", "version")
    ids = {one["SPDXID"]: one for one in document["packages"]}
    equal(len(ids), len(document["packages"]), "each package comes once")
    for one in document["relationships"]:
        check(one["relatedSpdxElement"] in ids, f"{one} names a package")
    linked = {ids[one["relatedSpdxElement"]]["name"] for one in document["relationships"]
              if one["relationshipType"] == "DYNAMIC_LINK"}
    for library in re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", program)):
        if library.startswith("ld-linux"):
            continue
        owners = run("dpkg-query", "-S", f"*/{library}").replace(",", "\n")
        check(any(owner.split(":")[0].strip() in linked for owner in owners.splitlines()),
              f"{library} is named: {owners}")
    compiled = {ids[one["relatedSpdxElement"]]["name"] for one in document["relationships"]
                if one["relationshipType"] == "STATIC_LINK"}
    for package in ("libexpected-dev", "libtomlplusplus-dev", "libcli11-dev"):
        check(package in compiled, f"{package} is compiled in: {compiled}")


def hardening(program):
    header = run("readelf", "-h", "-l", "-d", program)
    for sign in ("DYN (Position-Independent", "GNU_RELRO", "BIND_NOW"):
        contains(header, sign, program)
    check("RPATH" not in header and "RUNPATH" not in header, f"{program} has no search path of its own")
    strings = run("strings", program)
    check(SOURCE not in strings, f"{program} does not tell where it was built")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", required=True, help="directory with version 0.1.0")
    parser.add_argument("--build-dir", required=True, help="that they were packed from")
    arguments = parser.parse_args()

    def story():
        with tempfile.TemporaryDirectory() as work:
            same_bytes(arguments.packages, os.path.abspath(arguments.build_dir), f"{work}/again")
            lintian(arguments.packages)
            for part in ("agent", "collector"):
                root = f"{work}/{part}"
                run("dpkg-deb", "-x", glob.glob(f"{arguments.packages}/pgvigil-{part}_{VERSION}_*.deb")[0], root)
                program = f"{root}/usr/bin/pgvigil-{part}"
                commands = command_line.read(program)
                hardening(program)
                units(root, part)
                manual(root, part, commands)
                completions(root, part, commands)
                materials(root, part, program)

    tell(story)


if __name__ == "__main__":
    main()
