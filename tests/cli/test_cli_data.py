"""Commands on a data folder: what they print, what they change, and what is wrong with a folder."""

from __future__ import annotations

import csv
import io
import json
import sqlite3

import pytest


def test_devices_are_added_once_and_listed(cli, data):
    assert cli("devices", "add", "A1", "B2", "A1", "--data", data).out == (
        "A1: registered\nB2: registered\n"
    )
    assert cli("devices", "add", "B2", "C3", "--data", data, "--json").json == {
        "added": ["C3"],
        "known": ["B2"],
    }
    listed = cli("devices", "list", "--data", data, "--json").json
    assert [one["deviceId"] for one in listed] == ["A1", "B2", "C3"]
    assert {one["state"] for one in listed} == {"UNCLAIMED"}
    assert "B2" in cli("devices", "list", "--data", data).out


def test_a_manifest_is_imported_whole(cli, data, tmp_path):
    manifest = tmp_path / "box.csv"
    manifest.write_text(
        "deviceId,type,claimCode,key,alias\n"
        "A1,button,C-AAAAAAAAAA,00112233445566778899aabbccddeeff,AA:BB:CC:DD:EE:FF\n"
        "B2,button,C-AAAAAAAAAA,,\n"
    )
    report = cli("devices", "import", manifest, "--data", data, "--json")
    assert report.json == {"added": 2, "known": 0, "keys": 1, "aliases": 1, "claimCodes": 1}
    shown = cli("devices", "show", "A1", "--data", data, "--json").json
    assert (shown["keys"], shown["claimCode"]) == (["hmac"], "C-AAAAAAAAAA")
    (code,) = cli("claim-codes", "list", "--data", data, "--json").json
    assert code["deviceIds"] == ["A1", "B2"]


@pytest.mark.parametrize(
    ("row", "column"),
    [("bad/id,,", "deviceId"), ("C3,C-1,", "claimCode"), ("C3,,xyz", "key")],
)
def test_a_bad_row_is_named_and_nothing_is_imported(cli, data, tmp_path, row, column):
    manifest = tmp_path / "box.csv"
    manifest.write_text(f"deviceId,claimCode,key\nA1,,\n{row}\n")
    ran = cli("devices", "import", manifest, "--data", data)
    assert ran.code == 1
    assert f"{manifest}, line 3, column {column}: " in ran.err
    assert "Nothing was imported" in ran.err
    assert cli("devices", "list", "--data", data, "--json").json == []


def test_a_key_comes_from_a_file_and_is_never_shown(cli, data, tmp_path):
    key = tmp_path / "key"
    key.write_text("00112233445566778899aabbccddeeff\n")
    cli("devices", "add", "A1", "--data", data)
    ran = cli("devices", "key", "A1", "--key-file", key, "--kind", "bthome", "--data", data)
    assert (ran.code, ran.out) == (0, "A1: bthome key stored\n")
    for command in (("show", "A1"), ("list",)):
        assert "00112233" not in cli("devices", *command, "--data", data).out
    assert cli("devices", "key", "A1", "--reset-counter", "--data", data).code == 0
    key.write_text("0011")
    wrong = cli("devices", "key", "A1", "--key-file", key, "--data", data)
    assert (wrong.code, "0011" in wrong.err) == (2, False)


def test_aliases_come_and_go(cli, data):
    cli("devices", "add", "A1", "--data", data)
    assert cli("devices", "alias", "kitchen", "A1", "--data", data).code == 0
    assert cli("devices", "show", "A1", "--data", data, "--json").json["aliases"] == ["kitchen"]
    assert cli("devices", "unalias", "kitchen", "--data", data).code == 0
    assert cli("devices", "unalias", "kitchen", "--data", data).code == 2
    assert cli("devices", "alias", "kitchen", "NOBODY", "--data", data).code == 1


def test_access_keys_are_shown_once_and_revoked(cli, data):
    made = cli("keys", "create", "--label", "station 1", "--data", data, "--json").json
    assert made["secretAccessKey"]
    text = cli("keys", "list", "--data", data).out
    assert made["accessKeyId"] in text
    assert made["secretAccessKey"] not in text
    assert cli("keys", "revoke", made["accessKeyId"], "--data", data).code == 0
    (key,) = cli("keys", "list", "--data", data, "--json").json
    assert key["revokedMs"] is not None
    assert cli("keys", "revoke", "NOBODY", "--data", data).code == 2


