"""Keys, time and faults over the API are for tests; elsewhere they are refused by name."""

from __future__ import annotations

import pytest

from orchestrator.api.development import DEVELOPMENT
from tests.api.world import DEVICE, World

BODIES = {
    "AdvanceClock": {"ms": 1},
    "AddFaults": {"faults": []},
    "PutFaults": {"faults": []},
}


@pytest.mark.parametrize("row", DEVELOPMENT, ids=lambda row: row.name)
async def test_the_demo_and_production_profiles_refuse(row):
    for profile in ("demo", "production"):
        world = World(profile, trust_any_key=True)
        async with world.client() as http:
            path = row.path.replace("{deviceId}", DEVICE)
            answer = await http.request(row.method, path, json=BODIES.get(row.name))
        assert answer.status_code == 403
        assert "--profile dev" in answer.json()["message"]


async def test_real_time_cannot_be_advanced():
    world = World()
    async with world.client() as http:
        refused = await http.post("/v1/clock/advance", json={"ms": 1})
        assert refused.status_code == 409
        assert "--clock virtual" in refused.json()["message"]
        clock = (await http.get("/v1/clock")).json()
    assert (clock["virtual"], clock["nowMs"]) == (False, world.clock.now_ms())


async def test_a_key_opens_the_namespace_that_was_asked_for():
    world = World()
    async with world.client() as http:
        key = (await http.post("/v1/keys", json={"namespace": "mine"})).json()
        assert key["namespace"] == "mine"
        assert (await world.access.find(key["accessKeyId"])).account == key["account"]
        odd = await http.post("/v1/keys", json={"namespace": "Not One"})
    assert odd.status_code == 400


async def test_a_device_nobody_initiated_has_no_story():
    world = World()
    async with world.client() as http:
        answer = await http.get(f"/v1/why/{DEVICE}")
    assert answer.status_code == 404
    assert "Initiate" in answer.json()["message"]
