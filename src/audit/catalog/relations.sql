-- Whatever can be read or written like a table, except what belongs to an extension.
SELECT c.oid AS "oid!: Oid", n.nspname::pg_catalog.text AS "schema!", c.relname::pg_catalog.text AS "name!",
       c.relkind::pg_catalog.text AS "kind!: RelationKind", c.relowner AS "owner!: Oid",
       c.relrowsecurity AS "rls!", c.relforcerowsecurity AS "forced!",
       c.relispartition AS "partition!", c.reltuples::pg_catalog.float8 AS "tuples!",
       coalesce(c.reloptions, '{}')::pg_catalog.text[] AS "options!",
       ARRAY(SELECT i.inhparent FROM pg_catalog.pg_inherits i
              WHERE i.inhrelid OPERATOR(pg_catalog.=) c.oid ORDER BY i.inhseqno) AS "parents!: Vec<Oid>",
       -- Of tables it is known: it need not be asked for, which would wait for locks. A foreign
       -- table asks its wrapper, which may have no handler to ask.
       CASE WHEN c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p}'::pg_catalog."char"[]) THEN 28
            WHEN c.relkind OPERATOR(pg_catalog.=) 'v' AND NOT v.waits
            THEN pg_catalog.pg_relation_is_updatable(c.oid, true)
            ELSE 0 END AS "changes!"
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
       CROSS JOIN LATERAL (
           SELECT pg_catalog.cardinality($1::pg_catalog.oid[]) OPERATOR(pg_catalog.>) 0
                  AND (c.oid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.oid[])
                       OR EXISTS (SELECT FROM pg_catalog.pg_depend d
                                    JOIN pg_catalog.pg_rewrite r ON r.oid OPERATOR(pg_catalog.=) d.objid
                                   WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass
                                     AND r.ev_class OPERATOR(pg_catalog.=) c.oid
                                     AND d.refobjid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.oid[])))) v (waits)
 WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,m,f}'::pg_catalog."char"[])
   AND n.nspname OPERATOR(pg_catalog.!~) '^pg_(toast|temp|catalog)' AND n.nspname OPERATOR(pg_catalog.<>) 'information_schema'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
                      AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid OPERATOR(pg_catalog.=) c.oid
                      AND d.deptype OPERATOR(pg_catalog.=) 'e')
