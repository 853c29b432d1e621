"""The one request with a body: what may we do? Nothing else is ever posted."""

from __future__ import annotations

import ast
import asyncio
from pathlib import Path

import pytest

from tests.adapters.test_kubernetes import JSON, api
from tests.loopback import whole
from watchdog.adapters import kubernetes
from watchdog.adapters.kubernetes import REVIEWS, KubernetesApi
from watchdog.ports import KubernetesError, Unreachable

ACCESS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
DENIED = b'{"kind": "Status", "code": 403, "reason": "Forbidden", "message": "no"}'
ADAPTERS = Path(kubernetes.__file__).parent


@pytest.mark.parametrize("path", [ACCESS, RULES])
async def test_a_review_is_posted_and_answered_by_201(path: str, tmp_path: Path) -> None:
    asked: list[bytes] = []

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(request)
        await whole(b'{"status": {}}', "201 Created", JSON)(request, writer)

    async with api(tmp_path, answer) as client:
        assert await client.review(path, b'{"spec": {}}', 5) == b'{"status": {}}'
    assert asked[0].startswith(f"POST {path} HTTP/1.1\r\n".encode()) and asked[0].endswith(b'\r\n\r\n{"spec": {}}')
    assert b"content-type: application/json\r\n" in asked[0].lower()


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces/trading-floor/configmaps",
        "/apis/apps/v1/namespaces/agenttrader/deployments/execution-agent/scale",
        f"{ACCESS}/",
        f"{ACCESS}?dryRun=All",
        f"{ACCESS}/../../../../api/v1/pods",
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        "/apis/authorization.k8s.io/v1/namespaces/x/localsubjectaccessreviews",
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        ACCESS.upper(),
        "",
    ],
)
async def test_nothing_else_is_posted(path: str, tmp_path: Path) -> None:
    asked: list[bytes] = []

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(request)
        await whole(b"{}", "201 Created", JSON)(request, writer)

    async with api(tmp_path, answer) as client:
        with pytest.raises(ValueError, match="only SelfSubject"):
            await client.review(path, b"{}", 5)
        await asyncio.sleep(0.01)
    assert not asked


async def test_a_refused_review_says_why(tmp_path: Path) -> None:
    async with api(tmp_path, whole(DENIED, "403 Forbidden", JSON)) as client:
        with pytest.raises(KubernetesError) as caught:
            await client.review(ACCESS, b"{}", 5)
    assert (caught.value.status, caught.value.reason) == (403, "Forbidden")


@pytest.mark.parametrize("status", ["200 OK", "202 Accepted", "204 No Content"])
async def test_an_answer_that_reviews_nothing_is_none(status: str, tmp_path: Path) -> None:
    async with api(tmp_path, whole(b"", status, JSON)) as client:
        with pytest.raises(KubernetesError):
            await client.review(ACCESS, b"{}", 5)


async def test_a_review_that_is_not_answered_in_time_is_unreachable(tmp_path: Path) -> None:
    async def hang(_: bytes, __: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with api(tmp_path, hang) as client:
        with pytest.raises(Unreachable, match="Timeout"):
            await client.review(ACCESS, b"{}", 0.5)


async def test_a_read_is_never_answered_by_201(tmp_path: Path) -> None:
    async with api(tmp_path, whole(b"{}", "201 Created", JSON)) as client:
        with pytest.raises(KubernetesError):
            await client.read("/api/v1/pods", {}, 5)


def constants(tree: ast.AST) -> list[str]:
    found = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return [value for value in found if value.upper() in ("POST", "PUT", "PATCH", "DELETE")]


def calls(tree: ast.AST) -> list[str]:
    called = (n.func for n in ast.walk(tree) if isinstance(n, ast.Call))
    verbs = ("post", "put", "patch", "delete")
    return [func.attr for func in called if isinstance(func, ast.Attribute) and func.attr.lower() in verbs]


def test_no_other_write_verb_exists_in_the_adapters() -> None:
    """A POST of HTTP is the outlets' (pages); the only one of the Kubernetes API is the review's."""
    trees = {path.name: ast.parse(path.read_text()) for path in sorted(ADAPTERS.glob("*.py"))}
    assert {name: verbs for name, tree in trees.items() if (verbs := constants(tree))} == {
        "http.py": ["POST"],
        "kubernetes.py": ["POST", "POST"],  # the type of a method, and
    }
    assert not [name for name, tree in trees.items() if calls(tree)]
    methods = {n.name: n for n in ast.walk(trees["kubernetes.py"]) if isinstance(n, ast.AsyncFunctionDef)}
    assert [name for name, method in methods.items() if constants(method)] == ["review"]
    first = methods["review"].body[1]  # after its docstring
    assert isinstance(first, ast.If) and ast.unparse(first.test) == "path not in REVIEWS"
    assert isinstance(first.body[0], ast.Raise)
    assert REVIEWS == (ACCESS, RULES)


def test_the_client_offers_reading_and_reviewing_and_nothing_else() -> None:
    offered = [name for name in vars(KubernetesApi) if not name.startswith("_")]
    assert offered == ["read", "review", "date", "watch", "close"]
