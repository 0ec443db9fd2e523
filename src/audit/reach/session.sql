-- As whom the session authenticated, and where it is.
SELECT r.oid AS "role!: Oid", d.oid AS "database!: Oid"
  FROM pg_catalog.pg_roles r, pg_catalog.pg_database d
 WHERE r.rolname OPERATOR(pg_catalog.=) session_user AND d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
