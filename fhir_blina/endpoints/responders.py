"""What a response adds to the definitions: the sets of the evaluable and the responders, and their endpoint.

The sets are ``<name>_evaluable`` and ``<name>_responders``; a response with a ``duration`` adds the endpoint
``<name>_duration`` of the responders.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_blina.endpoints.definition import PatientSet
from fhir_blina.endpoints.responses import ResponseAsked


def response_sets(responses: Mapping[str, ResponseAsked]) -> dict[str, PatientSet]:
    """The sets that responses add: who can be judged, and who of them responded."""
    made: dict[str, PatientSet] = {}
    for one in responses.values():
        among = () if one.among == "all" else (one.among,)
        for name, words in (
            (one.evaluable_set, tuple(one.categories)),
            (one.responder_set, one.responders),
        ):
            made[name] = PatientSet(
                name=name,
                measure=one.best,
                words=words,
                all_of=among,
                none_of=tuple(one.not_evaluable),
                missing="no",
            )
    return made


def duration_entries(content: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The endpoint that each response with a ``duration`` adds, as it would stand under ``endpoints``."""
    return {
        f"{name}_duration": {
            "title": f"{entry['title']}: duration of response",
            **entry["duration"],
            "among": f"{name}_responders",
        }
        for name, entry in content.get("responses", {}).items()
        if "duration" in entry
    }
