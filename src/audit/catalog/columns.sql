-- In place of the text of a default stands its tree: see texts.rs.
SELECT a.attrelid AS "relation!: Oid", a.attnum AS "number!", a.attname::text AS "name!",
       a.atttypid AS "type_oid!: Oid",
       pg_catalog.format_type(a.atttypid, a.atttypmod) AS "type_name!",
       t.typtype::text AS "type_kind!",
       CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END AS "base_type!: Oid",
       a.attnotnull OR (t.typtype = 'd' AND t.typnotnull) AS "not_null!",
       d.adbin::text AS default_text,
       a.attidentity <> '' AS "identity!",
       a.attgenerated <> '' AS "generated!"
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attnum > 0 AND NOT a.attisdropped
   AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND n.nspname !~ '^pg_(toast|temp|catalog)' AND n.nspname <> 'information_schema'
