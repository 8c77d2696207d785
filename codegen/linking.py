"""Links from the answers that name something to the operations on it.

The overlay says with `x-ids` where an answer has ids: name of the path parameter -> runtime expression. The links
follow from the paths, so that a new operation is linked by itself.
"""

from __future__ import annotations

import re
from typing import Any

from codegen.document import Document, operations
from codegen.hoisting import camel

IDS = "x-ids"


def link(document: Document, scope: dict[str, str]) -> None:
    """Replace each `x-ids` by links, and drop the links to operations that are not served."""
    for _, _, operation in operations(document):
        for response in operation["responses"].values():
            stated = response.pop("links", {}).items()
            kept = {name: link for name, link in stated if link.get("operationId") in scope}
            if links := {**_links(document, scope, response.pop(IDS, {})), **kept}:
                response["links"] = links


def _links(document: Document, scope: dict[str, str], ids: dict[str, str]) -> dict[str, Any]:
    """By name: a link to each operation for whose path the ids are enough."""
    links = {}
    for path, _, operation in operations(document):
        needed = re.findall(r"\{(\w+)\}", path)
        if needed and set(needed) <= set(ids):
            operation_id = operation["operationId"]
            name = camel(scope[operation_id])
            links[name[0].lower() + name[1:]] = {
                "operationId": operation_id,
                "description": f"{operation.get('summary', name)}.",
                "parameters": {parameter: ids[parameter] for parameter in needed},
            }
    return links
