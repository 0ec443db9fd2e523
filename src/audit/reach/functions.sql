-- The functions that are not the server's own, and those of the server that may do harm by
-- themselves. The types are those of pg_type.dat from which a name or a statement can be read:
-- text, varchar, char(n), name, cstring, regclass, regproc, oid.
SELECT p.oid AS "oid!: Oid", n.nspname::pg_catalog.text AS "schema!", p.proname::pg_catalog.text AS "name!",
       p.proowner AS "owner!: Oid", l.lanname::pg_catalog.text AS "language!",
       p.provolatile::pg_catalog.text AS "volatility!", e.extname::pg_catalog.text AS extension,
       p.proargtypes::pg_catalog.oid[] OPERATOR(pg_catalog.&&) '{25,1043,1042,19,2275,2205,24,26}'::pg_catalog.oid[] AS "takes_text!",
       CASE WHEN l.lanname IN ('sql', 'plpgsql') AND p.prosqlbody IS NULL AND p.oid OPERATOR(pg_catalog.>=) 16384
            THEN p.prosrc END AS source
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
  JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang
  LEFT JOIN pg_catalog.pg_depend d
    ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid OPERATOR(pg_catalog.=) p.oid AND d.deptype OPERATOR(pg_catalog.=) 'e'
   AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
  LEFT JOIN pg_catalog.pg_extension e ON e.oid OPERATOR(pg_catalog.=) d.refobjid
 WHERE p.oid OPERATOR(pg_catalog.>=) 16384 OR p.provolatile OPERATOR(pg_catalog.=) 'v' OR p.proname OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.text[])
