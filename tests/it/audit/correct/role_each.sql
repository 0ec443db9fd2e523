-- The other way of the same article: each tenant logs in as a role that is called as its key.
RESET ROLE;
CREATE ROLE {app}_tenants;
CREATE ROLE "aaaaaaaa-0000-0000-0000-0000000000aa" LOGIN IN ROLE {app}_tenants;
CREATE ROLE "bbbbbbbb-0000-0000-0000-0000000000bb" LOGIN IN ROLE {app}_tenants;
GRANT USAGE ON SCHEMA public TO {app}_tenants;
SET ROLE {owner};
CREATE TABLE tenant (tenant_id uuid PRIMARY KEY, name varchar(255) NOT NULL);
CREATE TABLE tenant_user (tenant_id uuid NOT NULL REFERENCES tenant ON DELETE RESTRICT,
    user_id uuid NOT NULL DEFAULT gen_random_uuid(), email varchar(255) NOT NULL, PRIMARY KEY (tenant_id, user_id));
INSERT INTO tenant VALUES ('aaaaaaaa-0000-0000-0000-0000000000aa', 'A'), ('bbbbbbbb-0000-0000-0000-0000000000bb', 'B');
INSERT INTO tenant_user (tenant_id, email) SELECT tenant_id, name FROM tenant;
ALTER TABLE tenant ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_user ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation_policy ON tenant USING (tenant_id::TEXT = current_user);
CREATE POLICY tenant_user_isolation_policy ON tenant_user USING (tenant_id::TEXT = current_user);
GRANT SELECT ON tenant TO {app}_tenants;
GRANT SELECT, INSERT, UPDATE, DELETE ON tenant_user TO {app}_tenants;
