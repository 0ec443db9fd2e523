-- Tenants may have tenants below them; a session still is in one.
CREATE TABLE tenants (id uuid PRIMARY KEY, parent_id uuid REFERENCES tenants, name text NOT NULL);
CREATE INDEX ON tenants (parent_id);
CREATE TABLE sites (tenant_id uuid NOT NULL REFERENCES tenants, id uuid NOT NULL DEFAULT gen_random_uuid(),
    parent_id uuid, name text, PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, parent_id) REFERENCES sites);
CREATE INDEX ON sites (tenant_id, parent_id);
CREATE TABLE devices (tenant_id uuid NOT NULL, site_id uuid NOT NULL, serial text NOT NULL,
    PRIMARY KEY (tenant_id, serial), FOREIGN KEY (tenant_id, site_id) REFERENCES sites);
CREATE INDEX ON devices (tenant_id, site_id);
INSERT INTO tenants VALUES ('aaaaaaaa-0000-0000-0000-00000000000a', NULL, 'A'), ('bbbbbbbb-0000-0000-0000-00000000000b', NULL, 'B'),
    ('cccccccc-0000-0000-0000-00000000000c', 'aaaaaaaa-0000-0000-0000-00000000000a', 'A.1');
INSERT INTO sites (tenant_id, name) SELECT id, name FROM tenants;
INSERT INTO devices SELECT tenant_id, id, 'sn-' || name FROM sites;
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE sites ENABLE ROW LEVEL SECURITY;
ALTER TABLE devices ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON tenants FOR SELECT USING (id = nullif(current_setting('app.tenant', true), '')::uuid);
CREATE POLICY own ON sites USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
CREATE POLICY own ON devices USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
GRANT SELECT ON tenants TO {app};
GRANT SELECT, INSERT, UPDATE (name), DELETE ON sites TO {app};
GRANT SELECT, INSERT, DELETE ON devices TO {app};
