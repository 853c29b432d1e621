"""CEL, three-valued: the one file that knows the library (cel-expr-python, Google's C++).

An expression is compiled twice: *checked* against message types made from the fact classes (a typo or a wrong type
does not start), *evaluated* on maps in which an unknown field is absent. Touching what is absent is an error, and an
error is Unknown unless the other operand of ``&&`` or ``||`` decides: Kleene's logic. So a verdict of *clear* holds
however the unknowns turn out.

What the library does otherwise than one expects, each learnt by trying: it *returns* errors as values whose
``.value()`` is a truthy text; it cuts texts at a NUL and raises on a lone surrogate (``schema.view`` replaces both); on
a message an unset field reads as its default.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, descriptor_pool

from watchdog.core.facts import KINDS, Fact, Unknown
from watchdog.rules import syntax
from watchdog.rules.schema import Path, View, field_types, names, view

LONGEST = 4000
"""Characters of an expression."""

LONGEST_MESSAGE = 400

Globals = Mapping[str, Fact | Unknown]

_Field = descriptor_pb2.FieldDescriptorProto
_FIELD_TYPES = {bool: _Field.TYPE_BOOL, int: _Field.TYPE_INT64, float: _Field.TYPE_DOUBLE, str: _Field.TYPE_STRING}
_ERROR, _BOOL = cel.Type.ERROR, cel.Type.BOOL


class ExpressionError(ValueError):
    """The expression is refused; ``problems`` says why, a clause each."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Context:
    """One subject and the globals, ready to be judged; rules of the same subject share it."""

    activation: Any
    views: Mapping[str, View | Unknown]

    def unknown(self, path: Path) -> Unknown | None:
        seen = self.views.get(path.name)
        return seen if isinstance(seen, Unknown) else (seen.unknown.get(path.field) if seen else None)


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression. ``paths`` are the fields that it touches, in order."""

    text: str
    paths: tuple[Path, ...]
    program: Any

    def evaluate(self, context: Context) -> bool | Unknown:
        """True, False, or why it cannot be said. Never raises for what a fact holds."""
        try:
            value = self.program.eval(context.activation)
        except RuntimeError as error:
            return self._unknown(context, str(error))
        kind = value.type()
        if kind == _BOOL:
            return value.value() is True
        return self._unknown(context, str(value.value()) if kind == _ERROR else "it is not a boolean")

    def _unknown(self, context: Context, message: str) -> Unknown:
        touched = [(path, why) for path in self.paths if (why := context.unknown(path)) is not None]
        if not touched:
            return Unknown("ExpressionFailed", message[:LONGEST_MESSAGE])
        said = "; ".join(dict.fromkeys(_about(path, why) for path, why in touched))
        return Unknown(touched[0][1].reason, said[:LONGEST_MESSAGE])


def _about(path: Path, why: Unknown) -> str:
    return f"{path}: {why.message or why.reason}"


class Contexts:
    """Makes contexts and keeps the newest: a turn judges all rules of one subject, then the next subject.

    A memo and nothing more; facts are immutable, so it is enough that they are the same objects.
    """

    def __init__(self) -> None:
        self._fact: Fact | None = None
        self._globals: Globals | None = None
        self._global_views: dict[str, View | Unknown] = {}
        self._context: Context | None = None

    def of(self, fact: Fact, globals_: Globals) -> Context:
        if self._context is None or fact is not self._fact or globals_ is not self._globals:
            if globals_ is not self._globals:
                self._global_views = {n: g if isinstance(g, Unknown) else view(g) for n, g in globals_.items()}
            self._fact, self._globals = fact, globals_
            self._context = _context({**self._global_views, fact.KIND: view(fact)})
        return self._context


def _context(views: Mapping[str, View | Unknown]) -> Context:
    data = {name: seen.values for name, seen in views.items() if isinstance(seen, View)}
    return Context(_evaluating().Activation(data), views)


def compiled(text: str, each: str) -> Expression:
    """The checked expression of a rule over ``each``. Raises ``ExpressionError``."""
    if len(text) > LONGEST:
        raise ExpressionError(f"it is longer than {LONGEST} characters")
    parsed = _compiled(_evaluating(), text, disable_check=True).serialize()
    paths, problems = syntax.read(parsed, each)
    if problems:
        raise ExpressionError(*problems)
    if not paths:
        raise ExpressionError("it reads no fact")
    _check_types(text, each)
    for pattern in syntax.patterns(parsed):
        _check_pattern(pattern)
    program = _compiled(_evaluating(), text)
    _check_that_it_reads(program)
    return Expression(text, paths, program)


def _compiled(env: Any, text: str, disable_check: bool = False) -> Any:
    try:
        return env.compile(text, disable_check=disable_check)
    except RuntimeError as error:
        raise ExpressionError(*_said(str(error))) from None


def _check_types(text: str, each: str) -> None:
    kind = _compiled(_checking(each), text).return_type()
    if kind != _BOOL:
        raise ExpressionError(
            f"it is of type {kind.name().lower()}; expected a boolean (a comparison, or such a field)"
        )


def _check_pattern(pattern: str) -> None:
    if _compiled(_matching(), "text.matches(pattern)").eval(data={"text": "", "pattern": pattern}).type() == _ERROR:
        raise ExpressionError(f"'{pattern}' is not a regular expression (RE2)")


def _check_that_it_reads(program: Any) -> None:
    """With nothing known at all it must not be able to say anything."""
    value = program.eval(data={})
    if value.type() == _BOOL:
        raise ExpressionError(f"it is always {str(value.value()).lower()}, whatever the facts are")


_REPORT = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")


def _said(error: str) -> Iterator[str]:
    """The compiler's report, a clause for each of its errors."""
    found = _REPORT.findall(error)
    for line, column, message in found:
        where = f"line {line}, " if int(line) > 1 else ""
        yield f"{where}column {column}: {_plainly(message)}" if int(column) > 0 else _plainly(message)
    if not found:
        yield _plainly(error.partition(" [")[0].partition(": ")[2] or error)


def _plainly(message: str) -> str:
    message = re.sub(r" expecting \{.*\}$", "", message.removesuffix(" [INVALID_ARGUMENT]")).strip()
    if "no matching overload" in message and "double" in message:
        message += " (a float is compared with a float: 5.0, not 5)"
    if "unsupported syntax '.?'" in message:
        message = syntax.REFUSED["_?._"]
    return message[0].lower() + message[1:] if message else "it cannot be read"


@cache
def _evaluating() -> Any:
    """Facts are maps here: what is not known is absent."""
    every = {name: cel.Type.Map(cel.Type.STRING, cel.Type.DYN) for name in KINDS}
    return cel.NewEnv(variables=every)


@cache
def _checking(each: str) -> Any:
    """Facts are messages here: every field and its type is known."""
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_messages())
    return cel.NewEnv(pool, variables={name: cel.Type(f"fact.{name}") for name in names(each)})


@cache
def _matching() -> Any:
    return cel.NewEnv(variables={"text": cel.Type.STRING, "pattern": cel.Type.STRING})


def _messages() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="facts.proto", package="fact", syntax="proto3")
    for kind in KINDS:
        message = file.message_type.add(name=kind)
        for number, (name, held) in enumerate(field_types(kind).items(), start=1):
            message.field.add(name=name, number=number, type=_FIELD_TYPES[held], label=_Field.LABEL_OPTIONAL)
    return file
