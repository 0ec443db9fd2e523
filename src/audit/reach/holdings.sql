-- What these roles own in this database or in the cluster, and what was granted to them beyond
-- being let in: pg_shdepend knows every kind of object (manual, 53.47).
SELECT pg_catalog.count(*) FILTER (WHERE d.deptype OPERATOR(pg_catalog.=) 'o') AS "owned!",
       pg_catalog.count(*) FILTER (WHERE d.deptype OPERATOR(pg_catalog.=) 'a' AND NOT CASE d.classid
           WHEN 'pg_catalog.pg_database'::pg_catalog.regclass THEN
               NOT EXISTS (SELECT FROM pg_catalog.pg_database b,
                                  LATERAL pg_catalog.aclexplode(b.datacl) a
                            WHERE b.oid OPERATOR(pg_catalog.=) d.objid AND a.grantee OPERATOR(pg_catalog.=) d.refobjid
                              AND a.privilege_type NOT IN ('CONNECT', 'TEMPORARY'))
           WHEN 'pg_catalog.pg_namespace'::pg_catalog.regclass THEN
               NOT EXISTS (SELECT FROM pg_catalog.pg_namespace n,
                                  LATERAL pg_catalog.aclexplode(n.nspacl) a
                            WHERE n.oid OPERATOR(pg_catalog.=) d.objid AND a.grantee OPERATOR(pg_catalog.=) d.refobjid
                              AND a.privilege_type OPERATOR(pg_catalog.<>) 'USAGE')
           ELSE false END) AS "granted!"
  FROM pg_catalog.pg_shdepend d
 WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.refobjid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.oid[])
   AND d.dbid IN (0, (SELECT oid FROM pg_catalog.pg_database
                       WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()))
