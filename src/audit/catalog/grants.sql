-- One row for each object and grantee, the owner left out. Where no access list is stored the
-- built-in one applies (manual, 5.7): it gives PUBLIC the right to execute functions.
SELECT g.class AS "class!: GrantClass", g.object AS "object!: Oid", g.sub AS "column!",
       g.grantee AS "grantee!: Oid",
       array_agg(DISTINCT g.privilege ORDER BY g.privilege) AS "privileges!",
       bool_or(g.grantable) AS "grantable!"
  FROM (SELECT 'relation' AS class, c.oid AS object, 0::int2 AS sub, x.grantee,
               x.privilege_type AS privilege, x.is_grantable AS grantable
          FROM pg_catalog.pg_class c, aclexplode(c.relacl) x
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND x.grantee <> c.relowner
        UNION ALL
        SELECT 'column', a.attrelid, a.attnum::int2, x.grantee, x.privilege_type, x.is_grantable
          FROM pg_catalog.pg_attribute a
          JOIN pg_catalog.pg_class c ON c.oid = a.attrelid, aclexplode(a.attacl) x
         WHERE a.attacl IS NOT NULL AND NOT a.attisdropped AND x.grantee <> c.relowner
        UNION ALL
        SELECT 'schema', n.oid, 0::int2, x.grantee, x.privilege_type, x.is_grantable
          FROM pg_catalog.pg_namespace n,
               aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) x
         WHERE x.grantee <> n.nspowner
        UNION ALL
        SELECT 'function', p.oid, 0::int2, x.grantee, x.privilege_type, x.is_grantable
          FROM pg_catalog.pg_proc p
          JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace,
               aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x
         WHERE n.nspname !~ '^pg_(toast|temp|catalog)' AND n.nspname <> 'information_schema'
           AND x.grantee <> p.proowner
       ) g
 WHERE g.class = 'schema' OR g.object >= 16384
 GROUP BY g.class, g.object, g.sub, g.grantee
 ORDER BY g.class, g.object, g.sub, g.grantee
