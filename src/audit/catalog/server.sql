SELECT current_database()::text AS "database!",
       current_setting('server_version_num')::int AS "version_number!",
       split_part(current_setting('server_version'), ' ', 1) AS "version!",
       r.oid AS "role!: Oid",
       pg_catalog.pg_is_in_recovery() AS "in_recovery!",
       ARRAY(SELECT extname::text FROM pg_catalog.pg_extension ORDER BY extname) AS "extensions!",
       EXISTS (SELECT FROM pg_catalog.pg_publication) AS "publishes!",
       now() AS "now!"
  FROM pg_catalog.pg_roles r
 WHERE r.rolname = current_user
