"""Completions for bash, zsh and fish, made from the parser: commands, options, their values, and names of jobs.

The names of jobs are those of the files in jobs.d, which the shell lists by itself: that takes no time, and works
where the configuration has mistakes. Whoever may not read that directory is offered none.
"""

from __future__ import annotations

from zfspull_dist.commands import Command, Kind, Option, read_program


_JOBS = "/etc/zfspull/jobs.d"


def bash() -> str:
    """For /usr/share/bash-completion/completions/zfspull."""
    program, everywhere = read_program()
    commands = list(program.walk())
    options = [option for command in commands for option in command.options] + list(everywhere)
    taking = _by_kind(options)
    paths = [" ".join(command.words) for command in commands]
    parents = [" ".join((*command.words[:-1], "")) for command in commands]
    steps = _cases(
        "command",
        {f"{above or ' '}{path.split()[-1]}": path for above, path in zip(parents[1:], paths[1:], strict=True)},
    )
    choices = _cases(
        "words",
        {name: " ".join(option.choices) for option in options if option.kind is Kind.CHOICE for name in option.names},
    )
    words = _cases("words", dict(zip(paths, map(_bash_words, commands), strict=True)))
    flags = _cases(
        "words",
        {
            path: " ".join(_names((*command.options, *everywhere)))
            for path, command in zip(paths, commands, strict=True)
        },
    )
    with_value = "|".join(_names([option for option in options if option.kind is not Kind.NONE]))
    return f"""\
# bash completion for zfspull; made from its parser.
_zfspull_jobs() {{
    local file
    for file in {_JOBS}/*.yaml {_JOBS}/*.yml; do
        [[ -e $file ]] || continue
        file=${{file##*/}}
        printf '%s\\n' "${{file%.*}}"
    done
}}

_zfspull() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}} command="" words="" i
    COMPREPLY=()
    # --option=value is three words to bash.
    if [[ $cur == = ]]; then
        cur=""
    elif [[ $prev == = ]]; then
        prev=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${{COMP_WORDS[i]}} in
            {with_value}) ((i++)); continue ;;
        esac
        case "$command ${{COMP_WORDS[i]}}" in
{steps}
        esac
    done
    case $prev in
{choices}
        {"|".join(taking[Kind.FILE])}) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
        {"|".join(taking[Kind.JOB]) or "--"}) words=@jobs ;;
        {"|".join(taking[Kind.OTHER]) or "--"}) return ;;
        *)
            if [[ $cur == -* ]]; then
                case $command in
{flags}
                esac
            else
                case $command in
{words}
                esac
            fi ;;
    esac
    [[ $words == @jobs ]] && words=$(_zfspull_jobs)
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}}
complete -F _zfspull zfspull
"""


def zsh() -> str:
    """For /usr/share/zsh/vendor-completions/_zfspull."""
    program, everywhere = read_program()
    functions = "\n".join(_zsh_function(command, everywhere) for command in program.walk())
    return f"""\
#compdef zfspull
# zsh completion for zfspull; made from its parser.
_zfspull_jobs() {{
    local -a jobs
    jobs=({_JOBS}/*.(yaml|yml)(N:t:r))
    (( $#jobs )) && compadd -a jobs
}}

{functions}
_zfspull "$@"
"""


def fish() -> str:
    """For /usr/share/fish/vendor_completions.d/zfspull.fish."""
    program, everywhere = read_program()
    lines = [
        "# fish completion for zfspull; made from its parser.",
        "function __zfspull_jobs",
        f"    for file in {_JOBS}/*.yaml {_JOBS}/*.yml",
        "        path change-extension '' (path basename $file)",
        "    end",
        "end",
        "complete -c zfspull -f",
        *(_fish_option(option, "") for option in everywhere),
    ]
    for command in program.walk():
        seen = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in command.words)
        verbs = " ".join(below.words[-1] for below in command.commands)
        free = f"{seen}; and not __fish_seen_subcommand_from {verbs}" if seen else "__fish_use_subcommand"
        lines += [
            f"complete -c zfspull -n {_fish(free)} -a {below.words[-1]} -d {_fish(below.summary)}"
            for below in command.commands
        ]
        condition = seen or "__fish_use_subcommand"
        lines += [_fish_option(option, condition) for option in command.options]
        if any(argument.kind is Kind.JOB for argument in command.arguments):
            lines.append(f"complete -c zfspull -n {_fish(condition)} -a '(__zfspull_jobs)' -d job")
    return "\n".join(lines) + "\n"


def _zsh_function(command: Command, everywhere: tuple[Option, ...]) -> str:
    name = "_".join(("_zfspull", *command.words)).replace("-", "_")
    specs = [_zsh_option(option) for option in (*command.options, *everywhere)]
    if not command.commands:
        specs += [f"'*:{argument.metavar}:{_ZSH_ACTION[argument.kind]}'" for argument in command.arguments]
        body = " \\\n        ".join(["    _arguments -s", *specs])
        return f"{name}() {{\n{body}\n}}\n"
    offered = " ".join(_shell(f"{below.words[-1]}:{below.summary}") for below in command.commands)
    calls = "\n".join(
        f"            {below.words[-1]}) {name}_{below.words[-1].replace('-', '_')} ;;" for below in command.commands
    )
    body = " \\\n        ".join(["    _arguments -s -C", *specs, "'1: :->command'", "'*:: :->rest'"])
    return f"""\
{name}() {{
    local curcontext=$curcontext context state state_descr line
    typeset -A opt_args
    local -a commands
    commands=({offered})
{body}
    case $state in
        command) _describe command commands ;;
        rest) case $words[1] in
{calls}
        esac ;;
    esac
}}
"""


_ZSH_ACTION = {Kind.FILE: "_files", Kind.JOB: "_zfspull_jobs", Kind.CHOICE: "", Kind.OTHER: "", Kind.NONE: ""}


def _zsh_option(option: Option) -> str:
    told = option.help.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")
    name = option.names[-1]
    if option.kind is Kind.NONE:
        return _shell(f"{name}[{told}]")
    action = f"({' '.join(option.choices)})" if option.choices else _ZSH_ACTION[option.kind]
    return _shell(f"*{name}=[{told}]:{option.metavar.lower()}:{action}")


def _fish_option(option: Option, condition: str) -> str:
    where = f" -n {_fish(condition)}" if condition else ""
    value = {Kind.NONE: "", Kind.FILE: " -r -F", Kind.JOB: " -x -a '(__zfspull_jobs)'", Kind.OTHER: " -x"}.get(
        option.kind, f" -x -a {_fish(' '.join(option.choices))}"
    )
    return f"complete -c zfspull{where} -l {option.names[-1].lstrip('-')}{value} -d {_fish(option.help)}"


def _cases(variable: str, values: dict[str, str]) -> str:
    """The branches of a `case` that set the variable to the value for each word."""
    return "\n".join(f"        {_shell(word)}) {variable}={_shell(value)} ;;" for word, value in values.items())


def _bash_words(command: Command) -> str:
    """What may stand in that place: commands, or `@jobs`, or nothing that a shell knows."""
    if command.commands:
        return " ".join(below.words[-1] for below in command.commands)
    return "@jobs" if any(argument.kind is Kind.JOB for argument in command.arguments) else ""


def _by_kind(options: list[Option]) -> dict[Kind, list[str]]:
    return {kind: _names([option for option in options if option.kind is kind]) for kind in Kind}


def _names(options: list[Option] | tuple[Option, ...]) -> list[str]:
    """Their names, each once, in order."""
    return list(dict.fromkeys(name for option in options for name in option.names))


def _shell(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
