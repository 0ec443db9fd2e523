-- The stored expressions that call functions, each spelling once: the server's own functions are
-- in no other list. Policies, rules and bodies are in the catalog already.
WITH stored (kind, oid, step, tree) AS (
    SELECT 'c', d.adrelid, CASE WHEN a.attgenerated OPERATOR(pg_catalog.=) 'v' THEN 's' ELSE 'w' END, d.adbin::pg_catalog.text
      FROM pg_catalog.pg_attrdef d
      LEFT JOIN pg_catalog.pg_attribute a
        ON a.attrelid OPERATOR(pg_catalog.=) d.adrelid AND a.attnum OPERATOR(pg_catalog.=) d.adnum AND a.attgenerated OPERATOR(pg_catalog.=) 'v'
    UNION ALL
    SELECT CASE WHEN k.conrelid OPERATOR(pg_catalog.=) 0 THEN 't' ELSE 'c' END,
           CASE WHEN k.conrelid OPERATOR(pg_catalog.=) 0 THEN k.contypid ELSE k.conrelid END, 's', k.conbin::pg_catalog.text
      FROM pg_catalog.pg_constraint k WHERE k.conbin IS NOT NULL AND k.oid OPERATOR(pg_catalog.>=) 16384
    UNION ALL
    SELECT 'c', i.indrelid, 's', x.tree
      FROM pg_catalog.pg_index i
     CROSS JOIN LATERAL (VALUES (i.indexprs::pg_catalog.text), (i.indpred::pg_catalog.text)) x (tree)
     WHERE x.tree IS NOT NULL
    UNION ALL
    SELECT 'c', t.tgrelid, 'g', t.tgqual::pg_catalog.text
      FROM pg_catalog.pg_trigger t WHERE t.tgqual IS NOT NULL
    UNION ALL
    SELECT 'c', p.partrelid, 's', p.partexprs::pg_catalog.text
      FROM pg_catalog.pg_partitioned_table p WHERE p.partexprs IS NOT NULL
    UNION ALL
    SELECT 'c', s.stxrelid, 's', s.stxexprs::pg_catalog.text
      FROM pg_catalog.pg_statistic_ext s WHERE s.stxexprs IS NOT NULL
    UNION ALL
    SELECT 't', t.oid, 's', t.typdefaultbin::pg_catalog.text
      FROM pg_catalog.pg_type t WHERE t.typdefaultbin IS NOT NULL AND t.oid OPERATOR(pg_catalog.>=) 16384
)
SELECT s.kind AS "kind!", s.step AS "step!", s.tree AS "tree!",
       pg_catalog.array_agg(DISTINCT s.oid) AS "oids!: Vec<Oid>"
  FROM stored s
 WHERE s.tree LIKE '%FUNCEXPR%'
 GROUP BY s.kind, s.step, s.tree
