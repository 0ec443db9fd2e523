-- The access log becomes a chain of hashes for each organization, as the activity log is one. A link
-- is an answer: its rows, one for each patient's record that it depended on, share place and hash.
-- src/domain/access.rs has the rules; the expressions here are the same in SQL.

-- The head of each chain. Every reader of a record moves it, at the end of the transaction.
CREATE TABLE access_chains (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    last_sequence   bigint NOT NULL,
    last_hash       bytea NOT NULL CHECK (length(last_hash) = 32),
    PRIMARY KEY (organization_id)
);

INSERT INTO access_chains (organization_id, last_sequence, last_hash)
SELECT id, 0, decode(repeat('00', 32), 'hex') FROM organizations;

ALTER TABLE access_chains ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON access_chains
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

GRANT SELECT, INSERT ON access_chains TO tenant_app;
GRANT UPDATE (last_sequence, last_hash) ON access_chains TO tenant_app;

ALTER TABLE access_log
    ADD COLUMN sequence bigint,
    ADD COLUMN hash     bytea CHECK (length(hash) = 32);

-- Rows from before are sealed as they are found: nobody can tell whether one was edited until now.
-- They become links of a thousand rows each, in the order of their ids. The owner sees them while
-- row-level security is not forced, which it is again at the end of this transaction.
ALTER TABLE access_log NO FORCE ROW LEVEL SECURITY;
DO $$
DECLARE
    link record;
    current_organization uuid;
    place bigint;
    sealed bytea;
BEGIN
    FOR link IN
        SELECT organization_id, block,
               min(id::text COLLATE "C")::uuid AS first_id, max(id::text COLLATE "C")::uuid AS last_id,
               sha256(string_agg(digest, '' ORDER BY id)) AS digest
          FROM (SELECT organization_id, id,
                       (row_number() OVER (PARTITION BY organization_id ORDER BY id) - 1) / 1000 AS block,
                       sha256(uuid_send(organization_id) || uuid_send(id)
                           || int8send((extract(epoch FROM occurred_at) * 1000000)::bigint)
                           || uuid_send(patient_id) || uuid_send(request_id)
                           || int4send(octet_length(function))
                           || convert_to(function, 'UTF8') || convert_to(actor, 'UTF8')) AS digest
                  FROM access_log) rows
         GROUP BY organization_id, block
         ORDER BY organization_id, block
    LOOP
        IF current_organization IS DISTINCT FROM link.organization_id THEN
            current_organization := link.organization_id;
            place := 0;
            sealed := decode(repeat('00', 32), 'hex');
        END IF;
        place := place + 1;
        sealed := sha256(sealed || int8send(place) || link.digest);
        UPDATE access_log SET sequence = place, hash = sealed
         WHERE organization_id = link.organization_id AND id BETWEEN link.first_id AND link.last_id;
        UPDATE access_chains SET last_sequence = place, last_hash = sealed
         WHERE organization_id = link.organization_id;
    END LOOP;
END $$;
ALTER TABLE access_log
    ALTER COLUMN sequence SET NOT NULL,
    ALTER COLUMN hash SET NOT NULL,
    ADD UNIQUE (organization_id, sequence, id);
ALTER TABLE access_log FORCE ROW LEVEL SECURITY;
ALTER TABLE access_chains FORCE ROW LEVEL SECURITY;
