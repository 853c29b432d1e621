"""The laws that hold for the repository as a whole, read from its files."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOP_LEVEL = {
    ".ci", ".dockerignore", ".gitignore", "Dockerfile", "LICENSE", "Makefile", "README.md",
    "config", "constraints.txt", "deploy", "pyproject.toml", "tests", "watchdog",
}  # fmt: skip
MAY_READ_A_CLOCK = ("watchdog/adapters/", "watchdog/simulator/")
MAY_CATCH_EVERYTHING = (
    "watchdog/supervision.py",
    "watchdog/core/assessment.py",
    "watchdog/sources/kubernetes/telling.py",
)
CLOCKS = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
}  # fmt: skip
# Dots in brackets, so that these patterns do not match themselves.
REGISTRIES = re.compile(
    r"pypi[.]org|pythonhosted[.]org|npmjs[.](org|com)|crates[.]io|debian[.]org/|ubuntu[.]com/|anaconda[.]org|proxy[.]golang"
)
MACHINE_PATHS = re.compile(r"(?<![\w.$}-])/(root|home|Users|work)/|[.]pyenv|/opt/pyp[i]|/tmp/bas[h]")


def committed() -> list[Path]:
    """What git tracks or would add."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return sorted(ROOT / name for name in set(names) if name and (ROOT / name).is_file())


def modules(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(), str(path))


def clock_reads(module: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield node
        if isinstance(node, ast.Attribute) and _is_clock(node):
            yield node


def _is_clock(node: ast.Attribute) -> bool:
    owner = node.value
    if isinstance(owner, ast.Call):
        owner = owner.func
        return node.attr == "time" and ast.unparse(owner).endswith(("get_running_loop", "get_event_loop"))
    name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
    return node.attr in CLOCKS.get(name, ()) or (node.attr == "time" and name.endswith("loop"))


def broad_excepts(module: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(module):
        if isinstance(node, ast.ExceptHandler) and (node.type is None or _is_broad(node.type)):
            yield node
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func).endswith("suppress")
            and any(map(_is_broad, node.args))
        ):
            yield node


def _is_broad(node: ast.expr) -> bool:
    return any(isinstance(part, ast.Name) and part.id in ("Exception", "BaseException") for part in ast.walk(node))


def places(found: Iterator[tuple[str, ast.AST]]) -> list[str]:
    return [f"{name}:{getattr(node, 'lineno', 0)}: {ast.unparse(node)[:60]}" for name, node in found]


def test_only_the_ports_hand_out_a_clock() -> None:
    assert not places(
        (name, node)
        for name, module in modules("watchdog")
        if not name.startswith(MAY_READ_A_CLOCK)
        for node in clock_reads(module)
    )


def test_everything_is_caught_only_where_faults_stop() -> None:
    assert not places(
        (name, node)
        for name, module in modules("watchdog")
        if name not in MAY_CATCH_EVERYTHING
        for node in broad_excepts(module)
    )


def test_core_imports_nothing_but_the_standard_library_and_itself() -> None:
    for name, module in modules("watchdog/core"):
        for imported in _imports(module):
            assert imported.split(".")[0] in sys.stdlib_module_names or imported.startswith("watchdog.core"), (
                f"{name}: {imported}"
            )


def _imports(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            yield node.module or ""


def test_one_module_loads_kubernetes_asyncio_by_name() -> None:
    """Static imports of it are refused by import-linter."""
    assert [name for name, module in modules("watchdog") if _names(module, "kubernetes_asyncio")] == [
        "watchdog/adapters/kubernetes_client.py"
    ]


def _names(module: ast.Module, package: str) -> bool:
    texts = [node.value for node in ast.walk(module) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return any(re.fullmatch(rf"{package}[\w.]*", text) for text in texts)


def test_every_folder_states_its_law() -> None:
    for path in sorted((ROOT / "watchdog").rglob("__init__.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
        assert path.parent == ROOT / "watchdog" or "LAW" in docstring, path


@pytest.mark.parametrize("what", [REGISTRIES, MACHINE_PATHS], ids=["a registry's host", "a path of a machine"])
def test_no_committed_file_names(what: re.Pattern[str]) -> None:
    found = ((path, what.search(path.read_text(errors="replace"))) for path in committed())
    assert not [f"{path.relative_to(ROOT)}: {match.group()}" for path, match in found if match]


def test_every_dependency_is_pinned_with_a_hash() -> None:
    requirements = re.split(r"\n(?=\S)", (ROOT / "constraints.txt").read_text().replace("\\\n", ""))
    requirements = [requirement for requirement in requirements if not requirement.startswith("#")]
    assert len(requirements) > 20
    for requirement in requirements:
        assert re.match(r"[a-z0-9-]+==\S+\s+--hash=sha256:[0-9a-f]{64}\b", requirement), requirement[:80]
        assert "://" not in requirement and " @ " not in requirement, requirement[:80]


def test_the_top_level_is_fixed() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in committed()} == TOP_LEVEL


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.monotonic()",
        "from time import time",
        "datetime.datetime.now()",
        "asyncio.get_running_loop().time()",
    ],
)
def test_a_clock_is_recognised(source: str) -> None:
    assert list(clock_reads(ast.parse(source)))


@pytest.mark.parametrize("handler", ["except:", "except Exception:", "except (OSError, BaseException) as error:"])
def test_a_broad_except_is_recognised(handler: str) -> None:
    assert list(broad_excepts(ast.parse(f"try:\n    pass\n{handler}\n    pass")))


def test_a_named_except_is_not_broad() -> None:
    assert not list(broad_excepts(ast.parse("try:\n    pass\nexcept (OSError, ValueError):\n    pass")))
