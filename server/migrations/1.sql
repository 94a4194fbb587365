-- Documents with their tombstones (text is null), the log as their positions, stored results of changes.

CREATE TABLE history (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch TEXT NOT NULL,
    head INTEGER NOT NULL
) STRICT;

CREATE TABLE documents (
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    revision TEXT NOT NULL,
    changes INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    position INTEGER NOT NULL UNIQUE,
    text TEXT,
    PRIMARY KEY (collection, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX documents_by_position ON documents (collection, position);

CREATE TABLE results (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    at INTEGER NOT NULL,
    status INTEGER NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX results_by_age ON results (at);
