"""What a container's command and arguments set, case by case."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.core import shell
from watchdog.core.command import LENGTH, matters, settings
from watchdog.core.environment import Bearer, Bulk, SecretKey, Variable, environment
from watchdog.core.facts import Unknown
from watchdog.core.pod import Container

NAMES = ("AGENT_MODE", "EXECUTION_AGENT_ENABLED", "EXEC_DRY_RUN")
BOOLEANS = ("EXECUTION_AGENT_ENABLED", "EXEC_DRY_RUN")
LIVE: list[tuple[str, object]] = [("AGENT_MODE", "LIVE")]
OFF: list[tuple[str, object]] = [("AGENT_MODE", "OFF")]
VARIABLES = (
    Variable("M", "LIVE"),
    Variable("FLAGS", "--agent-mode=LIVE --quiet"),
    Variable("PAIR", "AGENT_MODE=LIVE"),
    Variable("CMD", "AGENT_MODE=LIVE prog"),
    Variable("EMPTY", ""),
    Variable("S", "", SecretKey("s", "k")),
)


def of(words: Sequence[str], *args: str) -> list[tuple[str, object]]:
    container = Container("c", variables=VARIABLES, command=tuple(words), args=args)
    made = environment(container, Bearer("ns"), lambda name: None)
    found = settings(container, NAMES, made, BOOLEANS)
    if found:
        assert matters(container, NAMES)
    return [(name, value) for name, value, _ in found]


def sh(script: str) -> list[tuple[str, object]]:
    return of(["sh", "-c", script])


WORDS: dict[str, tuple[list[str], list[tuple[str, object]]]] = {
    "env": (["env", "AGENT_MODE=LIVE", "prog"], LIVE),
    "env by its path": (["/usr/bin/env", "AGENT_MODE=LIVE", "prog"], LIVE),
    "env after other assignments": (["env", "A=1", "AGENT_MODE=LIVE", "prog"], LIVE),
    "env, both": (["env", "AGENT_MODE=OFF", "AGENT_MODE=LIVE", "prog"], OFF + LIVE),
    "env of an empty value": (["env", "AGENT_MODE=", "prog"], [("AGENT_MODE", "")]),
    "env of a value with a sign": (["env", "AGENT_MODE=A=B", "prog"], [("AGENT_MODE", "A=B")]),
    "env -i": (["env", "-i", "prog"], [(name, None) for name in sorted(NAMES)]),
    "env - ": (["env", "-", "AGENT_MODE=LIVE", "p"], [*LIVE, *((n, None) for n in sorted(NAMES)[1:])]),
    "env -u": (["env", "-u", "AGENT_MODE", "prog"], [("AGENT_MODE", None)]),
    "env -uNAME": (["env", "-uAGENT_MODE", "prog"], [("AGENT_MODE", None)]),
    "env --unset=": (["env", "--unset=AGENT_MODE", "prog"], [("AGENT_MODE", None)]),
    "env -u, and set again": (["env", "-u", "AGENT_MODE", "AGENT_MODE=LIVE", "prog"], LIVE),
    "env -u of another": (["env", "-u", "PATH", "prog"], []),
    "env -S": (["env", "-S", "AGENT_MODE=LIVE prog"], LIVE),
    "env -S, by itself": (["env", "-SAGENT_MODE='LIVE' prog"], LIVE),
    "env --split-string=": (["env", "--split-string=AGENT_MODE=LIVE prog"], LIVE),
    "env -C": (["env", "-C", "/srv", "AGENT_MODE=LIVE", "prog"], LIVE),
    "env after a wrapper": (["tini", "--", "env", "AGENT_MODE=LIVE", "prog"], LIVE),
    "env after env": (["env", "A=1", "env", "AGENT_MODE=LIVE", "prog"], LIVE),
    "env before a shell": (["env", "A=1", "sh", "-c", "AGENT_MODE=LIVE prog"], LIVE),
    "env that runs what prints": (["env", "A=1", "echo", "AGENT_MODE=LIVE"], []),
    "a word by itself": (["entrypoint.sh", "AGENT_MODE=LIVE"], LIVE),
    "a word after an option": (["run", "-e", "AGENT_MODE=LIVE"], LIVE),
    "a word in an option": (["run", "--env=AGENT_MODE=LIVE"], LIVE),
    "a flag": (["prog", "--agent-mode=live"], [("AGENT_MODE", "live")]),
    "a flag and its value": (["prog", "--agent-mode", "live"], [("AGENT_MODE", "live")]),
    "a flag with underscores": (["prog", "--agent_mode=LIVE"], LIVE),
    "a flag with dots": (["prog", "--agent.mode=LIVE"], LIVE),
    "a flag with one dash": (["prog", "-agent-mode=LIVE"], LIVE),
    "a flag in capitals": (["prog", "--AGENT_MODE", "LIVE"], LIVE),
    "a flag twice": (
        ["prog", "--agent-mode=off", "--agent-mode=live"],
        [("AGENT_MODE", "off"), ("AGENT_MODE", "live")],
    ),
    "a flag's empty value": (["prog", "--agent-mode="], [("AGENT_MODE", "")]),
    "a flag after a subcommand": (["prog", "run", "-v", "--agent-mode", "LIVE", "x"], LIVE),
    "a flag that stands alone": (["prog", "--execution-agent-enabled"], [("EXECUTION_AGENT_ENABLED", "true")]),
    "a flag that stands before another": (
        ["prog", "--execution-agent-enabled", "--quiet"],
        [("EXECUTION_AGENT_ENABLED", "true")],
    ),
    "a flag that may stand alone, before a word": (
        ["prog", "--execution-agent-enabled", "run"],
        [("EXECUTION_AGENT_ENABLED", "true")],
    ),
    "a flag that may stand alone, before a truth value": (
        ["prog", "--execution-agent-enabled", "False"],
        [("EXECUTION_AGENT_ENABLED", "False"), ("EXECUTION_AGENT_ENABLED", "true")],
    ),
    "a flag that may stand alone hides no setting": (
        ["prog", "--execution-agent-enabled", "AGENT_MODE=LIVE"],
        [("EXECUTION_AGENT_ENABLED", "true"), *LIVE],
    ),
    "a flag turned off": (["prog", "--no-exec-dry-run"], [("EXEC_DRY_RUN", "false")]),
    "a longer flag": (["prog", "--agent-mode-file=LIVE"], []),
    "a shorter flag": (["prog", "--mode=LIVE"], []),
    "another's value": (["prog", "--message", "agent-mode=LIVE"], []),
    "a word in another case": (["prog", "agent_mode=LIVE"], []),
    "prose": (["prog", "never set AGENT_MODE=LIVE"], []),
    "printed": (["echo", "AGENT_MODE=LIVE"], []),
    "searched for": (["grep", "-q", "AGENT_MODE=LIVE", "/etc/x"], []),
    "python -c": (["python3.11", "-c", "import os; os.environ['AGENT_MODE'] = 'LIVE'"], LIVE),
    "python -c, with options": (["python", "-u", "-c", 'os.environ.setdefault("AGENT_MODE", "LIVE")'], LIVE),
    "python -c that compares": (["python", "-c", "assert os.environ['AGENT_MODE'] == 'LIVE'"], []),
    "node -e": (["node", "-e", "process.env.AGENT_MODE = 'LIVE'"], LIVE),
    "ruby -e": (["ruby", "-e", "ENV['AGENT_MODE']='LIVE'"], LIVE),
    "python -m": (["python", "-m", "agent", "--agent-mode", "LIVE"], LIVE),
    "python with a script": (["python", "agent.py", "--agent-mode=LIVE"], LIVE),
    "the kubelet's reference": (["prog", "--agent-mode=$(M)"], LIVE),
    "the kubelet's reference, a whole word": (["env", "$(PAIR)", "prog"], LIVE),
    "an escaped one": (["prog", "--agent-mode=$$(M)"], [("AGENT_MODE", "$(M)")]),
    "a reference to nothing": (["prog", "--agent-mode=$(NO)"], [("AGENT_MODE", "$(NO)")]),
    "a shell's reference without a shell": (["prog", "--agent-mode=$M"], [("AGENT_MODE", "$M")]),
    "a shell": (["sh", "-c", "AGENT_MODE=LIVE exec prog"], LIVE),
    "a shell by its path": (["/bin/bash", "-c", "AGENT_MODE=LIVE exec prog"], LIVE),
    "a shell with options": (["bash", "-euo", "pipefail", "-c", "AGENT_MODE=LIVE prog"], LIVE),
    "a shell with options in one": (["bash", "-lc", "AGENT_MODE=LIVE prog"], LIVE),
    "a shell with an option's value after": (["bash", "-co", "pipefail", "AGENT_MODE=LIVE prog"], LIVE),
    "a shell with an option after": (["bash", "-c", "-e", "AGENT_MODE=LIVE prog"], LIVE),
    "a shell with an end of options": (["bash", "-c", "--", "AGENT_MODE=LIVE prog"], LIVE),
    "busybox": (["busybox", "sh", "-c", "AGENT_MODE=LIVE prog"], LIVE),
    "a shell's arguments": (["sh", "-c", 'exec "$@"', "--", "env", "AGENT_MODE=LIVE", "prog"], LIVE),
    "a shell's file": (["sh", "run.sh", "--agent-mode=LIVE"], LIVE),
    "su -c": (["su", "agent", "-c", "AGENT_MODE=LIVE prog"], LIVE),
    "a shell without its script": (["sh", "-c"], []),
    "nothing": ([], []),
    "an empty word": (["", "AGENT_MODE=LIVE"], LIVE),
}


@pytest.mark.parametrize("law", WORDS)
def test_what_words_set(law: str) -> None:
    words, expected = WORDS[law]
    assert of(words) == expected
    assert of([], *words) == expected, "the image's own entry point may run them"


SCRIPTS: dict[str, tuple[str, list[tuple[str, object]]]] = {
    "an assignment": ("AGENT_MODE=LIVE; prog", LIVE),
    "an assignment before a command": ("AGENT_MODE=LIVE prog", LIVE),
    "an assignment before exec": ("AGENT_MODE=LIVE exec prog", LIVE),
    "the second assignment": ("A=1 AGENT_MODE=LIVE prog", LIVE),
    "a later line": ("set -e\n\n  AGENT_MODE=LIVE prog\n", LIVE),
    "a line that goes on": ("A=1 \\\n  AGENT_MODE=LIVE prog", LIVE),
    "export": ("export AGENT_MODE=LIVE; prog", LIVE),
    "export of several": ("export A=1 AGENT_MODE=LIVE", LIVE),
    "export of a quoted word": ('export "AGENT_MODE=LIVE"', LIVE),
    "export of a name": ("export AGENT_MODE", []),
    "declare -x": ("declare -x AGENT_MODE=LIVE", LIVE),
    "set": ("set AGENT_MODE=LIVE", LIVE),
    "env": ("env AGENT_MODE=LIVE prog", LIVE),
    "env -C": ("env -C /srv AGENT_MODE=LIVE prog", LIVE),
    "a word after an option": ("docker run -e AGENT_MODE=LIVE engine", LIVE),
    "after a sign that begins no comment": ("echo a#b; AGENT_MODE=LIVE prog", LIVE),
    "exec env": ("exec env -i AGENT_MODE=LIVE prog", [*LIVE, *((n, None) for n in sorted(NAMES)[1:])]),
    "unset": ("unset AGENT_MODE; prog", [("AGENT_MODE", None)]),
    "a flag": ("exec prog --agent-mode=LIVE", LIVE),
    "a flag and its value": ("exec prog --agent-mode LIVE &", LIVE),
    "a flag after a line's end": ("exec prog \\\n  --agent-mode LIVE", LIVE),
    "single quotes": ("AGENT_MODE='LIVE' prog", LIVE),
    "double quotes": ('AGENT_MODE="LIVE" prog', LIVE),
    "quotes within": ("AGENT_MODE=LI'VE' prog", LIVE),
    "a backslash": ("AGENT_MODE=L\\IVE prog", LIVE),
    "a dollar's quote": ("AGENT_MODE=$'LIVE' prog", LIVE),
    "the second branch": ("test -f x || AGENT_MODE=LIVE prog", LIVE),
    "if": ("if test -f x; then AGENT_MODE=LIVE prog; else AGENT_MODE=OFF prog; fi", LIVE + OFF),
    "while": ("while true; do AGENT_MODE=LIVE prog; done", LIVE),
    "case": ("case $1 in live) AGENT_MODE=LIVE prog;; esac", LIVE),
    "for": ("for AGENT_MODE in OFF LIVE; do export AGENT_MODE; prog; done", OFF + LIVE),
    "a function": ("run() { AGENT_MODE=LIVE prog; }; run", LIVE),
    "a subshell": ("(AGENT_MODE=LIVE prog)", LIVE),
    "the background": ("sleep 1 & AGENT_MODE=LIVE prog", LIVE),
    "after a pipe": ("yes | AGENT_MODE=LIVE prog", LIVE),
    "not": ("! AGENT_MODE=LIVE prog", LIVE),
    "time": ("time AGENT_MODE=LIVE prog", LIVE),
    "after a redirection": (">/dev/null 2>&1 AGENT_MODE=LIVE prog", LIVE),
    "a command that is substituted": ('echo "$(AGENT_MODE=LIVE prog)"', LIVE),
    "in backticks": ("x=`AGENT_MODE=LIVE prog`", LIVE),
    "a process that is substituted": ("diff <(AGENT_MODE=LIVE prog) x", LIVE),
    "a shell in a shell": ("bash -c 'AGENT_MODE=LIVE prog'", LIVE),
    "a shell in a shell in a shell": ("""sh -c "sh -c 'AGENT_MODE=LIVE prog'" """, LIVE),
    "eval": ('eval "AGENT_MODE=LIVE; export AGENT_MODE"', LIVE),
    "eval of words": ("eval export AGENT_MODE=LIVE", LIVE),
    "trap": ("trap 'AGENT_MODE=LIVE prog' EXIT", LIVE),
    "a variable": ("X=LIVE; AGENT_MODE=$X prog", LIVE),
    "a variable in braces": ('X=LI; AGENT_MODE="${X}VE" prog', LIVE),
    "an exported variable": ("export X=LIVE; AGENT_MODE=$X prog", LIVE),
    "the container's variable": ("AGENT_MODE=$M prog", LIVE),
    "the container's flags": ("prog $FLAGS", LIVE),
    "the container's command": ('eval "$CMD"', LIVE),
    "the container's pair": ("env $PAIR prog", LIVE),
    "the kubelet's reference": ("$(CMD)", LIVE),
    "no reference in single quotes": ("AGENT_MODE='$M' prog", [("AGENT_MODE", "$M")]),
    "no reference after a backslash": ("AGENT_MODE=\\$M prog", [("AGENT_MODE", "$M")]),
    "a default": ("AGENT_MODE=${NO:-LIVE} prog", LIVE),
    "a default of what is empty": ("AGENT_MODE=${EMPTY:-LIVE} prog", LIVE),
    "a default of what is set, if empty": ("AGENT_MODE=${EMPTY-LIVE} prog", [("AGENT_MODE", "")]),
    "a default that is not needed": ("AGENT_MODE=${M:-OFF} prog", LIVE),
    "a default that refers": ("AGENT_MODE=${NO:-$M} prog", LIVE),
    "a default that is assigned": (': "${AGENT_MODE:=LIVE}"; prog', LIVE),
    "an alternative": ("AGENT_MODE=${M:+LIVE} prog", LIVE),
    "an alternative to nothing": ("AGENT_MODE=${NO:+LIVE} prog", [("AGENT_MODE", "")]),
    "a value that must be": ("AGENT_MODE=${M:?unset} prog", LIVE),
    "a file": ("echo AGENT_MODE=LIVE > .env; prog", LIVE),
    "a file that grows": ('echo "export AGENT_MODE=LIVE" >> /etc/profile', LIVE),
    "a file with several lines": ("printf 'A=1\\nAGENT_MODE=LIVE\\n' > .env", LIVE),
    "a file by tee": ("echo AGENT_MODE=LIVE | tee .env", LIVE),
    "a file from here": ("cat <<EOF > .env\nA=1\nAGENT_MODE=LIVE\nEOF\nprog", LIVE),
    "a file from here, quoted": ("cat > .env <<'EOF'\nAGENT_MODE=LIVE\nEOF\nAGENT_MODE=OFF prog", OFF + LIVE),
    "a file from here, indented": ("cat <<-EOF > .env\n\tAGENT_MODE=LIVE\n\tEOF\nAGENT_MODE=OFF prog", LIVE + OFF),
    "a file from here without its end": ("cat <<EOF > .env\nAGENT_MODE=LIVE", LIVE),
    "a script from here": ("sh <<EOF\nAGENT_MODE=LIVE prog\nEOF", LIVE),
    "a script in a word": ("bash <<< 'AGENT_MODE=LIVE prog'", LIVE),
    "a script by a pipe": ("echo 'AGENT_MODE=LIVE prog' | sh", LIVE),
    "a script from here by a pipe": ("cat <<EOF | sh\nAGENT_MODE=LIVE prog\nEOF", LIVE),
    "sed -i": ("sed -i 's/AGENT_MODE=.*/AGENT_MODE=LIVE/' .env; prog", LIVE),
    "in vain": ("AGENT_MODE=OFF true; AGENT_MODE=LIVE", OFF + LIVE),
    "an unclosed quote": ("AGENT_MODE=LIVE prog 'x", LIVE),
    "an unclosed bracket": ("x=$(AGENT_MODE=LIVE prog", LIVE),
    "an unclosed quote about a flag": ("prog --agent-mode LIVE 'x", LIVE),
    "an unclosed quote around it": ("AGENT_MODE='LIVE", LIVE),
    "too deep to be read": ("$(" * 20 + "AGENT_MODE=LIVE prog" + ")" * 20, LIVE),
}
LOOKALIKES: dict[str, str] = {
    "printed": 'echo "AGENT_MODE=LIVE is forbidden"',
    "printed, a word": "echo AGENT_MODE=LIVE",
    "printed to the log": 'echo "AGENT_MODE=LIVE" >&2',
    "printed to a device": 'echo "AGENT_MODE=LIVE" > /dev/stderr',
    "printed into a log": 'echo "AGENT_MODE=LIVE is forbidden" >> /var/log/x',
    "printed with a format": "printf '%s' AGENT_MODE=LIVE",
    "a comment": "prog # AGENT_MODE=LIVE prog",
    "a comment's line": "# AGENT_MODE=LIVE prog\nprog",
    "a comment with a quote": "# don't: AGENT_MODE=LIVE\nprog",
    "searched for": "grep -q AGENT_MODE=LIVE /etc/x && exit 1",
    "compared": '[ "$AGENT_MODE" = LIVE ] && exit 1',
    "compared as a pair": 'test "AGENT_MODE=$AGENT_MODE" != AGENT_MODE=LIVE',
    "compared by the shell": "[[ $AGENT_MODE == LIVE ]] || exit 1",
    "compared in a branch": 'if [ "$AGENT_MODE" = LIVE ]; then echo AGENT_MODE=LIVE; exit 1; fi',
    "read": "echo $AGENT_MODE; prog",
    "an argument": "prog AGENT_MODE=LIVE",
    "a command's name in quotes": '"AGENT_MODE=LIVE" prog',
    "another name": "OLD_AGENT_MODE=LIVE prog",
    "a longer name": "AGENT_MODES=LIVE prog",
    "another case": "agent_mode=LIVE prog",
    "a value of another": "MESSAGE='AGENT_MODE=LIVE' prog",
    "a flag that is printed": "echo --agent-mode=LIVE",
    "a flag that is searched for": "grep -- --agent-mode=LIVE x",
    "a longer flag": "prog --agent-mode-help",
    "printed, or else": "echo AGENT_MODE=LIVE || exit 1",
    "prose from here, line by line": "while read x; do echo $x; done <<EOF\nAGENT_MODE=LIVE is forbidden\nEOF",
    "prose from here": "cat <<EOF\nAGENT_MODE=LIVE is forbidden\nEOF",
    "text edited only in print": "sed 's/AGENT_MODE=OFF/AGENT_MODE=LIVE/' .env",
}
OPAQUE: dict[str, str] = {
    "a command's output": "AGENT_MODE=$(cat /etc/mode) prog",
    "a command's output in backticks": "AGENT_MODE=`cat /etc/mode` prog",
    "an argument": 'AGENT_MODE="$1" prog',
    "arithmetic": "AGENT_MODE=$((1 + 1)) prog",
    "a part of it": "AGENT_MODE=LI$(echo VE) prog",
    "an expansion that is not computed": "AGENT_MODE=${M%E} prog",
    "input": "read -r AGENT_MODE < /etc/mode; prog",
    "a Secret": "AGENT_MODE=$S prog",
    "a branch": "X=OFF; test -f x && X=LIVE; AGENT_MODE=$X prog",
    "an if": "X=OFF; if true; then X=LIVE; fi; AGENT_MODE=$X prog",
}


@pytest.mark.parametrize("law", SCRIPTS)
def test_what_a_script_sets(law: str) -> None:
    script, expected = SCRIPTS[law]
    assert sorted(sh(script), key=str) == sorted(expected, key=str)


@pytest.mark.parametrize("law", LOOKALIKES)
def test_what_only_looks_like_a_setting_is_none(law: str) -> None:
    assert sh(LOOKALIKES[law]) == []


@pytest.mark.parametrize("law", OPAQUE)
def test_what_only_a_run_could_tell_is_unknown(law: str) -> None:
    ((name, value),) = sh(OPAQUE[law])
    assert name == "AGENT_MODE" and isinstance(value, Unknown)
    assert value.reason == ("FromSecret" if law == "a Secret" else "NotResolved")


def test_a_secret_in_a_word_is_unknown_only_where_a_name_is_set_to_it() -> None:
    assert of(["prog", "--password=$(S)", "$(S)"]) == []
    ((_, value),) = of(["prog", "--agent-mode=$(S)"])
    assert isinstance(value, Unknown) and value.reason == "FromSecret"


def test_what_a_secret_may_have_set_is_unknown_to_a_shell_too() -> None:
    container = Container("c", bulk=(Bulk(secret="s"),), args=("sh", "-c", "AGENT_MODE=$X prog"))
    made = environment(container, Bearer("ns"), lambda name: None)
    ((_, value, _),) = settings(container, NAMES, made)
    assert isinstance(value, Unknown) and value.reason == "FromSecret"


def test_what_is_too_long_or_too_deep_to_be_read_is_scanned() -> None:
    assert sh("prog AGENT_MODE=LIVE") == []
    assert sh("true\n" * LENGTH + "prog AGENT_MODE=LIVE") == LIVE
    assert sh("$(" * 3_000 + "prog AGENT_MODE=LIVE" + ")" * 3_000) == LIVE


def test_the_length_that_is_read_is_that_of_all_scripts_of_a_container() -> None:
    padding = "true;" * (LENGTH // 10)
    assert of(["sh", "-c", padding, "sh", "-c", "prog AGENT_MODE=LIVE"]) == []
    assert of(["sh", "-c", padding, "sh", "-c", padding, "sh", "-c", "prog AGENT_MODE=LIVE"]) == LIVE


def calls(script: str) -> int:
    made = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal made
        made += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        shell.commands(script, lambda name: None, "?")
    finally:
        sys.setprofile(before)
    return made


def test_twice_the_assignments_are_twice_the_work() -> None:
    assert calls("a=1 " * 400) < 2.2 * calls("a=1 " * 200)


def test_what_is_substituted_has_no_room_of_its_own() -> None:
    script = f"A={'x' * 4_000};" + "$(: $A)" * 100 + '"$A"' * 100
    made = shell.commands(script, lambda name: None, "?")
    assert sum(len(word) for command in made for word in command.words) <= shell.ROOM + len(script)


APPENDED = {
    "to what was set": "AGENT_MODE=LI; AGENT_MODE+=VE; prog",
    "before a command": "AGENT_MODE=LI AGENT_MODE+=VE prog",
    "to nothing": "AGENT_MODE+=LIVE prog",
    "by export": "AGENT_MODE=LI; export AGENT_MODE+=VE; prog",
    "to another variable": "A=LI; A+=VE; AGENT_MODE=$A prog",
}


@pytest.mark.parametrize("law", APPENDED)
def test_a_shell_appends(law: str) -> None:
    assert sh(APPENDED[law])[-1:] == LIVE


CODE = "import os; os.environ['AGENT_MODE'] = 'LIVE'"
CODED: dict[str, list[str]] = {
    "a cluster of python": ["python", "-uc", CODE],
    "a cluster of perl": ["perl", "-we", "$ENV{'AGENT_MODE'}; $x{AGENT_MODE => 'LIVE'}"],
    "a long option with its code": ["node", "--eval=process.env.AGENT_MODE = 'LIVE'"],
    "an option with its code": ["python3.11", f"-c{CODE}"],
    "a property of Java": ["java", "-DAGENT_MODE=LIVE", "-jar", "x"],
    "a property of Java with dots": ["java", "-Dagent.mode=LIVE", "-jar", "x"],
}


@pytest.mark.parametrize("law", CODED)
def test_code_and_properties_set(law: str) -> None:
    assert of(CODED[law]) == LIVE


def test_a_name_that_a_broken_line_divides_matters() -> None:
    assert sh("export AGENT\\\n_MODE=LIVE") == LIVE
    assert of(["sh", "-c", "env \\\n-i prog"]) == [(name, None) for name in sorted(NAMES)]


def test_it_is_known_which_word_sets_it() -> None:
    container = Container("c", command=("env", "AGENT_MODE=OFF"), args=("prog", "--agent-mode", "LIVE"))
    made = environment(container, Bearer("ns"), lambda name: None)
    found = [(value, where) for _, value, where in settings(container, NAMES, made)]
    assert found == [("OFF", "command[1]"), ("LIVE", "args[2]")]


def test_a_command_that_names_nothing_does_not_matter() -> None:
    for words in [(), ("prog", "run"), ("sh", "-c", "exec prog --mode live"), ("env", "A=1", "prog")]:
        assert not matters(Container("c", command=words), NAMES)
    for words in [("prog", "--agent.mode=x"), ("sh", "-c", 'export AGENT""_MODE=LIVE'), ("env", "-i", "p"), ("$X",)]:
        assert matters(Container("c", args=words), NAMES)


SIGNS = [
    "'",
    '"',
    "$(",
    ")",
    "${",
    "}",
    "`",
    "\\",
    "\n",
    ";",
    "|",
    "&",
    ">",
    "<",
    "#",
    "$",
    "=",
    "((",
    ":=",
    "<<<",
    " ",
]
WORDS_OF_A_SHELL = ["AGENT_MODE=LIVE", "<<EOF", "$M", "${M:-", "env", "-S", "-c", "sh", "eval", "echo", "case", "-u"]
PIECES = st.sampled_from([*SIGNS, *WORDS_OF_A_SHELL, "--agent-mode"])


@given(st.lists(st.lists(PIECES, max_size=12).map("".join), max_size=6))
def test_no_words_at_all_raise(words: list[str]) -> None:
    of(words)
    of(["sh", "-c", *words])


@given(st.text(), st.text())
def test_no_text_at_all_raises(script: str, word: str) -> None:
    of(["sh", "-c", script, word])


@pytest.mark.parametrize("word", ["env", "-S", "sh", "-c", "eval", "--agent-mode", "$(" * 40, "'", "{"])
def test_long_words_and_many_words_are_read_in_time(word: str) -> None:
    of(["env", "-S", *[word] * 5_000])
    sh(f"{word} " * 5_000)
    of([word * 5_000])


@given(st.lists(PIECES, max_size=10).map("".join))
def test_a_quoted_script_sets_nothing_but_what_its_command_does(text: str) -> None:
    quoted = "'" + text.replace("'", "'\\''") + "'"
    assert sh(f"echo {quoted}") == []
