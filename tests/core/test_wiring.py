"""How an execution workload reads the kill switch. domain.md §3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from watchdog.core.environment import Bearer, Bulk, ConfigMapKey, FieldPath, SecretKey, Variable
from watchdog.core.facts import Unknown
from watchdog.core.pod import Container, Mount, PodShape, Projection, Role, Volume
from watchdog.core.wiring import Reader, SwitchKey, executing, read_by, wired

READER = Reader(
    (SwitchKey("kill", "EXECUTION_HALTED"), SwitchKey("safety", "KILL_SWITCH", required=False)),
    ("EXECUTION_HALTED", "EXEC_KILL_SWITCH"),
    ("EXECUTION_HALTED_FILE",),
)
DIRECTORY = "/etc/agenttrader/kill-switch"
FILE = f"{DIRECTORY}/EXECUTION_HALTED"
MAPS: Mapping[str, Mapping[str, str | Unknown] | Unknown] = {
    "kill": {"EXECUTION_HALTED": "1"},
    "safety": {"KILL_SWITCH": "true"},
    "other": {"EXECUTION_HALTED": "0"},
    "plain": {"LOG_LEVEL": "info"},
    "hidden": Unknown("NotYetListed"),
}
BEARER = Bearer("trading-floor", "", {"halted": "0"})
VOLUME = Volume("switch", (Projection("kill"),))
MOUNT = Mount("switch", DIRECTORY)


def executes(image: str) -> bool:
    return "execution" in image


def pod(
    *variables: Variable, mounts: tuple[Mount, ...] = (), volumes: tuple[Volume, ...] = (VOLUME,), **more: object
) -> PodShape:
    bulk, command = more.get("bulk", ()), more.get("command", ())
    assert isinstance(bulk, tuple) and isinstance(command, tuple)
    engine = Container("engine", "execution-engine:1", variables=variables, mounts=mounts, bulk=bulk, command=command)
    return PodShape((engine,), volumes)


def lit(value: str, name: str = "EXECUTION_HALTED") -> Variable:
    return Variable(name, value)


def ref(config_map: str = "kill", key: str = "EXECUTION_HALTED", optional: bool = False, name: str = "") -> Variable:
    return Variable(name or key, "", ConfigMapKey(config_map, key, optional))


def projected(*projections: Projection) -> tuple[Volume, ...]:
    return (Volume("switch", projections),)


ITEMS = (("EXECUTION_HALTED", "halted/now"),)
POINTER = "EXECUTION_HALTED_FILE"

SOUND: dict[str, tuple[PodShape, str]] = {
    "mounted": (pod(mounts=(MOUNT,)), f"mounts it at {FILE}"),
    "mounted, and its file named": (pod(lit(FILE, POINTER), mounts=(MOUNT,)), FILE),
    "its file named otherwise spelt": (pod(lit(f" {DIRECTORY}//./EXECUTION_HALTED", POINTER), mounts=(MOUNT,)), FILE),
    "its file named by a reference": (
        pod(lit(DIRECTORY, "D"), lit("$(D)/EXECUTION_HALTED", POINTER), mounts=(MOUNT,)),
        FILE,
    ),
    "with items": (
        pod(
            lit(f"{DIRECTORY}/halted/now", POINTER), mounts=(MOUNT,), volumes=projected(Projection("kill", keys=ITEMS))
        ),
        "halted/now",
    ),
    "projected": (pod(mounts=(MOUNT,), volumes=projected(Projection("plain"), Projection("kill"))), FILE),
    "projected before another that makes no such file": (
        pod(mounts=(MOUNT,), volumes=projected(Projection("kill"), Projection("plain"))),
        FILE,
    ),
    "an empty file variable is none": (pod(lit("", POINTER), mounts=(MOUNT,)), FILE),
    "a reference": (pod(ref()), "in env"),
    "a reference under another name of the switch": (pod(ref(name="EXEC_KILL_SWITCH")), "in env"),
    "a reference to the second switch": (pod(ref("safety", "KILL_SWITCH")), "in env"),
    "an optional reference to what need not be": (pod(ref("safety", "KILL_SWITCH", optional=True)), "in env"),
    "envFrom": (pod(bulk=(Bulk("kill"),)), "in env"),
    "both": (pod(ref(), mounts=(MOUNT,)), FILE),
    "a mount above it": (pod(mounts=(Mount("etc", "/etc"), MOUNT)), FILE),
    "a mount beside it": (pod(mounts=(MOUNT, Mount("x", f"{DIRECTORY}/EXECUTION_HALTED.d"))), FILE),
    "a mount whose name begins its own": (pod(mounts=(MOUNT, Mount("x", f"{DIRECTORY}/EXEC"))), FILE),
    "the same mount otherwise spelt": (pod(mounts=(MOUNT, Mount("switch", f"/{DIRECTORY}/"))), FILE),
    "in its command, its file": (pod(mounts=(MOUNT,), command=("env", f"{POINTER}=/{FILE}", "prog")), FILE),
    "another's literal": (pod(lit("0", "OTHER"), mounts=(MOUNT,)), FILE),
    "an optional mount of what need not be": (
        pod(mounts=(MOUNT, Mount("s", "/s")), volumes=(VOLUME, Volume("s", (Projection("safety", optional=True),)))),
        FILE,
    ),
}
FLAWS: dict[str, tuple[PodShape, str]] = {
    "not at all": (pod(), "neither mounts nor references"),
    "a volume that is not mounted": (pod(mounts=(Mount("other", "/x"),)), "neither mounts nor references"),
    "another's ConfigMap": (
        pod(mounts=(MOUNT,), volumes=projected(Projection("plain"))),
        "neither mounts nor references",
    ),
    "a reference under a name that nobody reads": (pod(ref(name="FOO")), "neither mounts nor references"),
    "a reference to another key": (pod(ref("kill", "OTHER")), "neither mounts nor references"),
    "envFrom with a prefix": (pod(bulk=(Bulk("kill", prefix="X_"),)), "neither mounts nor references"),
    "by subPath": (pod(mounts=(Mount("switch", FILE, "EXECUTION_HALTED"),)), "by subPath EXECUTION_HALTED"),
    "by subPath beside a sound one": (pod(mounts=(MOUNT, Mount("switch", "/x", "EXECUTION_HALTED"))), "by subPath"),
    "an optional volume": (
        pod(mounts=(MOUNT,), volumes=projected(Projection("kill", optional=True))),
        "ConfigMap kill (volume switch) as optional",
    ),
    "items that leave it out": (
        pod(mounts=(MOUNT,), volumes=projected(Projection("kill", keys=(("OTHER", "x"),)))),
        "items that leave out EXECUTION_HALTED",
    ),
    "another's file over it": (
        pod(mounts=(MOUNT, Mount("x", FILE, "f"))),
        f"its mount of volume x at {FILE} hides it",
    ),
    "another's directory over it": (
        pod(mounts=(MOUNT, Mount("x", f"{DIRECTORY}/halted")), volumes=projected(Projection("kill", keys=ITEMS))),
        "hides it",
    ),
    "another's file over it, otherwise spelt": (pod(mounts=(MOUNT, Mount("x", f"/{FILE}/"))), "volume x"),
    "another's file over it, relative": (pod(mounts=(MOUNT, Mount("x", FILE[1:]))), "volume x"),
    "another's directory at the same place": (pod(mounts=(MOUNT, Mount("x", f"{DIRECTORY}/"))), "volume x"),
    "a later source of the same file": (
        pod(mounts=(MOUNT,), volumes=projected(Projection("kill"), Projection("other"))),
        "a later source of the volume makes the file EXECUTION_HALTED",
    ),
    "a later source of the same file, by items": (
        pod(
            mounts=(MOUNT,),
            volumes=projected(Projection("kill"), Projection("plain", keys=(("x", "EXECUTION_HALTED"),))),
        ),
        "a later source",
    ),
    "an optional reference": (pod(ref(optional=True)), "in env EXECUTION_HALTED as optional"),
    "an optional envFrom": (pod(bulk=(Bulk("kill", optional=True),)), "in envFrom as optional"),
    "a literal": (pod(lit("0"), mounts=(MOUNT,)), 'literal env EXECUTION_HALTED "0"'),
    "a literal that says halted": (pod(lit("1"), mounts=(MOUNT,)), 'literal env EXECUTION_HALTED "1"'),
    "an empty literal": (pod(lit(""), mounts=(MOUNT,)), "literal"),
    "a literal of the deprecated name": (pod(lit("0", "EXEC_KILL_SWITCH"), mounts=(MOUNT,)), "env EXEC_KILL_SWITCH"),
    "a literal before the reference": (pod(lit("0"), ref()), "literal"),
    "a literal after the reference": (pod(ref(), lit("0")), "literal"),
    "from a Secret": (
        pod(Variable("EXECUTION_HALTED", "", SecretKey("s", "k")), mounts=(MOUNT,)),
        "sets env EXECUTION_HALTED from something else",
    ),
    "from a label": (
        pod(Variable("EXECUTION_HALTED", "", FieldPath("metadata.labels['halted']")), mounts=(MOUNT,)),
        "from something else",
    ),
    "from another ConfigMap": (pod(ref("other"), mounts=(MOUNT,)), "from something else"),
    "from another ConfigMap by envFrom": (pod(bulk=(Bulk("other"),), mounts=(MOUNT,)), "ConfigMap other (envFrom)"),
    "in its command": (
        pod(mounts=(MOUNT,), command=("env", "EXECUTION_HALTED=0", "prog")),
        "sets EXECUTION_HALTED in command[1]",
    ),
    "a file elsewhere": (
        pod(lit("/tmp/x", POINTER), mounts=(MOUNT,)),
        "reads the file /tmp/x (env EXECUTION_HALTED_FILE)",
    ),
    "a file elsewhere, in its command": (
        pod(mounts=(MOUNT,), command=("env", f"{POINTER}=/tmp/x", "prog")),
        "reads the file /tmp/x (EXECUTION_HALTED_FILE in command[1])",
    ),
    "a file elsewhere, in its script": (
        pod(lit(FILE, POINTER), mounts=(MOUNT,), command=("sh", "-c", f"{POINTER}=/tmp/x prog")),
        "reads the file /tmp/x",
    ),
    "a relative file": (pod(lit(FILE[1:], POINTER), mounts=(MOUNT,)), "which no sound mount"),
    "a file without a mount": (pod(lit(FILE, POINTER), ref()), f"reads the file {FILE}"),
    "a file by the key's name, where items name it otherwise": (
        pod(lit(FILE, POINTER), mounts=(MOUNT,), volumes=projected(Projection("kill", keys=ITEMS))),
        "which no sound mount",
    ),
    "a file of a mount by subPath": (
        pod(lit("/x", POINTER), mounts=(MOUNT, Mount("switch", "/x", "EXECUTION_HALTED"))),
        "reads the file /x",
    ),
}


@pytest.mark.parametrize("law", SOUND)
def test_a_change_of_the_switch_reaches_it(law: str) -> None:
    shape, said = SOUND[law]
    sound, explanation = wired(shape, READER, executes, BEARER, MAPS.get)
    assert sound is True, explanation
    assert explanation.startswith("container engine ") and said in explanation


@pytest.mark.parametrize("law", FLAWS)
def test_a_flaw_is_named_with_its_container_and_field(law: str) -> None:
    shape, said = FLAWS[law]
    sound, explanation = wired(shape, READER, executes, BEARER, MAPS.get)
    assert sound is False
    assert explanation.startswith("container engine ") and said in explanation


@pytest.mark.parametrize(("later", "reason"), [("hidden", "NotYetListed"), ("", "NotSeen")])
def test_a_later_source_that_is_not_seen_may_make_the_file(later: str, reason: str) -> None:
    doubtful = projected(Projection("kill"), Projection(later))
    sound, _ = wired(pod(ref(), mounts=(MOUNT,), volumes=doubtful), READER, executes, BEARER, MAPS.get)
    assert isinstance(sound, Unknown) and sound.reason == reason
    made = projected(Projection("kill"), Projection(later), Projection("other"))
    assert wired(pod(mounts=(MOUNT,), volumes=made), READER, executes, BEARER, MAPS.get)[0] is False
    first = projected(Projection(later), Projection("kill"))
    assert wired(pod(mounts=(MOUNT,), volumes=first), READER, executes, BEARER, MAPS.get)[0] is True


def test_a_file_variable_that_is_not_seen_is_unknown() -> None:
    hidden = Variable(POINTER, "", ConfigMapKey("hidden", "path"))
    sound, _ = wired(pod(hidden, mounts=(MOUNT,)), READER, executes, BEARER, MAPS.get)
    assert sound == Unknown("NotYetListed")
    flawed, _ = wired(pod(hidden, lit("0"), mounts=(MOUNT,)), READER, executes, BEARER, MAPS.get)
    assert flawed is False, "a flaw that is seen is a flaw, whatever is not"


WIRED = Container("good", "execution-agent", mounts=(MOUNT,))
BARE = Container("bare", "execution-engine")
MESH = Container("mesh", "proxy")

WHO: dict[str, tuple[tuple[Container, ...], list[str]]] = {
    "those of an execution image": ((MESH, WIRED, BARE), ["good", "bare"]),
    "else the first": ((MESH, Container("log", "log")), ["mesh"]),
    "not an init container": ((replace(BARE, role=Role.INIT), MESH), ["mesh"]),
    "not an ephemeral container": ((replace(BARE, role=Role.EPHEMERAL), MESH), ["mesh"]),
    "a sidecar of an execution image": ((MESH, replace(BARE, role=Role.SIDECAR)), ["bare"]),
    "the first main container is no sidecar": ((replace(MESH, role=Role.SIDECAR), Container("log", "log")), ["log"]),
    "none": ((), []),
}


@pytest.mark.parametrize("law", WHO)
def test_who_has_to_read_the_switch(law: str) -> None:
    containers, expected = WHO[law]
    assert [c.name for c in executing(PodShape(containers), executes)] == expected


def test_every_container_that_executes_has_to_read_it() -> None:
    sound, explanation = wired(PodShape((MESH, WIRED, BARE), (VOLUME,)), READER, executes, BEARER, MAPS.get)
    assert (sound, explanation) == (False, "container bare neither mounts nor references the kill switch")
    assert wired(PodShape((MESH, WIRED), (VOLUME,)), READER, executes, BEARER, MAPS.get)[0] is True


def test_a_pod_without_containers_that_execute_reads_nothing_soundly() -> None:
    assert wired(PodShape(()), READER, executes, BEARER, MAPS.get)[0] is False


@pytest.mark.parametrize(
    ("shape", "config_map"),
    [
        (pod(mounts=(MOUNT,)), "kill"),
        (pod(mounts=(Mount("switch", "/x", "sub"),)), "kill"),
        (pod(ref(optional=True)), "kill"),
        (pod(bulk=(Bulk("safety"),)), "safety"),
        (PodShape((replace(WIRED, role=Role.INIT),), (VOLUME,)), "kill"),
        (pod(), ""),
        (pod(ref("other"), mounts=(Mount("y", "/y"),)), ""),
    ],
)  # fmt: skip
def test_whatever_mounts_or_references_a_switch_is_known(shape: PodShape, config_map: str) -> None:
    assert read_by(shape, READER) == config_map
