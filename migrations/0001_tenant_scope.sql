-- The tenant scope: the role that tenant data is reached as, and the function that names the
-- organization of the running transaction. Every policy compares with that function.

-- Roles belong to the cluster, not to the database: another database may have made this one
-- already, or be making it at this moment.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'tenant_app') THEN
        CREATE ROLE tenant_app NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

-- SET ROLE needs membership. A superuser may always switch; others get it here where they may
-- grant it (PostgreSQL 16 gives the creator of a role the right to grant it, not to use it).
-- Memberships belong to the cluster too, so another migration may grant the same at this moment.
DO $$
DECLARE
    wanted text := CASE WHEN current_setting('server_version_num')::int >= 160000
                        THEN 'SET' ELSE 'MEMBER' END;
BEGIN
    IF NOT pg_catalog.pg_has_role(current_user, 'tenant_app', wanted) THEN
        EXECUTE pg_catalog.format('GRANT tenant_app TO %I', current_user);
    END IF;
EXCEPTION
    WHEN unique_violation OR duplicate_object OR internal_error THEN
        IF NOT pg_catalog.pg_has_role(current_user, 'tenant_app', wanted) THEN
            RAISE;
        END IF;
END
$$;

DO $$
BEGIN
    EXECUTE pg_catalog.format('GRANT USAGE ON SCHEMA %I TO tenant_app', current_schema());
END
$$;

-- STABLE and a single expression, so that the planner inlines it into an index condition.
-- No context, or an empty one, is NULL: no row compares equal to it and none can be written.
CREATE FUNCTION app_organization_id() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.organization_id', true), '')::uuid;

COMMENT ON FUNCTION app_organization_id() IS
    'The organization of the running transaction, from SET LOCAL app.organization_id';
