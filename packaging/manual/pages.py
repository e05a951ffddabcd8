"""Manual pages in roff (man(7)): section 1 from a command line, section 5 from the commented example of
a configuration file, section 7 from a list of metrics. Section 8 is written by hand, in *.8 beside this
file."""

import re

from command_line import walk

KEY = re.compile(r"^#? ?([\w.-]+) = (.*)$")
SECTION = re.compile(r"^(#? ?)(\[\[?[\w.-]+\]\]?)$")


def escaped(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def title(name, section, date, version):
    return [f'.TH {name.upper()} {section} "{date}" "pgvigil {version}" "pgvigil"', ".nh", ".ad l"]


def commands(name, summary, root, tail, date, version):
    """Section 1; `tail` is roff: what --help does not say."""
    lines = title(name, 1, date, version)
    lines += [".SH NAME", f"{escaped(name)} \\- {escaped(summary)}", ".SH SYNOPSIS"]
    leaves = [one for one in walk(root) if not one.subcommands]
    for command in leaves:
        lines += [".br", f".B {escaped(' '.join([name, *command.words]))}"]
        lines += [f"[{_synopsis(option)}]" for option in command.options if option.names[-1] != "--help"]
        lines += [f"\\fI{escaped(name)}\\fR" for name, _ in command.positionals]
    lines += [".SH COMMANDS"]
    for command in leaves:
        lines += [f".SS {escaped(' '.join(command.words))}", escaped(_sentence(command.description))]
        for positional, description in command.positionals:
            lines += [".TP", f"\\fI{escaped(positional)}\\fR", escaped(_sentence(description))]
        for option in command.options:
            lines += [".TP", _synopsis(option), escaped(_sentence(option.description))]
            if option.choices:
                lines += [escaped(f"One of: {', '.join(option.choices)}.")]
            if option.default:
                lines += [escaped(f"Default: {option.default}.")]
    return "\n".join([*lines, tail.rstrip(), ""])


def _sentence(text):
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _synopsis(option):
    names = ", ".join(f"\\fB{escaped(name)}\\fR" for name in option.names)
    return f"{names} \\fI{option.argument.lower()}\\fR" if option.argument else names


def configuration(name, summary, path, example, see_also, date, version):
    """Section 5, in the order of the example."""
    lines = title(name, 5, date, version)
    lines += [".SH NAME", f"{escaped(name)} \\- {escaped(summary)}", ".SH SYNOPSIS"]
    lines += [f".I {escaped(path)}", ".br", f".I {escaped(path.rsplit('/', 1)[0])}/conf.d/*.toml"]
    lines += [".SH DESCRIPTION"]
    literal = False
    for line in example.splitlines()[1:]:
        section, key = SECTION.match(line), KEY.match(line)
        if literal and not key:
            lines += [".fi", ".RE"]
            literal = False
        if section:
            lines += [f".SH {escaped(section[2])}"]
        elif key:
            if not literal:
                lines += [".RS 4", ".nf"]
                literal = True
            kind = "" if not line.startswith("# ") else "   (an example; unset by default)"
            lines += [f"\\fB{escaped(key[1])}\\fR = {escaped(key[2])}{kind}"]
        elif line in ("", "#"):
            lines += [".PP"]
        elif line.startswith("# "):
            lines += [escaped(line[2:])]
        else:
            raise ValueError(f"{path}: not understood: {line!r}")
        if section:
            continue
    if literal:
        lines += [".fi", ".RE"]
    return "\n".join([*lines, ".SH SEE ALSO", escaped(see_also), ""])


def metrics(name, summary, where, sections, see_also, date, version):
    """Section 7; `sections` as metrics.parse gives them."""
    lines = title(name, 7, date, version)
    lines += [".SH NAME", f"{escaped(name)} \\- {escaped(summary)}", ".SH DESCRIPTION", escaped(where)]
    for section, entries in sections:
        lines += [f".SH {escaped(section.upper())}"]
        for one in entries:
            labels = f"{{{', '.join(one.labels)}}}" if one.labels else ""
            lines += [".TP", f"\\fB{escaped(one.name)}\\fR{escaped(labels)}"]
            unit = "" if one.unit == "1" else f", {one.unit}"
            lines += [f"\\fI{one.kind}{unit}\\fR{'' if one.always else '; not always there'}.", ".br"]
            lines += [escaped(_sentence(text)) for text in [one.help, *one.remarks]]
            if one.alert:
                lines += [".br", f"Alert: {escaped(_sentence(one.alert))}"]
    return "\n".join([*lines, ".SH SEE ALSO", escaped(see_also), ""])


def by_hand(text, date, version):
    return text.replace("@DATE@", date).replace("@VERSION@", version)
