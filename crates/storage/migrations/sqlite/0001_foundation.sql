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

-- What the columns `dialect`, `operation`, `outcome`, `usage_source` and `cost_kind` stand for.
CREATE TABLE words (
    kind   TEXT    NOT NULL,
    number INTEGER NOT NULL,
    word   TEXT    NOT NULL,
    PRIMARY KEY (kind, number)
) STRICT, WITHOUT ROWID;
INSERT INTO words (kind, number, word) VALUES
    ('dialect', 1, 'openai.chat'),
    ('dialect', 2, 'openai.embeddings'),
    ('dialect', 3, 'anthropic.messages'),
    ('dialect', 4, 'gemini.generate'),
    ('dialect', 5, 'gemini.embed'),
    ('dialect', 6, 'openai.responses'),
    ('dialect', 7, 'openai.completions'),
    ('dialect', 8, 'ollama.chat'),
    ('dialect', 9, 'ollama.generate'),
    ('dialect', 10, 'ollama.embed'),
    ('dialect', 11, 'cohere.chat'),
    ('dialect', 12, 'cohere.embed'),
    ('dialect', 13, 'cohere.rerank'),
    ('dialect', 14, 'bedrock.converse'),
    ('dialect', 15, 'gemini.embed_content'),
    ('dialect', 16, 'anthropic.count_tokens'),
    ('dialect', 17, 'gemini.count_tokens'),
    ('dialect', 18, 'openai.count_tokens'),
    ('dialect', 19, 'openai.images'),
    ('dialect', 20, 'openai.image_edits'),
    ('dialect', 21, 'openai.speech'),
    ('dialect', 22, 'openai.transcriptions'),
    ('dialect', 23, 'openai.translations'),
    ('dialect', 24, 'openai.moderations'),
    ('dialect', 25, 'bedrock.titan_embed'),
    ('dialect', 26, 'ollama.embeddings'),
    ('dialect', 27, 'vertex.predict'),
    ('dialect', 28, 'replicate.predictions'),
    ('dialect', 29, 'kserve.infer'),
    ('dialect', 30, 'pathgate.predict'),
    ('dialect', 31, 'gemini.images'),
    ('dialect', 32, 'bedrock.rerank'),
    ('dialect', 33, 'bedrock.count_tokens'),
    ('dialect', 34, 'voyage.rerank'),
    ('operation', 1, 'chat'),
    ('operation', 2, 'embeddings'),
    ('operation', 3, 'rerank'),
    ('operation', 4, 'count_tokens'),
    ('operation', 5, 'images'),
    ('operation', 6, 'speech'),
    ('operation', 7, 'transcription'),
    ('operation', 8, 'moderation'),
    ('operation', 9, 'predict'),
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

-- One line for each attempt, which is a line of the ledger; a request that made no attempt has one line with the number 0.
-- Most requests make one attempt, so a line of the request log is not a line of its own but part of the request's last line,
-- from `arrived_us` on. It is null in the other lines, and everywhere once it is older than the log is kept.
--
-- `input_tokens` and `output_tokens` are the plain ones, `usage` is a JSON object with all figures when there are others;
-- `input_total` and `output_total` are of all kinds and all attempts. `answered`: 1 when the answer came from this line's
-- attempt. `detail` is a JSON object with what few requests have.
CREATE TABLE lines (
    request         BLOB    NOT NULL,
    number          INTEGER NOT NULL,
    caller          INTEGER NOT NULL,
    model           TEXT,

    attempt         BLOB,
    at_us           INTEGER,
    target          INTEGER,
    outcome         INTEGER,
    status          INTEGER,
    error           TEXT,
    input_tokens    INTEGER,
    output_tokens   INTEGER,
    usage           TEXT,
    usage_source    INTEGER,
    service_tier    TEXT,
    cost_nano_usd   INTEGER,
    cost_kind       INTEGER,
    first_byte_us   INTEGER,
    duration_us     INTEGER,

    arrived_us      INTEGER,
    dialect         INTEGER,
    operation       INTEGER,
    client          TEXT,
    stream          INTEGER,
    answered        INTEGER,
    attempts        INTEGER,
    request_status  INTEGER,
    request_outcome INTEGER,
    request_error   TEXT,
    input_total     INTEGER,
    output_total    INTEGER,
    cost_total      INTEGER,
    ttft_us         INTEGER,
    total_us        INTEGER,
    bytes_in        INTEGER,
    bytes_out       INTEGER,
    snapshot        INTEGER,
    detail          TEXT,
    PRIMARY KEY (request, number)
) STRICT, WITHOUT ROWID;

