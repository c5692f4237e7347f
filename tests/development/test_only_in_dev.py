"""Keys, time and faults over the API are for tests; elsewhere they are refused by name."""

from __future__ import annotations

import pytest

from orchestrator.api.development import DEVELOPMENT
from tests.api.world import DEVICE, World

BODIES = {
    "AdvanceClock": {"ms": 1},
    "AddFaults": {"faults": []},
    "CreateClaimCode": {"deviceIds": [DEVICE]},
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


async def test_a_box_of_devices_is_claimed_by_its_code():
    world = World()
    async with world.client() as http:
        box = {"deviceIds": ["A", "B", "A"]}
        code = (await http.post("/v1/claim-codes", json=box)).json()["claimCode"]
        claimed = await http.put(f"/claims/{code}")
        assert claimed.json() == {"claimCode": code, "total": 2}
        assert (await http.get("/devices/B")).status_code == 200


@pytest.mark.parametrize(
    ("device_ids", "says"),
    [([], "at least one"), (["A", "not one"], "not one"), (["TAKEN"], "claim code already")],
)
async def test_a_box_that_cannot_be_is_refused(device_ids, says):
    world = World()
    async with world.client() as http:
        await http.post("/v1/claim-codes", json={"deviceIds": ["TAKEN"]})
        answer = await http.post("/v1/claim-codes", json={"deviceIds": device_ids})
    assert answer.status_code == 400
    assert says in answer.json()["message"]
