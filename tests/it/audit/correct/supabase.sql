-- A Supabase project as its templates make it: everything in public is granted to all three roles
-- of the API, and row-level security is what decides.
RESET ROLE;
DO $$
DECLARE api text;
BEGIN
    FOREACH api IN ARRAY '{anon,authenticated,service_role BYPASSRLS}'::text[] LOOP
        BEGIN
            EXECUTE 'CREATE ROLE ' || api;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END LOOP;
END $$;
CREATE SCHEMA auth;
CREATE TABLE auth.users (id uuid PRIMARY KEY, email text UNIQUE, raw_user_meta_data jsonb);
INSERT INTO auth.users VALUES ('aaaaaaaa-0000-0000-0000-000000000001', 'a@example.com'),
                              ('bbbbbbbb-0000-0000-0000-000000000002', 'b@example.com');
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''),
                    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'))::uuid
$$;
CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(current_setting('request.jwt.claim', true), ''),
                    nullif(current_setting('request.jwt.claims', true), ''))::jsonb
$$;
GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role, {owner};
GRANT SELECT, REFERENCES ON auth.users TO {owner};
CREATE SCHEMA storage;
CREATE TABLE storage.buckets (id text PRIMARY KEY, name text NOT NULL, owner uuid, public boolean DEFAULT false);
CREATE TABLE storage.objects (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text, owner uuid,
                              bucket_id text REFERENCES storage.buckets);
GRANT USAGE ON SCHEMA storage TO anon, authenticated, service_role;
GRANT ALL ON ALL TABLES IN SCHEMA storage TO anon, authenticated, service_role;
ALTER TABLE storage.buckets ENABLE ROW LEVEL SECURITY;
ALTER TABLE storage.objects ENABLE ROW LEVEL SECURITY;
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
CREATE SCHEMA private AUTHORIZATION {owner};
GRANT USAGE ON SCHEMA private TO authenticated;
SET ROLE {owner};

CREATE TABLE profiles (id uuid PRIMARY KEY REFERENCES auth.users ON DELETE CASCADE,
                       display_name text, avatar_url text, updated_at timestamptz);
CREATE TABLE organizations (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL,
                            slug text NOT NULL UNIQUE, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE memberships (organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
                          user_id uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE,
                          role text NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'admin', 'member')),
                          created_at timestamptz NOT NULL DEFAULT now(),
                          PRIMARY KEY (organization_id, user_id));
CREATE INDEX ON memberships (user_id);
CREATE TABLE invitations (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
                          organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
                          email text NOT NULL, role text NOT NULL DEFAULT 'member',
                          expires_at timestamptz NOT NULL DEFAULT now() + interval '7 days',
                          UNIQUE (organization_id, email));
CREATE TABLE projects (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
                       organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
                       name text NOT NULL, archived_at timestamptz, UNIQUE (organization_id, id));
CREATE TABLE tasks (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL,
                    project_id uuid NOT NULL, title text NOT NULL, done boolean NOT NULL DEFAULT false,
                    assignee uuid REFERENCES auth.users ON DELETE SET NULL,
                    FOREIGN KEY (organization_id, project_id)
                        REFERENCES projects (organization_id, id) ON DELETE CASCADE,
                    UNIQUE (organization_id, id));
CREATE INDEX ON tasks (organization_id, project_id);
CREATE TABLE comments (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL,
                       task_id uuid NOT NULL, author_id uuid NOT NULL REFERENCES auth.users, body text NOT NULL,
                       FOREIGN KEY (organization_id, task_id)
                           REFERENCES tasks (organization_id, id) ON DELETE CASCADE);
CREATE INDEX ON comments (organization_id, task_id);
CREATE TABLE plans (id text PRIMARY KEY, name text NOT NULL, price integer NOT NULL);

INSERT INTO profiles SELECT id, split_part(email, '@', 1) FROM auth.users;
INSERT INTO organizations (id, name, slug) VALUES
    ('aaaaaaaa-0000-0000-0000-00000000000a', 'A', 'a'), ('bbbbbbbb-0000-0000-0000-00000000000b', 'B', 'b');
INSERT INTO memberships (organization_id, user_id, role) VALUES
    ('aaaaaaaa-0000-0000-0000-00000000000a', 'aaaaaaaa-0000-0000-0000-000000000001', 'owner'),
    ('bbbbbbbb-0000-0000-0000-00000000000b', 'bbbbbbbb-0000-0000-0000-000000000002', 'owner');
