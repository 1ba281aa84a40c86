-- Who makes an answer while its client does not wait, and until when nobody else does; null when it is over. `entries`: what
-- log and ledger will say of the request if nothing better is learned, a JSON array of the request and its attempts.
ALTER TABLE responses ADD COLUMN owner TEXT;
ALTER TABLE responses ADD COLUMN lease_us INTEGER;
ALTER TABLE responses ADD COLUMN entries BLOB;
CREATE INDEX responses_by_lease ON responses (lease_us) WHERE owner IS NOT NULL;

INSERT INTO words (kind, number, word) VALUES ('outcome', 6, 'cancelled');

-- Which answer holds an item that a client may refer to by its id. It goes with the answer.
CREATE TABLE response_items (
    tenant   TEXT NOT NULL,
    item     TEXT NOT NULL,
    response TEXT NOT NULL,
    PRIMARY KEY (item, tenant, response)
) STRICT, WITHOUT ROWID;
CREATE INDEX response_items_by_response ON response_items (tenant, response);
CREATE TRIGGER responses_gone AFTER DELETE ON responses BEGIN
    DELETE FROM response_items WHERE tenant = old.tenant AND response = old.id;
END;

-- Calls of other tools that a provider ran and bills by the piece stand beside its searches.
DROP VIEW ledger;

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
    coalesce(l.usage ->> 'tools', 0)                                  AS tools,
    (SELECT word FROM words WHERE kind = 'usage_source' AND number = l.usage_source) AS usage_source,
    l.service_tier, l.cost_nano_usd,
    (SELECT word FROM words WHERE kind = 'cost_kind' AND number = l.cost_kind) AS cost_kind,
    t.price_version,
    l.first_byte_us, l.duration_us
FROM lines AS l
JOIN callers AS c ON c.id = l.caller
JOIN targets AS t ON t.id = l.target;
