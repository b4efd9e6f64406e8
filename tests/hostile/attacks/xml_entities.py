"""XML whose entities grow without end, in place of JSON."""

from tests.hostile.server import answered

BOUND = "no XML is read"
MESSAGE = "is not the base of a FHIR server"


def play(path, send):
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 20))
    text = f'<!DOCTYPE x [<!ENTITY a0 "ha">{entities}]><CapabilityStatement>&a19;</CapabilityStatement>'
    send(answered(text.encode()).replace(b"fhir+json", b"fhir+xml"))
