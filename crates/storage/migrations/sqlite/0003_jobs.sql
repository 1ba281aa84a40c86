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
