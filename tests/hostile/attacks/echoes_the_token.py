"""A 401 that repeats the token."""

import re

from tests.hostile.server import answered

BOUND = "what was sent as a credential is cut out of every message, in any letters"
MESSAGE = "does not let us in"
TOKEN = "s3cr3t-T0ken.value"
NEVER = [TOKEN, TOKEN.upper(), TOKEN.lower()]


def play(path, send):
    token = re.search(r"(?im)^authorization: Bearer (\S+)", path)[1]
    text = f"token {token} ({token.upper()}) Bearer {token} is not known"
    issue = [{"severity": "error", "code": "login", "diagnostics": text}]
    send(answered({"resourceType": "OperationOutcome", "issue": issue}, "401 Unauthorized"))
