-- Who makes an answer while its client does not wait, and until when nobody else does; null when it is over. `entries`: what
-- log and ledger will say of the request if nothing better is learned, a JSON array of the request and its attempts.
ALTER TABLE responses ADD COLUMN owner TEXT;
ALTER TABLE responses ADD COLUMN lease_us INTEGER;
ALTER TABLE responses ADD COLUMN entries BLOB;
CREATE INDEX responses_by_lease ON responses (lease_us) WHERE owner IS NOT NULL;

INSERT INTO words (kind, number, word) VALUES ('outcome', 6, 'cancelled');
