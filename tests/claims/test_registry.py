"""The operator's side: manifests are imported whole or not at all, and name what is wrong."""

from __future__ import annotations

import pytest

from orchestrator.claims.access import AccessKeys
from orchestrator.claims.device_keys import parse_secret
from orchestrator.claims.manifest import ManifestError
from orchestrator.domain.errors import InvalidRequestError, UnknownDeviceError
from orchestrator.settings import Settings
from orchestrator.units import AttemptQuery
from tests.claims.bench import MINE

KEY = "00112233445566778899aabbccddeeff"


@pytest.fixture
def manifest(tmp_path):
    def write(text: str):
        path = tmp_path / "manifest.csv"
        path.write_text(text)
        return path

    return write


async def test_a_manifest_brings_devices_keys_aliases_and_boxes(bench, manifest):
    path = manifest(
        "deviceId,claimCode,key,keyKind,alias,ratedClicks\n"
        f"B1,C-BOX0000001,{KEY},hmac,A4:C1:38:8D:18:B2,1000\n"
        "B2,C-BOX0000001,,,,\n"
        "\n"
        f"B3,,{KEY},bthome,,\n"
    )
    report = await bench.registry.import_manifest("default", path)
    assert (report.added, report.keys, report.aliases, report.claim_codes) == (3, 2, 1, 1)
    story = await bench.registry.show("default", "B1")
    assert (story.aliases, story.key_kinds) == (("A4C1388D18B2",), ("hmac",))
    assert (await bench.service.claim_by_code(MINE, "C-BOX0000001")).total == 2
    again = await bench.registry.import_manifest("default", path)
    assert (again.added, again.known, again.claim_codes) == (0, 3, 0)


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("bad id,,,,,", "deviceId"),
        (",,,,,", "deviceId"),
        ("B9,C-short,,,,", "claimCode"),
        ("B9,,zz,hmac,,", "key"),
        ("B9,,0011,bthome,,", "key"),
        (f"B9,,{KEY},rot13,,", "keyKind"),
        ("B9,,,hmac,,", "key"),
        ("B9,,,,,0", "ratedClicks"),
        ("B9,,,,,many", "ratedClicks"),
        ("B1,,,,,", "deviceId"),
        ("B9,,,,,,,extra", ""),
    ],
)
async def test_a_bad_row_is_named_by_file_line_and_column(bench, manifest, row, column):
    path = manifest(f"deviceId,claimCode,key,keyKind,alias,ratedClicks\nB1,,,,,\n{row}\n")
    with pytest.raises(ManifestError) as refused:
        await bench.registry.import_manifest("default", path)
    assert (refused.value.line, refused.value.column) == (3, column)
    assert str(path) in str(refused.value)
    assert "Nothing was imported" in str(refused.value)
    assert await bench.registry.devices("default") == []


@pytest.mark.parametrize("text", ["", "name,code\nB1,2\n", "deviceId,colour\nB1,red\n"])
async def test_a_header_without_its_columns_is_refused(bench, manifest, text):
    with pytest.raises(ManifestError) as refused:
        await bench.registry.import_manifest("default", manifest(text))
    assert refused.value.line == 1


async def test_a_file_that_is_not_there_or_not_text(bench, tmp_path):
    with pytest.raises(ManifestError, match="cannot be read"):
        await bench.registry.import_manifest("default", tmp_path / "nowhere.csv")
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ManifestError, match="not UTF-8"):
        await bench.registry.import_manifest("default", tmp_path / "x.csv")


async def test_add_registers_once_and_all_or_none(bench):
    assert await bench.registry.add("default", ["B1", "B2", "B1"]) == ["B1", "B2"]
    assert await bench.registry.add("default", ["B2", "B3"]) == ["B3"]
    with pytest.raises(InvalidRequestError):
        await bench.registry.add("default", ["B4", "not an id"])
    assert [one.device_id for one in await bench.registry.devices("default")] == [
        "B1",
        "B2",
        "B3",
    ]


async def test_what_is_not_registered_is_named_with_the_line_to_type(bench):
    for ask in (
        bench.registry.show("default", "B1"),
        bench.registry.alias("default", "AA", "B1"),
        bench.registry.set_key("default", "B1", "hmac", b"x" * 16),
        bench.registry.release("default", "B1"),
        bench.registry.reset_counter("default", "B1"),
    ):
        with pytest.raises(UnknownDeviceError, match="clickclaim devices add B1"):
            await ask


async def test_a_claimed_device_is_released_before_it_is_removed(bench):
    await bench.claim(MINE, "B1")
    with pytest.raises(InvalidRequestError, match="clickclaim devices release B1"):
        await bench.registry.remove("default", "B1")
    await bench.registry.release("default", "B1")
    await bench.registry.remove("default", "B1")
    assert await bench.registry.devices("default") == []


async def test_a_device_that_initiate_registers_again_goes_on_counting_its_epochs(bench):
    for _ in range(2):
        await bench.claim(MINE, "B1")
        await bench.service.unclaim(MINE, "B1")
    await bench.registry.remove("default", "B1")
    last = (await bench.service.attempts(MINE, AttemptQuery(limit=1)))[0].epoch

    opened = await bench.service.initiate(MINE, "B1")
    attempt = await bench.service.attempt(MINE, opened.attempt_id)
    device = await bench.store.device("default", "B1")
    assert opened.epoch == attempt.epoch == device.claim.epoch == last + 1
    await bench.click("B1")
    await bench.service.finalize(MINE, "B1", if_epoch=opened.epoch)
    assert (await bench.store.device("default", "B1")).claim.state == "CLAIMED"


@pytest.mark.parametrize(
    ("kind", "text"), [("bthome", "00" * 15), ("mibeacon", "00" * 24), ("hmac", "00" * 15)]
)
def test_a_key_of_the_wrong_length_says_which_it_should_have(kind, text):
    with pytest.raises(InvalidRequestError, match="two hex digits each; this one has"):
        parse_secret(kind, text)


def test_a_bad_key_is_never_repeated_in_the_message():
    with pytest.raises(InvalidRequestError) as refused:
        parse_secret("hmac", "secret-but-not-hex-zzzz")
    assert "zzzz" not in str(refused.value)


async def test_access_keys_open_until_they_are_revoked(bench):
    keys = AccessKeys(bench.store, bench.clock, Settings())
    made = await keys.create(label="bench")
    assert made.secret not in repr(made)
    assert (await keys.find(made.access_key)) == made
    await keys.revoke(made.access_key)
    assert await keys.find(made.access_key) is None
    assert (await keys.list())[0].revoked_ms is not None
    with pytest.raises(InvalidRequestError, match="keys list"):
        await keys.revoke("NOPE")


def test_any_key_that_is_trusted_is_an_account_of_its_own_and_stays_it():
    one, two = AccessKeys.trusted("AKIAONE"), AccessKeys.trusted("AKIATWO")
    assert one.account != two.account
    assert one == AccessKeys.trusted("AKIAONE")
    assert len(one.account) == 12
    assert one.account.isdigit()
