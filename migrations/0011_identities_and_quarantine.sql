-- Identities that belong to one organization, and the platform's own quarantine.

-- An identity (a telephone number, an agent of Retell, Meta's id of a number, an instance of the
-- Evolution API) belongs to one organization on the platform. `channel_identities` holds what is granted,
-- `channel_claims` what was asked for and is not.

-- The settings of the channels are read below by the owner of the tables, who need not be a superuser.
ALTER TABLE channel_configurations NO FORCE ROW LEVEL SECURITY;

-- Rebuilt from the settings: several channels of one organization may share a number.
DROP TABLE channel_identities;

-- Look-up tables as in 0003: row-level security confines the tenant role and is not forced, so that the
-- owner can look across. The tenant role cannot insert here: what a tenant claims for itself, the platform
-- grants, and the unique key is never met by a statement of a tenant.
CREATE TABLE channel_identities (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    kind            text NOT NULL CHECK (kind IN ('retell_agent', 'phone_number', 'meta_phone_number_id', 'evolution_instance')),
    value           text NOT NULL CHECK (value <> ''),
    granted_at      timestamptz NOT NULL,
    PRIMARY KEY (organization_id, kind, value),
    UNIQUE (kind, value)
);

-- Several organizations may claim one identity. A claim routes nothing and blocks nothing.
CREATE TABLE channel_claims (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    kind            text NOT NULL CHECK (kind IN ('retell_agent', 'phone_number', 'meta_phone_number_id', 'evolution_instance')),
    value           text NOT NULL CHECK (value <> ''),
    -- pending: waits for the operator. rejected, released: the operator said no, or took it away.
    -- dormant: held until the organization was deleted.
    status          text NOT NULL CHECK (status IN ('pending', 'rejected', 'released', 'dormant')),
    claimed_at      timestamptz NOT NULL,
    PRIMARY KEY (organization_id, kind, value)
);
CREATE INDEX channel_claims_value_idx ON channel_claims (kind, value);

CREATE VIEW named_identities AS
SELECT c.organization_id, i.kind, i.value, o.status,
       bool_or(c.enabled AND o.status = 'active') AS answers,
       min(c.created_at) AS since
  FROM channel_configurations c
  JOIN organizations o ON o.id = c.organization_id
 CROSS JOIN LATERAL (
    SELECT 'retell_agent', c.settings ->> 'agent_id'
    UNION ALL SELECT 'meta_phone_number_id', c.settings ->> 'phone_number_id'
    UNION ALL SELECT 'evolution_instance', c.settings ->> 'instance_name'
    UNION ALL SELECT 'phone_number', jsonb_array_elements_text(
        CASE jsonb_typeof(c.settings -> 'phone_numbers') WHEN 'array' THEN c.settings -> 'phone_numbers' ELSE '[]' END)
 ) AS i (kind, value)
 WHERE i.value <> ''
 GROUP BY c.organization_id, i.kind, i.value, o.status;

-- Of several that name one identity it goes to the first in this order: an enabled channel of an active
-- organization, an active organization, the older channel, the lower id. Deleted ones hold nothing.
INSERT INTO channel_identities (organization_id, kind, value, granted_at)
SELECT DISTINCT ON (kind, value) organization_id, kind, value, since
  FROM named_identities
 WHERE status <> 'deleted'
 ORDER BY kind, value, answers DESC, status = 'active' DESC, since, organization_id;

-- The others wait for the operator (`channel claim list`, `doctor`).
INSERT INTO channel_claims (organization_id, kind, value, status, claimed_at)
SELECT n.organization_id, n.kind, n.value,
       CASE n.status WHEN 'deleted' THEN 'dormant' ELSE 'pending' END, n.since
  FROM named_identities n
 WHERE NOT EXISTS (SELECT FROM channel_identities i
                    WHERE i.organization_id = n.organization_id AND i.kind = n.kind AND i.value = n.value);

DROP VIEW named_identities;
ALTER TABLE channel_configurations FORCE ROW LEVEL SECURITY;

