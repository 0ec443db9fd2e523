-- "Multi-tenant data isolation with PostgreSQL Row Level Security" (AWS Database Blog).
CREATE TABLE tenant (tenant_id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name varchar(255) UNIQUE NOT NULL,
    status varchar(64) CHECK (status IN ('active', 'suspended', 'disabled')), tier varchar(64));
CREATE TABLE tenant_user (user_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenant (tenant_id) ON DELETE RESTRICT,
    email varchar(255) NOT NULL, given_name varchar(255), UNIQUE (tenant_id, email));
CREATE TABLE purchase (tenant_id uuid NOT NULL REFERENCES tenant (tenant_id),
    purchase_id uuid NOT NULL DEFAULT gen_random_uuid(), amount numeric NOT NULL, PRIMARY KEY (tenant_id, purchase_id));
INSERT INTO tenant (name, status, tier) VALUES ('A', 'active', 'gold'), ('B', 'active', 'silver');
INSERT INTO tenant_user (tenant_id, email) SELECT tenant_id, name FROM tenant;
INSERT INTO purchase (tenant_id, amount) SELECT tenant_id, 5 FROM tenant;
ALTER TABLE tenant ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_user ENABLE ROW LEVEL SECURITY;
ALTER TABLE purchase ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation_policy ON tenant USING (tenant_id = current_setting('app.current_tenant')::UUID);
CREATE POLICY tenant_user_isolation_policy ON tenant_user USING (tenant_id = current_setting('app.current_tenant')::UUID);
CREATE POLICY purchase_isolation_policy ON purchase USING (tenant_id = current_setting('app.current_tenant')::UUID);
GRANT SELECT ON tenant TO {app};
GRANT SELECT, INSERT, UPDATE, DELETE ON tenant_user, purchase TO {app};
