-- Accounts and their users in a schema of its own, asked through definer functions.
RESET ROLE;
CREATE SCHEMA auth;
CREATE TABLE auth.users (id uuid PRIMARY KEY, email text);
INSERT INTO auth.users VALUES ('aaaaaaaa-0000-0000-0000-000000000001', 'a@example.com'),
                              ('bbbbbbbb-0000-0000-0000-000000000002', 'b@example.com');
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
GRANT USAGE ON SCHEMA auth TO {app}, {owner};
GRANT SELECT, REFERENCES ON auth.users TO {owner};
CREATE SCHEMA basejump AUTHORIZATION {owner};
GRANT USAGE ON SCHEMA basejump TO {app};
SET ROLE {owner};

CREATE TYPE basejump.account_role AS ENUM ('owner', 'member');
CREATE TABLE basejump.config (enable_team_accounts boolean NOT NULL DEFAULT true);
CREATE TABLE basejump.accounts (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    primary_owner_user_id uuid NOT NULL REFERENCES auth.users, name text, slug text UNIQUE,
    personal_account boolean NOT NULL DEFAULT false, created_at timestamptz DEFAULT now());
CREATE TABLE basejump.account_user (user_id uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE,
    account_id uuid NOT NULL REFERENCES basejump.accounts ON DELETE CASCADE,
    account_role basejump.account_role NOT NULL, PRIMARY KEY (user_id, account_id));
CREATE INDEX ON basejump.account_user (account_id);
CREATE TABLE basejump.billing_customers (account_id uuid NOT NULL REFERENCES basejump.accounts ON DELETE CASCADE,
    id text PRIMARY KEY, email text);
CREATE INDEX ON basejump.billing_customers (account_id);
CREATE TABLE public.posts (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id uuid NOT NULL REFERENCES basejump.accounts ON DELETE CASCADE, title text);
CREATE INDEX ON public.posts (account_id);
INSERT INTO basejump.accounts (id, primary_owner_user_id, name, slug) VALUES
    ('aaaaaaaa-0000-0000-0000-00000000000a', 'aaaaaaaa-0000-0000-0000-000000000001', 'A', 'a'),
    ('bbbbbbbb-0000-0000-0000-00000000000b', 'bbbbbbbb-0000-0000-0000-000000000002', 'B', 'b');
INSERT INTO basejump.account_user SELECT primary_owner_user_id, id, 'owner' FROM basejump.accounts;
INSERT INTO basejump.billing_customers SELECT id, 'cus_' || slug FROM basejump.accounts;
INSERT INTO public.posts (account_id, title) SELECT id, name FROM basejump.accounts;

CREATE FUNCTION basejump.has_role_on_account(account_id uuid, account_role basejump.account_role DEFAULT NULL)
    RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT EXISTS (SELECT 1 FROM basejump.account_user wu
                   WHERE wu.user_id = auth.uid()
                     AND wu.account_id = has_role_on_account.account_id
                     AND (wu.account_role = has_role_on_account.account_role
                          OR has_role_on_account.account_role IS NULL)) $$;
CREATE FUNCTION basejump.get_accounts_with_role(passed_in_role basejump.account_role DEFAULT NULL)
    RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT account_id FROM basejump.account_user wu
    WHERE wu.user_id = auth.uid() AND (wu.account_role = passed_in_role OR passed_in_role IS NULL) $$;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA basejump FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA basejump TO {app};

ALTER TABLE basejump.config ENABLE ROW LEVEL SECURITY;
ALTER TABLE basejump.accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE basejump.account_user ENABLE ROW LEVEL SECURITY;
ALTER TABLE basejump.billing_customers ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.posts ENABLE ROW LEVEL SECURITY;
CREATE POLICY "Basejump settings can be read by authenticated users" ON basejump.config
    FOR SELECT TO {app} USING (true);
CREATE POLICY "users can view their own account_users" ON basejump.account_user
    FOR SELECT TO {app} USING (user_id = auth.uid());
CREATE POLICY "users can view their teammates" ON basejump.account_user
    FOR SELECT TO {app} USING (basejump.has_role_on_account(account_id) = true);
CREATE POLICY "Account users can be deleted by owners" ON basejump.account_user
    FOR DELETE TO {app} USING (basejump.has_role_on_account(account_id, 'owner') = true);
CREATE POLICY "Accounts are viewable by members" ON basejump.accounts
    FOR SELECT TO {app} USING (basejump.has_role_on_account(id) = true);
CREATE POLICY "Accounts are viewable by primary owner" ON basejump.accounts
    FOR SELECT TO {app} USING (primary_owner_user_id = auth.uid());
CREATE POLICY "Accounts can be edited by owners" ON basejump.accounts
    FOR UPDATE TO {app} USING (basejump.has_role_on_account(id, 'owner') = true);
CREATE POLICY "Can only view own billing customer data." ON basejump.billing_customers
    FOR SELECT TO {app} USING (basejump.has_role_on_account(account_id) = true);
CREATE POLICY posts ON public.posts TO {app}
    USING (account_id IN (SELECT basejump.get_accounts_with_role()));
GRANT SELECT ON basejump.config, basejump.accounts, basejump.account_user, basejump.billing_customers TO {app};
GRANT DELETE ON basejump.account_user TO {app};
GRANT UPDATE (name, slug) ON basejump.accounts TO {app};
GRANT SELECT, INSERT, DELETE ON public.posts TO {app};
GRANT UPDATE (title) ON public.posts TO {app};
