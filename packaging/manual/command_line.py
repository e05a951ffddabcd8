"""What a program's own --help says about its command line, as values: the one source of the manual
pages and the completions."""

import dataclasses
import re
import subprocess


@dataclasses.dataclass
class Option:
    names: list  # "-c", "--config"
    argument: str  # "TEXT"; "" for a flag
    choices: list  # of the argument; empty: anything
    default: str
    description: str

    @property
    def takes_file(self):
        return self.names[-1] in ("--config", "--pid-file")


@dataclasses.dataclass
class Command:
    words: list  # after the program's name: ["config", "check"]
    description: str
    options: list
    subcommands: list
    positionals: list  # (name, description)


POSITIONAL = re.compile(r"^  (?P<name>[a-z]\S*) [A-Z]+(?: REQUIRED)?  +(?P<text>\S.*)$")
OPTION = re.compile(r"^  (?P<names>-\S+?)(?: (?P<argument>[A-Z]+)(?P<rest>\S.*?)?)?(?:  +(?P<text>\S.*))?$")


def read(program, words=()):
    """The command `words` of the program, with all commands below it."""
    command = [program, *words, "--help"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    head, _, rest = text.partition("Usage:")
    options, names, positionals = [], [], []
    section = ""
    for line in rest.splitlines()[1:]:
        if re.match(r"^\w+:$", line):
            section = line
        elif section == "Subcommands:" and re.match(r"^  \S", line):
            names.append(line.split()[0])
        elif section == "Options:" and re.match(r"^  -", line):
            options.append(_option(line))
        elif section == "Options:" and re.match(r"^ {10,}\S", line):
            options[-1].description = f"{options[-1].description} {line.strip()}".strip()
        elif section == "Positionals:" and POSITIONAL.match(line):
            found = POSITIONAL.match(line)
            positionals.append((found["name"], found["text"]))
        elif line.strip():
            raise ValueError(f"{' '.join(command)}: not understood: {line!r}")
    below = [read(program, [*words, name]) for name in names]
    return Command(list(words), head.strip(), options, below, positionals)


def _option(line):
    found = OPTION.match(line)
    if not found:
        raise ValueError(f"not understood: {line!r}")
    rest = found["rest"] or ""
    choices = re.search(r":\{([^}]*)\}", rest)
    default = re.search(r"=([^ ]+)", rest)
    return Option(
        names=found["names"].split(","),
        argument=found["argument"] or "",
        choices=choices[1].split(",") if choices else [],
        default=default[1] if default else "",
        description=found["text"] or "",
    )


def walk(command):
    """The command and all below it, parents first."""
    yield command
    for one in command.subcommands:
        yield from walk(one)
