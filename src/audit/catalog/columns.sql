-- In place of the text of a default stands its tree: see texts.rs.
SELECT a.attrelid AS "relation!: Oid", a.attnum AS "number!", a.attname::pg_catalog.text AS "name!",
       a.atttypid AS "type_oid!: Oid",
       pg_catalog.format_type(a.atttypid, a.atttypmod) AS "type_name!",
       t.typtype::pg_catalog.text AS "type_kind!",
       CASE WHEN t.typtype OPERATOR(pg_catalog.=) 'd' THEN t.typbasetype ELSE t.oid END AS "base_type!: Oid",
       a.attnotnull OR (t.typtype OPERATOR(pg_catalog.=) 'd' AND t.typnotnull) AS "not_null!",
       d.adbin::pg_catalog.text AS default_text,
       a.attidentity OPERATOR(pg_catalog.<>) '' AS "identity!",
       a.attgenerated OPERATOR(pg_catalog.<>) '' AS "generated!"
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) a.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
  JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid OPERATOR(pg_catalog.=) a.attrelid AND d.adnum OPERATOR(pg_catalog.=) a.attnum
 WHERE a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
   AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,m,f,c}'::pg_catalog."char"[])
   AND n.nspname OPERATOR(pg_catalog.!~) '^pg_(toast|temp|catalog)' AND n.nspname OPERATOR(pg_catalog.<>) 'information_schema'
