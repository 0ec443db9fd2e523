-- Global tables. `users` holds people across organizations: the tenant role has no right on it
-- at all. `organizations` is the tenant root: the tenant role sees its own row only; row-level
-- security is not forced on it, because the owner (the platform's operator) lists all of them.

CREATE TABLE users (
    id         uuid PRIMARY KEY,
    email      text NOT NULL UNIQUE CHECK (email = lower(email) AND email <> ''),
    name       text NOT NULL CHECK (name <> ''),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE organizations (
    id                    uuid PRIMARY KEY,
    slug                  text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) BETWEEN 2 AND 63),
    name                  text NOT NULL CHECK (name <> ''),
    status                text NOT NULL CHECK (status IN ('active', 'suspended', 'deleted')),
    time_zone             text NOT NULL,
    locale                text NOT NULL,
    allowed_email_domains text[] NOT NULL DEFAULT '{}',
    version               bigint NOT NULL DEFAULT 1,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    suspended_at          timestamptz,
    deleted_at            timestamptz,
    purge_after           timestamptz,
    CHECK ((status = 'deleted') = (deleted_at IS NOT NULL)),
    CHECK ((status = 'deleted') = (purge_after IS NOT NULL)),
    CHECK (status <> 'suspended' OR suspended_at IS NOT NULL)
);

CREATE INDEX organizations_name_idx ON organizations (lower(name), id);
CREATE INDEX organizations_created_at_idx ON organizations (created_at, id);

ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON organizations
    USING (id = app_organization_id())
    WITH CHECK (id = app_organization_id());

GRANT SELECT, INSERT ON organizations TO tenant_app;
GRANT UPDATE (slug, name, status, time_zone, locale, allowed_email_domains, version, updated_at,
              suspended_at, deleted_at, purge_after) ON organizations TO tenant_app;
