SELECT pg_catalog.pg_postmaster_start_time()::pg_catalog.text AS "started!"
