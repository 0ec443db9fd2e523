-- The rules of tables, and the one rule that a view is.
SELECT r.ev_class AS "relation!: Oid", r.rulename::pg_catalog.text AS "name!", r.ev_type::pg_catalog.text AS "event!",
       r.is_instead AS "instead!", r.ev_enabled OPERATOR(pg_catalog.<>) 'D' AS "enabled!",
       CASE WHEN d.reads OPERATOR(pg_catalog.&&) $1::pg_catalog.oid[] OR r.ev_class OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.oid[]) THEN ''
            WHEN r.rulename OPERATOR(pg_catalog.=) '_RETURN' THEN pg_catalog.pg_get_viewdef(r.ev_class)
            ELSE pg_catalog.pg_get_ruledef(r.oid) END AS "definition!",
       r.ev_action::pg_catalog.text AS "tree!",
       d.reads AS "reads!: Vec<Oid>"
  FROM pg_catalog.pg_rewrite r
  JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) r.ev_class
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
       CROSS JOIN LATERAL (
           SELECT ARRAY(SELECT DISTINCT d.refobjid FROM pg_catalog.pg_depend d
                         WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid OPERATOR(pg_catalog.=) r.oid
                           AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
                           AND d.refobjid OPERATOR(pg_catalog.<>) r.ev_class
                         ORDER BY 1)) d (reads)
 WHERE n.nspname OPERATOR(pg_catalog.!~) '^pg_(toast|temp|catalog)' AND n.nspname OPERATOR(pg_catalog.<>) 'information_schema'
