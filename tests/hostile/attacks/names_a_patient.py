"""A refusal that tells of another patient, in words without quotes."""

from tests.hostile.server import answered, ordinary

BOUND = "only known words, names of FHIR, ids and codes of errors are shown"
MESSAGE = "Duplicate of …"
NEVER = ["Jane", "Roe", "1950", "0100", "jane", "Spital"]


def play(path, send):
    text = "Duplicate of Jane Roe born 1950-03-12 phone +1 555 0100 (jane@roe.example) in Spital West"
    issue = [{"severity": "error", "code": "Jane Roe", "diagnostics": text, "expression": ["Jane.Roe"]}]
    send(ordinary(path) or answered({"resourceType": "OperationOutcome", "issue": issue}, "400 Bad Request"))
