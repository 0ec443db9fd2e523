-- Tables and functions for tests/it/audit_expression.rs.

CREATE SCHEMA auth;

CREATE TABLE organizations (id uuid PRIMARY KEY, name text, owner_id uuid);
CREATE TABLE memberships (
    user_id uuid,
    organization_id uuid REFERENCES organizations,
    role text,
    login name,
    PRIMARY KEY (user_id, organization_id)
);
CREATE TABLE projects (id uuid PRIMARY KEY, organization_id uuid REFERENCES organizations);
CREATE TABLE folders (id uuid PRIMARY KEY, organization_id uuid REFERENCES organizations);
ALTER TABLE folders ENABLE ROW LEVEL SECURITY;
CREATE TABLE notes (
    id uuid PRIMARY KEY,
    organization_id uuid REFERENCES organizations,
    project_id uuid REFERENCES projects,
    folder_id uuid REFERENCES folders,
    other uuid,
    author uuid,
    code text,
    number bigint,
    is_public boolean
);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE TABLE comments (id uuid PRIMARY KEY, note_id uuid REFERENCES notes, words text);
CREATE TABLE invoices (id bigint PRIMARY KEY, tenant_id bigint);
CREATE TABLE slugs (tenant varchar(40), words text);

CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        nullif(current_setting('request.jwt.claim', true), ''),
        nullif(current_setting('request.jwt.claims', true), ''))::jsonb
$$;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'))::uuid
$$;
CREATE FUNCTION auth.role() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT current_setting('request.jwt.claims', true)::jsonb ->> 'role'
$$;

CREATE FUNCTION app_org() RETURNS uuid LANGUAGE sql STABLE
    RETURN nullif(current_setting('app.org', true), '')::uuid;
CREATE FUNCTION app_org_atomic() RETURNS uuid LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT nullif(current_setting('app.org', true), '')::uuid;
END;
CREATE FUNCTION app_org_text() RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT nullif(current_setting('app.org', true), '')::uuid
$$;
CREATE FUNCTION app_org_plpgsql() RETURNS uuid LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN current_setting('app.org', true)::uuid;
END
$$;
CREATE FUNCTION is_mine(wanted uuid) RETURNS boolean LANGUAGE sql STABLE
    RETURN wanted = app_org();
CREATE FUNCTION is_mine_plpgsql(wanted uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM memberships WHERE organization_id = wanted AND user_id = auth.uid());
END
$$;
CREATE FUNCTION has_access(wanted uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT EXISTS (
        SELECT FROM memberships m WHERE m.organization_id = wanted AND m.user_id = auth.uid());
END;
CREATE FUNCTION my_orgs() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT organization_id FROM memberships WHERE user_id = auth.uid()
$$;
CREATE FUNCTION my_org_array() RETURNS uuid[] LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT array_agg(organization_id) FROM memberships WHERE user_id = auth.uid()
$$;
CREATE FUNCTION opaque(wanted uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN wanted IS NOT NULL;
END
$$;
-- As its owner, it sees every folder, row-level security or not.
CREATE FUNCTION folder_visible(wanted uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM folders f WHERE f.id = wanted);
END;
