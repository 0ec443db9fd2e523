-- Everything that is not the server's own.
SELECT n.oid AS "oid!: Oid", n.nspname::text AS "name!", n.nspowner AS "owner!: Oid"
  FROM pg_catalog.pg_namespace n
 WHERE n.nspname !~ '^pg_(toast|temp|catalog)' AND n.nspname <> 'information_schema'
 ORDER BY n.nspname
