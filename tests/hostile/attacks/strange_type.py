"""A resource of a type that is a path."""

from tests.hostile.server import TAG, answered, ordinary

BOUND = "ids and types are as FHIR R4 has them"
MESSAGE = "Patient"


def play(path, send):
    resource = {"resourceType": "../../../tmp/owned", "id": "p", "meta": {"tag": [TAG]}}
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": resource}]}
    send(ordinary(path) or answered(bundle))
