"""What is retried, how long, and where credentials never go."""

from __future__ import annotations

import email.utils
import ssl
import time

import httpx
import pytest

from fhir_blina.errors import StoreIncomplete, StoreRefused, StoreUnavailable
from fhir_blina.http import exchange
from fhir_blina.http import transport as transport_module
from fhir_blina.http.transport import Transport

BASE = "https://ehr.example/fhir"


class Script:
    """Answers in turn, the last one for ever; remembers requests and pauses."""

    def __init__(self, *answers, base=BASE, **options):
        self.answers = list(answers)
        self.requests = []
        self.pauses = []
        client = httpx.Client(transport=httpx.MockTransport(self.answer))
        self.transport = Transport(base, client=client, sleep=self.pauses.append, **options)

    def answer(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return answer
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        return httpx.Response(status, json={"resourceType": "Basic"}, headers=headers)


@pytest.mark.parametrize(
    "fault",
    [
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut off"),
        httpx.WriteError("reset"),
        408,
        429,
        502,
        503,
        504,
        500,
        httpx.Response(
            200, content=b'{"resourceType": "Bu', headers={"content-type": "application/fhir+json"}
        ),
    ],
)
def test_a_passing_fault_is_tried_again_with_the_same_bytes(fault):
    script = Script(fault, 200)
    assert script.transport.request("POST", body='{"a":1}').ok
    first, second = script.requests
    assert first.content == second.content == b'{"a":1}'
    assert len(script.pauses) == 1


@pytest.mark.parametrize("status", [400, 404, 405, 410, 412, 413, 422])
def test_what_another_try_would_not_change_is_sent_once(status):
    script = Script(status)
    assert script.transport.get("Patient").status == status
    assert len(script.requests) == 1


def test_every_status_there_is_has_its_rule():
    """A status added to those that are tried again, or taken from them, is seen here."""
    rules = {}
    for status in range(200, 600):
        if 300 <= status < 400 or status in {401, 403}:
            continue  # refused at once, below
        script = Script(status)
        try:
            script.transport.get("Patient")
        except StoreUnavailable:
            rules[status] = f"error after {len(script.requests)}"
        else:
            rules[status] = f"answer after {len(script.requests)}"
    again = {status: rule for status, rule in rules.items() if rule != "answer after 1"}
    assert again == {
        **dict.fromkeys([408, 429, 502, 503, 504], "error after 8"),
        **dict.fromkeys([409, 500], "answer after 3"),
    }


@pytest.mark.parametrize("fault", [httpx.ReadError("reset"), 429, 502, 503, 504, 408])
def test_a_lasting_fault_ends_after_eight_tries(fault):
    script = Script(200, fault)
    script.transport.get("metadata")
    with pytest.raises(StoreUnavailable, match="8 tries"):
        script.transport.get("Patient")
    assert len(script.requests) == 1 + 8


def test_a_server_that_was_never_there_is_given_up_sooner():
    script = Script(httpx.ConnectError("refused"))
    with pytest.raises(StoreUnavailable, match="Is it running"):
        script.transport.get("metadata")
    assert len(script.requests) == 3


def test_a_lasting_fault_ends_after_ten_minutes(monkeypatch):
    clock = iter(range(0, 100_000, 400))
    monkeypatch.setattr(transport_module.time, "monotonic", lambda: next(clock))
    script = Script(200, 503)
    script.transport.get("metadata")
    with pytest.raises(StoreUnavailable):
        script.transport.get("Patient")
    assert len(script.requests) <= 4


@pytest.mark.parametrize(
    ("said", "waited"),
    [("7", 7.0), ("0.5", 0.5), ("1000000000", 120.0)],
)
def test_retry_after_is_obeyed_up_to_two_minutes(said, waited):
    script = Script((503, {"retry-after": said}), 200)
    script.transport.get("Patient")
    assert script.pauses == [waited]


@pytest.mark.parametrize("said", ["-1", "0", "soon", "", "nan", "Sun, 06 Nov 1994 08:49:37 -0000"])
def test_a_senseless_retry_after_is_passed_over(said):
    script = Script((503, {"retry-after": said}), 200)
    script.transport.get("Patient")
    assert 0 <= script.pauses[0] <= 0.5


def test_retry_after_can_be_a_date():
    script = Script((429, {"retry-after": email.utils.formatdate(time.time() + 30, usegmt=True)}), 200)
    script.transport.get("Patient")
    assert 27 <= script.pauses[0] <= 30


def test_a_server_that_asks_for_less_gets_less():
    script = Script(503, 200)
    assert script.transport.pace.workers == 2
    script.transport.get("Patient")
    assert script.transport.pace.workers == 1


@pytest.mark.parametrize(
    ("text", "tries"),
    [
        ("HAPI-0823: conflict", 6),
        ("HAPI-0550: HAPI-0826: The operation has failed with a version constraint failure.", 6),
        ("HFJ_RES_SEARCH_URL", 6),
        ("HAPI-0550: referred to", 3),
    ],
)
def test_races_are_tried_five_times_other_conflicts_twice(text, tries):
    script = Script(httpx.Response(409, text=text))
    assert script.transport.get("Patient").status == 409
    assert len(script.requests) == tries


# What HAPI 8.8.0 said while PostgreSQL was stopped under it.
NO_DATABASE = [
    (
        "HAPI-0389: Failed to call access method: org.springframework.orm.jpa.JpaSystemException: "
        "Unable to rollback against JDBC Connection"
    ),
    (
        "HAPI-0389: Failed to call access method: org.springframework.dao.DataAccessResourceFailureException: "
        "Hibernate transaction: Unable to commit against JDBC Connection; "
        "An I/O error occurred while sending to the backend."
    ),
    (
        "HAPI-0389: Failed to call access method: org.springframework.transaction.CannotCreateTransactionException: "
        "Could not open JPA EntityManager for transaction"
    ),
    "Unable to rollback against JDBC Connection",
    "Connection refused",
]


@pytest.mark.parametrize("text", NO_DATABASE)
def test_a_server_without_its_database_is_waited_for_as_one_that_does_not_answer(text):
    away = httpx.Response(500, json={"issue": [{"diagnostics": text}]})
    script = Script(200, *[away] * 7, 200)
    script.transport.get("metadata")
    assert script.transport.request("POST", body="{}", doubt_tries=0).ok
    assert len(script.requests) == 1 + 7 + 1
    script = Script(away)
    with pytest.raises(StoreUnavailable, match="8 tries"):
        script.transport.request("POST", body="{}", doubt_tries=0)
    assert len(script.requests) == 8


def test_an_unknown_500_is_tried_twice_and_returned():
    script = Script(500)
    assert script.transport.get("Patient").status == 500
    assert len(script.requests) == 3


@pytest.mark.parametrize("status", [408, 413, 504])
def test_what_can_be_halved_is_returned_at_once(status):
    script = Script(status)
    assert script.transport.request("POST", body="{}", divisible=True).status == status
    assert len(script.requests) == 1


def test_a_create_is_not_repeated_when_its_answer_was_lost():
    script = Script(200, httpx.ReadError("reset"))
    script.transport.get("metadata")
    with pytest.raises(StoreUnavailable):
        script.transport.request("POST", "Patient", body="{}", repeatable=False)
    assert len(script.requests) == 2


def test_a_token_is_renewed_once():
    tokens = iter(["old", "new", "newer"])
    script = Script(401, 200, token=lambda: next(tokens))
    assert script.transport.get("Patient").ok
    assert [one.headers["authorization"] for one in script.requests] == ["Bearer old", "Bearer new"]
    script = Script(401, token=lambda: "always wrong")
    with pytest.raises(StoreRefused, match="credentials"):
        script.transport.get("Patient")
    assert len(script.requests) == 2


@pytest.mark.parametrize("status", [401, 403])
def test_no_entry_is_not_tried_again(status):
    script = Script(status, token="secret-token")
    with pytest.raises(StoreRefused, match="does not let us in") as caught:
        script.transport.get("Patient")
    assert "secret-token" not in str(caught.value)
    assert len(script.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status):
    script = Script((status, {"location": "https://evil.example/fhir"}), token="t")
    with pytest.raises(StoreRefused, match="final address"):
        script.transport.get("Patient")
    assert {one.url.host for one in script.requests} == {"ehr.example"}


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/fhir?_getpages=1",
        "https://evil.example/other/base?_getpages=1",
        "http://ehr.example/fhir?_getpages=1",
        "https://ehr.example:8443/fhir?_getpages=1",
        "https://ehr.example@evil.example/fhir?_getpages=1",
        "https://ehr.example.evil.example/fhir?_getpages=1",
        "https://evil.example/https://ehr.example/fhir?_getpages=1",
        "//evil.example/fhir?_getpages=1",
        "https://ehr.exаmple/fhir?_getpages=1",
        "/fhir?_getpages=1",
        "?_getpages=1",
        "https://evil.example/fhir/Binary/out-1",
        "https://evil.example/hapi/Patient?_getpages=1",
        "https://evil.example/fhir/$export-poll-status?_jobId=1",
    ],
)
def test_no_address_that_a_server_names_gets_our_credentials(url):
    """Other host, scheme, port, user, suffix, look-alike: all are asked of the configured server."""
    script = Script(200, token="t")
    try:
        anchored = script.transport.anchored(url)
    except StoreRefused:
        return
    script.transport.get(anchored)
    assert [one.url.scheme + one.url.host + str(one.url.port) for one in script.requests] == [
        "httpsehr.exampleNone"
    ]


