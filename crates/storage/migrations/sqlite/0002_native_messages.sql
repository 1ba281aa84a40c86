-- Blocks of a model's messages that the dialect of its client has no place for: each message once, with all it is found by.
-- What was kept before was found by less than the conversation it belongs to, and is not taken over.
DROP TABLE native_blocks;

-- `bytes`: the length of `body`.
CREATE TABLE native_messages (
    id       INTEGER PRIMARY KEY,
    tenant   TEXT    NOT NULL,
    bytes    INTEGER NOT NULL,
    until_us INTEGER NOT NULL,
    body     BLOB    NOT NULL
) STRICT;
CREATE INDEX native_messages_by_tenant ON native_messages (tenant, id, bytes);
CREATE INDEX native_messages_by_end ON native_messages (until_us);

-- `anchor`: 128 bits of a hash over the conversation up to the message.
CREATE TABLE native_anchors (
    tenant  TEXT    NOT NULL,
    anchor  BLOB    NOT NULL,
    message INTEGER NOT NULL,
    PRIMARY KEY (tenant, anchor)
) STRICT, WITHOUT ROWID;
CREATE INDEX native_anchors_by_message ON native_anchors (message);