-- One row: no line of the log has a lesser id.
CREATE TABLE log_start (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    request BLOB NOT NULL
) STRICT;
INSERT INTO log_start (id, request) VALUES (1, x'');

CREATE VIEW ledger AS
SELECT
    'att_' || lower(hex(l.attempt))                                   AS id,
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
    coalesce(l.usage ->> 'image_input', 0)                            AS image_input_tokens,
    l.output_tokens,
    coalesce(l.usage ->> 'reasoning', 0)                              AS reasoning_tokens,
    coalesce(l.usage ->> 'audio_output', 0)                           AS audio_output_tokens,
    coalesce(l.usage ->> 'image_output', 0)                           AS image_output_tokens,
    coalesce(l.usage ->> 'searches', 0)                               AS searches,
    (SELECT word FROM words WHERE kind = 'usage_source' AND number = l.usage_source) AS usage_source,
    l.service_tier, l.cost_nano_usd,
    (SELECT word FROM words WHERE kind = 'cost_kind' AND number = l.cost_kind) AS cost_kind,
    t.price_version,
    l.first_byte_us, l.duration_us
FROM lines AS l
JOIN callers AS c ON c.id = l.caller
JOIN targets AS t ON t.id = l.target;

CREATE VIEW request_log AS
SELECT
    'req_' || lower(hex(l.request))                                   AS id,
    strftime('%Y-%m-%dT%H:%M:%SZ', l.arrived_us / 1000000, 'unixepoch') AS time,
    l.arrived_us                                                      AS at_us,
    'key_' || lower(hex(c.key))                                       AS key_id,
    c.key_name, c.org, c.team, c.app,
    l.client,
    (SELECT word FROM words WHERE kind = 'dialect' AND number = l.dialect) AS dialect,
    (SELECT word FROM words WHERE kind = 'operation' AND number = l.operation) AS operation,
    l.stream, l.model,
    iif(l.answered, t.deployment, NULL)                               AS deployment,
    l.request_status                                                  AS status,
    (SELECT word FROM words WHERE kind = 'outcome' AND number = l.request_outcome) AS outcome,
    l.request_error                                                   AS error,
    l.attempts,
    l.input_total                                                     AS input_tokens,
    l.output_total                                                    AS output_tokens,
    l.cost_total                                                      AS cost_nano_usd,
    l.ttft_us,
    l.total_us                                                        AS duration_us,
    l.bytes_in, l.bytes_out, l.snapshot, l.detail
FROM lines AS l
JOIN callers AS c ON c.id = l.caller
LEFT JOIN targets AS t ON t.id = l.target
WHERE l.request >= (SELECT request FROM log_start) AND l.dialect IS NOT NULL;

-- Blocks of a model's messages that the dialect of its client has no place for, by what the client will send back of the
-- message. `anchor`: 128 bits of a hash.
CREATE TABLE native_blocks (
    tenant   TEXT    NOT NULL,
    anchor   BLOB    NOT NULL,
    body     BLOB    NOT NULL,
    until_us INTEGER NOT NULL,
    PRIMARY KEY (tenant, anchor)
) STRICT;
CREATE INDEX native_blocks_by_end ON native_blocks (until_us);

-- Answers that clients may refer to by their id. `previous` is the id of the answer that the request went on from; `native` is
-- 1 when the provider keeps the answer too; `input` is a JSON array of what this turn brought, `body` the answer.
CREATE TABLE responses (
    tenant     TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    created_us INTEGER NOT NULL,
    until_us   INTEGER NOT NULL,
    previous   TEXT,
    deployment TEXT,
    native     INTEGER NOT NULL,
    input      BLOB    NOT NULL,
    body       BLOB    NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX responses_by_id ON responses (id);
CREATE INDEX responses_by_end ON responses (until_us);