@pytest.mark.parametrize(
    ("url", "anchored"),
    [
        ("https://ehr.example/fhir?_getpages=a&b=c", f"{BASE}?_getpages=a&b=c"),
        ("http://10.0.0.3:8080/fhir?_getpages=a", f"{BASE}?_getpages=a"),
        ("http://10.0.0.3:8080/hapi-fhir/Binary/x1", f"{BASE}/Binary/x1"),
        ("http://10.0.0.3/Patient?page=2", f"{BASE}/Patient?page=2"),
        ("http://10.0.0.3/$export-poll-status?_jobId=1", f"{BASE}/$export-poll-status?_jobId=1"),
    ],
)
def test_a_server_behind_a_proxy_is_followed_on_its_own_address(url, anchored):
    assert Script(200).transport.anchored(url) == anchored


@pytest.mark.parametrize(
    "url", ["https://evil.example/bucket/file.ndjson", "https://x/fhir/../../admin", "/a/../b"]
)
def test_an_address_that_is_no_path_of_fhir_is_not_followed(url):
    with pytest.raises(StoreRefused, match="none of its own"):
        Script(200).transport.anchored(url)


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("https://anna:secret@ehr.example/fhir", "user name or password"),
        ("https://anna@ehr.example/fhir", "user name or password"),
        ("ftp://ehr.example/fhir", "http:// or https://"),
        ("https:///fhir", "http:// or https://"),
        ("https://ehr.example/fhir?x=1", "no \\? and no #"),
    ],
)
def test_an_address_that_is_no_base_is_refused(base, message):
    with pytest.raises(StoreRefused, match=message) as caught:
        Transport(base)
    assert "secret" not in str(caught.value)