INSERT INTO invitations (organization_id, email) SELECT id, 'new@' || slug || '.example' FROM organizations;
INSERT INTO projects (organization_id, name) SELECT id, 'first' FROM organizations;
INSERT INTO tasks (organization_id, project_id, title) SELECT organization_id, id, 'task' FROM projects;
INSERT INTO comments (organization_id, task_id, author_id, body)
    SELECT organization_id, t.id, m.user_id, 'hello' FROM tasks t JOIN memberships m USING (organization_id);
INSERT INTO plans VALUES ('free', 'Free', 0);

CREATE FUNCTION private.my_organizations() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
    AS $$ SELECT organization_id FROM public.memberships WHERE user_id = (SELECT auth.uid()) $$;
CREATE FUNCTION private.administers(organization uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
    AS $$ SELECT EXISTS (SELECT FROM public.memberships
                         WHERE user_id = (SELECT auth.uid()) AND organization_id = organization
                           AND role IN ('owner', 'admin')) $$;
CREATE FUNCTION private.shares_organization(other uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
    AS $$ SELECT EXISTS (SELECT FROM public.memberships mine
                         JOIN public.memberships theirs USING (organization_id)
                         WHERE mine.user_id = (SELECT auth.uid()) AND theirs.user_id = other) $$;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA private FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA private TO authenticated;
-- A new user gets a profile.
CREATE FUNCTION public.handle_new_user() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
    AS $$ BEGIN INSERT INTO public.profiles (id) VALUES (new.id); RETURN new; END $$;
REVOKE EXECUTE ON FUNCTION public.handle_new_user() FROM PUBLIC;

GRANT ALL ON ALL TABLES IN SCHEMA public TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;

ALTER TABLE profiles ENABLE ROW LEVEL SECURITY;
ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
ALTER TABLE memberships ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitations ENABLE ROW LEVEL SECURITY;
ALTER TABLE projects ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks ENABLE ROW LEVEL SECURITY;
ALTER TABLE comments ENABLE ROW LEVEL SECURITY;
ALTER TABLE plans ENABLE ROW LEVEL SECURITY;

CREATE POLICY "Users see the profiles of their organizations" ON profiles FOR SELECT TO authenticated
    USING (id = (SELECT auth.uid()) OR private.shares_organization(id));
CREATE POLICY "Users change their own profile" ON profiles FOR UPDATE TO authenticated
    USING (id = (SELECT auth.uid())) WITH CHECK (id = (SELECT auth.uid()));
CREATE POLICY "Members see their organizations" ON organizations FOR SELECT TO authenticated
    USING (id IN (SELECT private.my_organizations()));
CREATE POLICY "Administrators change their organization" ON organizations FOR UPDATE TO authenticated
    USING (private.administers(id)) WITH CHECK (private.administers(id));
CREATE POLICY "Members see members" ON memberships FOR SELECT TO authenticated
    USING (organization_id IN (SELECT private.my_organizations()));
CREATE POLICY "Administrators change members" ON memberships TO authenticated
    USING (private.administers(organization_id)) WITH CHECK (private.administers(organization_id));
CREATE POLICY "Administrators invite" ON invitations TO authenticated
    USING (private.administers(organization_id)) WITH CHECK (private.administers(organization_id));
CREATE POLICY "Members work on projects" ON projects TO authenticated
    USING (organization_id IN (SELECT private.my_organizations()))
    WITH CHECK (organization_id IN (SELECT private.my_organizations()));
CREATE POLICY "Members work on tasks" ON tasks TO authenticated
    USING (organization_id IN (SELECT private.my_organizations()))
    WITH CHECK (organization_id IN (SELECT private.my_organizations()));
CREATE POLICY "Members read comments" ON comments FOR SELECT TO authenticated
    USING (organization_id IN (SELECT private.my_organizations()));
CREATE POLICY "Members comment in their own name" ON comments FOR INSERT TO authenticated
    WITH CHECK (organization_id IN (SELECT private.my_organizations()) AND author_id = (SELECT auth.uid()));
CREATE POLICY "Authors change their comments" ON comments FOR UPDATE TO authenticated
    USING (organization_id IN (SELECT private.my_organizations()) AND author_id = (SELECT auth.uid()))
    WITH CHECK (organization_id IN (SELECT private.my_organizations()) AND author_id = (SELECT auth.uid()));
CREATE POLICY "Authors delete their comments" ON comments FOR DELETE TO authenticated
    USING (organization_id IN (SELECT private.my_organizations()) AND author_id = (SELECT auth.uid()));
CREATE POLICY "Prices are public" ON plans FOR SELECT TO anon, authenticated USING (true);
