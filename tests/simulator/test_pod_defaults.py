from __future__ import annotations

from watchdog.simulator.pod_defaults import pod_spec


def test_a_service_account_is_stored_under_its_deprecated_name_too() -> None:
    assert pod_spec({"serviceAccountName": "reader"})["serviceAccount"] == "reader"
    assert "serviceAccount" not in pod_spec({})
