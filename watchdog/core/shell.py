"""A shell script -> its simple commands, as far as they can be told apart without running it (POSIX.1-2024, *Shell
Command Language* §2).

What only a run could tell (a substituted command's output, ``$1``, arithmetic) is one mark in a word; the commands that
are substituted, or stand in a branch, a loop or a function, count like the others.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

DEPTH = 8
"""Command substitutions inside each other; a script with more is not read."""

ASSIGNING = frozenset({"export", "declare", "typeset", "readonly", "local", "set"})
"""Builtins whose arguments are assignments. (``set`` sets a variable in other shells than POSIX's.)"""
_KEYWORDS = frozenset(
    {"if", "then", "elif", "else", "fi", "while", "until", "do", "done", "esac", "!", "{", "}", "time"}
)
_BRANCHING = frozenset({"if", "while", "until", "case", "for"})

_NAME = re.compile(r"[A-Za-z_]\w*")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\+?)=")
_PARAMETER = re.compile(r"([A-Za-z_]\w*)(:?[-=+?]|\^\^?|,,?|)(.*)", re.DOTALL)
_REDIRECTION = re.compile(r"<<-|<<<|<<|<&|<>|<|>>|>&|>\||>")


class Unreadable(ValueError):
    """A quote or a bracket is not closed, or too many stand inside each other."""


class Word(NamedTuple):
    text: str
    assigns: bool  # 'NAME=' stands there unquoted


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command, expanded. ``output``: empty for standard output, else 'pipe', or the file's name."""

    assignments: tuple[tuple[str, str], ...] = ()
    words: tuple[str, ...] = ()
    output: str = ""
    document: str = ""  # what it is given to read: a here-document


def commands(script: str, look: Callable[[str], str | None], mark: str) -> list[Command]:
    """In their order. ``look``: the value of a variable; ``mark``: what stands for what only a run could tell. Raises
    ``Unreadable``."""
    return _Reader(script, look, mark, ChainMap(), DEPTH).commands()


LONGEST, ROOM = 4_096, 1 << 17
"""Characters of one expansion, and of all in one script and what is substituted in it."""


