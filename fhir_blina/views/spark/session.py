"""The Spark that runs views: the one that ``SPARK_REMOTE`` names, else Sail in this process."""

from __future__ import annotations

import atexit
import functools
import os
import socket
from typing import Any
from urllib.parse import urlsplit

from fhir_blina.errors import ViewError

REMOTE = "SPARK_REMOTE"
"""Spark Connect's own variable: the address of a server, ``sc://host:port``."""
_PORT = 15002
_SECONDS = 10.0


@functools.cache
def spark_session() -> Any:
    """A session of Spark Connect; the same one for the life of the process.

    Returns:
        ``pyspark.sql.SparkSession`` of the server that ``SPARK_REMOTE`` names; without it, of Sail, which
        is started here and needs no Java.

    Raises:
        ViewError: the extra ``spark`` is not installed, or the server does not answer.
    """
    remote = os.environ.get(REMOTE, "")
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession

        if not remote:
            remote = _sail()
    except ImportError as error:
        told = f"engine spark needs {error.name}. Install it: pip install 'fhir-blina[spark]'"
        raise ViewError(told) from None
    where = urlsplit(remote)
    try:
        # Spark's own client goes on trying for many minutes.
        socket.create_connection((where.hostname or "", where.port or _PORT), _SECONDS).close()
        session = SparkSession.builder.remote(remote).getOrCreate()
        session.range(1).count()
    except (PySparkException, OSError, ValueError) as error:
        told = f"no Spark answers at the address in {REMOTE} ({type(error).__name__})"
        raise ViewError(f"{told}. Start it, or unset {REMOTE}") from None
    atexit.register(session.stop)
    return session


def _sail() -> str:
    """Start Sail on a free port; it says nothing on its own account unless ``RUST_LOG`` is set."""
    os.environ.setdefault("RUST_LOG", "off")
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer("127.0.0.1", 0)
    server.start()
    atexit.register(server.stop)
    host, port = server.listening_address
    return f"sc://{host}:{port}"
