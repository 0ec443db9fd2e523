-- Hasura hands its session variables over as one JSON document.
CREATE TABLE orgs (id uuid PRIMARY KEY, name text NOT NULL);
CREATE TABLE users (id uuid PRIMARY KEY, org_id uuid NOT NULL REFERENCES orgs, name text NOT NULL, UNIQUE (org_id, id));
CREATE TABLE tickets (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, org_id uuid NOT NULL REFERENCES orgs,
    reporter_id uuid NOT NULL, subject text NOT NULL,
    FOREIGN KEY (org_id, reporter_id) REFERENCES users (org_id, id));
CREATE INDEX ON tickets (org_id, reporter_id);
CREATE VIEW open_tickets WITH (security_invoker = true) AS SELECT id, org_id, subject FROM tickets;
INSERT INTO orgs VALUES ('aaaaaaaa-0000-0000-0000-00000000000a', 'A'), ('bbbbbbbb-0000-0000-0000-00000000000b', 'B');
INSERT INTO users SELECT gen_random_uuid(), id, name FROM orgs;
INSERT INTO tickets (org_id, reporter_id, subject) SELECT org_id, id, name FROM users;
ALTER TABLE orgs ENABLE ROW LEVEL SECURITY;
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE tickets ENABLE ROW LEVEL SECURITY;
CREATE POLICY org ON orgs FOR SELECT
    USING (id = (nullif(current_setting('hasura.user', true), '')::json ->> 'x-hasura-org-id')::uuid);
CREATE POLICY org ON users
    USING (org_id = (nullif(current_setting('hasura.user', true), '')::json ->> 'x-hasura-org-id')::uuid);
CREATE POLICY org ON tickets
    USING (org_id = (nullif(current_setting('hasura.user', true), '')::json ->> 'x-hasura-org-id')::uuid);
GRANT SELECT ON orgs, open_tickets TO {app};
GRANT SELECT, INSERT, UPDATE, DELETE ON users, tickets TO {app};