def test_records_come_as_table_json_and_csv(cli, data):
    assert cli("claim", "A1", "--source", "sim:?after=0", "--data", data).code == 0
    (record,) = cli("records", "--data", data, "--format", "json").json
    assert (record["deviceId"], record["outcome"], record["simulated"]) == ("A1", "CLAIMED", True)
    assert cli("records", "--data", data, "--json").json == [record]
    assert "CLAIMED" in cli("records", "--data", data).out
    (row,) = csv.DictReader(io.StringIO(cli("records", "--data", data, "--format", "csv").out))
    assert (row["attemptId"], row["outcome"]) == (record["attemptId"], "CLAIMED")
    assert cli("records", "--data", data, "--outcome", "REFUSED", "--json").json == []
    assert cli("records", "--data", data, "--device", "B2", "--json").json == []


def test_why_tells_the_story_and_the_next_step(cli, data):
    unknown = cli("why", "A1", "--data", data)
    assert unknown.code == 4  # there is no data at all
    cli("devices", "add", "B2", "--data", data)
    unknown = cli("why", "A1", "--data", data)
    assert (unknown.code, "clickclaim devices add A1" in unknown.err) == (1, True)
    cli("claim", "A1", "--source", "sim:?after=0&click=LONG", "--data", data)
    story = cli("why", "A1", "--data", data)
    assert "CLAIMED by account" in story.out
    assert "LONG click, MATCHED" in story.out
    assert len(story.out.splitlines()) <= 24
    assert story.out.splitlines()[-1].startswith("Next: ")
    told = cli("why", "A1", "--data", data, "--json").json
    assert (told["state"], told["events"][0]["disposition"]) == ("CLAIMED", "MATCHED")
    assert cli("events", "A1", "--data", data, "--json").json[0]["clickType"] == "LONG"


def test_the_operator_releases_and_removes(cli, data):
    cli("claim", "A1", "--source", "sim:?after=0", "--data", data)
    refused = cli("devices", "remove", "A1", "--data", data)
    assert (refused.code, "clickclaim devices release A1" in refused.err) == (2, True)
    assert cli("devices", "release", "A1", "--data", data).out == "A1: was CLAIMED, is UNCLAIMED\n"
    assert cli("devices", "remove", "A1", "--data", data).code == 0
    assert cli("devices", "list", "--data", data, "--json").json == []


class TestFoldersThatCannotBeUsed:
    def fails(self, ran, *says):
        assert ran.code == 4
        assert ran.out == ""
        assert ran.err.startswith("error: ")
        assert len(ran.err.splitlines()) <= 2
        for text in says:
            assert text in ran.err

    def test_no_data(self, cli, data):
        self.fails(cli("devices", "list", "--data", data), str(data), "--data")

    def test_not_a_database(self, cli, data):
        data.mkdir()
        (data / "clickclaim.sqlite").write_text("dear diary, " * 100)
        self.fails(cli("devices", "list", "--data", data), "not a database")
        self.fails(cli("devices", "add", "A1", "--data", data), "not a database")

    def test_another_programs_database(self, cli, data):
        data.mkdir()
        other = sqlite3.connect(data / "clickclaim.sqlite")
        other.execute("CREATE TABLE songs (title)")
        other.commit()
        other.close()
        self.fails(cli("devices", "list", "--data", data), "clickclaim.sqlite")

    def test_a_newer_schema(self, cli, data):
        cli("devices", "add", "A1", "--data", data)
        newer = sqlite3.connect(data / "clickclaim.sqlite")
        newer.execute("PRAGMA user_version = 999")
        newer.commit()
        newer.close()
        self.fails(cli("devices", "list", "--data", data), "999")

    def test_a_folder_that_may_not_be_written(self, cli):
        # Not even root may make a folder there.
        ran = cli("devices", "add", "A1", "--data", "/sys/clickclaim")
        self.fails(ran, "/sys/clickclaim", "--data")

    def test_the_error_is_json_too_when_json_was_asked_for(self, cli, data):
        ran = cli("devices", "list", "--data", data, "--json")
        assert ran.code == 4
        error = json.loads(ran.out)
        assert (error["exitCode"], str(data) in error["error"]) == (4, True)
