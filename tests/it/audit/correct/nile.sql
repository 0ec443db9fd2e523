-- Tables of tenants beside tables of users that are in several, each with a setting of its own.
CREATE TABLE users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text NOT NULL UNIQUE);
CREATE TABLE tenants (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text);
CREATE TABLE tenant_users (tenant_id uuid NOT NULL REFERENCES tenants, user_id uuid NOT NULL REFERENCES users,
    roles text[], email text, PRIMARY KEY (tenant_id, user_id));
CREATE INDEX ON tenant_users (user_id);
CREATE TABLE todos (id uuid DEFAULT gen_random_uuid(), tenant_id uuid NOT NULL REFERENCES tenants, title varchar(256),
    estimate varchar(256), complete boolean, PRIMARY KEY (tenant_id, id));
INSERT INTO users (email) VALUES ('a@example.com'), ('b@example.com');
INSERT INTO tenants (name) VALUES ('a'), ('b');
INSERT INTO tenant_users (tenant_id, user_id) SELECT t.id, u.id FROM tenants t JOIN users u ON u.email LIKE t.name || '@%';
INSERT INTO todos (tenant_id, title) SELECT id, name FROM tenants;
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_users ENABLE ROW LEVEL SECURITY;
ALTER TABLE todos ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenants USING (id = nullif(current_setting('nile.tenant_id', true), '')::uuid);
CREATE POLICY tenant ON tenant_users USING (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid);
CREATE POLICY tenant ON todos USING (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid);
CREATE POLICY colleagues ON users USING (
    id = nullif(current_setting('nile.user_id', true), '')::uuid
    OR EXISTS (SELECT FROM tenant_users m WHERE m.user_id = users.id
                  AND m.tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid));
GRANT SELECT ON users, tenants, tenant_users TO {app};
GRANT SELECT, INSERT, UPDATE, DELETE ON todos TO {app};
