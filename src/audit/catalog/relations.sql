-- Whatever can be read or written like a table, except what belongs to an extension.
SELECT c.oid AS "oid!: Oid", n.nspname::text AS "schema!", c.relname::text AS "name!",
       c.relkind::text AS "kind!: RelationKind", c.relowner AS "owner!: Oid",
       c.relrowsecurity AS "rls!", c.relforcerowsecurity AS "forced!",
       c.relispartition AS "partition!", c.reltuples::float8 AS "tuples!",
       coalesce(c.reloptions, '{}')::text[] AS "options!",
       ARRAY(SELECT i.inhparent FROM pg_catalog.pg_inherits i
              WHERE i.inhrelid = c.oid ORDER BY i.inhseqno) AS "parents!: Vec<Oid>",
       -- Of tables it is known: it need not be asked for, which would wait for locks. A foreign
       -- table asks its wrapper, which may have no handler to ask.
       CASE WHEN c.relkind IN ('r', 'p') THEN 28
            WHEN c.relkind = 'v' AND NOT v.waits
            THEN pg_catalog.pg_relation_is_updatable(c.oid, true)
            ELSE 0 END AS "changes!"
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       CROSS JOIN LATERAL (
           SELECT cardinality($1::oid[]) > 0
                  AND (c.oid = ANY ($1::oid[])
                       OR EXISTS (SELECT FROM pg_catalog.pg_depend d
                                    JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
                                   WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass
                                     AND r.ev_class = c.oid
                                     AND d.refobjid = ANY ($1::oid[])))) v (waits)
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND n.nspname !~ '^pg_(toast|temp|catalog)' AND n.nspname <> 'information_schema'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.refclassid = 'pg_catalog.pg_extension'::regclass
                      AND d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
                      AND d.deptype = 'e')
