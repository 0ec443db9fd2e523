-- The tables of the audit's examples, with their faults: invoices is not protected, the policy of
-- orders is open without a tenant, and a foreign key does not include the tenant.

CREATE ROLE shop_app NOLOGIN;
CREATE ROLE tenantctl_auditor LOGIN IN ROLE shop_app;

CREATE TABLE accounts (
    id   bigint PRIMARY KEY,
    name text NOT NULL
);
CREATE TABLE customers (
    id         bigint PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts,
    name       text NOT NULL
);
CREATE TABLE orders (
    id          bigint PRIMARY KEY,
    account_id  bigint NOT NULL REFERENCES accounts,
    customer_id bigint REFERENCES customers,
    total       numeric NOT NULL
);
CREATE TABLE invoices (
    id         bigint PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts,
    total      numeric NOT NULL
);
CREATE INDEX ON customers (account_id);
CREATE INDEX ON orders (account_id);
CREATE INDEX ON invoices (account_id);
CREATE VIEW customer_totals WITH (security_invoker = true) AS
    SELECT account_id, customer_id, sum(total) AS total FROM orders GROUP BY 1, 2;

ALTER TABLE accounts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE customers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON accounts USING (id = current_setting('app.account', true)::bigint);
CREATE POLICY own ON customers USING (account_id = current_setting('app.account', true)::bigint);
CREATE POLICY own ON orders
    USING (account_id = current_setting('app.account', true)::bigint
        OR current_setting('app.account', true) IS NULL);

GRANT SELECT, INSERT, UPDATE, DELETE ON accounts, customers, orders, invoices TO shop_app;
GRANT SELECT ON customer_totals TO shop_app;

INSERT INTO accounts VALUES (1, 'A'), (2, 'B');
INSERT INTO customers VALUES (1, 1, 'a'), (2, 2, 'b');
INSERT INTO orders VALUES (1, 1, 1, 10), (2, 2, 2, 20);
INSERT INTO invoices VALUES (1, 1, 10), (2, 2, 20);
