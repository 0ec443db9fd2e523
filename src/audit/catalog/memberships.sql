-- PostgreSQL 16 tells inheriting and switching apart per membership; before, the member's own
-- attribute decides about the first and the second is always possible.
SELECT m.roleid AS "role!: Oid", m.member AS "member!: Oid", m.admin_option AS "admin!",
       coalesce((to_jsonb(m) ->> 'inherit_option')::bool, r.rolinherit) AS "inherit!",
       coalesce((to_jsonb(m) ->> 'set_option')::bool, true) AS "set!"
  FROM pg_catalog.pg_auth_members m
  JOIN pg_catalog.pg_roles r ON r.oid = m.member
 ORDER BY m.roleid, m.member
