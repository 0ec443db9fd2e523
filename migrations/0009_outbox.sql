-- The outbox: messages are written in the transaction of what they tell of, and sent by a worker.
-- The token of a link waits here sealed under a key that the database does not have, and is erased
-- once the message was sent or given up.

CREATE TABLE outbox (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id              uuid NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('invitation')),
    invitation_id   uuid NOT NULL,
    recipient       text NOT NULL CHECK (recipient = lower(recipient) AND recipient <> ''),
    -- The organization's when the message was written.
    locale          text NOT NULL,
    sealed_token    bytea,
    status          text NOT NULL CHECK (status IN ('pending', 'sent', 'failed', 'cancelled')),
    attempts        integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- Why it was not sent, so far or at all.
    last_error      text,
    -- After an attempt that failed.
    retry_at        timestamptz,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    sent_at         timestamptz,
    PRIMARY KEY (organization_id, id),
    FOREIGN KEY (organization_id, invitation_id)
        REFERENCES organization_invitations (organization_id, id),
    CHECK ((status = 'pending') = (sealed_token IS NOT NULL)),
    CHECK ((status = 'sent') = (sent_at IS NOT NULL)),
    CHECK (status = 'pending' OR retry_at IS NULL)
);
CREATE INDEX outbox_created_at_idx ON outbox (organization_id, created_at, id);
CREATE INDEX outbox_invitation_id_idx ON outbox (organization_id, invitation_id);

-- The queue of the workers, who take jobs of all organizations in turn: a look-up table that points
-- at the tenants' messages. The recipient is a hash here, as in invitation_lookups. Row-level
-- security confines the tenant role; it is not forced, so that the owner can look across.
CREATE TABLE outbox_jobs (
    organization_id uuid NOT NULL,
    outbox_id       uuid NOT NULL,
    recipient_hash  bytea NOT NULL CHECK (length(recipient_hash) = 32),
    run_at          timestamptz NOT NULL,
    -- Until then, or until the outcome is recorded, it is a worker's.
    taken_until     timestamptz,
    PRIMARY KEY (organization_id, outbox_id),
    FOREIGN KEY (organization_id, outbox_id)
        REFERENCES outbox (organization_id, id) ON DELETE CASCADE
);
-- In the order in which they are taken: the oldest of an organization, and then the next one's.
CREATE INDEX outbox_jobs_run_at_idx ON outbox_jobs (organization_id, run_at, outbox_id);

-- How often an address was written to lately, by all organizations together: the platform's own, so
-- that no tenant learns of another's messages. Rows are of use for an hour.
CREATE TABLE mail_deliveries (
    recipient_hash bytea NOT NULL CHECK (length(recipient_hash) = 32),
    outbox_id      uuid NOT NULL,
    reserved_at    timestamptz NOT NULL,
    PRIMARY KEY (recipient_hash, outbox_id)
);
CREATE INDEX mail_deliveries_reserved_at_idx ON mail_deliveries (reserved_at);

ALTER TABLE outbox ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON outbox
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

ALTER TABLE outbox_jobs ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON outbox_jobs
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

GRANT SELECT, INSERT ON outbox TO tenant_app;
GRANT UPDATE (sealed_token, status, attempts, last_error, retry_at, updated_at, sent_at)
    ON outbox TO tenant_app;
GRANT SELECT, INSERT, DELETE ON outbox_jobs TO tenant_app;
GRANT UPDATE (run_at, taken_until) ON outbox_jobs TO tenant_app;
