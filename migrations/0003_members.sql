-- Members and invitations. The address and name that a member goes by live in the membership,
-- so that a tenant never reads the global table of users.

CREATE TABLE organization_members (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id              uuid NOT NULL,
    user_id         uuid NOT NULL REFERENCES users (id),
    email           text NOT NULL,
    name            text NOT NULL,
    role            text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, user_id),
    UNIQUE (organization_id, email)
);

CREATE TABLE organization_invitations (
    organization_id    uuid NOT NULL REFERENCES organizations (id),
    id                 uuid NOT NULL,
    email              text NOT NULL CHECK (email = lower(email)),
    role               text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    status             text NOT NULL CHECK (status IN ('pending', 'accepted', 'revoked')),
    token_hash         bytea NOT NULL CHECK (length(token_hash) = 32),
    -- NULL: invited by an operator, whose right does not depend on a membership.
    invited_by_user_id uuid REFERENCES users (id),
    invited_by         text NOT NULL,
    times_issued       integer NOT NULL DEFAULT 1,
    expires_at         timestamptz NOT NULL,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    accepted_at        timestamptz,
    accepted_by        uuid REFERENCES users (id),
    revoked_at         timestamptz,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, token_hash),
    CHECK ((status = 'accepted') = (accepted_at IS NOT NULL AND accepted_by IS NOT NULL)),
    CHECK ((status = 'revoked') = (revoked_at IS NOT NULL))
);

CREATE UNIQUE INDEX organization_invitations_one_pending_idx
    ON organization_invitations (organization_id, email) WHERE status = 'pending';

-- Look-up tables: "which organizations has this user", "which invitations wait for this address".
-- They answer the two questions that cross tenants, and hold nothing else: no role, no address in
-- clear. Row-level security confines the tenant role here too; it is not forced, so that the
-- owner (sign-up, `user show`) can look across. Their rows go with the rows they point at.
CREATE TABLE user_organizations (
    organization_id uuid NOT NULL,
    user_id         uuid NOT NULL,
    PRIMARY KEY (organization_id, user_id),
    FOREIGN KEY (organization_id, user_id)
        REFERENCES organization_members (organization_id, user_id) ON DELETE CASCADE
);
CREATE INDEX user_organizations_user_id_idx ON user_organizations (user_id);

CREATE TABLE invitation_lookups (
    organization_id uuid NOT NULL,
    invitation_id   uuid NOT NULL,
    email_hash      bytea NOT NULL CHECK (length(email_hash) = 32),
    PRIMARY KEY (organization_id, invitation_id),
    FOREIGN KEY (organization_id, invitation_id)
        REFERENCES organization_invitations (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX invitation_lookups_email_hash_idx ON invitation_lookups (email_hash);

ALTER TABLE organization_members ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON organization_members
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

ALTER TABLE organization_invitations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON organization_invitations
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

ALTER TABLE user_organizations ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON user_organizations
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

ALTER TABLE invitation_lookups ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON invitation_lookups
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

GRANT SELECT, INSERT, DELETE ON organization_members TO tenant_app;
GRANT UPDATE (email, name, role, updated_at) ON organization_members TO tenant_app;
GRANT SELECT, INSERT ON organization_invitations TO tenant_app;
GRANT UPDATE (status, token_hash, invited_by_user_id, invited_by, times_issued, expires_at,
              updated_at, accepted_at, accepted_by, revoked_at)
    ON organization_invitations TO tenant_app;
GRANT SELECT, INSERT, DELETE ON user_organizations, invitation_lookups TO tenant_app;
