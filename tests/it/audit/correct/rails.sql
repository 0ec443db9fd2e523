-- Rails with acts_as_tenant, and row-level security below it.
CREATE TABLE schema_migrations (version varchar PRIMARY KEY);
CREATE TABLE ar_internal_metadata (key varchar PRIMARY KEY, value varchar,
    created_at timestamp(6) NOT NULL DEFAULT now(), updated_at timestamp(6) NOT NULL DEFAULT now());
INSERT INTO schema_migrations VALUES ('20240101000000');
INSERT INTO ar_internal_metadata VALUES ('environment', 'production');
CREATE TABLE accounts (id bigserial PRIMARY KEY, name varchar NOT NULL, subdomain varchar NOT NULL,
    created_at timestamp(6) NOT NULL DEFAULT now(), updated_at timestamp(6) NOT NULL DEFAULT now());
CREATE UNIQUE INDEX index_accounts_on_subdomain ON accounts (subdomain);
INSERT INTO accounts (name, subdomain) VALUES ('A', 'a'), ('B', 'b');
CREATE TABLE users (id bigserial PRIMARY KEY, account_id bigint NOT NULL REFERENCES accounts, email varchar NOT NULL,
    encrypted_password varchar NOT NULL DEFAULT '', reset_password_token varchar);
CREATE UNIQUE INDEX index_users_on_account_id_and_email ON users (account_id, email);
CREATE UNIQUE INDEX index_users_on_account_id_and_id ON users (account_id, id);
CREATE TABLE categories (id bigserial PRIMARY KEY, account_id bigint NOT NULL REFERENCES accounts, name varchar,
    parent_id bigint, UNIQUE (account_id, id),
    FOREIGN KEY (account_id, parent_id) REFERENCES categories (account_id, id));
CREATE INDEX ON categories (account_id, parent_id);
CREATE TABLE articles (id bigserial PRIMARY KEY, account_id bigint NOT NULL REFERENCES accounts, user_id bigint NOT NULL,
    category_id bigint, slug varchar NOT NULL, body text, lock_version integer NOT NULL DEFAULT 0,
    FOREIGN KEY (account_id, user_id) REFERENCES users (account_id, id),
    FOREIGN KEY (account_id, category_id) REFERENCES categories (account_id, id));
CREATE UNIQUE INDEX ON articles (account_id, slug);
CREATE UNIQUE INDEX ON articles (account_id, id);
CREATE INDEX ON articles (account_id, user_id);
CREATE INDEX ON articles (account_id, category_id);
-- Polymorphic: which table record_id refers to is in record_type.
CREATE TABLE active_storage_blobs (id bigserial PRIMARY KEY, account_id bigint NOT NULL REFERENCES accounts,
    key varchar NOT NULL, filename varchar NOT NULL, UNIQUE (account_id, key), UNIQUE (account_id, id));
CREATE TABLE active_storage_attachments (id bigserial PRIMARY KEY, account_id bigint NOT NULL REFERENCES accounts,
    name varchar NOT NULL, record_type varchar NOT NULL, record_id bigint NOT NULL, blob_id bigint NOT NULL,
    FOREIGN KEY (account_id, blob_id) REFERENCES active_storage_blobs (account_id, id));
CREATE INDEX ON active_storage_attachments (account_id, blob_id);
CREATE UNIQUE INDEX ON active_storage_attachments (account_id, record_type, record_id, name, blob_id);
CREATE TABLE versions (id bigserial PRIMARY KEY, account_id bigint NOT NULL REFERENCES accounts,
    item_type varchar NOT NULL, item_id bigint NOT NULL, event varchar NOT NULL, object jsonb);
CREATE INDEX ON versions (account_id, item_type, item_id);
INSERT INTO users (account_id, email) SELECT id, 'user@' || subdomain FROM accounts;
INSERT INTO categories (account_id, name) SELECT id, 'news' FROM accounts;
INSERT INTO articles (account_id, user_id, category_id, slug)
    SELECT u.account_id, u.id, c.id, 'hello' FROM users u JOIN categories c USING (account_id);
INSERT INTO active_storage_blobs (account_id, key, filename) SELECT id, 'k' || id, 'a.png' FROM accounts;
INSERT INTO active_storage_attachments (account_id, name, record_type, record_id, blob_id)
    SELECT a.account_id, 'cover', 'Article', a.id, b.id FROM articles a JOIN active_storage_blobs b USING (account_id);
INSERT INTO versions (account_id, item_type, item_id, event) SELECT account_id, 'Article', id, 'create' FROM articles;
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['users', 'categories', 'articles', 'active_storage_blobs',
                                'active_storage_attachments', 'versions'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format($p$CREATE POLICY %I ON %I
            USING (account_id = NULLIF(current_setting('rls.account_id', true), '')::bigint)
            WITH CHECK (account_id = NULLIF(current_setting('rls.account_id', true), '')::bigint)$p$,
            name || '_tenant', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO {app}', name);
    END LOOP;
END $$;
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON accounts USING (id = NULLIF(current_setting('rls.account_id', true), '')::bigint);
GRANT SELECT, UPDATE ON accounts TO {app};
GRANT SELECT ON schema_migrations, ar_internal_metadata TO {app};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {app};
