"""Prints the fields in the objects on stdin (a JSON array) that Kubernetes lacks, by kubernetes-asyncio's models.

A program of its own: the models are large, and the product takes care not to import them.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from kubernetes_asyncio.client import models


def unknown_fields(value: Any, type_name: str, path: str) -> Iterator[str]:
    if item := re.fullmatch(r"list\[(.+)\]", type_name):
        for number, element in enumerate(value):
            yield from unknown_fields(element, item[1], f"{path}[{number}]")
    elif (model := getattr(models, type_name, None)) is not None:
        types = {model.attribute_map[name]: of for name, of in model.openapi_types.items()}
        for name, field in value.items():
            yield from unknown_fields(field, types[name], f"{path}.{name}") if name in types else [f"{path}.{name}"]


def main() -> None:
    for document in json.load(sys.stdin):
        version, kind = document["apiVersion"].rpartition("/")[2], document["kind"]
        getattr(models, version.capitalize() + kind)  # a kind that there is
        for path in unknown_fields(document, version.capitalize() + kind, kind):
            print(path)


if __name__ == "__main__":
    main()
