-- PostgREST: a schema for the API, a role for requests without a login, one for those with, and an
-- authenticator that becomes either. Passwords are in a schema that nobody is let into.
RESET ROLE;
DO $$ BEGIN
    CREATE ROLE web_anon;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
GRANT web_anon, {app} TO {other};
ALTER ROLE {other} NOINHERIT;
CREATE SCHEMA api AUTHORIZATION {owner};
CREATE SCHEMA basic_auth AUTHORIZATION {owner};
GRANT USAGE ON SCHEMA api TO web_anon, {app};
SET ROLE {owner};
CREATE TABLE api.firms (firm_id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY, name text NOT NULL);
CREATE TABLE basic_auth.users (email text PRIMARY KEY CHECK (email ~* '^.+@.+\..+$'), pass text NOT NULL,
    role name NOT NULL, firm_id integer NOT NULL REFERENCES api.firms);
CREATE INDEX ON basic_auth.users (firm_id);
CREATE TABLE api.todos (id integer GENERATED ALWAYS AS IDENTITY, firm_id integer NOT NULL REFERENCES api.firms
        DEFAULT (current_setting('request.jwt.claims', true)::json ->> 'firm_id')::integer,
    done boolean NOT NULL DEFAULT false, task text NOT NULL, due timestamptz, PRIMARY KEY (firm_id, id));
CREATE TABLE api.announcements (id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY, body text NOT NULL);
INSERT INTO api.firms (name) VALUES ('A'), ('B');
INSERT INTO basic_auth.users SELECT lower(name) || '@example.com', 'x', '{app}', firm_id FROM api.firms;
INSERT INTO api.todos (firm_id, task) SELECT firm_id, 'learn' FROM api.firms;
INSERT INTO api.announcements (body) VALUES ('hello');
ALTER TABLE api.firms ENABLE ROW LEVEL SECURITY;
ALTER TABLE api.todos ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON api.firms FOR SELECT TO {app}
    USING (firm_id = (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'firm_id')::integer);
CREATE POLICY own ON api.todos TO {app}
    USING (firm_id = (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'firm_id')::integer)
    WITH CHECK (firm_id = (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'firm_id')::integer);
GRANT SELECT ON api.firms TO {app};
GRANT SELECT, INSERT, UPDATE (done, task, due), DELETE ON api.todos TO {app};
GRANT SELECT ON api.announcements TO web_anon, {app};
