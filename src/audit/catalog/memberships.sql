-- PostgreSQL 16 tells inheriting and switching apart per membership; before, the member's own
-- attribute decides about the first and the second is always possible.
SELECT m.roleid AS "role!: Oid", m.member AS "member!: Oid", m.admin_option AS "admin!",
       coalesce((pg_catalog.to_jsonb(m) OPERATOR(pg_catalog.->>) 'inherit_option')::pg_catalog.bool, r.rolinherit) AS "inherit!",
       coalesce((pg_catalog.to_jsonb(m) OPERATOR(pg_catalog.->>) 'set_option')::pg_catalog.bool, true) AS "set!"
  FROM pg_catalog.pg_auth_members m
  JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) m.member
 ORDER BY m.roleid, m.member
