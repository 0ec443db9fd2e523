-- Personal and team accounts in one table; roles and their permissions are the same for all.
RESET ROLE;
CREATE SCHEMA auth;
CREATE TABLE auth.users (id uuid PRIMARY KEY, email text);
INSERT INTO auth.users VALUES ('aaaaaaaa-0000-0000-0000-000000000001', 'a@example.com'),
                              ('bbbbbbbb-0000-0000-0000-000000000002', 'b@example.com');
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
GRANT USAGE ON SCHEMA auth TO {app}, {owner};
GRANT SELECT, REFERENCES ON auth.users TO {owner};
SET ROLE {owner};
CREATE TYPE app_permissions AS ENUM ('roles.manage', 'billing.manage', 'members.manage', 'invites.manage');
CREATE TABLE config (language varchar(10) NOT NULL DEFAULT 'en', enable_team_accounts boolean NOT NULL DEFAULT true);
CREATE TABLE accounts (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    primary_owner_user_id uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE DEFAULT auth.uid(),
    name varchar(255) NOT NULL, slug text UNIQUE, email varchar(320) UNIQUE, is_personal_account boolean NOT NULL DEFAULT false);
CREATE TABLE roles (name varchar(50) PRIMARY KEY, hierarchy_level integer NOT NULL UNIQUE CHECK (hierarchy_level > 0));
CREATE TABLE role_permissions (id bigserial PRIMARY KEY, role varchar(50) NOT NULL REFERENCES roles, permission app_permissions NOT NULL,
    UNIQUE (role, permission));
CREATE TABLE accounts_memberships (user_id uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE,
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE, account_role varchar(50) NOT NULL REFERENCES roles,
    PRIMARY KEY (user_id, account_id));
CREATE INDEX ON accounts_memberships (account_id);
CREATE INDEX ON accounts_memberships (account_role);
CREATE TABLE invitations (id serial PRIMARY KEY, email varchar(255) NOT NULL, account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    role varchar(50) NOT NULL REFERENCES roles, expires_at timestamptz NOT NULL DEFAULT now() + interval '7 days', UNIQUE (account_id, email));
CREATE TABLE subscriptions (id text PRIMARY KEY, account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE, status text NOT NULL);
CREATE INDEX ON subscriptions (account_id);
CREATE TABLE subscription_items (id varchar(255) PRIMARY KEY, subscription_id text NOT NULL REFERENCES subscriptions ON DELETE CASCADE,
    price_amount numeric);
CREATE INDEX ON subscription_items (subscription_id);
CREATE TABLE notifications (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    body varchar(5000) NOT NULL, dismissed boolean NOT NULL DEFAULT false);
CREATE INDEX ON notifications (account_id);
INSERT INTO config DEFAULT VALUES;
INSERT INTO roles VALUES ('owner', 1), ('member', 2);
INSERT INTO role_permissions (role, permission) VALUES ('owner', 'members.manage'), ('owner', 'invites.manage');
INSERT INTO accounts (id, primary_owner_user_id, name, slug) VALUES
    ('aaaaaaaa-0000-0000-0000-00000000000a', 'aaaaaaaa-0000-0000-0000-000000000001', 'A', 'a'),
    ('bbbbbbbb-0000-0000-0000-00000000000b', 'bbbbbbbb-0000-0000-0000-000000000002', 'B', 'b');
INSERT INTO accounts_memberships SELECT primary_owner_user_id, id, 'owner' FROM accounts;
INSERT INTO invitations (email, account_id, role) SELECT 'new@example.com', id, 'member' FROM accounts;
INSERT INTO subscriptions SELECT 'sub_' || slug, id, 'active' FROM accounts;
INSERT INTO subscription_items SELECT 'si_' || id, id, 10 FROM subscriptions;
INSERT INTO notifications (account_id, body) SELECT id, 'welcome' FROM accounts;

CREATE FUNCTION has_role_on_account(account_id uuid, account_role varchar(50) DEFAULT NULL) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT EXISTS (SELECT 1 FROM public.accounts_memberships membership
                   WHERE membership.user_id = (SELECT auth.uid())
                     AND membership.account_id = has_role_on_account.account_id
                     AND (membership.account_role = has_role_on_account.account_role
                          OR has_role_on_account.account_role IS NULL)) $$;
CREATE FUNCTION has_permission(user_id uuid, account_id uuid, permission_name app_permissions) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    RETURN EXISTS (SELECT 1 FROM public.accounts_memberships
                   JOIN public.role_permissions ON accounts_memberships.account_role = role_permissions.role
                   WHERE accounts_memberships.user_id = has_permission.user_id
                     AND accounts_memberships.account_id = has_permission.account_id
                     AND role_permissions.permission = has_permission.permission_name);
END $$;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {app};
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY '{config,accounts,roles,role_permissions,accounts_memberships,invitations,subscriptions,subscription_items,notifications}'::text[] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    END LOOP;
END $$;
CREATE POLICY config_read ON config FOR SELECT TO {app} USING (true);
CREATE POLICY roles_read ON roles FOR SELECT TO {app} USING (true);
CREATE POLICY role_permissions_read ON role_permissions FOR SELECT TO {app} USING (true);
CREATE POLICY accounts_read ON accounts FOR SELECT TO {app}
    USING ((SELECT auth.uid()) = primary_owner_user_id OR has_role_on_account(id));
CREATE POLICY accounts_self_update ON accounts FOR UPDATE TO {app}
    USING ((SELECT auth.uid()) = primary_owner_user_id) WITH CHECK ((SELECT auth.uid()) = primary_owner_user_id);
CREATE POLICY accounts_memberships_read ON accounts_memberships FOR SELECT TO {app}
    USING ((SELECT auth.uid()) = user_id OR has_role_on_account(account_id));
CREATE POLICY invitations_read_self ON invitations FOR SELECT TO {app} USING (has_role_on_account(account_id));
CREATE POLICY invitations_create_self ON invitations FOR INSERT TO {app}
    WITH CHECK (has_permission((SELECT auth.uid()), account_id, 'invites.manage'::app_permissions));
CREATE POLICY invitations_delete ON invitations FOR DELETE TO {app}
    USING (has_permission((SELECT auth.uid()), account_id, 'invites.manage'::app_permissions));
CREATE POLICY subscriptions_read_self ON subscriptions FOR SELECT TO {app} USING (has_role_on_account(account_id));
CREATE POLICY subscription_items_read_self ON subscription_items FOR SELECT TO {app} USING (EXISTS (
    SELECT 1 FROM subscriptions WHERE id = subscription_items.subscription_id AND has_role_on_account(account_id)));
CREATE POLICY notifications_read_self ON notifications FOR SELECT TO {app}
    USING (account_id = (SELECT auth.uid()) OR has_role_on_account(account_id));
CREATE POLICY notifications_update_self ON notifications FOR UPDATE TO {app}
    USING (account_id = (SELECT auth.uid()) OR has_role_on_account(account_id));
GRANT SELECT ON config, roles, role_permissions, accounts, accounts_memberships, invitations, subscriptions,
    subscription_items, notifications TO {app};
GRANT UPDATE (name, slug) ON accounts TO {app};
GRANT INSERT, DELETE ON invitations TO {app};
GRANT USAGE ON SEQUENCE invitations_id_seq TO {app};
GRANT UPDATE (dismissed) ON notifications TO {app};
