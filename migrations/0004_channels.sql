-- The configuration of the five channels and of the agents behind them.

CREATE TABLE channel_configurations (
    organization_id   uuid NOT NULL REFERENCES organizations (id),
    id                uuid NOT NULL,
    channel           text NOT NULL CHECK (channel IN ('twilio_realtime', 'twilio_standard', 'retell', 'whatsapp', 'web')),
    enabled           boolean NOT NULL,
    ai_backend        text NOT NULL CHECK (ai_backend IN ('openai_realtime', 'openai_gpt4o', 'openai_gpt4o_mini', 'anthropic_claude')),
    model             text,
    instructions      text,
    data_integrations text[] NOT NULL DEFAULT '{}',
    settings          jsonb NOT NULL DEFAULT '{}',
    -- Counts the changes: an edit that started from an older version is refused.
    version           bigint NOT NULL DEFAULT 1,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, channel),
    CHECK (data_integrations <@ ARRAY['opendental', 'google_calendar', 'internal'])
);

CREATE TABLE agent_configurations (
    organization_id           uuid NOT NULL REFERENCES organizations (id),
    id                        uuid NOT NULL,
    manual_ai_instructions    text,
    receptionist_instructions text,
    supervisor_instructions   text,
    whatsapp_instructions     text,
    use_manual_instructions   boolean NOT NULL DEFAULT false,
    version                   bigint NOT NULL DEFAULT 1,
    created_at                timestamptz NOT NULL,
    updated_at                timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id)
);

-- The platform's defaults: one row, read by every tenant, written by the owner only.
CREATE TABLE system_agent_configurations (
    id                        smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    manual_ai_instructions    text,
    receptionist_instructions text,
    supervisor_instructions   text,
    whatsapp_instructions     text,
    use_manual_instructions   boolean NOT NULL DEFAULT false,
    version                   bigint NOT NULL DEFAULT 1,
    updated_at                timestamptz NOT NULL
);
INSERT INTO system_agent_configurations (id, updated_at) VALUES (1, now());

ALTER TABLE channel_configurations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON channel_configurations
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

ALTER TABLE agent_configurations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON agent_configurations
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

GRANT SELECT, INSERT ON channel_configurations, agent_configurations TO tenant_app;
GRANT UPDATE (enabled, ai_backend, model, instructions, data_integrations, settings, version,
              updated_at) ON channel_configurations TO tenant_app;
GRANT UPDATE (manual_ai_instructions, receptionist_instructions, supervisor_instructions,
              whatsapp_instructions, use_manual_instructions, version, updated_at)
    ON agent_configurations TO tenant_app;
GRANT SELECT ON system_agent_configurations TO tenant_app;

-- Everything a running channel needs, in one row: its own configuration, the layers its
-- instructions are resolved from, and whether it may answer at all.
CREATE VIEW effective_channel_configurations WITH (security_invoker = true) AS
SELECT c.organization_id,
       c.channel,
       c.enabled,
       c.enabled AND o.status = 'active' AS live,
       c.ai_backend,
       c.model,
       c.instructions,
       c.data_integrations,
       c.settings,
       c.version,
       c.updated_at,
       a.manual_ai_instructions    AS organization_manual_ai_instructions,
       a.receptionist_instructions AS organization_receptionist_instructions,
       a.supervisor_instructions   AS organization_supervisor_instructions,
       a.whatsapp_instructions     AS organization_whatsapp_instructions,
       a.use_manual_instructions   AS organization_use_manual_instructions,
       s.manual_ai_instructions    AS platform_manual_ai_instructions,
       s.receptionist_instructions AS platform_receptionist_instructions,
       s.supervisor_instructions   AS platform_supervisor_instructions,
       s.whatsapp_instructions     AS platform_whatsapp_instructions,
       s.use_manual_instructions   AS platform_use_manual_instructions
  FROM channel_configurations c
  JOIN organizations o ON o.id = c.organization_id
  JOIN agent_configurations a ON a.organization_id = c.organization_id
  JOIN system_agent_configurations s ON s.id = 1;

GRANT SELECT ON effective_channel_configurations TO tenant_app;
