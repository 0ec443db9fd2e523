SELECT p.oid AS "oid!: Oid", p.polrelid AS "relation!: Oid", p.polname::text AS "name!",
       p.polpermissive AS "permissive!", p.polcmd::text AS "command!: PolicyCommand",
       p.polroles AS "roles!: Vec<Oid>",
       CASE WHEN l.waits THEN NULL
            ELSE pg_catalog.pg_get_expr(p.polqual, p.polrelid) END AS using_text,
       CASE WHEN l.waits THEN NULL
            ELSE pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) END AS check_text,
       p.polqual::text AS using_tree, p.polwithcheck::text AS check_tree
  FROM pg_catalog.pg_policy p
       -- The texts name the tables of sub-selects too.
       CROSS JOIN LATERAL (
           SELECT cardinality($1::oid[]) > 0
                  AND (p.polrelid = ANY ($1::oid[])
                       OR EXISTS (SELECT FROM pg_catalog.pg_depend d
                                   WHERE d.classid = 'pg_catalog.pg_policy'::regclass
                                     AND d.objid = p.oid
                                     AND d.refclassid = 'pg_catalog.pg_class'::regclass
                                     AND d.refobjid = ANY ($1::oid[])))) l (waits)
 ORDER BY p.polrelid, p.polname
