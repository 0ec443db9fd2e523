-- Who wrote each relation, type and operator that is not the server's own; what an operator runs
-- stands in place of its identifier. A trigger may be somebody else's who holds that right.
SELECT 'c' AS "kind!", c.oid AS "oid!: Oid", n.nspname::pg_catalog.text AS "schema!", c.relname::pg_catalog.text AS "name!",
       c.relowner AS "owner!: Oid", c.relkind OPERATOR(pg_catalog.=) 'f' AS "foreign!",
       EXISTS (SELECT FROM pg_catalog.aclexplode(c.relacl) a
                WHERE a.privilege_type OPERATOR(pg_catalog.=) 'TRIGGER' AND a.grantee OPERATOR(pg_catalog.<>) c.relowner) AS "open_to_triggers!"
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
 WHERE c.oid OPERATOR(pg_catalog.>=) 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname OPERATOR(pg_catalog.!~) '^pg_toast'
UNION ALL
SELECT 't', t.oid, n.nspname, t.typname, t.typowner, false, false
  FROM pg_catalog.pg_type t
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace
  LEFT JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) t.typrelid
 WHERE t.oid OPERATOR(pg_catalog.>=) 16384 AND n.nspname OPERATOR(pg_catalog.!~) '^pg_toast'
   AND t.typtype IN ('b', 'c', 'd', 'e', 'r', 'm') AND t.typelem OPERATOR(pg_catalog.=) 0
   AND (c.oid IS NULL OR c.relkind OPERATOR(pg_catalog.=) 'c')
UNION ALL
SELECT 'o', o.oprcode::pg_catalog.oid, n.nspname, o.oprname, o.oprowner, false, false
  FROM pg_catalog.pg_operator o
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) o.oprnamespace
 WHERE o.oid OPERATOR(pg_catalog.>=) 16384
