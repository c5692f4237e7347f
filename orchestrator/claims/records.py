"""Attempts as records: the caller's own, newest first, in pages."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.claims.context import Context
from orchestrator.claims.pages import page_size, read_token, write_token
from orchestrator.claims.views import Page
from orchestrator.domain.attempts import Attempt
from orchestrator.domain.ids import Caller
from orchestrator.units import AttemptQuery


async def attempt(context: Context, caller: Caller, attempt_id: str) -> Attempt | None:
    """One attempt of the caller's account; another's does not exist."""
    found = await context.store.attempt(attempt_id)
    if found is None or (found.namespace, found.account) != (caller.namespace, caller.account):
        return None
    return found


async def attempts(context: Context, caller: Caller, query: AttemptQuery) -> list[Attempt]:
    """Attempts of the caller's account; the query's namespace and account are ignored."""
    mine = replace(query, namespace=caller.namespace, account=caller.account)
    return await context.store.attempts(mine)


async def page(
    context: Context,
    caller: Caller,
    query: AttemptQuery,
    max_results: int | None,
    next_token: str | None,
) -> Page[Attempt]:
    """One page of ``attempts``; a token goes on with the same filters only."""
    listing = (
        "records",
        query.device_id,
        query.outcome,
        query.invocation,
        query.open_only,
        query.before,
    )
    size = page_size(max_results)
    position = await read_token(context, caller, listing, next_token)
    before = query.before if position is None else (position[0], position[1])
    found = await attempts(context, caller, replace(query, before=before, limit=size + 1))
    shown, token = found[:size], None
    if len(found) > size:
        last = shown[-1]
        token = await write_token(context, caller, listing, (last.opened_ms, last.attempt_id))
    return Page(items=tuple(shown), next_token=token)
