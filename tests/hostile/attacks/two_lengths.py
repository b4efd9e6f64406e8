"""Two lengths of one body, by which a proxy and a client can be set apart."""

BOUND = "refused by the HTTP library; no part of it is taken for an answer"
MESSAGE = "does not answer"


def play(path, send):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\n"
    send(head + b"Content-Length: 2\r\nContent-Length: 60\r\n\r\n{}" + b" " * 58)
