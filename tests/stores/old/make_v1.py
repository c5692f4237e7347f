"""How v1.sqlite came to be: the first schema, and rows written by hand in its own terms.

Run once, when the first schema was the newest; the file it left is what the tests open. It says
nothing of today's code, on purpose: columns and values are spelled out here.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

HERE = Path(__file__).parent
SCHEMA = HERE.parents[2] / "orchestrator" / "stores" / "schema" / "sqlite" / "0001_initial.sql"

ROWS = """
INSERT INTO devices VALUES
    ('default', 'G030PM0123456789', 4, 'button', 1735689600000, 'CLAIMED', '123456789012', 1,
     1735689660000, NULL, 'a-0001', 'e-0001', 1, 'C-123EXAMPLE', 2000, 3, NULL, 'e-0002', NULL,
     '{"line":"3"}', '{"room":"B2"}', '{}', '{"presses":[["1:3",1735689800000]]}'),
    ('default', 'P5SJVQ2007V8296A', 1, 'button', 1735689600000, 'CLAIM_INITIATED',
     '123456789012', 1, 1735689900000, 1735690020000, 'a-0002', NULL, 0, NULL, 2000, 0, 98.5,
     NULL, NULL, '{}', '{}', '{"123456789012":{"count":1,"last_ms":1735689900000}}', NULL),
    ('factory', 'B9GHXT183200293', 1, 'button', 1735689600000, 'UNCLAIMED', NULL, 0, NULL, NULL,
     NULL, NULL, 0, NULL, 2000, 0, NULL, NULL, NULL, '{}', '{}', '{}', NULL);
INSERT INTO attempts VALUES
    ('a-0001', 'default', 'G030PM0123456789', '123456789012', 1, 1735689660000, 1735689780000,
     'click', 'i-0001', 'CLAIMED', '', 1735689671000, NULL, 0, 3,
     '[{"what":"initiated","at_ms":1735689660000,"detail":{}},
       {"what":"click","at_ms":1735689670000,"detail":{"source":"mqtt://localhost"}},
       {"what":"finalized","at_ms":1735689671000,"detail":{}}]'),
    ('a-0002', 'default', 'P5SJVQ2007V8296A', '123456789012', 1, 1735689900000, 1735690020000,
     'click', NULL, NULL, '', NULL, NULL, 0, 1,
     '[{"what":"initiated","at_ms":1735689900000,"detail":{}}]');
INSERT INTO events VALUES
    (1, 'e-0001', 'default', 'G030PM0123456789', 'SINGLE', 1735689670000, 'MATCHED',
     'the click that the claim was waiting for', 'broker', 1, 0, 'mqtt://localhost', 'native',
     '1:1', 1, 'a-0001', 99.95, NULL, NULL, 0, 2, 1735689670900),
    (7, 'e-0002', 'default', 'G030PM0123456789', 'LONG', 1735689800000, 'DELIVERED',
     'the device is claimed', 'broker', 1, 0, 'mqtt://localhost', 'native', '1:3', 1, NULL, 99.85,
     NULL, NULL, 0, 0, NULL);
INSERT INTO unknown_devices VALUES
    ('default', 'A4C138010203', 'bthome', 'SINGLE', 'ble:', 1735689600000, 1735689700000, 12,
     '{"name":"SBBT-002C"}');
INSERT INTO answers VALUES
    ('AKIAEXAMPLE', 'InitiateDeviceClaim', 'i-0001', 1735689660000, x'7b7d');
INSERT INTO access_keys VALUES
    ('AKIAEXAMPLE', 'default', '123456789012', 1735689600000, 'line 3', NULL, 'not a real secret');
INSERT INTO claim_codes VALUES
    ('default', 'C-123EXAMPLE', 1735689600000, '["G030PM0123456789"]', NULL, NULL);
INSERT INTO keys VALUES ('default', 'G030PM0123456789', 'hmac', 1, x'000102ff');
INSERT INTO aliases VALUES ('default', '0x00158d0001234567', 'G030PM0123456789');
INSERT INTO meta VALUES ('client id', 'clickclaim-1f2e');
"""


def main() -> None:
    path = HERE / "v1.sqlite"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(SCHEMA.read_text(encoding="utf-8"))
    connection.executescript(ROWS)
    connection.execute("PRAGMA application_id = 1129071435")  # CLCK
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()


if __name__ == "__main__":
    main()
