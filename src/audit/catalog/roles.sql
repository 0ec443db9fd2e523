-- Settings of a role in this database before those of the role anywhere, and those before the
-- database's own: the first of a name is the one that a session gets (manual, ALTER ROLE).
SELECT r.oid AS "oid!: Oid", r.rolname::pg_catalog.text AS "name!", r.rolsuper AS "superuser!",
       r.rolbypassrls AS "bypass_rls!", r.rolcanlogin AS "login!", r.rolinherit AS "inherit!",
       r.rolcreaterole AS "create_role!", r.rolreplication AS "replication!",
       r.rolcreatedb AS "create_db!",
       ARRAY(SELECT one FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) one
              WHERE s.setrole OPERATOR(pg_catalog.=) ANY (ARRAY[r.oid, 0])
                AND s.setdatabase OPERATOR(pg_catalog.=) ANY (ARRAY[0, (SELECT oid FROM pg_catalog.pg_database
                                           WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database())])
              ORDER BY s.setrole OPERATOR(pg_catalog.=) 0, s.setdatabase OPERATOR(pg_catalog.=) 0, one) AS "settings!"
  FROM pg_catalog.pg_roles r
 ORDER BY r.rolname
