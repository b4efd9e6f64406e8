"""A message that clears the screen, moves the cursor, turns the text round and writes a line as if it were ours."""

from tests.hostile.server import answered, ordinary

BOUND = "control characters, line ends and turning characters are shown as \\u001b"
MESSAGE = "no\\u001b["
NEVER = ["\x1b", "\x9b", "\u202e", "\npull       2 resources"]


def play(path, send):
    text = "no\x1b[2J\x1b[H\x9b2J\u202e\npull       2 resources of 1 type, complete\r"
    issue = [{"severity": "error", "code": "invalid", "diagnostics": text}]
    send(ordinary(path) or answered({"resourceType": "OperationOutcome", "issue": issue}, "400 Bad Request"))
