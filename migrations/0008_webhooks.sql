-- Webhooks: where the providers of the channels send to, what they sent, and what came of it.

-- Its address holds the organization's id and `address`: the id leads to the tenant, the random part
-- to the row. The signature is what proves.
CREATE TABLE webhook_endpoints (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id              uuid NOT NULL,
    channel         text NOT NULL CHECK (channel IN ('twilio_realtime', 'twilio_standard', 'retell', 'whatsapp')),
    scheme          text NOT NULL CHECK (scheme IN ('twilio', 'retell', 'meta', 'evolution')),
    address         bytea NOT NULL CHECK (length(address) = 16),
    enabled         boolean NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, address)
);

-- Sealed with a key that the database does not have. During a rotation two are active.
CREATE TABLE webhook_secrets (
    organization_id uuid NOT NULL,
    id              uuid NOT NULL,
    endpoint_id     uuid NOT NULL,
    -- What the provider signs with, or what it says to prove that it was told the address (Meta).
    purpose         text NOT NULL CHECK (purpose IN ('signing', 'verify_token')),
    sealed          bytea NOT NULL,
    created_at      timestamptz NOT NULL,
    -- Null: it is the one in use.
    expires_at      timestamptz,
    PRIMARY KEY (organization_id, id),
    FOREIGN KEY (organization_id, endpoint_id)
        REFERENCES webhook_endpoints (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX webhook_secrets_endpoint_idx ON webhook_secrets (organization_id, endpoint_id);
CREATE UNIQUE INDEX webhook_secrets_in_use_idx
    ON webhook_secrets (organization_id, endpoint_id, purpose) WHERE expires_at IS NULL;

-- What was received: kept as it came. The key makes a repeated delivery the same row.
CREATE TABLE webhook_events (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id              uuid NOT NULL,
    channel         text NOT NULL CHECK (channel IN ('twilio_realtime', 'twilio_standard', 'retell', 'whatsapp', 'web')),
    -- Null: the widget of the web chat, which has a token in place of an endpoint.
    endpoint_id     uuid,
    idempotency_key text NOT NULL CHECK (idempotency_key <> ''),
    kind            text NOT NULL CHECK (kind <> ''),
    method          text NOT NULL,
    query           text NOT NULL,
    headers         jsonb NOT NULL,
    body            bytea NOT NULL,
    status          text NOT NULL CHECK (status IN ('pending', 'done', 'dead', 'quarantined', 'discarded')),
    -- Why it is quarantined, or what the last attempt failed of.
    reason          text,
    attempts        integer NOT NULL DEFAULT 0,
    received_at     timestamptz NOT NULL,
    finished_at     timestamptz,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, channel, idempotency_key),
    FOREIGN KEY (organization_id, endpoint_id) REFERENCES webhook_endpoints (organization_id, id)
);
CREATE INDEX webhook_events_received_idx ON webhook_events (organization_id, received_at, id);
CREATE INDEX webhook_events_endpoint_idx ON webhook_events (organization_id, endpoint_id);

-- Look-up tables as in 0003: row-level security confines the tenant role and is not forced, so that
-- the owner can look across. The queue of the workers: what of whom is to be done, and when.
CREATE TABLE webhook_jobs (
    organization_id uuid NOT NULL,
    event_id        uuid NOT NULL,
    run_at          timestamptz NOT NULL,
    PRIMARY KEY (organization_id, event_id),
    FOREIGN KEY (organization_id, event_id)
        REFERENCES webhook_events (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX webhook_jobs_run_at_idx ON webhook_jobs (organization_id, run_at, event_id);

-- Which organizations say that an agent or a number is theirs: an event that names one is held
-- against it. Two may say so; then neither is believed.
CREATE TABLE channel_identities (
    organization_id uuid NOT NULL,
    channel_id      uuid NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('retell_agent', 'phone_number', 'meta_phone_number_id', 'evolution_instance')),
    value           text NOT NULL CHECK (value <> ''),
    PRIMARY KEY (organization_id, channel_id, value),
    FOREIGN KEY (organization_id, channel_id)
        REFERENCES channel_configurations (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX channel_identities_value_idx ON channel_identities (kind, value);

INSERT INTO channel_identities (organization_id, channel_id, kind, value)
SELECT DISTINCT c.organization_id, c.id, i.kind, i.value
  FROM channel_configurations c
 CROSS JOIN LATERAL (
    SELECT 'retell_agent', c.settings ->> 'agent_id'
    UNION ALL SELECT 'meta_phone_number_id', c.settings ->> 'phone_number_id'
    UNION ALL SELECT 'evolution_instance', c.settings ->> 'instance_name'
    UNION ALL SELECT 'phone_number', jsonb_array_elements_text(
        CASE jsonb_typeof(c.settings -> 'phone_numbers') WHEN 'array' THEN c.settings -> 'phone_numbers' ELSE '[]' END)
 ) AS i (kind, value)
 WHERE i.value <> '';

-- What the events amount to.
CREATE TABLE calls (
    organization_id  uuid NOT NULL REFERENCES organizations (id),
    id               uuid NOT NULL,
    channel          text NOT NULL CHECK (channel IN ('twilio_realtime', 'twilio_standard', 'retell')),
    external_id      text NOT NULL CHECK (external_id <> ''),
    direction        text NOT NULL CHECK (direction IN ('inbound', 'outbound')),
    from_number      text,
    to_number        text,
    status           text NOT NULL CHECK (status <> ''),
    -- Whether the usage has it already.
    counted          boolean NOT NULL DEFAULT false,
    duration_seconds integer CHECK (duration_seconds >= 0),
    started_at       timestamptz NOT NULL,
    ended_at         timestamptz,
    updated_at       timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, channel, external_id)
);
CREATE INDEX calls_started_idx ON calls (organization_id, started_at, id);

CREATE TABLE messages (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id              uuid NOT NULL,
    channel         text NOT NULL CHECK (channel IN ('whatsapp', 'web')),
    -- The provider's id; of the web chat, the session and the widget's own.
    external_id     text NOT NULL CHECK (external_id <> ''),
    direction       text NOT NULL CHECK (direction IN ('inbound', 'outbound')),
    counterpart     text,
    kind            text NOT NULL CHECK (kind <> ''),
    body            text,
    -- Of what we sent: sent, delivered, read, failed.
    status          text,
    status_at       timestamptz,
    sent_at         timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, channel, external_id)
);
CREATE INDEX messages_sent_idx ON messages (organization_id, sent_at, id);

CREATE TABLE channel_usage (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    channel         text NOT NULL CHECK (channel IN ('twilio_realtime', 'twilio_standard', 'retell', 'whatsapp', 'web')),
    -- On the organization's clock.
    day             date NOT NULL,
    calls           bigint NOT NULL DEFAULT 0,
    call_seconds    bigint NOT NULL DEFAULT 0,
    messages        bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (organization_id, channel, day)
);

-- What lets the media stream of one call in, once.
CREATE TABLE stream_tokens (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    token_hash      bytea NOT NULL CHECK (length(token_hash) = 32),
    channel         text NOT NULL CHECK (channel IN ('twilio_realtime', 'twilio_standard')),
    call_id         text NOT NULL CHECK (call_id <> ''),
    expires_at      timestamptz NOT NULL,
    used_at         timestamptz,
    PRIMARY KEY (organization_id, token_hash)
);
CREATE INDEX stream_tokens_expires_idx ON stream_tokens (organization_id, expires_at);

-- Confirmed sign-ups, as the identity provider tells them: the platform's own, because which
-- organization comes of one is what the sign-up decides. The address goes when it is done.
CREATE TABLE sign_up_events (
    id              uuid PRIMARY KEY,
    idempotency_key text NOT NULL UNIQUE CHECK (idempotency_key <> ''),
    user_id         text NOT NULL CHECK (user_id <> ''),
    email           text,
    name            text,
    status          text NOT NULL CHECK (status IN ('pending', 'done', 'dead', 'discarded')),
    reason          text,
    attempts        integer NOT NULL DEFAULT 0,
    run_at          timestamptz NOT NULL,
    received_at     timestamptz NOT NULL,
    finished_at     timestamptz
);
CREATE INDEX sign_up_events_due_idx ON sign_up_events (run_at) WHERE status = 'pending';

ALTER TABLE webhook_endpoints ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON webhook_endpoints
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

ALTER TABLE webhook_secrets ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON webhook_secrets
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

ALTER TABLE webhook_events ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON webhook_events
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

ALTER TABLE webhook_jobs ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON webhook_jobs
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

ALTER TABLE channel_identities ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON channel_identities
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

ALTER TABLE calls ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON calls
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

ALTER TABLE messages ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON messages
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

ALTER TABLE channel_usage ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON channel_usage
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

ALTER TABLE stream_tokens ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON stream_tokens
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

GRANT SELECT, INSERT ON webhook_endpoints, webhook_events TO tenant_app;
GRANT UPDATE (address, enabled, updated_at) ON webhook_endpoints TO tenant_app;
GRANT SELECT, INSERT, DELETE ON webhook_secrets TO tenant_app;
GRANT UPDATE (expires_at) ON webhook_secrets TO tenant_app;
GRANT UPDATE (status, reason, attempts, finished_at) ON webhook_events TO tenant_app;
GRANT SELECT, INSERT, DELETE ON webhook_jobs TO tenant_app;
GRANT UPDATE (run_at) ON webhook_jobs TO tenant_app;
GRANT SELECT, INSERT, DELETE ON channel_identities TO tenant_app;
GRANT SELECT, INSERT ON calls TO tenant_app;
GRANT UPDATE (from_number, to_number, status, counted, duration_seconds, started_at, ended_at, updated_at)
    ON calls TO tenant_app;
GRANT SELECT, INSERT ON messages TO tenant_app;
GRANT UPDATE (status, status_at) ON messages TO tenant_app;
GRANT SELECT, INSERT ON channel_usage TO tenant_app;
GRANT UPDATE (calls, call_seconds, messages) ON channel_usage TO tenant_app;
GRANT SELECT, INSERT, DELETE ON stream_tokens TO tenant_app;
GRANT UPDATE (used_at) ON stream_tokens TO tenant_app;
