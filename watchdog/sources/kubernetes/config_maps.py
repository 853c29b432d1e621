"""ConfigMap -> kill switch. domain.md §3."""

from __future__ import annotations

import base64
import binascii

from watchdog.core import switch
from watchdog.core.facts import KillSwitch, Unknown
from watchdog.sources.kubernetes.kept import ConfigMap
from watchdog.sources.kubernetes.stanza import KillSwitchKey


def kill_switch(carrier: KillSwitchKey, config_map: ConfigMap | Unknown | None) -> KillSwitch | None:
    """What the platform's own reader concludes; ``None`` where nothing is required to be and nothing is."""
    if isinstance(config_map, Unknown):
        return _fact(carrier, config_map, "", str(config_map))
    text = None if config_map is None else content(config_map, carrier.key)
    if text is None:
        missing = "the ConfigMap does not exist" if config_map is None else f"the key {carrier.key} is missing"
        return _fact(carrier, False, "", missing) if carrier.required else None
    halted, explanation = switch.halted(text)
    return _fact(carrier, halted, switch.first_line(text), explanation)


def content(config_map: ConfigMap, key: str) -> str | None:
    """A key as a file shows it: one of ``binaryData`` is mounted as well."""
    if key in config_map.data:
        return config_map.data[key]
    encoded = config_map.binary_data.get(key)
    if encoded is None:
        return None
    try:
        return base64.b64decode(encoded).decode(errors="replace")
    except binascii.Error:
        return ""


def _fact(carrier: KillSwitchKey, halted: bool | Unknown, value: str, explanation: str) -> KillSwitch:
    return KillSwitch(carrier.switch, "config_map", carrier.location, halted, value, explanation)
