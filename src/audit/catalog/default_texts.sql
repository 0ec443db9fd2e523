-- $1 and $2: the tables and numbers of the columns whose defaults are asked for.
SELECT d.adrelid AS "relation!: Oid", d.adnum AS "number!",
       pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS "text!"
  FROM unnest($1::oid[], $2::int2[]) e (relation, number)
  JOIN pg_catalog.pg_attrdef d ON d.adrelid = e.relation AND d.adnum = e.number
