"""Encrypts what users entrust to the store: secrets of webhooks and of jobs."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from jobs.core.secret_key import derive_key

_NONCE_BYTES = 12


class CannotOpen(Exception):
    """None of the keys decrypts the text for this owner."""


class SecretBox:
    """Encrypts JSON with AES-256-GCM, bound to its owner.

    The first key encrypts; any of them decrypts.
    """

    def __init__(self, secret_keys: Sequence[str], purpose: str) -> None:
        """Boxes with another `purpose` have other keys."""
        self._ciphers = [AESGCM(derive_key(key, purpose)) for key in secret_keys]

    def seal(self, document: Any, owner: str) -> str:
        """Returns the JSON `document` as text that `open` can read with the same `owner`."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[0].encrypt(nonce, json.dumps(document).encode(), owner.encode())
        return base64.b64encode(nonce + sealed).decode()

    def open(self, sealed: str | bytes, owner: str) -> Any:
        """Returns the document. Raises CannotOpen."""
        try:
            raw = base64.b64decode(sealed, validate=True)
        except ValueError:
            raise CannotOpen from None
        for cipher in self._ciphers:
            try:
                plain = cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], owner.encode())
            except (InvalidTag, ValueError):
                continue
            return json.loads(plain)
        raise CannotOpen
