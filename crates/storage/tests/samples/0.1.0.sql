BEGIN TRANSACTION;
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO "_sqlx_migrations" VALUES(1,'foundation','2026-11-21 13:27:31',1,X'E71DEAAFD5CB208B0F696C896B480206327A7E290DC3C3FA15175D394A8599D8EBDF94C9DA76ED13544B1ADA7F1691A8',1533072);
CREATE TABLE callers (
    id       INTEGER PRIMARY KEY,
    key      BLOB,
    key_name TEXT,
    org      TEXT,
    team     TEXT,
    app      TEXT
) STRICT;
INSERT INTO "callers" VALUES(1,X'07070707070707070707070700000000','key 0','default','search','bot');
INSERT INTO "callers" VALUES(2,X'07070707070707070707070700000001','key 1','default','search','bot');
INSERT INTO "callers" VALUES(3,X'07070707070707070707070700000002','key 2','default','search','bot');
CREATE TABLE key_minutes (
    key   BLOB NOT NULL,
    first BLOB NOT NULL,
    next  BLOB NOT NULL,
    PRIMARY KEY (key, first)
) STRICT, WITHOUT ROWID;
INSERT INTO "key_minutes" VALUES(X'07070707070707070707070700000000',X'01941F297C00',X'01941F2A6660');
INSERT INTO "key_minutes" VALUES(X'07070707070707070707070700000001',X'01941F297C00',X'01941F2A6660');
INSERT INTO "key_minutes" VALUES(X'07070707070707070707070700000002',X'01941F297C00',X'01941F2A6660');
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
INSERT INTO "ledger_lines" VALUES(X'01941F297C0007070707070700000000',1,X'07070707070707070707070700000000',1735689600000000,1,'fast',1,3,503,'upstream_overloaded',0,0,NULL,1,NULL,NULL,4,NULL,900);
INSERT INTO "ledger_lines" VALUES(X'01941F297C0007070707070700000000',2,X'07070707070707070707070700000001',1735689600000000,1,'fast',2,1,200,NULL,120,80,'{"input":120,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3}',2,'priority',190000,1,1100,4400);
INSERT INTO "ledger_lines" VALUES(X'01941F297FE807070707070700000001',1,X'07070707070707070707070700000002',1735689601000000,2,'slow',1,3,503,'upstream_overloaded',0,0,NULL,1,NULL,NULL,4,NULL,900);
INSERT INTO "ledger_lines" VALUES(X'01941F297FE807070707070700000001',2,X'07070707070707070707070700000003',1735689601000000,2,'slow',2,1,200,NULL,121,80,'{"input":121,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3}',2,'priority',190000,1,1100,4400);
INSERT INTO "ledger_lines" VALUES(X'01941F2983D007070707070700000002',1,X'07070707070707070707070700000004',1735689602000000,3,'fast',1,3,503,'upstream_overloaded',0,0,NULL,1,NULL,NULL,4,NULL,900);
INSERT INTO "ledger_lines" VALUES(X'01941F2983D007070707070700000002',2,X'07070707070707070707070700000005',1735689602000000,3,'fast',2,1,200,NULL,122,80,'{"input":122,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3}',2,'priority',190000,1,1100,4400);
INSERT INTO "ledger_lines" VALUES(X'01941F2987B807070707070700000003',1,X'07070707070707070707070700000006',1735689603000000,1,'slow',1,3,503,'upstream_overloaded',0,0,NULL,1,NULL,NULL,4,NULL,900);
INSERT INTO "ledger_lines" VALUES(X'01941F2987B807070707070700000003',2,X'07070707070707070707070700000007',1735689603000000,1,'slow',2,1,200,NULL,123,80,'{"input":123,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3}',2,'priority',190000,1,1100,4400);
INSERT INTO "ledger_lines" VALUES(X'01941F298BA007070707070700000004',1,X'07070707070707070707070700000008',1735689604000000,2,'fast',1,3,503,'upstream_overloaded',0,0,NULL,1,NULL,NULL,4,NULL,900);
INSERT INTO "ledger_lines" VALUES(X'01941F298BA007070707070700000004',2,X'07070707070707070707070700000009',1735689604000000,2,'fast',2,1,200,NULL,124,80,'{"input":124,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3}',2,'priority',190000,1,1100,4400);
INSERT INTO "ledger_lines" VALUES(X'01941F298F8807070707070700000005',1,X'0707070707070707070707070000000A',1735689605000000,3,'slow',1,3,503,'upstream_overloaded',0,0,NULL,1,NULL,NULL,4,NULL,900);
INSERT INTO "ledger_lines" VALUES(X'01941F298F8807070707070700000005',2,X'0707070707070707070707070000000B',1735689605000000,3,'slow',2,1,200,NULL,125,80,'{"input":125,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3}',2,'priority',190000,1,1100,4400);
INSERT INTO "ledger_lines" VALUES(X'01941F29937007070707070700000006',1,X'0707070707070707070707070000000C',1735689606000000,1,'fast',1,3,503,'upstream_overloaded',0,0,NULL,1,NULL,NULL,4,NULL,900);
INSERT INTO "ledger_lines" VALUES(X'01941F29937007070707070700000006',2,X'0707070707070707070707070000000D',1735689606000000,1,'fast',2,1,200,NULL,126,80,'{"input":126,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3}',2,'priority',190000,1,1100,4400);
INSERT INTO "ledger_lines" VALUES(X'01941F29975807070707070700000007',1,X'0707070707070707070707070000000E',1735689607000000,2,'slow',1,3,503,'upstream_overloaded',0,0,NULL,1,NULL,NULL,4,NULL,900);
INSERT INTO "ledger_lines" VALUES(X'01941F29975807070707070700000007',2,X'0707070707070707070707070000000F',1735689607000000,2,'slow',2,1,200,NULL,127,80,'{"input":127,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3}',2,'priority',190000,1,1100,4400);
INSERT INTO "ledger_lines" VALUES(X'01941F299B4007070707070700000008',1,X'07070707070707070707070700000010',1735689608000000,3,'fast',1,3,503,'upstream_overloaded',0,0,NULL,1,NULL,NULL,4,NULL,900);
INSERT INTO "ledger_lines" VALUES(X'01941F299B4007070707070700000008',2,X'07070707070707070707070700000011',1735689608000000,3,'fast',2,1,200,NULL,128,80,'{"input":128,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3}',2,'priority',190000,1,1100,4400);
INSERT INTO "ledger_lines" VALUES(X'01941F299F2807070707070700000009',1,X'07070707070707070707070700000012',1735689609000000,1,'slow',1,3,503,'upstream_overloaded',0,0,NULL,1,NULL,NULL,4,NULL,900);
INSERT INTO "ledger_lines" VALUES(X'01941F299F2807070707070700000009',2,X'07070707070707070707070700000013',1735689609000000,1,'slow',2,1,200,NULL,129,80,'{"input":129,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3}',2,'priority',190000,1,1100,4400);
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
INSERT INTO "request_lines" VALUES(X'01941F297C0007070707070700000000',1735689600000000,1,'anthropic.messages',1,'fast','openai/gpt-5-mini',429,2,'rate_limited',2,158,83,190000,1234,5300,'{"client":"192.0.2.7","user":"ada \"the first\"\n","tags":[["env","prod"]],"stream":true,"detail":"nothing special","usage":{"input":120,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"bytes_in":1024,"bytes_out":2048,"dropped":["logit_bias"],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","snapshot":7,"request_body":"{\"héllo\": 1}"}');
INSERT INTO "request_lines" VALUES(X'01941F297FE807070707070700000001',1735689601000000,2,'anthropic.messages',1,'slow','openai/gpt-5-mini',200,1,NULL,2,159,83,190000,1234,5300,'{"client":"192.0.2.7","user":"ada \"the first\"\n","tags":[["env","prod"]],"stream":true,"detail":"nothing special","usage":{"input":121,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"bytes_in":1024,"bytes_out":2048,"dropped":["logit_bias"],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","snapshot":7,"request_body":"{\"héllo\": 1}"}');
INSERT INTO "request_lines" VALUES(X'01941F2983D007070707070700000002',1735689602000000,3,'anthropic.messages',1,'fast','openai/gpt-5-mini',200,1,NULL,2,160,83,190000,1234,5300,'{"client":"192.0.2.7","user":"ada \"the first\"\n","tags":[["env","prod"]],"stream":true,"detail":"nothing special","usage":{"input":122,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"bytes_in":1024,"bytes_out":2048,"dropped":["logit_bias"],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","snapshot":7,"request_body":"{\"héllo\": 1}"}');
INSERT INTO "request_lines" VALUES(X'01941F2987B807070707070700000003',1735689603000000,1,'anthropic.messages',1,'slow','openai/gpt-5-mini',200,1,NULL,2,161,83,190000,1234,5300,'{"client":"192.0.2.7","user":"ada \"the first\"\n","tags":[["env","prod"]],"stream":true,"detail":"nothing special","usage":{"input":123,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"bytes_in":1024,"bytes_out":2048,"dropped":["logit_bias"],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","snapshot":7,"request_body":"{\"héllo\": 1}"}');
INSERT INTO "request_lines" VALUES(X'01941F298BA007070707070700000004',1735689604000000,2,'anthropic.messages',1,'fast','openai/gpt-5-mini',200,1,NULL,2,162,83,190000,1234,5300,'{"client":"192.0.2.7","user":"ada \"the first\"\n","tags":[["env","prod"]],"stream":true,"detail":"nothing special","usage":{"input":124,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"bytes_in":1024,"bytes_out":2048,"dropped":["logit_bias"],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","snapshot":7,"request_body":"{\"héllo\": 1}"}');
INSERT INTO "request_lines" VALUES(X'01941F298F8807070707070700000005',1735689605000000,3,'anthropic.messages',1,'slow','openai/gpt-5-mini',429,2,'rate_limited',2,163,83,190000,1234,5300,'{"client":"192.0.2.7","user":"ada \"the first\"\n","tags":[["env","prod"]],"stream":true,"detail":"nothing special","usage":{"input":125,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"bytes_in":1024,"bytes_out":2048,"dropped":["logit_bias"],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","snapshot":7,"request_body":"{\"héllo\": 1}"}');
INSERT INTO "request_lines" VALUES(X'01941F29937007070707070700000006',1735689606000000,1,'anthropic.messages',1,'fast','openai/gpt-5-mini',200,1,NULL,2,164,83,190000,1234,5300,'{"client":"192.0.2.7","user":"ada \"the first\"\n","tags":[["env","prod"]],"stream":true,"detail":"nothing special","usage":{"input":126,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"bytes_in":1024,"bytes_out":2048,"dropped":["logit_bias"],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","snapshot":7,"request_body":"{\"héllo\": 1}"}');
INSERT INTO "request_lines" VALUES(X'01941F29975807070707070700000007',1735689607000000,2,'anthropic.messages',1,'slow','openai/gpt-5-mini',200,1,NULL,2,165,83,190000,1234,5300,'{"client":"192.0.2.7","user":"ada \"the first\"\n","tags":[["env","prod"]],"stream":true,"detail":"nothing special","usage":{"input":127,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"bytes_in":1024,"bytes_out":2048,"dropped":["logit_bias"],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","snapshot":7,"request_body":"{\"héllo\": 1}"}');
INSERT INTO "request_lines" VALUES(X'01941F299B4007070707070700000008',1735689608000000,3,'anthropic.messages',1,'fast','openai/gpt-5-mini',200,1,NULL,2,166,83,190000,1234,5300,'{"client":"192.0.2.7","user":"ada \"the first\"\n","tags":[["env","prod"]],"stream":true,"detail":"nothing special","usage":{"input":128,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"bytes_in":1024,"bytes_out":2048,"dropped":["logit_bias"],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","snapshot":7,"request_body":"{\"héllo\": 1}"}');
INSERT INTO "request_lines" VALUES(X'01941F299F2807070707070700000009',1735689609000000,1,'anthropic.messages',1,'slow','openai/gpt-5-mini',200,1,NULL,2,167,83,190000,1234,5300,'{"client":"192.0.2.7","user":"ada \"the first\"\n","tags":[["env","prod"]],"stream":true,"detail":"nothing special","usage":{"input":129,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"bytes_in":1024,"bytes_out":2048,"dropped":["logit_bias"],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","snapshot":7,"request_body":"{\"héllo\": 1}"}');
CREATE TABLE resources (
    kind       TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    body       TEXT    NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
INSERT INTO "resources" VALUES('key','key_a',1,1735689600000000,1735689600000000,'{"name":"one"}');
INSERT INTO "resources" VALUES('key','key_b',1,1735689600000000,1735689600000000,'{"name":"two"}');
CREATE TABLE revision (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL
) STRICT;
INSERT INTO "revision" VALUES(1,2);
CREATE TABLE targets (
    id             INTEGER PRIMARY KEY,
    deployment     TEXT NOT NULL,
    provider       TEXT NOT NULL,
    provider_kind  TEXT NOT NULL,
    upstream_model TEXT NOT NULL,
    price_version  TEXT
) STRICT;
INSERT INTO "targets" VALUES(1,'house/qwen3','house','openai-compatible','qwen3',NULL);
INSERT INTO "targets" VALUES(2,'openai/gpt-5-mini','openai','openai','gpt-5-mini','2026-11-20');
CREATE TABLE words (
    kind   TEXT    NOT NULL,
    number INTEGER NOT NULL,
    word   TEXT    NOT NULL,
    PRIMARY KEY (kind, number)
) STRICT, WITHOUT ROWID;
INSERT INTO "words" VALUES('cost_kind',1,'exact');
INSERT INTO "words" VALUES('cost_kind',2,'estimated');
INSERT INTO "words" VALUES('cost_kind',3,'unknown_price');
INSERT INTO "words" VALUES('cost_kind',4,'nothing');
INSERT INTO "words" VALUES('operation',1,'chat');
INSERT INTO "words" VALUES('operation',2,'embeddings');
INSERT INTO "words" VALUES('outcome',1,'answered');
INSERT INTO "words" VALUES('outcome',2,'refused');
INSERT INTO "words" VALUES('outcome',3,'failed');
INSERT INTO "words" VALUES('outcome',4,'client_gone');
INSERT INTO "words" VALUES('outcome',5,'interrupted');
INSERT INTO "words" VALUES('usage_source',1,'none');
INSERT INTO "words" VALUES('usage_source',2,'reported');
INSERT INTO "words" VALUES('usage_source',3,'estimated');
CREATE INDEX callers_by_key ON callers (key);
CREATE INDEX targets_by_deployment ON targets (deployment);
CREATE INDEX targets_by_provider ON targets (provider);
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
COMMIT;
