"""Tags, security labels and profiles that a server keeps although they went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_blina.files import dumps
from fhir_blina.http import Transport


def drop_labels(
    transport: Transport, place: str, before: Mapping[str, list[Any]], after: Mapping[str, Any]
) -> None:
    """Remove by ``$meta-delete`` what a PUT leaves in place.

    Args:
        transport: To the server.
        place: The server's ``Type/id``.
        before: ``meta`` as it was held: lists of tags, security labels and profiles.
        after: ``meta`` as it was sent.
    """
    gone = {
        part: [one for one in labels if not _among(one, after.get(part) or [])]
        for part, labels in before.items()
    }
    gone = {part: ones for part, ones in gone.items() if ones}
    if gone:
        body = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": gone}]}
        transport.request("POST", f"{place}/$meta-delete", body=dumps(body))


def _among(label: Any, labels: list[Any]) -> bool:
    """Whether a profile, or a tag with this system and code, is among others."""
    if isinstance(label, str):
        return label in labels
    code = (label.get("system"), label.get("code"))
    return any((one.get("system"), one.get("code")) == code for one in labels)
