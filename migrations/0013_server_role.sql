-- The rights of a server that connects as a role of its own: a tenant's rights come from tenant_app,
-- and what spans organizations comes from tenant_server. A LOGIN role that is a member of both owns
-- nothing, so there is no SET ROLE to undo. `tenantctl db role` makes such roles.

-- Roles belong to the cluster: see 0001.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'tenant_server') THEN
        CREATE ROLE tenant_server NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

DO $$
BEGIN
    EXECUTE pg_catalog.format('GRANT USAGE ON SCHEMA %I TO tenant_server', current_schema());
END
$$;

-- A look-up table as in 0003: the organization of a slug, for the public API, and nothing else of it.
-- The foreign key keeps it equal to organizations.slug, which is unique.
ALTER TABLE organizations ADD CONSTRAINT organizations_id_slug_key UNIQUE (id, slug);

CREATE TABLE organization_slugs (
    organization_id uuid NOT NULL,
    slug            text NOT NULL,
    PRIMARY KEY (organization_id),
    FOREIGN KEY (organization_id, slug) REFERENCES organizations (id, slug) ON DELETE CASCADE
);
CREATE INDEX organization_slugs_slug_idx ON organization_slugs (slug);

INSERT INTO organization_slugs (organization_id, slug) SELECT id, slug FROM organizations;

ALTER TABLE organization_slugs ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON organization_slugs
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());
GRANT SELECT, INSERT, DELETE ON organization_slugs TO tenant_app;

-- What a server reads across organizations: whose turn is next, whose number and whose slug it is.
-- It reads only; rows are taken, moved and deleted inside the scope of their organization.
CREATE POLICY server ON webhook_jobs FOR SELECT TO tenant_server USING (true);
CREATE POLICY server ON outbox_jobs FOR SELECT TO tenant_server USING (true);
CREATE POLICY server ON channel_identities FOR SELECT TO tenant_server USING (true);
CREATE POLICY server ON organization_slugs FOR SELECT TO tenant_server USING (true);
GRANT SELECT (organization_id, run_at) ON webhook_jobs TO tenant_server;
GRANT SELECT (organization_id, run_at) ON outbox_jobs TO tenant_server;
GRANT SELECT (organization_id, kind, value) ON channel_identities TO tenant_server;
GRANT SELECT (organization_id, slug) ON organization_slugs TO tenant_server;

-- The platform's own: how much mail an address got, by hash; a confirmed sign-up, to be stored only,
-- because signing up takes the owner's rights.
GRANT SELECT, INSERT, DELETE ON mail_deliveries TO tenant_server;
GRANT UPDATE (reserved_at) ON mail_deliveries TO tenant_server;
GRANT SELECT (idempotency_key) ON sign_up_events TO tenant_server;
GRANT INSERT (id, idempotency_key, user_id, email, name, status, attempts, run_at, received_at)
    ON sign_up_events TO tenant_server;

-- An event whose organization is uncertain goes to the platform: it is stored, and never read again.
DO $$
BEGIN
    IF to_regclass('quarantined_events') IS NOT NULL THEN
        GRANT INSERT, SELECT (endpoint_organization, channel, idempotency_key)
            ON quarantined_events TO tenant_server;
    END IF;
END
$$;

-- Which migrations were applied, to refuse a schema that is not this program's. The history exists
-- wherever tenantctl migrates.
DO $$
BEGIN
    IF to_regclass('_sqlx_migrations') IS NOT NULL THEN
        GRANT SELECT ON _sqlx_migrations TO tenant_server;
    END IF;
END
$$;
