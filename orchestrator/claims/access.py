"""Accounts and their keys: who a caller is."""

from __future__ import annotations

import hashlib
import secrets
import string
from dataclasses import replace
from typing import Final

from orchestrator.domain.errors import InvalidRequestError
from orchestrator.domain.ids import DEFAULT_NAMESPACE, Caller, parse_namespace
from orchestrator.ports import Clock, Store
from orchestrator.settings import Settings
from orchestrator.units import AccessKey, PutAccessKey

# Looks like an AWS access key id, as clients expect, with letters that AWS does not use.
_PREFIX: Final = "CCAK"
_ALPHABET: Final = string.ascii_uppercase + "234567"
_ANONYMOUS: Final = "anonymous"


class AccessKeys:
    """Creates, lists and revokes access keys, and tells whose a key is."""

    def __init__(self, store: Store, clock: Clock, settings: Settings) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings

    async def create(
        self,
        namespace: str = DEFAULT_NAMESPACE,
        account: str | None = None,
        label: str = "",
    ) -> AccessKey:
        """A new key of a new account, or of the one named (twelve digits)."""
        parse_namespace(namespace)
        if account is not None and (len(account) != 12 or not account.isdigit()):
            raise InvalidRequestError(f"Account {account!r} is not twelve digits.")
        key = AccessKey(
            access_key=_PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(16)),
            secret=secrets.token_urlsafe(30),
            namespace=namespace,
            account=account or f"{secrets.randbelow(10**12):012d}",
            created_ms=self._clock.now_ms(),
            label=label,
        )
        await self._store.unit([PutAccessKey(key)])
        return key

    async def list(self) -> list[AccessKey]:
        """Every key, oldest first, revoked ones too."""
        return await self._store.access_keys()

    async def revoke(self, access_key: str) -> AccessKey:
        """Let a key open nothing any more; what its account owns stays its own."""
        found = await self._store.access_key(access_key)
        if found is None:
            raise InvalidRequestError(
                f"There is no access key {access_key!r}. `clickclaim keys list` shows them."
            )
        revoked = replace(found, revoked_ms=found.revoked_ms or self._clock.now_ms())
        await self._store.unit([PutAccessKey(revoked)])
        return revoked

    async def find(self, access_key: str) -> AccessKey | None:
        """The key, unless it is unknown or revoked."""
        found = await self._store.access_key(access_key)
        return None if found is None or found.revoked_ms is not None else found

    def anonymous(self) -> Caller:
        """Who asks without a key, where the profile lets them."""
        return self.trusted(_ANONYMOUS)

    @staticmethod
    def trusted(access_key: str) -> Caller:
        """Whoever holds a key that is not configured, where the profile trusts any: an account
        of its own, with twelve digits that always come out the same.
        """
        digest = hashlib.sha256(access_key.encode()).digest()
        account = f"{int.from_bytes(digest[:8]) % 10**12:012d}"
        return Caller(namespace=DEFAULT_NAMESPACE, account=account, access_key=access_key)
