-- Owners may have clicks and a device's health posted to a URL of theirs.

ALTER TABLE devices ADD COLUMN callbacks TEXT NOT NULL DEFAULT '{}';  -- JSON: onClick, healthMonitor

-- Callbacks that are still to be posted. A row goes when it is done or given up.
CREATE TABLE deliveries (
    delivery_id TEXT    NOT NULL PRIMARY KEY,
    namespace   TEXT    NOT NULL,
    device_id   TEXT    NOT NULL,
    url         TEXT    NOT NULL,
    payload     BLOB    NOT NULL,
    created_ms  INTEGER NOT NULL,
    due_ms      INTEGER NOT NULL,
    tries       INTEGER NOT NULL,
    last_error  TEXT    NOT NULL
) WITHOUT ROWID;

CREATE INDEX deliveries_by_due ON deliveries (due_ms, delivery_id);
