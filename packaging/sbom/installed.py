"""Which installed package a file belongs to, by dpkg or by rpm."""

import dataclasses
import glob
import os
import subprocess


@dataclasses.dataclass(frozen=True, order=True)
class Package:
    name: str
    version: str
    source: str
    purl: str


def _query(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


class Dpkg:
    def __init__(self):
        self._owner = {}
        for path in sorted(glob.glob("/var/lib/dpkg/info/*.list")):
            name = os.path.basename(path).removesuffix(".list")
            with open(path, encoding="utf-8") as file:
                self._owner.update(dict.fromkeys(file.read().splitlines(), name))

    def owners(self, paths):
        """The packages of these files, each once, by name; files of no package are passed over."""
        names = {self._owner_of(path) for path in paths} - {None}
        form = "${Package}\t${Version}\t${source:Package}\t${Architecture}\n"
        packages = []
        for line in _query("dpkg-query", "-W", "-f", form, *names) if names else []:
            name, version, source, architecture = line.split("\t")
            purl = f"pkg:deb/debian/{name}@{version.replace('+', '%2B')}?arch={architecture}"
            packages.append(Package(name, version, source, purl))
        return sorted(packages)

    def _owner_of(self, path):
        for one in (path, os.path.realpath(path)):
            # /lib is a link to /usr/lib, and packages name files by either.
            for candidate in (one, one.removeprefix("/usr"), "/usr" + one):
                if candidate in self._owner:
                    return self._owner[candidate]
        return None


class Rpm:
    def owners(self, paths):
        """The packages of these files, each once, by name; files of no package are passed over."""
        packages = set()
        form = "%{NAME}\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\t%{SOURCERPM}\t%{ARCH}\n"
        for start in range(0, len(paths), 500):
            command = ["rpm", "-qf", "--qf", form, *paths[start:start + 500]]
            found = subprocess.run(command, check=False, capture_output=True, text=True).stdout
            for line in found.splitlines():
                if line.count("\t") == 3:
                    name, version, source, architecture = line.split("\t")
                    version = version.removeprefix("0:")
                    purl = f"pkg:rpm/{name}@{version}?arch={architecture}"
                    packages.add(Package(name, version, source, purl))
        return sorted(packages)
