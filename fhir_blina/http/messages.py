"""What messages about a connection say, and what they never hold."""

from __future__ import annotations

import base64
import binascii
import json
import ssl
from collections.abc import Iterator, Mapping
from urllib.parse import quote

import httpx

from fhir_blina.errors import StoreIncomplete

_SECRET_HEADERS = ("authorization", "cookie", "proxy-authorization", "x-api-key", "api-key")


def untrusted_certificate(error: BaseException) -> str | None:
    """Why a server's certificate is not trusted and what to do; None for any other error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(cause):
            reason = getattr(cause, "verify_message", "") or "not signed by an authority that is known here"
            return (
                f"the certificate of the server is not trusted ({reason}). If its authority is your own, "
                "name the authority's certificate as ca_file in the settings file (--auth-file)"
            )
        cause = cause.__cause__ or cause.__context__
    return None


def sent_secrets(headers: Mapping[str, str]) -> Iterator[str]:
    """Every credential in the headers of a request, in the forms in which a server may repeat it."""
    for name in _SECRET_HEADERS:
        value = headers.get(name, "")
        if not value:
            continue
        yield value
        scheme, _, rest = value.partition(" ")
        secret = rest or scheme
        yield secret
        yield quote(secret, safe="")
        if scheme.lower() == "basic":
            try:
                pair = base64.b64decode(secret).decode("utf-8")
            except (binascii.Error, UnicodeDecodeError):
                continue
            yield pair
            yield pair.partition(":")[2]


def unreadable(base: str, content: bytes, error: ValueError) -> Exception:
    """What follows from a success whose JSON cannot be read: again where it was cut off, else an end."""
    text = content.strip()
    whole = text.startswith((b"{", b"[")) and text.endswith((b"}", b"]"))
    if isinstance(error, json.JSONDecodeError):
        whole = whole and error.pos < len(error.doc.rstrip()) and not error.msg.startswith("Unterminated")
    if not whole:
        return httpx.ReadError("the answer is not whole")  # cut off or garbled on the way, most likely
    reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
    reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else reason
    return StoreIncomplete(
        f"{base} sent JSON that is whole and cannot be read: {reason}. Another try would bring the same"
    )
