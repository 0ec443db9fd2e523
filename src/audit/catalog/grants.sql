-- One row for each access list and grantee, the owner left out: many objects have the same list.
-- Where none is stored the built-in one applies (manual, 5.7): it gives PUBLIC the right to
-- execute functions.
SELECT g.class AS "class!: GrantClass", g.objects AS "objects!: Vec<Oid>", g.subs AS "columns!",
       x.grantee AS "grantee!: Oid", x.privileges AS "privileges!", x.grantable AS "grantable!"
  FROM (SELECT 'relation' AS class, c.relacl AS list, c.relowner AS owner,
               pg_catalog.array_agg(c.oid) AS objects, pg_catalog.array_agg(0::pg_catalog.int2) AS subs
          FROM pg_catalog.pg_class c
         WHERE c.relacl IS NOT NULL AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,m,f}'::pg_catalog."char"[]) AND c.oid OPERATOR(pg_catalog.>=) 16384
         GROUP BY c.relacl, c.relowner
        UNION ALL
        SELECT 'column', a.attacl, c.relowner, pg_catalog.array_agg(a.attrelid), pg_catalog.array_agg(a.attnum)
          FROM pg_catalog.pg_attribute a
          JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) a.attrelid
         WHERE a.attacl IS NOT NULL AND NOT a.attisdropped AND a.attrelid OPERATOR(pg_catalog.>=) 16384
         GROUP BY a.attacl, c.relowner
        UNION ALL
        SELECT 'schema', coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner)), n.nspowner,
               ARRAY[n.oid], '{0}'::pg_catalog.int2[]
          FROM pg_catalog.pg_namespace n
        UNION ALL
        SELECT 'function', coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner)), p.proowner,
               ARRAY[p.oid], '{0}'::pg_catalog.int2[]
          FROM pg_catalog.pg_proc p
          JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
         WHERE n.nspname OPERATOR(pg_catalog.!~) '^pg_(toast|temp|catalog)' AND n.nspname OPERATOR(pg_catalog.<>) 'information_schema'
           AND p.oid OPERATOR(pg_catalog.>=) 16384
       ) g
       CROSS JOIN LATERAL (
           SELECT e.grantee, pg_catalog.array_agg(DISTINCT e.privilege_type ORDER BY e.privilege_type),
                  pg_catalog.bool_or(e.is_grantable)
             FROM pg_catalog.aclexplode(g.list) e
            WHERE e.grantee OPERATOR(pg_catalog.<>) g.owner
            GROUP BY e.grantee) x (grantee, privileges, grantable)
