-- Append-only: a released migration never changes.
--
-- `ledger` and `request_log` at the end are views made to be read by people. The tables behind them keep what
-- repeats in every line (the caller, the target, words of a fixed list) once and refer to it by number.
-- Times are microseconds since 1970 in UTC, money is nano-USD (1 USD = 1,000,000,000), ids are 16-byte UUIDv7, which
-- begin with the millisecond of arrival: the order of ids is the order of time.

CREATE TABLE resources (
    kind       TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    body       TEXT    NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

-- One row; `number` grows by one in each transaction that changes a resource.
CREATE TABLE revision (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL
) STRICT;
INSERT INTO revision (id, number) VALUES (1, 0);

CREATE TABLE callers (
    id       INTEGER PRIMARY KEY,
    key      BLOB,
    key_name TEXT,
    org      TEXT,
    team     TEXT,
    app      TEXT
) STRICT;
CREATE INDEX callers_by_key ON callers (key);

-- In which minutes a key called: the ids of its requests lie between `first` and `next`, which are the beginnings of ids. A
-- search for a key's lines reads those minutes and no others. An index would cost each line more than it saves.
CREATE TABLE key_minutes (
    key   BLOB NOT NULL,
    first BLOB NOT NULL,
    next  BLOB NOT NULL,
    PRIMARY KEY (key, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE targets (
    id             INTEGER PRIMARY KEY,
    deployment     TEXT NOT NULL,
    provider       TEXT NOT NULL,
    provider_kind  TEXT NOT NULL,
    upstream_model TEXT NOT NULL,
    price_version  TEXT
) STRICT;
CREATE INDEX targets_by_deployment ON targets (deployment);
CREATE INDEX targets_by_provider ON targets (provider);

-- What the columns `operation`, `outcome`, `usage_source` and `cost_kind` stand for.
CREATE TABLE words (
    kind   TEXT    NOT NULL,
    number INTEGER NOT NULL,
    word   TEXT    NOT NULL,
    PRIMARY KEY (kind, number)
) STRICT, WITHOUT ROWID;
INSERT INTO words (kind, number, word) VALUES
    ('operation', 1, 'chat'),
    ('operation', 2, 'embeddings'),
    ('outcome', 1, 'answered'),
    ('outcome', 2, 'refused'),
    ('outcome', 3, 'failed'),
    ('outcome', 4, 'client_gone'),
    ('outcome', 5, 'interrupted'),
    ('usage_source', 1, 'none'),
    ('usage_source', 2, 'reported'),
    ('usage_source', 3, 'estimated'),
    ('cost_kind', 1, 'exact'),
    ('cost_kind', 2, 'estimated'),
    ('cost_kind', 3, 'unknown_price'),
    ('cost_kind', 4, 'nothing');

-- `detail` is a JSON object with what is neither filtered nor summed; its `usage` is there when the tokens are of more
-- kinds than input and output.
CREATE TABLE request_lines (
    id            BLOB    NOT NULL PRIMARY KEY,
    at_us         INTEGER NOT NULL,
    caller        INTEGER NOT NULL,
    dialect       TEXT    NOT NULL,
    operation     INTEGER NOT NULL,
    model         TEXT,
    deployment    TEXT,
    status        INTEGER NOT NULL,
    outcome       INTEGER NOT NULL,
    error         TEXT,
    attempts      INTEGER NOT NULL,
    input_tokens  INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost_nano_usd INTEGER,
    ttft_us       INTEGER,
    duration_us   INTEGER NOT NULL,
    detail        TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- `input_tokens` and `output_tokens` are the plain ones; `usage` is a JSON object with all figures, when there are others.
CREATE TABLE ledger_lines (
    request       BLOB    NOT NULL,
    number        INTEGER NOT NULL,
    id            BLOB    NOT NULL,
    at_us         INTEGER NOT NULL,
    caller        INTEGER NOT NULL,
    model         TEXT,
    target        INTEGER NOT NULL,
    outcome       INTEGER NOT NULL,
    status        INTEGER,
    error         TEXT,
    input_tokens  INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    usage         TEXT,
    usage_source  INTEGER NOT NULL,
    service_tier  TEXT,
    cost_nano_usd INTEGER,
    cost_kind     INTEGER NOT NULL,
    first_byte_us INTEGER,
    duration_us   INTEGER NOT NULL,
    PRIMARY KEY (request, number)
) STRICT, WITHOUT ROWID;

CREATE VIEW ledger AS
SELECT
    'att_' || lower(hex(l.id))                                        AS id,
    'req_' || lower(hex(l.request))                                   AS request_id,
    l.number                                                          AS attempt,
    strftime('%Y-%m-%dT%H:%M:%SZ', l.at_us / 1000000, 'unixepoch')    AS time,
    l.at_us,
    'key_' || lower(hex(c.key))                                       AS key_id,
    c.key_name, c.org, c.team, c.app,
    l.model,
    t.deployment, t.provider, t.provider_kind, t.upstream_model,
    (SELECT word FROM words WHERE kind = 'outcome' AND number = l.outcome) AS outcome,
    l.status, l.error,
    l.input_tokens,
    coalesce(l.usage ->> 'cached', 0)                                 AS cached_tokens,
    coalesce(l.usage ->> 'cache_write', 0)                            AS cache_write_tokens,
    coalesce(l.usage ->> 'cache_write_long', 0)                       AS cache_write_long_tokens,
    coalesce(l.usage ->> 'audio_input', 0)                            AS audio_input_tokens,
    l.output_tokens,
    coalesce(l.usage ->> 'reasoning', 0)                              AS reasoning_tokens,
    coalesce(l.usage ->> 'audio_output', 0)                           AS audio_output_tokens,
    (SELECT word FROM words WHERE kind = 'usage_source' AND number = l.usage_source) AS usage_source,
    l.service_tier, l.cost_nano_usd,
    (SELECT word FROM words WHERE kind = 'cost_kind' AND number = l.cost_kind) AS cost_kind,
    t.price_version,
    l.first_byte_us, l.duration_us
FROM ledger_lines AS l
JOIN callers AS c ON c.id = l.caller
JOIN targets AS t ON t.id = l.target;

CREATE VIEW request_log AS
SELECT
    'req_' || lower(hex(r.id))                                        AS id,
    strftime('%Y-%m-%dT%H:%M:%SZ', r.at_us / 1000000, 'unixepoch')    AS time,
    r.at_us,
    'key_' || lower(hex(c.key))                                       AS key_id,
    c.key_name, c.org, c.team, c.app,
    r.dialect,
    (SELECT word FROM words WHERE kind = 'operation' AND number = r.operation) AS operation,
    r.model, r.deployment, r.status,
    (SELECT word FROM words WHERE kind = 'outcome' AND number = r.outcome) AS outcome,
    r.error, r.attempts,
    r.input_tokens, r.output_tokens, r.cost_nano_usd,
    r.ttft_us, r.duration_us, r.detail
FROM request_lines AS r
JOIN callers AS c ON c.id = r.caller;