def test_credentials_are_not_sent_in_the_clear():
    with pytest.raises(StoreRefused, match="https only"):
        Transport("http://ehr.example/fhir", token="t")
    assert Transport("http://127.0.0.1:8080/fhir", token="t").base == "http://127.0.0.1:8080/fhir"


def test_an_endless_answer_is_cut(monkeypatch):
    monkeypatch.setattr(exchange, "MOST_BYTES", 10)
    script = Script(httpx.Response(200, content=b"x" * 11))
    with pytest.raises(StoreIncomplete, match="at once"):
        script.transport.get("Patient")


def test_values_are_cut_out_of_what_a_server_says():
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "diagnostics": "HAPI-1821: unknown code 'Zhang'"}],
    }
    answer = Script(httpx.Response(400, json=outcome)).transport.get("Patient")
    assert answer.why() == "HTTP 400: HAPI-1821: unknown code '…'"


def test_nothing_is_logged_of_addresses(caplog):
    with caplog.at_level("INFO"):
        Script(200).transport.get("Patient", params={"identifier": "Zhang"})
    assert "Zhang" not in caplog.text


def test_answers_are_not_taken_from_a_cache():
    script = Script(200)
    script.transport.get("Patient")
    assert script.requests[0].headers["cache-control"] == "no-cache"


def test_json_that_is_whole_and_bad_is_told_after_one_request():
    bad = httpx.Response(200, content=b'{"a": 1, "a": 2}', headers={"content-type": "application/json"})
    script = Script(bad)
    with pytest.raises(StoreIncomplete, match="the same key twice"):
        script.transport.get("Patient")
    assert len(script.requests) == 1


@pytest.mark.parametrize("said", ["t0ken-of-mine", "T0KEN-OF-MINE", "Bearer t0ken-of-mine"])
def test_a_token_that_a_server_repeats_is_in_no_message(said):
    outcome = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": f"who is {said}?"}]}
    script = Script(httpx.Response(401, json=outcome), token="t0ken-of-mine")
    with pytest.raises(StoreRefused, match="does not let us in") as caught:
        script.transport.get("Patient")
    assert "t0ken" not in str(caught.value).lower()
    assert "t0ken" not in str(caught.value.findings[0]).lower()


def test_a_certificate_that_is_not_trusted_is_said_with_what_to_do():
    inner = ssl.SSLCertVerificationError(1, "certificate verify failed: self-signed certificate")
    fault = httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    fault.__cause__ = inner
    script = Script(fault)
    with pytest.raises(StoreRefused, match="ca_file"):
        script.transport.get("metadata")
    assert len(script.requests) == 1


def test_cookies_are_sent_back_up_to_a_bound():
    sent = []

    def answer(request):
        sent.append(request.headers.get("cookie", ""))
        cookies = [("set-cookie", f"c{len(sent)}x{number}={'y' * 90}") for number in range(10)]
        return httpx.Response(200, json={}, headers=cookies)

    client = httpx.Client(transport=httpx.MockTransport(answer))
    transport = Transport("http://127.0.0.1/fhir", client=client)
    for _ in range(30):
        transport.get("metadata")
    assert "c1x1=" in sent[1]
    assert max(map(len, sent)) < 5000
