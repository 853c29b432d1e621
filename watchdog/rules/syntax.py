"""What a rule's expression may say, checked on CEL's own syntax tree before anything is evaluated.

A whitelist: constants, fields of declared facts, logic, comparison, arithmetic and a few functions of text. Everything
else is refused, for each of these could read what is not known as fine: ``has()``, ``in``, ``?.``, an index, a macro
over a collection, ``null``, ``dyn()``, ``type()``, or a fact compared whole (two maps in which the same field is absent
are equal).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from watchdog.rules.schema import Path, did_you_mean, listed, problem

LOGIC = ("_&&_", "_||_", "!_", "_?_:_")
ARITHMETIC = ("_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "_+_", "_-_", "-_", "_*_", "_%_")
FUNCTIONS = ("startsWith", "endsWith", "contains", "matches", "size", "int", "double")
REFUSED = {
    "@in": "'in' is refused: it could read what is absent as fine; write == and ||",
    "_[_]": "an index is refused: it could read what is absent as fine; write kind.field",
    "_?._": "'?.' is refused: it reads what is absent as fine; write kind.field",
    "_[?_]": "'[?' is refused: it reads what is absent as fine; write kind.field",
    "_/_": "'/' is refused: 0.0 / 0.0 is neither more nor less than anything; multiply the other side",
    "dyn": "dyn() is refused: it hides a wrong type until it is too late",
    "type": "type() is refused: every field's type is known",
}
PLAIN_CONSTANTS = frozenset(("bool_value", "int64_value", "double_value", "string_value"))

_Field = descriptor_pb2.FieldDescriptorProto


def read(parsed: bytes, each: str) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """The fields that an expression touches, in order, and what is wrong with it.

    ``parsed`` is a serialized ``google.protobuf.Any`` that holds a ``cel.expr.ParsedExpr`` (github.com/google/cel-spec,
    proto/cel/expr/syntax.proto).
    """
    try:
        tree = _ParsedExpr.FromString(any_pb2.Any.FromString(parsed).value).expr
    except DecodeError:
        return (), ("it is nested too deeply",)
    paths: dict[Path, None] = {}
    problems = dict.fromkeys(_walk(tree, each, paths))
    return tuple(paths), tuple(problems)


def patterns(parsed: bytes) -> Iterator[str]:
    """The literal patterns of its ``matches()``."""
    tree = _ParsedExpr.FromString(any_pb2.Any.FromString(parsed).value).expr
    for call in _calls(tree):
        if call.function == "matches":
            yield call.args[-1].const_expr.string_value


def _calls(expr: Any) -> Iterator[Any]:
    if expr.WhichOneof("kind") == "call_expr":
        yield expr.call_expr
        for part in _operands(expr.call_expr):
            yield from _calls(part)


def _operands(call: Any) -> Sequence[Any]:
    return ([call.target] if call.HasField("target") else []) + list(call.args)


def _walk(expr: Any, each: str, paths: dict[Path, None]) -> Iterator[str]:
    match expr.WhichOneof("kind"):
        case "const_expr":
            yield from _constant(expr.const_expr)
        case "select_expr":
            yield from _select(expr.select_expr, each, paths)
        case "call_expr":
            yield from _call(expr.call_expr, each, paths)
        case "ident_expr":
            yield f"'{expr.ident_expr.name}' stands alone; expected one of its fields, as in {each}.field"
        case "comprehension_expr":
            yield "a macro over a collection is refused; 'each' is the only way to iterate"
        case _:
            yield "a list, map or message is refused; compare fields of facts with constants"


def _constant(constant: Any) -> Iterator[str]:
    kind = constant.WhichOneof("constant_kind")
    if kind not in PLAIN_CONSTANTS:
        yield f"a constant is true or false, a number or a text, not {'null' if kind == 'null_value' else kind}"


def _select(select: Any, each: str, paths: dict[Path, None]) -> Iterator[str]:
    if select.test_only:
        yield "has() is refused: it reads what is not known as absent, and so as fine"
    elif select.operand.WhichOneof("kind") != "ident_expr":
        yield f"'.{select.field}' is a field of something that has none; expected kind.field"
    else:
        path = Path(select.operand.ident_expr.name.removeprefix("."), select.field)
        wrong = problem(path, each)
        if wrong:
            yield wrong
        paths[path] = None


def _call(call: Any, each: str, paths: dict[Path, None]) -> Iterator[str]:
    if call.function in REFUSED:
        yield REFUSED[call.function]
        return
    if call.function not in LOGIC + ARITHMETIC + FUNCTIONS:
        yield f"{call.function}() is not allowed; expected {listed(FUNCTIONS)}{did_you_mean(call.function, FUNCTIONS)}"
        return
    if call.function == "matches" and not (call.args and call.args[-1].const_expr.HasField("string_value")):
        yield "matches() takes a literal pattern only"
    for part in _operands(call):
        yield from _walk(part, each, paths)


# The part of cel.expr.ParsedExpr that is read here, as a message type of our own: the library serializes a tree and
# offers no way to walk it.

_TREE: dict[str, tuple[tuple[str, int, int | str, str], ...]] = {
    "Constant": (
        ("null_value", 1, _Field.TYPE_INT64, "constant_kind"),
        ("bool_value", 2, _Field.TYPE_BOOL, "constant_kind"),
        ("int64_value", 3, _Field.TYPE_INT64, "constant_kind"),
        ("uint64_value", 4, _Field.TYPE_UINT64, "constant_kind"),
        ("double_value", 5, _Field.TYPE_DOUBLE, "constant_kind"),
        ("string_value", 6, _Field.TYPE_STRING, "constant_kind"),
        ("bytes_value", 7, _Field.TYPE_BYTES, "constant_kind"),
    ),
    "Ident": (("name", 1, _Field.TYPE_STRING, ""),),
    "Select": (
        ("operand", 1, "Expr", ""),
        ("field", 2, _Field.TYPE_STRING, ""),
        ("test_only", 3, _Field.TYPE_BOOL, ""),
    ),
    "Call": (("target", 1, "Expr", ""), ("function", 2, _Field.TYPE_STRING, ""), ("args", 3, "Expr", "repeated")),
    "Opaque": (),
    "Expr": (
        ("const_expr", 3, "Constant", "kind"),
        ("ident_expr", 4, "Ident", "kind"),
        ("select_expr", 5, "Select", "kind"),
        ("call_expr", 6, "Call", "kind"),
        ("list_expr", 7, "Opaque", "kind"),
        ("struct_expr", 8, "Opaque", "kind"),
        ("comprehension_expr", 9, "Opaque", "kind"),
    ),
    "ParsedExpr": (("expr", 2, "Expr", ""),),
}


def _tree_type() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="tree.proto", package="tree", syntax="proto3")
    for name, fields in _TREE.items():
        message = file.message_type.add(name=name)
        oneofs = list(dict.fromkeys(group for *_, group in fields if group not in ("", "repeated")))
        for group in oneofs:
            message.oneof_decl.add(name=group)
        for field, number, kind, group in fields:
            _add_field(message, field, number, kind, group, oneofs)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tree.ParsedExpr"))


def _add_field(message: Any, name: str, number: int, kind: int | str, group: str, oneofs: list[str]) -> None:
    label = _Field.LABEL_REPEATED if group == "repeated" else _Field.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, label=label)
    if isinstance(kind, str):
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".tree.{kind}"
    else:
        field.type = kind
    if group in oneofs:
        field.oneof_index = oneofs.index(group)


_ParsedExpr = _tree_type()
