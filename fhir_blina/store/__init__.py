"""Where resources live between the mapping and the tables: a folder or a FHIR server.

::

    store = open_store("out/fhir")                       # or "http://127.0.0.1:8080/fhir"
    store.push(resources, cohort="tiny")                 # or NdjsonFolder("export"), never all in memory
    store.pull(Path("out/pulled"), cohort="tiny")
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fhir_blina.errors import StoreRefused
from fhir_blina.store.audit import Audited
from fhir_blina.store.contract import Progress, PullResult, PushResult, Store
from fhir_blina.store.files import is_foreign
from fhir_blina.store.sent import cohort_of
from fhir_blina.store.sources import NdjsonFolder, Place, Source

__all__ = [
    "Audited",
    "NdjsonFolder",
    "Place",
    "Progress",
    "PullResult",
    "PushResult",
    "Source",
    "Store",
    "cohort_of",
    "is_foreign",
    "open_store",
]


def open_store(location: str | Path, *, auth_file: str | Path | None = None, **options: Any) -> Store:
    """The store at a path or an ``http(s)`` URL.

    Args:
        location: A folder, which need not exist yet, or the base URL of a FHIR R4 server. A file, or a folder
            with files that no store wrote (NDJSON by any name, Bundles, resources), can be read only.
        auth_file: Who we are to the server, see :mod:`fhir_blina.http.auth`; None for the file that
            ``FHIR_BLINA_AUTH_FILE`` names, if it is set. A folder has no use for it.
        **options: ``release``, the release of FHIR that is stored, R4 by default. For a folder
            ``wait_seconds``, how long to wait for another process. For a server those of
            :class:`fhir_blina.store.rest.rest.RestStore`.

    Raises:
        StoreRefused: an address that is neither, or one with a user name or password in it;
            settings or secrets that are wrong.
    """
    text = str(location)
    if text.startswith(("http://", "https://")):
        from fhir_blina.http import access
        from fhir_blina.store.rest.rest import RestStore

        known = {} if "client" in options else access(text, auth_file)
        server: Store = RestStore(text, **known, **options)
        return server
    if "://" in text:
        raise StoreRefused(
            f"{text.split('://', 1)[0]}:// is not an address of a store; give a folder or http(s)://"
        )
    from fhir_blina.store.files import FilesStore
    from fhir_blina.store.folder import FolderStore

    if is_foreign(Path(location)):
        return FilesStore(Path(location), **{key: options[key] for key in options if key == "release"})
    return FolderStore(Path(location), **options)
