-- Times are UTC milliseconds. Columns that hold JSON say so. 0 and 1 stand for false and true.

-- One row a button: its registration, its claim, and what its owner set.
CREATE TABLE devices (
    namespace                TEXT    NOT NULL,
    device_id                TEXT    NOT NULL,
    version                  INTEGER NOT NULL,  -- rises with every change; a swap compares it
    kind                     TEXT    NOT NULL,
    registered_ms            INTEGER NOT NULL,
    -- the claim
    state                    TEXT    NOT NULL,  -- UNCLAIMED, CLAIM_INITIATED, CLAIMED
    owner                    TEXT,              -- account; NULL exactly when UNCLAIMED
    epoch                    INTEGER NOT NULL,
    initiated_ms             INTEGER,
    deadline_ms              INTEGER,           -- exclusive
    attempt_id               TEXT,
    click_event_id           TEXT,              -- the click that counted
    -- the button
    enabled                  INTEGER NOT NULL,
    claim_code               TEXT,
    rated_clicks             INTEGER NOT NULL,
    clicks                   INTEGER NOT NULL,
    reported_life            REAL,
    last_event_id            TEXT,
    last_attempt_deadline_ms INTEGER,
    tags                     TEXT    NOT NULL,  -- JSON: name to value
    attributes               TEXT    NOT NULL,  -- JSON: name to value
    initiates                TEXT    NOT NULL,  -- JSON: account to {count, last_ms}
    repeats                  TEXT,              -- JSON: state of the rule that tells repeats
    PRIMARY KEY (namespace, device_id)
) WITHOUT ROWID;

-- An account's devices, in the order in which they are listed.
CREATE INDEX devices_of_owner ON devices (namespace, owner, device_id) WHERE owner IS NOT NULL;

-- The record: one row a try to claim, kept for ever.
CREATE TABLE attempts (
    attempt_id  TEXT    NOT NULL UNIQUE,
    namespace   TEXT    NOT NULL,
    device_id   TEXT    NOT NULL,
    account     TEXT    NOT NULL,
    epoch       INTEGER NOT NULL,
    opened_ms   INTEGER NOT NULL,
    deadline_ms INTEGER NOT NULL,  -- exclusive
    via         TEXT    NOT NULL,  -- click, claim-code
    invocation  TEXT,
    outcome     TEXT,              -- NULL while it is open
    reason      TEXT    NOT NULL,
    ended_ms    INTEGER,
    released_ms INTEGER,
    simulated   INTEGER NOT NULL,
    marks       INTEGER NOT NULL,  -- how many the timeline has; a swap compares it
    timeline    TEXT    NOT NULL   -- JSON: list of {what, at_ms, detail}
);

CREATE INDEX attempts_due        ON attempts (deadline_ms) WHERE outcome IS NULL;
CREATE INDEX attempts_by_time    ON attempts (opened_ms);
CREATE INDEX attempts_of_account ON attempts (namespace, account, opened_ms);
CREATE INDEX attempts_of_device  ON attempts (namespace, device_id, opened_ms);
CREATE INDEX attempts_asked_by   ON attempts (invocation) WHERE invocation IS NOT NULL;

-- Every click that was heard of a registered device, and what became of it.
-- AUTOINCREMENT: a number is never given twice, even after the newest rows were purged.
CREATE TABLE events (
    seq            INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id       TEXT    NOT NULL UNIQUE,
    namespace      TEXT    NOT NULL,
    device_id      TEXT    NOT NULL,
    click_type     TEXT    NOT NULL,
    received_ms    INTEGER NOT NULL,
    disposition    TEXT    NOT NULL,
    reason         TEXT    NOT NULL,
    heard_by       TEXT    NOT NULL,  -- station, broker
    authenticated  INTEGER NOT NULL,
    simulated      INTEGER NOT NULL,
    source         TEXT    NOT NULL,
    family         TEXT    NOT NULL,
    press_id       TEXT,
    epoch          INTEGER NOT NULL,
    attempt_id     TEXT,
    remaining_life REAL    NOT NULL,
    reported_ms    INTEGER,
    certificate_id TEXT,
    test_mode      INTEGER NOT NULL,
    repeats        INTEGER NOT NULL,
    last_repeat_ms INTEGER
);

-- Both end in seq, as every index of a table with an integer key does.
CREATE INDEX events_of_device ON events (namespace, device_id);
CREATE INDEX events_to_purge  ON events (received_ms);

-- Buttons that are heard and not registered: the last click of each, and how many.
CREATE TABLE unknown_devices (
    namespace      TEXT    NOT NULL,
    address        TEXT    NOT NULL,
    family         TEXT    NOT NULL,
    click_type     TEXT    NOT NULL,
    source         TEXT    NOT NULL,
    first_heard_ms INTEGER NOT NULL,
    last_heard_ms  INTEGER NOT NULL,
    count          INTEGER NOT NULL,
    extra          TEXT    NOT NULL,  -- JSON: name to value
    PRIMARY KEY (namespace, address)
) WITHOUT ROWID;

CREATE INDEX unknown_devices_by_time ON unknown_devices (namespace, last_heard_ms DESC, address);

-- What a change answered, for a client that asks again because the answer was lost.
CREATE TABLE answers (
    access_key  TEXT    NOT NULL,
    operation   TEXT    NOT NULL,
    invocation  TEXT    NOT NULL,
    answered_ms INTEGER NOT NULL,
    body        BLOB    NOT NULL,
    PRIMARY KEY (access_key, operation, invocation)
) WITHOUT ROWID;

CREATE INDEX answers_to_purge ON answers (answered_ms);

CREATE TABLE access_keys (
    access_key TEXT    NOT NULL PRIMARY KEY,
    namespace  TEXT    NOT NULL,
    account    TEXT    NOT NULL,
    created_ms INTEGER NOT NULL,
    label      TEXT    NOT NULL,
    revoked_ms INTEGER,
    secret     TEXT    NOT NULL
) WITHOUT ROWID;

CREATE TABLE claim_codes (
    namespace  TEXT    NOT NULL,
    code       TEXT    NOT NULL,
    created_ms INTEGER NOT NULL,
    device_ids TEXT    NOT NULL,  -- JSON: list of device ids
    used_by    TEXT,
    used_ms    INTEGER,
    PRIMARY KEY (namespace, code)
) WITHOUT ROWID;

-- Secrets of devices. This is why the file is its owner's alone to read.
CREATE TABLE keys (
    namespace TEXT    NOT NULL,
    device_id TEXT    NOT NULL,
    kind      TEXT    NOT NULL,  -- hmac, bthome, mibeacon
    simulated INTEGER NOT NULL,
    secret    BLOB    NOT NULL,
    PRIMARY KEY (namespace, device_id, kind)
) WITHOUT ROWID;

-- Addresses (MAC, USB serial number, topic name) that mean a device.
CREATE TABLE aliases (
    namespace TEXT NOT NULL,
    address   TEXT NOT NULL,
    device_id TEXT NOT NULL,
    PRIMARY KEY (namespace, address)
) WITHOUT ROWID;

CREATE INDEX aliases_of_device ON aliases (namespace, device_id);

-- Small values under a name: markers of sources, secrets of the service.
CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
