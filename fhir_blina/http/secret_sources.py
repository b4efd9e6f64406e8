"""Secrets by reference: a file, an environment variable, the keyring of the desktop; never in the open."""

from __future__ import annotations

import importlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fhir_blina.errors import StoreRefused

MOST_BYTES = 64 * 2**10
WAYS = ("file", "env", "keyring")


@dataclass(frozen=True)
class Secret:
    """Where a secret lies. Its text is read when it is needed, and is in no ``repr``.

    Attributes:
        name: What it is, for messages: ``token``.
        way: ``file``, ``env`` or ``keyring``.
        place: A path, the name of a variable, or ``service/user``.
    """

    name: str
    way: str
    place: str

    def read(self) -> str:
        """The secret, without the line end of its file.

        Raises:
            StoreRefused: it is not there, is empty or too long, or others can read its file.
        """
        text = {"file": self._from_file, "env": self._from_env, "keyring": self._from_keyring}[self.way]()
        text = text.strip("\r\n")
        if not text:
            raise StoreRefused(f"{self._where()} is empty")
        return text

    def _where(self) -> str:
        return f"{self.name} ({self.way} {self.place})"

    def _from_file(self) -> str:
        path = Path(self.place)
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise StoreRefused(f"{self._where()} cannot be read: {error.strerror}") from None
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            os.close(handle)
            raise StoreRefused(f"{self._where()} is not a file")
        with os.fdopen(handle, "rb") as file:
            if found.st_mode & (stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP):
                raise StoreRefused(f"{self._where()} is open to others. Say chmod 600 {path}")
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise StoreRefused(f"{self._where()} is longer than {MOST_BYTES // 2**10} KiB")
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            raise StoreRefused(f"{self._where()} is not UTF-8") from None

    def _from_env(self) -> str:
        if self.place not in os.environ:
            raise StoreRefused(f"{self._where()} is not set")
        return os.environ[self.place]

    def _from_keyring(self) -> str:
        try:
            keyring = importlib.import_module("keyring")
        except ImportError:
            raise StoreRefused(f"{self._where()} needs the package keyring: pip install keyring") from None
        service, _, user = self.place.rpartition("/")
        found: str | None = keyring.get_password(service, user)
        if found is None:
            raise StoreRefused(f"{self._where()} is not in the keyring")
        return found


def secret_of(settings: Mapping[str, Any], name: str, *, folder: Path, where: str) -> Secret:
    """The secret that ``<name>_file``, ``<name>_env`` or ``<name>_keyring`` of some settings refers to.

    Args:
        settings: What an authentication file says.
        name: ``token``, ``password``, ``client_secret`` or ``private_key``.
        folder: What a relative path starts from.
        where: The authentication file, for messages.

    Raises:
        StoreRefused: none of the three, or more than one.
    """
    given = [way for way in WAYS if f"{name}_{way}" in settings]
    if len(given) != 1:
        raise StoreRefused(f"{where}: give one of {name}_file, {name}_env and {name}_keyring")
    place = settings[f"{name}_{given[0]}"]
    if not isinstance(place, str) or not place:
        raise StoreRefused(f"{where}: {name}_{given[0]} is not text")
    if given[0] == "keyring" and "/" not in place:
        raise StoreRefused(f"{where}: {name}_keyring is written service/user")
    return Secret(name, given[0], str(folder / place) if given[0] == "file" else place)
