-- Beside the application: a role for reports, which policies bind too, one for backups with
-- policies of its own, one for workers with BYPASSRLS, and tables that only these use.
RESET ROLE;
CREATE ROLE {app}_reports LOGIN;
CREATE ROLE {app}_backup LOGIN;
CREATE ROLE {app}_worker LOGIN BYPASSRLS;
GRANT USAGE ON SCHEMA public TO {app}_reports, {app}_backup, {app}_worker;
CREATE SCHEMA reports AUTHORIZATION {owner};
GRANT USAGE ON SCHEMA reports TO {app}_reports;
SET ROLE {owner};
CREATE FUNCTION public.tenant() RETURNS uuid LANGUAGE sql STABLE
    AS $$ SELECT nullif(current_setting('app.tenant', true), '')::uuid $$;
CREATE TABLE tenants (id uuid PRIMARY KEY, name text NOT NULL);
CREATE TABLE customers (tenant_id uuid NOT NULL REFERENCES tenants, id uuid NOT NULL DEFAULT gen_random_uuid(),
    name text NOT NULL, PRIMARY KEY (tenant_id, id));
CREATE TABLE orders (tenant_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), customer_id uuid NOT NULL,
    total numeric NOT NULL, PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id, customer_id) REFERENCES customers);
CREATE INDEX ON orders (tenant_id, customer_id);
CREATE TABLE events (tenant_id uuid NOT NULL REFERENCES tenants, id bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL DEFAULT now(), what text NOT NULL, PRIMARY KEY (tenant_id, id));
CREATE TABLE outbox (tenant_id uuid NOT NULL REFERENCES tenants, id bigint GENERATED ALWAYS AS IDENTITY,
    payload jsonb NOT NULL, PRIMARY KEY (tenant_id, id));
CREATE TABLE jobs (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, kind text NOT NULL, arguments jsonb NOT NULL,
    run_at timestamptz NOT NULL DEFAULT now());
CREATE MATERIALIZED VIEW revenue AS SELECT tenant_id, sum(total) AS total FROM orders GROUP BY tenant_id;
CREATE VIEW reports.orders_by_customer WITH (security_invoker = true, security_barrier = true) AS
    SELECT tenant_id, customer_id, count(*) AS orders, sum(total) AS total FROM public.orders GROUP BY tenant_id, customer_id;
INSERT INTO tenants VALUES ('aaaaaaaa-0000-0000-0000-00000000000a', 'A'), ('bbbbbbbb-0000-0000-0000-00000000000b', 'B');
INSERT INTO customers (tenant_id, name) SELECT id, name FROM tenants;
INSERT INTO orders (tenant_id, customer_id, total) SELECT tenant_id, id, 10 FROM customers;
INSERT INTO events (tenant_id, what) SELECT id, 'login' FROM tenants;
INSERT INTO outbox (tenant_id, payload) SELECT id, '{}' FROM tenants;
INSERT INTO jobs (kind, arguments) VALUES ('mail', '{}');
REFRESH MATERIALIZED VIEW revenue;
CREATE FUNCTION log_order() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO public.events (tenant_id, what) VALUES (new.tenant_id, 'order');
    RETURN new;
END $$;
REVOKE EXECUTE ON FUNCTION log_order() FROM PUBLIC;
CREATE TRIGGER log_order AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION log_order();
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY '{customers,orders,events,outbox}'::text[] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I TO {app}, {app}_reports USING (tenant_id = (SELECT public.tenant()))', name);
        EXECUTE format('CREATE POLICY backup ON %I FOR SELECT TO {app}_backup USING (true)', name);
    END LOOP;
END $$;
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenants TO {app}, {app}_reports USING (id = (SELECT public.tenant()));
CREATE POLICY backup ON tenants FOR SELECT TO {app}_backup USING (true);
GRANT SELECT ON ALL TABLES IN SCHEMA public TO {app}_backup;
REVOKE SELECT ON revenue FROM {app}_backup;
GRANT ALL ON jobs, outbox TO {app}_worker;
GRANT SELECT ON customers, orders, revenue TO {app}_worker;
GRANT SELECT ON tenants, customers, orders TO {app}_reports;
GRANT SELECT ON reports.orders_by_customer TO {app}_reports;
GRANT SELECT ON tenants TO {app};
GRANT SELECT, INSERT, UPDATE (name), DELETE ON customers TO {app};
GRANT SELECT, INSERT, UPDATE (total), DELETE ON orders TO {app};
GRANT SELECT, INSERT ON events TO {app};
GRANT INSERT ON outbox TO {app};
