-- Many columns have few different defaults: each is written out once. What generates a column
-- names other columns by their numbers, and so is not the same in another table.
-- $1: the relations that somebody has locked, whose texts would be waited for.
WITH expressions AS MATERIALIZED (
    SELECT g.tree, g.relation, pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS expression
      FROM (SELECT d.adbin::text AS tree, min(d.oid) AS example,
                   CASE WHEN a.attgenerated = '' THEN 0 ELSE d.adrelid END AS relation
              FROM pg_catalog.pg_attrdef d
              JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
             WHERE d.adrelid <> ALL ($1::oid[])
             GROUP BY 1, 3) g
      JOIN pg_catalog.pg_attrdef d ON d.oid = g.example
)
SELECT a.attrelid AS "relation!: Oid", a.attnum AS "number!", a.attname::text AS "name!",
       a.atttypid AS "type_oid!: Oid",
       pg_catalog.format_type(a.atttypid, a.atttypmod) AS "type_name!",
       t.typtype::text AS "type_kind!",
       CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END AS "base_type!: Oid",
       a.attnotnull OR (t.typtype = 'd' AND t.typnotnull) AS "not_null!",
       e.expression AS default_text,
       a.attidentity <> '' AS "identity!",
       a.attgenerated <> '' AS "generated!"
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  LEFT JOIN expressions e ON e.tree = d.adbin::text
                         AND e.relation = CASE WHEN a.attgenerated = '' THEN 0 ELSE a.attrelid END
 WHERE a.attnum > 0 AND NOT a.attisdropped
   AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND n.nspname !~ '^pg_(toast|temp|catalog)' AND n.nspname <> 'information_schema'
 ORDER BY a.attrelid, a.attnum
