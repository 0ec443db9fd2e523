SELECT pg_catalog.current_database()::pg_catalog.text AS "database!",
       pg_catalog.current_setting('server_version_num')::pg_catalog.int4 AS "version_number!",
       pg_catalog.split_part(pg_catalog.current_setting('server_version'), ' ', 1) AS "version!",
       r.oid AS "role!: Oid",
       pg_catalog.pg_is_in_recovery() AS "in_recovery!",
       ARRAY(SELECT extname::pg_catalog.text FROM pg_catalog.pg_extension ORDER BY extname) AS "extensions!",
       EXISTS (SELECT FROM pg_catalog.pg_publication) AS "publishes!",
       pg_catalog.now() AS "now!"
  FROM pg_catalog.pg_roles r
 WHERE r.rolname OPERATOR(pg_catalog.=) current_user
