BEGIN TRANSACTION;
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO "_sqlx_migrations" VALUES(1,'foundation','2026-11-21 22:32:59',1,X'80ED9294F74AFBE92371C6D1B128DE940AFE130B58C4238E8D8F79FB0319CCC6F19A54851FA3A1D152AADD9FDB281B34',2022426);
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
INSERT INTO "lines" VALUES(X'01941F297C0007070707070700000000',1,1,'fast',X'07070707070707070707070700000000',1735689600000000,1,3,503,'upstream_overloaded',0,0,NULL,1,NULL,NULL,4,NULL,900,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "lines" VALUES(X'01941F297C0007070707070700000000',2,1,'fast',X'07070707070707070707070700000001',1735689600000000,2,1,200,NULL,120,80,'{"input":120,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3}',2,'priority',190000,1,1100,4400,1735689600000000,3,1,'192.0.2.7',1,1,2,429,2,'rate_limited',158,83,190000,1234,5300,1024,2048,7,'{"user":"ada \"the first\"\n","tags":[["env","prod"]],"detail":"nothing special","usage":{"input":120,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"dropped":[["logit_bias","no such setting"]],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","request_body":"{\"héllo\": 1}"}');
INSERT INTO "lines" VALUES(X'01941F297FE807070707070700000001',1,2,'slow',X'07070707070707070707070700000002',1735689601000000,1,3,503,'upstream_overloaded',0,0,NULL,1,NULL,NULL,4,NULL,900,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "lines" VALUES(X'01941F297FE807070707070700000001',2,2,'slow',X'07070707070707070707070700000003',1735689601000000,2,1,200,NULL,121,80,'{"input":121,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3}',2,'priority',190000,1,1100,4400,1735689601000000,3,1,'192.0.2.7',1,1,2,200,1,NULL,159,83,190000,1234,5300,1024,2048,7,'{"user":"ada \"the first\"\n","tags":[["env","prod"]],"detail":"nothing special","usage":{"input":121,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"dropped":[["logit_bias","no such setting"]],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","request_body":"{\"héllo\": 1}"}');
INSERT INTO "lines" VALUES(X'01941F2983D007070707070700000002',1,3,'fast',X'07070707070707070707070700000004',1735689602000000,1,3,503,'upstream_overloaded',0,0,NULL,1,NULL,NULL,4,NULL,900,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "lines" VALUES(X'01941F2983D007070707070700000002',2,3,'fast',X'07070707070707070707070700000005',1735689602000000,2,1,200,NULL,122,80,'{"input":122,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3}',2,'priority',190000,1,1100,4400,1735689602000000,3,1,'192.0.2.7',1,1,2,200,1,NULL,160,83,190000,1234,5300,1024,2048,7,'{"user":"ada \"the first\"\n","tags":[["env","prod"]],"detail":"nothing special","usage":{"input":122,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"dropped":[["logit_bias","no such setting"]],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","request_body":"{\"héllo\": 1}"}');
INSERT INTO "lines" VALUES(X'01941F2987B807070707070700000003',1,1,'slow',X'07070707070707070707070700000006',1735689603000000,1,3,503,'upstream_overloaded',0,0,NULL,1,NULL,NULL,4,NULL,900,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "lines" VALUES(X'01941F2987B807070707070700000003',2,1,'slow',X'07070707070707070707070700000007',1735689603000000,2,1,200,NULL,123,80,'{"input":123,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3}',2,'priority',190000,1,1100,4400,1735689603000000,3,1,'192.0.2.7',1,1,2,200,1,NULL,161,83,190000,1234,5300,1024,2048,7,'{"user":"ada \"the first\"\n","tags":[["env","prod"]],"detail":"nothing special","usage":{"input":123,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"dropped":[["logit_bias","no such setting"]],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","request_body":"{\"héllo\": 1}"}');
INSERT INTO "lines" VALUES(X'01941F298BA007070707070700000004',1,2,'fast',X'07070707070707070707070700000008',1735689604000000,1,3,503,'upstream_overloaded',0,0,NULL,1,NULL,NULL,4,NULL,900,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "lines" VALUES(X'01941F298BA007070707070700000004',2,2,'fast',X'07070707070707070707070700000009',1735689604000000,2,1,200,NULL,124,80,'{"input":124,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3}',2,'priority',190000,1,1100,4400,1735689604000000,3,1,'192.0.2.7',1,1,2,200,1,NULL,162,83,190000,1234,5300,1024,2048,7,'{"user":"ada \"the first\"\n","tags":[["env","prod"]],"detail":"nothing special","usage":{"input":124,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"dropped":[["logit_bias","no such setting"]],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","request_body":"{\"héllo\": 1}"}');
INSERT INTO "lines" VALUES(X'01941F298F8807070707070700000005',1,3,'slow',X'0707070707070707070707070000000A',1735689605000000,1,3,503,'upstream_overloaded',0,0,NULL,1,NULL,NULL,4,NULL,900,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "lines" VALUES(X'01941F298F8807070707070700000005',2,3,'slow',X'0707070707070707070707070000000B',1735689605000000,2,1,200,NULL,125,80,'{"input":125,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3}',2,'priority',190000,1,1100,4400,1735689605000000,3,1,'192.0.2.7',1,1,2,429,2,'rate_limited',163,83,190000,1234,5300,1024,2048,7,'{"user":"ada \"the first\"\n","tags":[["env","prod"]],"detail":"nothing special","usage":{"input":125,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"dropped":[["logit_bias","no such setting"]],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","request_body":"{\"héllo\": 1}"}');
INSERT INTO "lines" VALUES(X'01941F29937007070707070700000006',1,1,'fast',X'0707070707070707070707070000000C',1735689606000000,1,3,503,'upstream_overloaded',0,0,NULL,1,NULL,NULL,4,NULL,900,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "lines" VALUES(X'01941F29937007070707070700000006',2,1,'fast',X'0707070707070707070707070000000D',1735689606000000,2,1,200,NULL,126,80,'{"input":126,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3}',2,'priority',190000,1,1100,4400,1735689606000000,3,1,'192.0.2.7',1,1,2,200,1,NULL,164,83,190000,1234,5300,1024,2048,7,'{"user":"ada \"the first\"\n","tags":[["env","prod"]],"detail":"nothing special","usage":{"input":126,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"dropped":[["logit_bias","no such setting"]],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","request_body":"{\"héllo\": 1}"}');
INSERT INTO "lines" VALUES(X'01941F29975807070707070700000007',1,2,'slow',X'0707070707070707070707070000000E',1735689607000000,1,3,503,'upstream_overloaded',0,0,NULL,1,NULL,NULL,4,NULL,900,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "lines" VALUES(X'01941F29975807070707070700000007',2,2,'slow',X'0707070707070707070707070000000F',1735689607000000,2,1,200,NULL,127,80,'{"input":127,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3}',2,'priority',190000,1,1100,4400,1735689607000000,3,1,'192.0.2.7',1,1,2,200,1,NULL,165,83,190000,1234,5300,1024,2048,7,'{"user":"ada \"the first\"\n","tags":[["env","prod"]],"detail":"nothing special","usage":{"input":127,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"dropped":[["logit_bias","no such setting"]],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","request_body":"{\"héllo\": 1}"}');
INSERT INTO "lines" VALUES(X'01941F299B4007070707070700000008',1,3,'fast',X'07070707070707070707070700000010',1735689608000000,1,3,503,'upstream_overloaded',0,0,NULL,1,NULL,NULL,4,NULL,900,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "lines" VALUES(X'01941F299B4007070707070700000008',2,3,'fast',X'07070707070707070707070700000011',1735689608000000,2,1,200,NULL,128,80,'{"input":128,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3}',2,'priority',190000,1,1100,4400,1735689608000000,3,1,'192.0.2.7',1,1,2,200,1,NULL,166,83,190000,1234,5300,1024,2048,7,'{"user":"ada \"the first\"\n","tags":[["env","prod"]],"detail":"nothing special","usage":{"input":128,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"dropped":[["logit_bias","no such setting"]],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","request_body":"{\"héllo\": 1}"}');
INSERT INTO "lines" VALUES(X'01941F299F2807070707070700000009',1,1,'slow',X'07070707070707070707070700000012',1735689609000000,1,3,503,'upstream_overloaded',0,0,NULL,1,NULL,NULL,4,NULL,900,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "lines" VALUES(X'01941F299F2807070707070700000009',2,1,'slow',X'07070707070707070707070700000013',1735689609000000,2,1,200,NULL,129,80,'{"input":129,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3}',2,'priority',190000,1,1100,4400,1735689609000000,3,1,'192.0.2.7',1,1,2,200,1,NULL,167,83,190000,1234,5300,1024,2048,7,'{"user":"ada \"the first\"\n","tags":[["env","prod"]],"detail":"nothing special","usage":{"input":129,"cached":30,"cache_write":5,"cache_write_long":1,"audio_input":2,"output":80,"reasoning":16,"audio_output":3},"dropped":[["logit_bias","no such setting"]],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","request_body":"{\"héllo\": 1}"}');
CREATE TABLE log_start (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    request BLOB NOT NULL
) STRICT;
INSERT INTO "log_start" VALUES(1,X'');
CREATE TABLE native_blocks (
    tenant   TEXT    NOT NULL,
    anchor   BLOB    NOT NULL,
    body     BLOB    NOT NULL,
    until_us INTEGER NOT NULL,
    PRIMARY KEY (tenant, anchor)
) STRICT;
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
INSERT INTO "words" VALUES('dialect',1,'openai.chat');
INSERT INTO "words" VALUES('dialect',2,'openai.embeddings');
INSERT INTO "words" VALUES('dialect',3,'anthropic.messages');
INSERT INTO "words" VALUES('dialect',4,'gemini.generate');
INSERT INTO "words" VALUES('dialect',5,'gemini.embed');
INSERT INTO "words" VALUES('dialect',6,'openai.responses');
INSERT INTO "words" VALUES('dialect',7,'openai.completions');
INSERT INTO "words" VALUES('dialect',8,'ollama.chat');
INSERT INTO "words" VALUES('dialect',9,'ollama.generate');
INSERT INTO "words" VALUES('dialect',10,'ollama.embed');
INSERT INTO "words" VALUES('dialect',11,'cohere.chat');
INSERT INTO "words" VALUES('dialect',12,'cohere.embed');
INSERT INTO "words" VALUES('dialect',13,'cohere.rerank');
INSERT INTO "words" VALUES('dialect',14,'bedrock.converse');
INSERT INTO "words" VALUES('dialect',15,'gemini.embed_content');
INSERT INTO "words" VALUES('dialect',16,'anthropic.count_tokens');
INSERT INTO "words" VALUES('dialect',17,'gemini.count_tokens');
INSERT INTO "words" VALUES('dialect',18,'openai.count_tokens');
INSERT INTO "words" VALUES('dialect',19,'openai.images');
INSERT INTO "words" VALUES('dialect',20,'openai.image_edits');
INSERT INTO "words" VALUES('dialect',21,'openai.speech');
INSERT INTO "words" VALUES('dialect',22,'openai.transcriptions');
INSERT INTO "words" VALUES('dialect',23,'openai.translations');
INSERT INTO "words" VALUES('dialect',24,'openai.moderations');
INSERT INTO "words" VALUES('dialect',25,'bedrock.titan_embed');
INSERT INTO "words" VALUES('dialect',26,'ollama.embeddings');
INSERT INTO "words" VALUES('dialect',27,'vertex.predict');
INSERT INTO "words" VALUES('dialect',28,'replicate.predictions');
INSERT INTO "words" VALUES('dialect',29,'kserve.infer');
INSERT INTO "words" VALUES('dialect',30,'pathgate.predict');
INSERT INTO "words" VALUES('dialect',31,'gemini.images');
INSERT INTO "words" VALUES('dialect',32,'bedrock.rerank');
INSERT INTO "words" VALUES('dialect',33,'bedrock.count_tokens');
INSERT INTO "words" VALUES('dialect',34,'voyage.rerank');
INSERT INTO "words" VALUES('operation',1,'chat');
INSERT INTO "words" VALUES('operation',2,'embeddings');
INSERT INTO "words" VALUES('operation',3,'rerank');
INSERT INTO "words" VALUES('operation',4,'count_tokens');
INSERT INTO "words" VALUES('operation',5,'images');
INSERT INTO "words" VALUES('operation',6,'speech');
INSERT INTO "words" VALUES('operation',7,'transcription');
INSERT INTO "words" VALUES('operation',8,'moderation');
INSERT INTO "words" VALUES('operation',9,'predict');
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
CREATE INDEX native_blocks_by_end ON native_blocks (until_us);
CREATE INDEX responses_by_id ON responses (id);
CREATE INDEX responses_by_end ON responses (until_us);
COMMIT;