class _Reader:
    """One pass over a script; it lives no longer than the call."""

    def __init__(
        self, text: str, look: Callable[[str], str | None], mark: str, values: ChainMap[str, str], depth: int
    ) -> None:
        if depth < 0:
            raise Unreadable("too deep")
        self.text, self.look, self.mark, self.values, self.depth = text, look, mark, values, depth
        self.at = 0
        self.room = ROOM  # for what expansions may still make
        self.found: list[Command] = []
        self.branching = False
        self.documents: list[tuple[str, int]] = []  # delimiters of here-documents, and whose they are, by number
        self._new_command()

    def _new_command(self) -> None:
        self.words: list[Word] = []
        self.delimiters: list[str] = []
        self.output = self.document = ""
        self.leading = True  # nothing but assignments and keywords so far
        self._new_word()

    def _new_word(self) -> None:
        self.word: list[str] = []
        self.plain = 0  # characters of it before its first quote or expansion
        self.begun = self.quoted = self.splits = False
        self.redirection = ""

    def commands(self) -> list[Command]:
        while self.at < len(self.text):
            self._step()
        self._end_command("")
        return self.found

    def _step(self) -> None:
        char = self.text[self.at]
        if char in _STEPS:
            _STEPS[char](self)
        else:
            self._take()

    def _take(self) -> None:
        self._put(self.text[self.at])
        self.plain += not (self.quoted or self.splits)
        self.at += 1

    def _put(self, text: str) -> None:
        self.begun = True
        self.word.append(text)

    # Quoting

    def _escape(self) -> None:
        if self.text[self.at : self.at + 2] != "\\\n":
            self._put(self.text[self.at + 1 : self.at + 2])
            self.quoted = True
        self.at += 2

    def _single_quote(self) -> None:
        end = self._index("'", self.at + 1)
        self._put(self.text[self.at + 1 : end])
        self.quoted, self.at = True, end + 1

    def _double_quote(self) -> None:
        end = self._closing(self.at + 1, '"')
        splits = self.splits
        self._put(self._inline(self.text[self.at + 1 : end]))
        self.quoted, self.splits, self.at = True, splits, end + 1

    def _index(self, what: str, start: int) -> int:
        found = self.text.find(what, start)
        if found < 0:
            raise Unreadable(f"{what} is not closed")
        return found

    def _closing(self, start: int, closer: str) -> int:
        """Where the quote or bracket that was opened before ``start`` is closed."""
        at, text = start, self.text
        while at < len(text):
            char = text[at]
            if char == closer:
                return at
            at = self._beyond(at, char, inside_quotes=closer == '"') + 1
        raise Unreadable(f"{closer} is missing")

    def _beyond(self, at: int, char: str, *, inside_quotes: bool) -> int:
        """The last character of what begins here."""
        following = self.text[at + 1 : at + 2]
        if char == "\\":
            return at + 1
        if char == "$" and following in ("(", "{"):
            return self._nested().closing(at + 2, ")" if following == "(" else "}")
        if char == "'" and not inside_quotes:
            return self._index("'", at + 1)
        if char == "`":
            return self._index("`", at + 1)
        if char == '"' and not inside_quotes:
            return self._nested().closing(at + 1, '"')
        if char == "(" and not inside_quotes:
            return self._nested().closing(at + 1, ")")
        return at

    def _nested(self) -> _Reader:
        return _Reader(self.text, self.look, self.mark, self.values, self.depth - 1)

    def closing(self, start: int, closer: str) -> int:
        return self._closing(start, closer)

    def _inline(self, text: str) -> str:
        """As inside double quotes."""
        inner = _Reader(text, self.look, self.mark, self.values, self.depth - 1)
        inner.room = self.room
        while inner.at < len(inner.text):
            char = inner.text[inner.at]
            if char in "$`":
                _STEPS[char](inner)
            elif char == "\\" and inner.text[inner.at + 1 : inner.at + 2] in ("$", "`", '"', "\\", "\n"):
                inner._escape()
            else:
                inner._take()
        self.found += inner.found
        self.room = inner.room
        return "".join(inner.word)

    # Expansion

    def _dollar(self) -> None:
        following = self.text[self.at + 1 : self.at + 2]
        if following in ("'", '"'):
            self.at += 1
        elif following in ("(", "{"):
            end = self._closing(self.at + 2, ")" if following == "(" else "}")
            inner = self.text[self.at + 2 : end]
            self._expand(self._substituted(inner) if following == "(" else self._parameter(inner), end + 1)
        elif match := _NAME.match(self.text, self.at + 1):
            self._expand(self._value(match[0]) or "", match.end())
        elif following and following in "0123456789@*#?$!-":
            self._expand(self.mark, self.at + 2)
        else:
            self._take()

    def _expand(self, text: str, end: int) -> None:
        self.splits = True
        self._put(self._bounded(text))
        self.at = end

    def _bounded(self, text: str) -> str:
        """What has grown too long is not followed: eight lines of ``A=$A$A`` would fill the memory."""
        self.room -= len(text)
        return text if len(text) <= LONGEST and self.room >= 0 else self.mark

    def _backtick(self) -> None:
        end = self._index("`", self.at + 1)
        self._expand(self._substituted(self.text[self.at + 1 : end]), end + 1)

    def _substituted(self, script: str) -> str:
        if not script.startswith("("):  # arithmetic runs nothing
            inner = _Reader(script, self.look, self.mark, self.values.new_child(), self.depth - 1)
            inner.room = self.room
            self.found += inner.commands()
            self.room = inner.room
        return self.mark

    def _parameter(self, inner: str) -> str:
        match = _PARAMETER.fullmatch(inner)
        if match is None:
            return self.mark
        name, operator, rest = match[1], match[2], match[3]
        value = self._value(name)
        absent = not value if operator.startswith(":") else value is None
        if operator[-1:] in ("-", "="):
            given = self._unquoted(rest) if absent else value or ""
            if absent and operator.endswith("="):
                self.found.append(Command(((name, given),)))
                self.values[name] = given
            return given
        if operator.endswith("+"):
            return "" if absent else self._unquoted(rest)
        return value or "" if operator.endswith("?") or not rest else self.mark

    def _unquoted(self, text: str) -> str:
        return self._inline(text.replace("'", "").replace('"', ""))

    def _value(self, name: str) -> str | None:
        return self.values[name] if name in self.values else self.look(name)

    def _assign(self, match: re.Match[str]) -> str:
        """Answers what is assigned, as ``NAME=value``. Where it depends on a run which of two values it has, neither is
        taken for it."""
        name, value = match[1], match.string[match.end() :]
        before = self._value(name)
        if match[2]:
            value = self._bounded((before or "") + value)
        certain = (not self.branching or before in (None, "", value)) and len(value) <= LONGEST
        self.values[name] = value if certain else self.mark
        return f"{name}={value}"

    # Words and commands

    def _blank(self) -> None:
        self._end_word()
        self.at += 1

    def _end_word(self) -> None:
        if self.begun:
            text = "".join(self.word)
            match = _ASSIGNMENT.match(text, 0, self.plain)
            if self.redirection:
                self._redirect(self.redirection, text)
            elif self.splits and not match:
                for part in text.split():
                    self._add(part, None)
            else:
                self._add(text, match)
                self.branching |= match is None and text in _BRANCHING
            self._new_word()

    def _add(self, text: str, match: re.Match[str] | None) -> None:
        self.leading &= match is not None or text in _KEYWORDS
        self.words.append(Word(self._assign(match) if match and self.leading else text, match is not None))

    def _redirect(self, operator: str, target: str) -> None:
        if operator in ("<<", "<<-"):
            self.delimiters.append(target)
        elif operator == "<<<":
            self.document = target
        elif operator.startswith(">") and operator != ">&":
            self.output = target

    def _redirection(self) -> None:
        match = _REDIRECTION.match(self.text, self.at)
        assert match is not None
        if self.text[match.end() : match.end() + 1] == "(":  # process substitution: what is inside is a command
            self.at = match.end()
            return
        if "".join(self.word).isdigit():
            self._new_word()
        self._end_word()
        self.redirection, self.at = match[0], match.end()
        while self.text[self.at : self.at + 1] in (" ", "\t"):
            self.at += 1

    def _separator(self) -> None:
        char, following = self.text[self.at], self.text[self.at + 1 : self.at + 2]
        if char == "&" and following == ">":  # &> and &>> are redirections
            self.at += 1
            return
        self._end_command("pipe" if char == "|" and following != "|" and self.text[self.at - 1] != "|" else "")
        self.branching |= char in "|&" and following == char
        self.at += 1

    def _newline(self) -> None:
        self._end_command("")
        self.at += 1
        for delimiter, of in self.documents:
            self._document(delimiter, of)
        self.documents.clear()

    def _document(self, delimiter: str, of: int) -> None:
        begin = self.at
        while self.at < len(self.text):
            start, end = self.at, self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end + 1
            if self.text[start : self.at].strip("\t\n") == delimiter:
                self.found[of] = replace(self.found[of], document=self.text[begin:start])
                return
        self.found[of] = replace(self.found[of], document=self.text[begin:])

    def _comment(self) -> None:
        if self.begun:
            self._take()
        else:
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end

    def _end_command(self, output: str) -> None:
        self._end_word()
        keyword = (not word.assigns and word.text in _KEYWORDS for word in self.words)
        words = self.words[next((at for at, is_one in enumerate(keyword) if not is_one), len(self.words)) :]
        if words or self.delimiters:
            self.documents += [(delimiter, len(self.found)) for delimiter in self.delimiters]
            self.found.append(self._command(words, output or self.output))
        self._new_command()

    def _command(self, words: list[Word], output: str) -> Command:
        count = next((i for i, word in enumerate(words) if not word.assigns), len(words))
        rest = tuple(word.text for word in words[count:])
        if rest and rest[0] in ASSIGNING:
            rest = tuple(self._assign(match) if (match := _ASSIGNMENT.match(text)) else text for text in rest)
        return Command(tuple(_assignment(word.text) for word in words[:count]), rest, output, self.document)


def _assignment(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


_STEPS: dict[str, Callable[[_Reader], None]] = {
    "\\": _Reader._escape,
    "'": _Reader._single_quote,
    '"': _Reader._double_quote,
    "$": _Reader._dollar,
    "`": _Reader._backtick,
    " ": _Reader._blank,
    "\t": _Reader._blank,
    "\r": _Reader._blank,
    "\n": _Reader._newline,
    "#": _Reader._comment,
    "<": _Reader._redirection,
    ">": _Reader._redirection,
    **dict.fromkeys(";&|()", _Reader._separator),
}
