"""What a container's command and arguments set of the watched variables. domain.md §4.

The kubelet expands ``$(VAR)`` in them with the container's final environment; a shell then expands ``$VAR``. What
counts:

* ``env NAME=value prog``; ``env -i`` and ``env -u NAME`` (which unset);
* in a script (``sh -c``, ``eval``, a here-document or pipe into a shell): an assignment where a shell assigns, also
  before a command and in a branch, and the arguments of ``env``, ``export`` and their like; ``NAME=value`` written as a
  whole line into a file, or by ``sed -i``; not what is merely printed, compared or searched for;
* outside of a script: a word ``NAME=value`` by itself (the image's own entry point may be one that takes it);
* a flag whose name is a watched one once ``-``, ``.`` and case are levelled: ``--agent-mode=live``,
  ``--agent_mode LIVE``, ``-agent-mode live``; ``--no-exec-dry-run`` is "false";
* in a program that an interpreter is given (``python -c``): the name's subscript or attribute of an environment, with
  a literal.

All settings are told, in order: they stand *beside* the value of ``env``, and the worst of all counts, because which
one a program obeys is the program's affair. What the image's own entry point does is not seen.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from watchdog.core import shell
from watchdog.core.environment import Environment, expanded
from watchdog.core.facts import Unknown
from watchdog.core.pod import Container
from watchdog.core.switch import FALSY, TRUTHY

SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "mksh"})
PRINTING = frozenset(
    ("echo", "printf", "logger", "cat", "tee", "grep", "egrep", "fgrep", "rg", "sed", "awk", "test", "[", "[[", ":")
)
"""Programs whose arguments are text, and enable nothing by themselves."""
INTERPRETERS: Mapping[str, tuple[str, ...]] = {
    "python": ("-c",), "node": ("-e", "--eval", "-p"), "perl": ("-e", "-E"), "ruby": ("-e",), "php": ("-r",),
}  # fmt: skip
DEPTH = 8
"""Scripts inside each other; what lies deeper is scanned for words."""
LENGTH = 32_768
"""Characters of scripts that are read as such in one container (the worst take 0.2 s); beyond it words are scanned."""

_RUN = Unknown("NotResolved", "a shell computes it at the start")
_FIRST_MARK = 0xF0000  # private use: one character for each thing that is not known


class Setting(NamedTuple):
    """``value`` is None where the variable is unset. ``where``: 'args[2]'."""

    name: str
    value: str | Unknown | None
    where: str


def settings(
    container: Container, names: Collection[str], environment: Environment, booleans: Collection[str] = ()
) -> tuple[Setting, ...]:
    """What command and arguments set of ``names``. ``environment`` is the container's; ``booleans`` are those of the
    names whose flag may stand without a value, which is "true". Never raises."""
    if not container.command and not container.args:
        return ()
    reading = _Reading(names, booleans, environment)
    said = [("command", container.command), ("args", container.args)]
    places = [(text, f"{part}[{number}]") for part, texts in said for number, text in enumerate(texts)]
    reading.argv([_Word(reading.of_kubelet(text), where) for text, where in places], bare=True, depth=DEPTH)
    return tuple(reading.found)


def matters(container: Container, names: Iterable[str]) -> bool:
    """Whether command and arguments could set one of ``names`` at all; if not they need not be kept."""
    text = " ".join(container.command + container.args)
    plain = re.sub(r"\\\n|[\"'\\]", "", text)  # a shell joins what stands around a backslash and newline
    levelled = _level(plain)
    return "$" in text or bool(re.search(r"env\s+-", plain)) or any(name.upper() in levelled for name in names)


class _Word(NamedTuple):
    text: str
    where: str


class _Reading:
    """One container's words; it lives no longer than the call."""

    def __init__(self, names: Collection[str], booleans: Collection[str], environment: Environment) -> None:
        self.names, self.booleans, self.environment = dict.fromkeys(sorted(names)), booleans, environment
        self.flags = {_level(name): name for name in self.names}
        self.unknown: dict[str, Unknown] = {}
        self.run = self.marked(_RUN)
        self.found: dict[Setting, None] = {}
        self.unread = LENGTH

    # Values

    def marked(self, why: Unknown) -> str:
        mark = chr(_FIRST_MARK + len(self.unknown) % 0xFFFE)
        self.unknown[mark] = why
        return mark

    def of_kubelet(self, text: str) -> str:
        return expanded(text, self.environment, self.marked)

    def of_shell(self, name: str) -> str | None:
        value = self.environment.covered_by(name) or self.environment.get(name)
        return self.marked(value) if isinstance(value, Unknown) else value

    def put(self, name: str, value: str | None, where: str) -> None:
        if name in self.names:
            why = next((self.unknown[char] for char in value or "" if char in self.unknown), None)
            self.found[Setting(name, why or value, where)] = None

    def put_pair(self, text: str, where: str) -> bool:
        """``NAME=value``; whether it is one, of any name."""
        name, equals, value = text.partition("=")
        if equals and _NAME.fullmatch(name):
            self.put(name, value, where)
        return bool(equals and name and not name.startswith("-"))

    # Words

    def argv(self, words: list[_Word], *, bare: bool, depth: int) -> None:
        """A program and its arguments, which may run another. ``bare``: a word ``NAME=value`` by itself counts."""
        if words and _program(words[0].text) in PRINTING:
            return
        at = 0
        while at < len(words):
            at = self._word(words, at, bare=bare, depth=depth)

    def _word(self, words: list[_Word], at: int, *, bare: bool, depth: int) -> int:
        """Answers where the next begins."""
        text, where = words[at]
        program = _program(text)
        if program in SHELLS:
            return self._shell(words, at + 1, depth)
        if program == "env":
            return self._env(words, at + 1)
        if options := INTERPRETERS.get(program.rstrip("0123456789.")):
            return self._interpreter(words, at + 1, options)
        if text == "eval":
            self.script(" ".join(word.text for word in words[at + 1 :]), where, depth)
            return len(words)
        if text.startswith("-"):
            return self._option(words, at, depth)
        if bare:
            self.put_pair(text, where)
        return at + 1

    def _shell(self, words: list[_Word], at: int, depth: int) -> int:
        """``sh -euo pipefail -c script``: the first word that is no option is the script, or a file's name."""
        inline = False
        while at < len(words) and words[at].text[:1] in ("-", "+") and words[at].text not in ("-", "--"):
            cluster = words[at].text.lstrip("-+")
            short = not words[at].text.startswith("--")
            inline |= short and "c" in cluster
            at += 2 if short and cluster[-1:] in ("o", "O") else 1
        at += at < len(words) and words[at].text in ("-", "--")
        if inline and at < len(words):
            self.script(words[at].text, words[at].where, depth)
            return at + 1
        return at

    def _env(self, words: list[_Word], at: int) -> int:
        unset: dict[str, None] = {}
        where = words[at - 1].where
        while at < len(words) and (taken := self._env_word(words, at, unset)):
            at += taken
        for name in unset:
            self.put(name, None, where)
        return len(words) if at < len(words) and _program(words[at].text) in PRINTING else at

    def _env_word(self, words: list[_Word], at: int, unset: dict[str, None]) -> int:
        """How many words an option or an assignment is; 0: the program begins."""
        text, where = words[at]
        following = words[at + 1].text if at + 1 < len(words) else ""
        if split := _SPLIT.match(text):
            end = at + 1 if split[1] else at + 2
            words[at:end] = [_Word(part, where) for part in ["-v", *self._split(split[1] or following)]]
        elif text in ("-", "-i", "--ignore-environment"):
            unset |= self.names
        elif match := _UNSET.match(text):
            unset[match[1] or following] = None
            return 1 if match[1] else 2
        elif self.put_pair(text, where):
            unset.pop(text.partition("=")[0], None)
        elif text in ("-C", "--chdir"):
            return 2
        return 1 if text.startswith("-") or "=" in text else 0

    def _split(self, string: str) -> list[str]:
        commands = self._commands(string)
        return string.split() if commands is None else [word for c in commands for word in _all_words(c)]

    def _interpreter(self, words: list[_Word], at: int, options: tuple[str, ...]) -> int:
        """The code is the word after its option, or after a cluster that ends in it (``-uc``), or the same word."""
        while at < len(words) and words[at].text.startswith("-"):
            text = words[at].text
            if _level(text.lstrip("-").partition("=")[0]) in self.flags:
                return at
            clustered = _CLUSTER.fullmatch(text) and "-" + text[-1] in options
            if (text in options or clustered) and at + 1 < len(words):
                self._code(*words[at + 1])
                return at + 2
            self._code(*words[at])
            at += 1
        return at

    def _code(self, text: str, where: str) -> None:
        for name in self.names:
            for value in re.findall(_IN_CODE.format(re.escape(name)), text):
                self.put(name, value, where)

    def _option(self, words: list[_Word], at: int, depth: int) -> int:
        """A flag with its value: after ``=``, or the next word."""
        text, where = words[at]
        stated, equals, value = text.lstrip("-").partition("=")
        following = words[at + 1] if at + 1 < len(words) and not words[at + 1].text.startswith("-") else None
        flag = _level(stated)
        if flag in self.flags:
            return self._flag(self.flags[flag], value if equals else None, following, at, where)
        if flag.startswith("NO_") and flag[3:] in self.flags and not equals:
            self.put(self.flags[flag[3:]], "false", where)
        elif equals and text.startswith("-D"):  # a property of Java
            self.put(self.flags.get(_level(stated[1:]), ""), value, where)
        elif equals:
            self.put_pair(value, where)
        elif following is not None and text in ("-c", "--command"):
            self.script(following.text, following.where, depth)
            return at + 2
        elif following is not None and "=" in following.text:
            self.put_pair(following.text, following.where)
            return at + 2
        return at + 1

    def _flag(self, name: str, value: str | None, following: _Word | None, at: int, where: str) -> int:
        """A flag that may stand alone is "true", and what follows it too where that is a truth value: programs differ.
        It is then looked at by itself."""
        alone = following is None or name in self.booleans
        if value is not None:
            self.put(name, value, where)
            return at + 1
        if following is not None and (not alone or following.text.strip().lower() in TRUTHY | FALSY):
            self.put(name, following.text, following.where)
        if alone:
            self.put(name, "true", where)
        return at + 1 if alone else at + 2

    # Scripts

    def script(self, text: str, where: str, depth: int) -> None:
        """What cannot be read as a script is scanned for words."""
        commands = self._commands(text) if depth > 0 else None
        if commands is None:
            words = [_Word(word, where) for word in re.split(r"[\s;&|()`]+", re.sub(r"[\"']", "", text))]
            for at in range(len(words)):
                self._scan(words, at)
            return
        for number, command in enumerate(commands):
            into = commands[number + 1].words[:1] if command.output == "pipe" and number + 1 < len(commands) else ()
            self._command(command, "".join(into), where, depth - 1)

    def _commands(self, text: str) -> list[shell.Command] | None:
        self.unread -= len(text)
        if self.unread < 0:
            return None
        try:
            return shell.commands(text, self.of_shell, self.run)
        except shell.Unreadable:
            return None

    def _scan(self, words: list[_Word], at: int) -> None:
        if words[at].text.startswith("-"):
            self._option(words, at, 0)
        else:
            self.put_pair(words[at].text, words[at].where)

    def _command(self, command: shell.Command, into: str, where: str, depth: int) -> None:
        for name, value in command.assignments:
            self.put(name, value, where)
        program = _program(command.words[0]) if command.words else ""
        words = [_Word(text, where) for text in command.words]
        if program in shell.ASSIGNING:
            for word in words[1:]:
                self.put_pair(word.text, where)
        elif program in ("unset", "read", "for"):
            self._builtin(program, command.words[1:], where)
        elif program == "trap":
            self.script("".join(command.words[1:2]), where, depth)
        elif program in PRINTING:
            self._text(program, command, into, where, depth)
        else:
            self.argv(words, bare=False, depth=depth)
        if command.document:
            reads = into if program in PRINTING else program
            self._printed(command.document, command.output or "document", reads, where, depth)

    def _builtin(self, program: str, words: tuple[str, ...], where: str) -> None:
        if program == "for":
            values: Iterable[str | None] = words[2:]
            words = words[:1]
        else:
            values = (None,) if program == "unset" else (self.run,)
        for value in values:
            for name in words:
                self.put(name, value, where)

    def _text(self, program: str, command: shell.Command, into: str, where: str, depth: int) -> None:
        words = command.words[1:]
        if program == "sed" and any(word.startswith(("-i", "--in-place")) for word in words):
            for name in self.names:
                for value in re.findall(_EDITED.format(re.escape(name)), "\n".join(words)):
                    self.put(name, value, where)
        else:
            text = " ".join(word for word in words if not word.startswith("-"))
            self._printed(text, command.output, into, where, depth)

    def _printed(self, text: str, output: str, into: str, where: str, depth: int) -> None:
        """Text that is written somewhere: to a shell it is a script, in a file a line may be a setting, else prose."""
        if _program(into) in SHELLS:
            self.script(text, where, depth)
        elif output and not output.startswith("/dev/"):
            for line in text.replace("\\n", "\n").split("\n"):
                if match := _LINE.fullmatch(line):
                    self.put(match[1], match[2].strip("\"'"), where)


_NAME = re.compile(r"[A-Za-z_]\w*")
_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(\S*)\s*")
_EDITED = r"(?m)\b{}=([^/|#,\s'\"]{{0,256}})[/|#,][a-z]*$"
_SPLIT = re.compile(r"(?:-v?S|--split-string(?:=|$))(.*)", re.DOTALL)
_UNSET = re.compile(r"(?:-u|--unset(?:=|$))(.*)", re.DOTALL)
_CLUSTER = re.compile(r"-[A-Za-z0-9]+")
_IN_CODE = r"\b{}\b['\"]?\s{{0,8}}\]?\s{{0,8}}(?:=(?!=)|,|=>|:)\s{{0,8}}['\"]([^'\"]{{0,256}})['\"]"


def _program(text: str) -> str:
    return text.rpartition("/")[2]


def _level(text: str) -> str:
    return text.replace("-", "_").replace(".", "_").upper()


def _all_words(command: shell.Command) -> Iterable[str]:
    yield from ("=".join(pair) for pair in command.assignments)
    yield from command.words
