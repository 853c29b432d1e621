"""The real kubectl, in each version that is installed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from watchdog.simulator.http_face import HttpFace
from watchdog.simulator.platform import Floor

JSON = dict[str, Any]
AGENT, GAMMA = ("-n", "agenttrader", "deploy/execution-agent"), ("-n", "trading-floor", "statefulset/gamma-strategy")
SWITCH = ("-n", "trading-floor", "configmap/agenttrader-kill-switch")


def versions() -> list[str]:
    """kubectl on the path, and beside it the oldest and the newest ``kubectl.1.N`` (so the Google Cloud CLI)."""
    found = shutil.which("kubectl")
    if found is None:
        return ["kubectl"]
    beside = [str(one) for one in Path(found).resolve().parent.glob("kubectl.1.*")]
    numbered = sorted(beside, key=lambda path: int(path.rpartition(".")[2]))
    return [found, *dict.fromkeys(numbered[:1] + numbered[-1:])]


@dataclass(frozen=True, slots=True)
class Kubectl:
    """Calls kubectl with a home of its own, so that nobody's kubeconfig is read."""

    command: str
    server: str
    home: Path

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        home = {"HOME": str(self.home), "KUBECONFIG": str(self.home / "config"), "PATH": os.environ["PATH"]}
        options = ("-s", self.server, "--cache-dir", str(self.home / "cache"))
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            self.command, *options, *arguments, env=home, stdout=pipe, stderr=pipe
        )

    async def tried(self, *arguments: str) -> tuple[int | None, str, str]:
        """Return code, output and errors."""
        process = await self.start(*arguments)
        out, err = await asyncio.wait_for(process.communicate(), 20)
        return process.returncode, out.decode(), err.decode()

    async def __call__(self, *arguments: str) -> str:
        code, out, err = await self.tried(*arguments)
        assert code == 0, (arguments, err)
        return out

    async def refused(self, *arguments: str) -> str:
        """What it says when the command fails."""
        code, out, err = await self.tried(*arguments)
        assert code == 1, (arguments, out)
        return err

    async def object(self, *arguments: str) -> JSON:
        found: JSON = json.loads(await self("get", *arguments, "-o", "json"))
        return found

    def manifest(self, *objects: JSON) -> str:
        """A file for ``-f``."""
        path = self.home / "manifest.yaml"
        path.write_text(yaml.safe_dump_all(objects))
        return str(path)


@asynccontextmanager
async def serving(floor: Floor, command: str, home: Path) -> AsyncIterator[Kubectl]:
    """With the controllers at work."""
    face = HttpFace(floor.server)
    await face.start()
    controllers = asyncio.create_task(floor.run(), name="controllers")
    (home / "config").write_text("{apiVersion: v1, kind: Config}")
    try:
        yield Kubectl(command, face.url, home)
    finally:
        controllers.cancel()
        await face.stop()


async def eventually(holds: Any) -> None:
    """Until ``await holds()`` is true, for at most ten seconds."""
    async with asyncio.timeout(10):
        while not await holds():
            await asyncio.sleep(0.02)
