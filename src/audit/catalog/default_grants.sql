SELECT d.defaclrole AS "creator!: Oid", n.nspname::pg_catalog.text AS schema, d.defaclobjtype::pg_catalog.text AS "kind!",
       x.grantee AS "grantee!: Oid",
       pg_catalog.array_agg(DISTINCT x.privilege_type ORDER BY x.privilege_type) AS "privileges!"
  FROM pg_catalog.pg_default_acl d
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) d.defaclnamespace,
       pg_catalog.aclexplode(d.defaclacl) x
 WHERE x.grantee OPERATOR(pg_catalog.<>) d.defaclrole
 GROUP BY d.oid, d.defaclrole, n.nspname, d.defaclobjtype, x.grantee
 ORDER BY n.nspname NULLS FIRST, d.defaclrole, d.defaclobjtype, x.grantee
