-- $1 and $2: the tables and numbers of the columns whose defaults are asked for.
SELECT d.adrelid AS "relation!: Oid", d.adnum AS "number!",
       pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS "text!"
  FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.int2[]))
       e (relation, number)
  JOIN pg_catalog.pg_attrdef d ON d.adrelid OPERATOR(pg_catalog.=) e.relation AND d.adnum OPERATOR(pg_catalog.=) e.number
