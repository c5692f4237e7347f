"""Who is told what: by namespace, by account, or everything; and what was missed."""

from __future__ import annotations

import pytest

from orchestrator.claims.facts import FactHub
from orchestrator.ports import Fact

FACTS = (("N1", "A"), ("N1", "B"), ("N2", "A"), ("N1", None))


async def heard(listener):
    """What is in line, as (namespace, account); the listener is closed by then."""
    return [(one.fact.namespace, one.fact.account) async for one in listener]


@pytest.mark.parametrize("late", [False, True], ids=["from now on", "after number 0"])
@pytest.mark.parametrize(
    ("namespace", "account"), [("N1", "A"), ("N1", None), (None, "A"), (None, None), ("N3", "C")]
)
async def test_a_listener_hears_just_what_it_listens_for(namespace, account, late):
    hub = FactHub()
    wanted = [
        (where, whose)
        for where, whose in FACTS
        if namespace in {None, where} and account in {None, whose}
    ]

    def tell():
        for where, whose in FACTS:
            hub.tell(Fact(kind="click", at_ms=1, namespace=where, device_id="B1", account=whose))

    if late:
        tell()
    with hub.listen(namespace=namespace, account=account, after=0 if late else None) as listener:
        if not late:
            tell()
        hub.close()
        assert await heard(listener) == wanted
