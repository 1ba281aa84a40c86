BEGIN TRANSACTION;
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO "_sqlx_migrations" VALUES(1,'foundation','2026-11-21 02:37:33',1,X'0F0A28240767956467956B98958BEDE791870E5F8454DF780003DF2ACE3A464547D0072041E5810BCC6DEF86C352981C',1645684);
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
CREATE TABLE ledger_lines (
    seq                     INTEGER PRIMARY KEY,
    request                 BLOB    NOT NULL,
    number                  INTEGER NOT NULL,
    id                      BLOB    NOT NULL,
    at_us                   INTEGER NOT NULL,
    caller                  INTEGER NOT NULL,
    model                   TEXT,
    target                  INTEGER NOT NULL,
    outcome                 TEXT    NOT NULL,
    status                  INTEGER,
    error                   TEXT,
    input_tokens            INTEGER NOT NULL,
    cached_tokens           INTEGER NOT NULL,
    cache_write_tokens      INTEGER NOT NULL,
    cache_write_long_tokens INTEGER NOT NULL,
    audio_input_tokens      INTEGER NOT NULL,
    output_tokens           INTEGER NOT NULL,
    reasoning_tokens        INTEGER NOT NULL,
    audio_output_tokens     INTEGER NOT NULL,
    usage_source            TEXT    NOT NULL,
    service_tier            TEXT,
    cost_nano_usd           INTEGER,
    cost_kind               TEXT    NOT NULL,
    first_byte_us           INTEGER,
    duration_us             INTEGER NOT NULL,
    UNIQUE (request, number)
) STRICT;
INSERT INTO "ledger_lines" VALUES(1,X'07070707070707070707070700000000',1,X'07070707070707070707070700000000',1735689600000000,1,'fast',1,'failed',503,'upstream_overloaded',0,0,0,0,0,0,0,0,'none',NULL,NULL,'nothing',NULL,900);
INSERT INTO "ledger_lines" VALUES(2,X'07070707070707070707070700000000',2,X'07070707070707070707070700000001',1735689600000000,1,'fast',2,'answered',200,NULL,120,30,5,1,2,80,16,3,'reported','priority',190000,'exact',1100,4400);
INSERT INTO "ledger_lines" VALUES(3,X'07070707070707070707070700000001',1,X'07070707070707070707070700000002',1735689601000000,2,'slow',1,'failed',503,'upstream_overloaded',0,0,0,0,0,0,0,0,'none',NULL,NULL,'nothing',NULL,900);
INSERT INTO "ledger_lines" VALUES(4,X'07070707070707070707070700000001',2,X'07070707070707070707070700000003',1735689601000000,2,'slow',2,'answered',200,NULL,121,30,5,1,2,80,16,3,'reported','priority',190000,'exact',1100,4400);
INSERT INTO "ledger_lines" VALUES(5,X'07070707070707070707070700000002',1,X'07070707070707070707070700000004',1735689602000000,3,'fast',1,'failed',503,'upstream_overloaded',0,0,0,0,0,0,0,0,'none',NULL,NULL,'nothing',NULL,900);
INSERT INTO "ledger_lines" VALUES(6,X'07070707070707070707070700000002',2,X'07070707070707070707070700000005',1735689602000000,3,'fast',2,'answered',200,NULL,122,30,5,1,2,80,16,3,'reported','priority',190000,'exact',1100,4400);
INSERT INTO "ledger_lines" VALUES(7,X'07070707070707070707070700000003',1,X'07070707070707070707070700000006',1735689603000000,1,'slow',1,'failed',503,'upstream_overloaded',0,0,0,0,0,0,0,0,'none',NULL,NULL,'nothing',NULL,900);
INSERT INTO "ledger_lines" VALUES(8,X'07070707070707070707070700000003',2,X'07070707070707070707070700000007',1735689603000000,1,'slow',2,'answered',200,NULL,123,30,5,1,2,80,16,3,'reported','priority',190000,'exact',1100,4400);
INSERT INTO "ledger_lines" VALUES(9,X'07070707070707070707070700000004',1,X'07070707070707070707070700000008',1735689604000000,2,'fast',1,'failed',503,'upstream_overloaded',0,0,0,0,0,0,0,0,'none',NULL,NULL,'nothing',NULL,900);
INSERT INTO "ledger_lines" VALUES(10,X'07070707070707070707070700000004',2,X'07070707070707070707070700000009',1735689604000000,2,'fast',2,'answered',200,NULL,124,30,5,1,2,80,16,3,'reported','priority',190000,'exact',1100,4400);
INSERT INTO "ledger_lines" VALUES(11,X'07070707070707070707070700000005',1,X'0707070707070707070707070000000A',1735689605000000,3,'slow',1,'failed',503,'upstream_overloaded',0,0,0,0,0,0,0,0,'none',NULL,NULL,'nothing',NULL,900);
INSERT INTO "ledger_lines" VALUES(12,X'07070707070707070707070700000005',2,X'0707070707070707070707070000000B',1735689605000000,3,'slow',2,'answered',200,NULL,125,30,5,1,2,80,16,3,'reported','priority',190000,'exact',1100,4400);
INSERT INTO "ledger_lines" VALUES(13,X'07070707070707070707070700000006',1,X'0707070707070707070707070000000C',1735689606000000,1,'fast',1,'failed',503,'upstream_overloaded',0,0,0,0,0,0,0,0,'none',NULL,NULL,'nothing',NULL,900);
INSERT INTO "ledger_lines" VALUES(14,X'07070707070707070707070700000006',2,X'0707070707070707070707070000000D',1735689606000000,1,'fast',2,'answered',200,NULL,126,30,5,1,2,80,16,3,'reported','priority',190000,'exact',1100,4400);
INSERT INTO "ledger_lines" VALUES(15,X'07070707070707070707070700000007',1,X'0707070707070707070707070000000E',1735689607000000,2,'slow',1,'failed',503,'upstream_overloaded',0,0,0,0,0,0,0,0,'none',NULL,NULL,'nothing',NULL,900);
INSERT INTO "ledger_lines" VALUES(16,X'07070707070707070707070700000007',2,X'0707070707070707070707070000000F',1735689607000000,2,'slow',2,'answered',200,NULL,127,30,5,1,2,80,16,3,'reported','priority',190000,'exact',1100,4400);
INSERT INTO "ledger_lines" VALUES(17,X'07070707070707070707070700000008',1,X'07070707070707070707070700000010',1735689608000000,3,'fast',1,'failed',503,'upstream_overloaded',0,0,0,0,0,0,0,0,'none',NULL,NULL,'nothing',NULL,900);
INSERT INTO "ledger_lines" VALUES(18,X'07070707070707070707070700000008',2,X'07070707070707070707070700000011',1735689608000000,3,'fast',2,'answered',200,NULL,128,30,5,1,2,80,16,3,'reported','priority',190000,'exact',1100,4400);
INSERT INTO "ledger_lines" VALUES(19,X'07070707070707070707070700000009',1,X'07070707070707070707070700000012',1735689609000000,1,'slow',1,'failed',503,'upstream_overloaded',0,0,0,0,0,0,0,0,'none',NULL,NULL,'nothing',NULL,900);
INSERT INTO "ledger_lines" VALUES(20,X'07070707070707070707070700000009',2,X'07070707070707070707070700000013',1735689609000000,1,'slow',2,'answered',200,NULL,129,30,5,1,2,80,16,3,'reported','priority',190000,'exact',1100,4400);
CREATE TABLE request_lines (
    seq           INTEGER PRIMARY KEY,
    id            BLOB    NOT NULL UNIQUE,
    at_us         INTEGER NOT NULL,
    caller        INTEGER NOT NULL,
    dialect       TEXT    NOT NULL,
    operation     TEXT    NOT NULL,
    model         TEXT,
    deployment    TEXT,
    status        INTEGER NOT NULL,
    outcome       TEXT    NOT NULL,
    error         TEXT,
    attempts      INTEGER NOT NULL,
    input_tokens  INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost_nano_usd INTEGER,
    ttft_us       INTEGER,
    duration_us   INTEGER NOT NULL,
    detail        TEXT    NOT NULL
) STRICT;
INSERT INTO "request_lines" VALUES(1,X'07070707070707070707070700000000',1735689600000000,1,'anthropic.messages','chat','fast','openai/gpt-5-mini',429,'refused','rate_limited',2,158,83,190000,1234,5300,'{"user":"ada \"the first\"\n","tags":[["env","prod"]],"client":"192.0.2.7","stream":true,"detail":"nothing special","usage":{"input":120,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"bytes_in":1024,"bytes_out":2048,"dropped":["logit_bias"],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","snapshot":7,"request_body":"{\"héllo\": 1}"}');
INSERT INTO "request_lines" VALUES(2,X'07070707070707070707070700000001',1735689601000000,2,'anthropic.messages','chat','slow','openai/gpt-5-mini',200,'answered',NULL,2,159,83,190000,1234,5300,'{"user":"ada \"the first\"\n","tags":[["env","prod"]],"client":"192.0.2.7","stream":true,"detail":"nothing special","usage":{"input":121,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"bytes_in":1024,"bytes_out":2048,"dropped":["logit_bias"],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","snapshot":7,"request_body":"{\"héllo\": 1}"}');
INSERT INTO "request_lines" VALUES(3,X'07070707070707070707070700000002',1735689602000000,3,'anthropic.messages','chat','fast','openai/gpt-5-mini',200,'answered',NULL,2,160,83,190000,1234,5300,'{"user":"ada \"the first\"\n","tags":[["env","prod"]],"client":"192.0.2.7","stream":true,"detail":"nothing special","usage":{"input":122,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"bytes_in":1024,"bytes_out":2048,"dropped":["logit_bias"],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","snapshot":7,"request_body":"{\"héllo\": 1}"}');
INSERT INTO "request_lines" VALUES(4,X'07070707070707070707070700000003',1735689603000000,1,'anthropic.messages','chat','slow','openai/gpt-5-mini',200,'answered',NULL,2,161,83,190000,1234,5300,'{"user":"ada \"the first\"\n","tags":[["env","prod"]],"client":"192.0.2.7","stream":true,"detail":"nothing special","usage":{"input":123,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"bytes_in":1024,"bytes_out":2048,"dropped":["logit_bias"],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","snapshot":7,"request_body":"{\"héllo\": 1}"}');
INSERT INTO "request_lines" VALUES(5,X'07070707070707070707070700000004',1735689604000000,2,'anthropic.messages','chat','fast','openai/gpt-5-mini',200,'answered',NULL,2,162,83,190000,1234,5300,'{"user":"ada \"the first\"\n","tags":[["env","prod"]],"client":"192.0.2.7","stream":true,"detail":"nothing special","usage":{"input":124,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"bytes_in":1024,"bytes_out":2048,"dropped":["logit_bias"],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","snapshot":7,"request_body":"{\"héllo\": 1}"}');
INSERT INTO "request_lines" VALUES(6,X'07070707070707070707070700000005',1735689605000000,3,'anthropic.messages','chat','slow','openai/gpt-5-mini',429,'refused','rate_limited',2,163,83,190000,1234,5300,'{"user":"ada \"the first\"\n","tags":[["env","prod"]],"client":"192.0.2.7","stream":true,"detail":"nothing special","usage":{"input":125,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"bytes_in":1024,"bytes_out":2048,"dropped":["logit_bias"],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","snapshot":7,"request_body":"{\"héllo\": 1}"}');
INSERT INTO "request_lines" VALUES(7,X'07070707070707070707070700000006',1735689606000000,1,'anthropic.messages','chat','fast','openai/gpt-5-mini',200,'answered',NULL,2,164,83,190000,1234,5300,'{"user":"ada \"the first\"\n","tags":[["env","prod"]],"client":"192.0.2.7","stream":true,"detail":"nothing special","usage":{"input":126,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"bytes_in":1024,"bytes_out":2048,"dropped":["logit_bias"],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","snapshot":7,"request_body":"{\"héllo\": 1}"}');
INSERT INTO "request_lines" VALUES(8,X'07070707070707070707070700000007',1735689607000000,2,'anthropic.messages','chat','slow','openai/gpt-5-mini',200,'answered',NULL,2,165,83,190000,1234,5300,'{"user":"ada \"the first\"\n","tags":[["env","prod"]],"client":"192.0.2.7","stream":true,"detail":"nothing special","usage":{"input":127,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"bytes_in":1024,"bytes_out":2048,"dropped":["logit_bias"],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","snapshot":7,"request_body":"{\"héllo\": 1}"}');
INSERT INTO "request_lines" VALUES(9,X'07070707070707070707070700000008',1735689608000000,3,'anthropic.messages','chat','fast','openai/gpt-5-mini',200,'answered',NULL,2,166,83,190000,1234,5300,'{"user":"ada \"the first\"\n","tags":[["env","prod"]],"client":"192.0.2.7","stream":true,"detail":"nothing special","usage":{"input":128,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"bytes_in":1024,"bytes_out":2048,"dropped":["logit_bias"],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","snapshot":7,"request_body":"{\"héllo\": 1}"}');
INSERT INTO "request_lines" VALUES(10,X'07070707070707070707070700000009',1735689609000000,1,'anthropic.messages','chat','slow','openai/gpt-5-mini',200,'answered',NULL,2,167,83,190000,1234,5300,'{"user":"ada \"the first\"\n","tags":[["env","prod"]],"client":"192.0.2.7","stream":true,"detail":"nothing special","usage":{"input":129,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"bytes_in":1024,"bytes_out":2048,"dropped":["logit_bias"],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","snapshot":7,"request_body":"{\"héllo\": 1}"}');
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
CREATE INDEX callers_by_key ON callers (key);
CREATE INDEX targets_by_deployment ON targets (deployment);
CREATE INDEX targets_by_provider ON targets (provider);
CREATE INDEX request_lines_by_time ON request_lines (at_us);
CREATE INDEX request_lines_by_caller ON request_lines (caller, at_us);
CREATE INDEX ledger_lines_by_time ON ledger_lines (at_us);
CREATE INDEX ledger_lines_by_caller ON ledger_lines (caller, at_us);
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
    l.outcome, l.status, l.error,
    l.input_tokens, l.cached_tokens, l.cache_write_tokens, l.cache_write_long_tokens, l.audio_input_tokens,
    l.output_tokens, l.reasoning_tokens, l.audio_output_tokens,
    l.usage_source, l.service_tier,
    l.cost_nano_usd, l.cost_kind, t.price_version,
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
    r.dialect, r.operation, r.model, r.deployment,
    r.status, r.outcome, r.error, r.attempts,
    r.input_tokens, r.output_tokens, r.cost_nano_usd,
    r.ttft_us, r.duration_us, r.detail
FROM request_lines AS r
JOIN callers AS c ON c.id = r.caller;
COMMIT;