ALTER TABLE channel_identities ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON channel_identities
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

ALTER TABLE channel_claims ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON channel_claims
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

GRANT SELECT, DELETE ON channel_identities TO tenant_app;
GRANT SELECT, INSERT, DELETE ON channel_claims TO tenant_app;

-- Events of which it is not certain whose they are: the platform's own table, on which the tenant role has
-- no right. It refers to organizations without foreign keys: it belongs to none of them.
CREATE TABLE quarantined_events (
    id                    uuid PRIMARY KEY,
    -- At whose endpoint it came in, which does not say whose it is.
    endpoint_organization uuid NOT NULL,
    endpoint_id           uuid NOT NULL,
    channel               text NOT NULL CHECK (channel IN ('twilio_realtime', 'twilio_standard', 'retell', 'whatsapp')),
    scheme                text NOT NULL CHECK (scheme IN ('twilio', 'retell', 'meta', 'evolution')),
    idempotency_key       text NOT NULL CHECK (idempotency_key <> ''),
    kind                  text NOT NULL CHECK (kind <> ''),
    -- What it names, as `kind value`.
    identities            text[] NOT NULL,
    -- Empty as soon as the event is assigned or discarded: then nothing of it is the platform's.
    method                text NOT NULL,
    query                 text NOT NULL,
    headers               jsonb NOT NULL,
    body                  bytea NOT NULL,
    status                text NOT NULL CHECK (status IN ('waiting', 'assigned', 'discarded')),
    reason                text NOT NULL,
    received_at           timestamptz NOT NULL,
    finished_at           timestamptz,
    assigned_organization uuid,
    -- A repeated delivery is the same row, whatever became of it.
    UNIQUE (endpoint_organization, channel, idempotency_key)
);
CREATE INDEX quarantined_events_received_idx ON quarantined_events (received_at, id);
CREATE INDEX quarantined_events_assigned_idx ON quarantined_events (assigned_organization);

-- What was quarantined so far lies with the organization of its endpoint, which may not be whose it is:
-- also what was discarded there, because the organization could read it and have it processed.
ALTER TABLE webhook_events NO FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_endpoints NO FORCE ROW LEVEL SECURITY;

INSERT INTO quarantined_events
       (id, endpoint_organization, endpoint_id, channel, scheme, idempotency_key, kind, identities, method,
        query, headers, body, status, reason, received_at, finished_at)
SELECT v.id, v.organization_id, e.id, v.channel, e.scheme, v.idempotency_key, v.kind, '{}', v.method,
       v.query, v.headers, v.body,
       CASE v.status WHEN 'quarantined' THEN 'waiting' ELSE 'discarded' END,
       coalesce(v.reason, 'does not agree on the organization'), v.received_at, v.finished_at
  FROM webhook_events v
  JOIN webhook_endpoints e ON e.organization_id = v.organization_id AND e.id = v.endpoint_id
 WHERE v.status = 'quarantined'
    OR (v.status = 'discarded' AND v.reason LIKE 'does not agree on the organization%');

UPDATE quarantined_events SET query = '', headers = '{}', body = '' WHERE status = 'discarded';

DELETE FROM webhook_events v USING quarantined_events q
 WHERE v.organization_id = q.endpoint_organization AND v.id = q.id;

-- By which scheme an event was proven that was assigned from quarantine: its endpoint may be another
-- organization's. Null: the endpoint says it.
ALTER TABLE webhook_events ADD COLUMN scheme text;
ALTER TABLE webhook_events
    ADD CONSTRAINT webhook_events_scheme_check CHECK (scheme IN ('twilio', 'retell', 'meta', 'evolution'));
ALTER TABLE webhook_events DROP CONSTRAINT webhook_events_status_check;
ALTER TABLE webhook_events
    ADD CONSTRAINT webhook_events_status_check CHECK (status IN ('pending', 'done', 'dead', 'discarded'));

ALTER TABLE webhook_events FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_endpoints FORCE ROW LEVEL SECURITY;
