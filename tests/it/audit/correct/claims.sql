-- The token lists the tenants in metadata that only the server writes.
RESET ROLE;
CREATE SCHEMA auth;
CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(current_setting('request.jwt.claim', true), ''),
                    nullif(current_setting('request.jwt.claims', true), ''))::jsonb $$;
GRANT USAGE ON SCHEMA auth TO {app}, {owner};
SET ROLE {owner};
CREATE TABLE organizations (id uuid PRIMARY KEY, name text NOT NULL);
CREATE TABLE folders (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations,
    name text NOT NULL, UNIQUE (organization_id, id));
CREATE TABLE files (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL, folder_id uuid NOT NULL,
    name text NOT NULL, FOREIGN KEY (organization_id, folder_id) REFERENCES folders (organization_id, id) ON DELETE CASCADE);
CREATE INDEX ON files (organization_id, folder_id);
INSERT INTO organizations VALUES ('aaaaaaaa-0000-0000-0000-00000000000a', 'A'), ('bbbbbbbb-0000-0000-0000-00000000000b', 'B');
INSERT INTO folders (organization_id, name) SELECT id, name FROM organizations;
INSERT INTO files (organization_id, folder_id, name) SELECT organization_id, id, 'readme' FROM folders;
ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
ALTER TABLE folders ENABLE ROW LEVEL SECURITY;
ALTER TABLE files ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON organizations FOR SELECT TO {app}
    USING (id = ((SELECT auth.jwt()) -> 'app_metadata' ->> 'organization_id')::uuid);
CREATE POLICY own ON folders TO {app}
    USING (organization_id = ((SELECT auth.jwt()) -> 'app_metadata' ->> 'organization_id')::uuid)
    WITH CHECK (organization_id = ((SELECT auth.jwt()) -> 'app_metadata' ->> 'organization_id')::uuid);
CREATE POLICY own ON files TO {app}
    USING (organization_id = ((SELECT auth.jwt()) -> 'app_metadata' ->> 'organization_id')::uuid)
    WITH CHECK (organization_id = ((SELECT auth.jwt()) -> 'app_metadata' ->> 'organization_id')::uuid);
GRANT SELECT ON organizations TO {app};
GRANT SELECT, INSERT, UPDATE, DELETE ON folders, files TO {app};
