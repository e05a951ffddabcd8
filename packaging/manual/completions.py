"""Shell completions from a command line (command_line.py): bash, zsh and fish."""

from command_line import walk


def _words(command):
    return [one.words[-1] for one in command.subcommands] + [
        name for option in command.options for name in option.names if name.startswith("--")
    ]


def bash(name, root):
    function = "_" + name.replace("-", "_")
    lines = [
        f"# bash completion of {name}; made from its --help.",
        f"{function}() {{",
        "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command= word",
        '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
        '    case "$command $word" in',
    ]
    names = [" ".join(["", *one.words]) for one in walk(root) if one.words]
    lines += [f"      {'|'.join(chr(34) + one + chr(34) for one in names)}) command+=\" $word\" ;;"]
    lines += ["    esac", "  done", "  case $previous in"]
    seen = set()
    for option in (one for command in walk(root) for one in command.options):
        names = "|".join(option.names)
        if not option.argument or names in seen:
            continue
        seen.add(names)
        if option.takes_file:
            reply = 'COMPREPLY=($(compgen -f -- "$current"))'
        elif option.choices:
            reply = f'COMPREPLY=($(compgen -W "{" ".join(option.choices)}" -- "$current"))'
        else:
            reply = "COMPREPLY=()"
        lines.append(f"    {names}) {reply}; return ;;")
    lines += ["  esac", "  case $command in"]
    for command in walk(root):
        pattern = '" ' + " ".join(command.words) + '"' if command.words else '""'
        words = " ".join(_words(command))
        lines.append(f'    {pattern}) COMPREPLY=($(compgen -W "{words}" -- "$current")) ;;')
    lines += ["  esac", "}", f"complete -o filenames -F {function} {name}", ""]
    return "\n".join(lines)


def _zsh_quoted(text):
    return text.replace("'", "'\\''").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")


def _zsh_option(option):
    action = ""
    if option.takes_file:
        action = ":file:_files"
    elif option.choices:
        action = f":{option.names[-1].lstrip('-')}:({' '.join(option.choices)})"
    elif option.argument:
        action = f":{option.names[-1].lstrip('-')}:"
    names = [name for name in option.names if name.startswith("--")]
    return [f"'{name}[{_zsh_quoted(option.description)}]{action}'" for name in names]


def zsh(name, root):
    lines = [f"#compdef {name}", f"# zsh completion of {name}; made from its --help."]
    for command in walk(root):
        function = "_" + "_".join([name.replace("-", "_"), *(w.replace("-", "_") for w in command.words)])
        lines += ["", f"{function}() {{", "  local state line", "  _arguments -C \\"]
        lines += [f"    {one} \\" for option in command.options for one in _zsh_option(option)]
        if not command.subcommands:
            lines[-1] = lines[-1].removesuffix(" \\")
            lines += ["}"]
            continue
        lines += ["    '1:command:->command' '*::arguments:->arguments'", "  case $state in"]
        pairs = [f"'{one.words[-1]}:{_zsh_quoted(one.description)}'" for one in command.subcommands]
        lines += ["    command)", "      local -a commands", f"      commands=({' '.join(pairs)})"]
        lines += ["      _describe command commands ;;", "    arguments)", "      case $line[1] in"]
        for one in command.subcommands:
            lines += [f"        {one.words[-1]}) {function}_{one.words[-1].replace('-', '_')} ;;"]
        lines += ["      esac ;;", "  esac", "}"]
    return "\n".join([*lines, "", f"_{name.replace('-', '_')} \"$@\"", ""])


def fish(name, root):
    def quoted(text):
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    lines = [f"# fish completion of {name}; made from its --help.", f"complete -c {name} -f"]
    for command in walk(root):
        if command.words:
            conditions = [f"__fish_seen_subcommand_from {word}" for word in command.words]
        else:
            conditions = ["__fish_use_subcommand"]
        below = [one.words[-1] for one in command.subcommands]
        at = quoted("; and ".join(conditions))
        for option in command.options:
            line = [f"complete -c {name} -n {at}"]
            for one in option.names:
                line.append(f"-l {one[2:]}" if one.startswith("--") else f"-s {one[1:]}")
            if option.takes_file:
                line.append("-r -F")
            elif option.choices:
                line.append(f"-x -a {quoted(' '.join(option.choices))}")
            elif option.argument:
                line.append("-x")
            lines.append(" ".join([*line, f"-d {quoted(option.description)}"]))
        if below and command.words:
            conditions.append(f"not __fish_seen_subcommand_from {' '.join(below)}")
        at = quoted("; and ".join(conditions))
        for one in command.subcommands:
            lines.append(f"complete -c {name} -n {at} -a {one.words[-1]} -d {quoted(one.description)}")
    return "\n".join([*lines, ""])
