-- The rules of tables, and the one rule that a view is.
SELECT r.ev_class AS "relation!: Oid", r.rulename::text AS "name!", r.ev_type::text AS "event!",
       r.is_instead AS "instead!", r.ev_enabled <> 'D' AS "enabled!",
       CASE WHEN d.reads && $1::oid[] OR r.ev_class = ANY ($1::oid[]) THEN ''
            WHEN r.rulename = '_RETURN' THEN pg_catalog.pg_get_viewdef(r.ev_class)
            ELSE pg_catalog.pg_get_ruledef(r.oid) END AS "definition!",
       r.ev_action::text AS "tree!",
       d.reads AS "reads!: Vec<Oid>"
  FROM pg_catalog.pg_rewrite r
  JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       CROSS JOIN LATERAL (
           SELECT ARRAY(SELECT DISTINCT d.refobjid FROM pg_catalog.pg_depend d
                         WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
                           AND d.refclassid = 'pg_catalog.pg_class'::regclass
                           AND d.refobjid <> r.ev_class
                         ORDER BY 1)) d (reads)
 WHERE n.nspname !~ '^pg_(toast|temp|catalog)' AND n.nspname <> 'information_schema'
