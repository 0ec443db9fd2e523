-- Who did what when. Each organization's rows form a chain of SHA-256 hashes; the platform's own
-- rows form another. The tenant role can add a row, never change or remove one.

CREATE TABLE activity_log (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id              uuid NOT NULL,
    sequence        bigint NOT NULL,
    occurred_at     timestamptz NOT NULL,
    actor           text NOT NULL,
    action          text NOT NULL,
    object_type     text NOT NULL,
    object_id       text NOT NULL,
    before          jsonb,
    after           jsonb,
    request_id      uuid NOT NULL,
    previous_hash   bytea NOT NULL CHECK (length(previous_hash) = 32),
    hash            bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, sequence)
);

-- The head of each chain: the row that makes two writers take turns, and the count that shows
-- when rows are missing at the end.
CREATE TABLE activity_chains (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    last_sequence   bigint NOT NULL,
    last_hash       bytea NOT NULL CHECK (length(last_hash) = 32),
    PRIMARY KEY (organization_id)
);

CREATE TABLE platform_activity_log (
    id            uuid PRIMARY KEY,
    sequence      bigint NOT NULL UNIQUE,
    occurred_at   timestamptz NOT NULL,
    actor         text NOT NULL,
    action        text NOT NULL,
    object_type   text NOT NULL,
    object_id     text NOT NULL,
    before        jsonb,
    after         jsonb,
    request_id    uuid NOT NULL,
    previous_hash bytea NOT NULL CHECK (length(previous_hash) = 32),
    hash          bytea NOT NULL CHECK (length(hash) = 32)
);

CREATE TABLE platform_activity_chain (
    id            smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    last_sequence bigint NOT NULL,
    last_hash     bytea NOT NULL CHECK (length(last_hash) = 32)
);
INSERT INTO platform_activity_chain (last_sequence, last_hash)
VALUES (0, decode(repeat('00', 32), 'hex'));

ALTER TABLE activity_log ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON activity_log
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

ALTER TABLE activity_chains ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON activity_chains
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

GRANT SELECT, INSERT ON activity_log TO tenant_app;
GRANT SELECT, INSERT ON activity_chains TO tenant_app;
GRANT UPDATE (last_sequence, last_hash) ON activity_chains TO tenant_app;
