-- Everything that is not the server's own.
SELECT n.oid AS "oid!: Oid", n.nspname::pg_catalog.text AS "name!", n.nspowner AS "owner!: Oid"
  FROM pg_catalog.pg_namespace n
 WHERE n.nspname OPERATOR(pg_catalog.!~) '^pg_(toast|temp|catalog)' AND n.nspname OPERATOR(pg_catalog.<>) 'information_schema'
 ORDER BY n.nspname
