-- What each object may make the server run, one step at a time. Only what is not the server's own
-- is listed (identifiers from 16384 on: access/transam.h), and the functions that it is made of.
-- Kinds: c relation, t type, p function. Steps of a relation: s whatever reads it, r row-level
-- security where it applies, w whatever changes it, g a trigger, f a foreign key, i inheritance.
WITH dependency AS MATERIALIZED (
    SELECT d.classid AS class, d.objid AS oid, d.refclassid AS ref_class, d.refobjid AS ref
      FROM pg_catalog.pg_depend d
     WHERE d.refobjid OPERATOR(pg_catalog.>=) 16384 AND d.deptype IN ('n', 'a', 'i')
       AND (d.refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_type'::pg_catalog.regclass,
                             'pg_catalog.pg_operator'::pg_catalog.regclass, 'pg_catalog.pg_opclass'::pg_catalog.regclass,
                             'pg_catalog.pg_opfamily'::pg_catalog.regclass)
            OR d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
               AND d.classid IN ('pg_catalog.pg_rewrite'::pg_catalog.regclass, 'pg_catalog.pg_policy'::pg_catalog.regclass,
                                 'pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_type'::pg_catalog.regclass))
),
step (kind, owner, step, ref_class, ref) AS (
    SELECT 'c', r.ev_class, CASE WHEN r.ev_type OPERATOR(pg_catalog.=) '1' THEN 's' ELSE 'w' END, d.ref_class, d.ref
      FROM dependency d
      JOIN pg_catalog.pg_rewrite r ON r.oid OPERATOR(pg_catalog.=) d.oid
      JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) r.ev_class
       -- A materialized view runs its query when it is refreshed, not when it is read.
     WHERE d.class OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND c.relkind OPERATOR(pg_catalog.<>) 'm'
    UNION ALL
    SELECT 'c', p.polrelid, 'r', d.ref_class, d.ref
      FROM dependency d
      JOIN pg_catalog.pg_policy p ON p.oid OPERATOR(pg_catalog.=) d.oid
     WHERE d.class OPERATOR(pg_catalog.=) 'pg_catalog.pg_policy'::pg_catalog.regclass
    UNION ALL
    SELECT 'c', f.adrelid, CASE WHEN a.attgenerated OPERATOR(pg_catalog.=) 'v' THEN 's' ELSE 'w' END, d.ref_class, d.ref
      FROM dependency d
      JOIN pg_catalog.pg_attrdef f ON f.oid OPERATOR(pg_catalog.=) d.oid
      LEFT JOIN pg_catalog.pg_attribute a
        ON a.attrelid OPERATOR(pg_catalog.=) f.adrelid AND a.attnum OPERATOR(pg_catalog.=) f.adnum AND a.attgenerated OPERATOR(pg_catalog.=) 'v'
     WHERE d.class OPERATOR(pg_catalog.=) 'pg_catalog.pg_attrdef'::pg_catalog.regclass
    UNION ALL
    -- The planner evaluates constant parts of a CHECK, too.
    SELECT CASE WHEN k.conrelid OPERATOR(pg_catalog.=) 0 THEN 't' ELSE 'c' END,
           CASE WHEN k.conrelid OPERATOR(pg_catalog.=) 0 THEN k.contypid ELSE k.conrelid END,
           CASE WHEN k.contype OPERATOR(pg_catalog.=) 'c' THEN 's' ELSE 'w' END, d.ref_class, d.ref
      FROM dependency d
      JOIN pg_catalog.pg_constraint k ON k.oid OPERATOR(pg_catalog.=) d.oid
     WHERE d.class OPERATOR(pg_catalog.=) 'pg_catalog.pg_constraint'::pg_catalog.regclass
    UNION ALL
    SELECT 'c', t.tgrelid, 'g', d.ref_class, d.ref
      FROM dependency d
      JOIN pg_catalog.pg_trigger t ON t.oid OPERATOR(pg_catalog.=) d.oid
     WHERE d.class OPERATOR(pg_catalog.=) 'pg_catalog.pg_trigger'::pg_catalog.regclass AND NOT t.tgisinternal
    UNION ALL
    SELECT 'c', s.stxrelid, 's', d.ref_class, d.ref
      FROM dependency d
      JOIN pg_catalog.pg_statistic_ext s ON s.oid OPERATOR(pg_catalog.=) d.oid
     WHERE d.class OPERATOR(pg_catalog.=) 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass
    UNION ALL
    -- An index, or the relation itself.
    SELECT 'c', coalesce(i.indrelid, d.oid), 's', d.ref_class, d.ref
      FROM dependency d
      LEFT JOIN pg_catalog.pg_index i ON i.indexrelid OPERATOR(pg_catalog.=) d.oid
     WHERE d.class OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
    UNION ALL
    SELECT CASE d.class WHEN 'pg_catalog.pg_type'::pg_catalog.regclass THEN 't' ELSE 'p' END, d.oid, 's',
           d.ref_class, d.ref
      FROM dependency d
     WHERE d.class IN ('pg_catalog.pg_type'::pg_catalog.regclass, 'pg_catalog.pg_proc'::pg_catalog.regclass)
),
family (kind, owner, step, family) AS (
    SELECT s.kind, s.owner, s.step, coalesce(o.opcfamily, s.ref)
      FROM step s
      LEFT JOIN pg_catalog.pg_opclass o
        ON o.oid OPERATOR(pg_catalog.=) s.ref AND s.ref_class OPERATOR(pg_catalog.=) 'pg_catalog.pg_opclass'::pg_catalog.regclass
     WHERE s.ref_class IN ('pg_catalog.pg_opclass'::pg_catalog.regclass, 'pg_catalog.pg_opfamily'::pg_catalog.regclass)
    UNION ALL
    -- What compares values of a type where nothing else is said: 0 stands for every type of the
    -- server.
    SELECT 't', CASE WHEN o.opcintype OPERATOR(pg_catalog.>=) 16384 THEN o.opcintype ELSE 0 END, 's', o.opcfamily
      FROM pg_catalog.pg_opclass o WHERE o.opcdefault AND o.oid OPERATOR(pg_catalog.>=) 16384
),
operator (kind, owner, step, operator) AS (
    SELECT s.kind, s.owner, s.step, s.ref
      FROM step s WHERE s.ref_class OPERATOR(pg_catalog.=) 'pg_catalog.pg_operator'::pg_catalog.regclass
    UNION ALL
    SELECT f.kind, f.owner, f.step, a.amopopr
      FROM family f JOIN pg_catalog.pg_amop a ON a.amopfamily OPERATOR(pg_catalog.=) f.family
),
found (kind, owner, step, to_kind, target) AS (
    SELECT s.kind, s.owner, s.step,
           CASE s.ref_class WHEN 'pg_catalog.pg_proc'::pg_catalog.regclass THEN 'p'
                            WHEN 'pg_catalog.pg_type'::pg_catalog.regclass THEN 't' ELSE 'c' END,
           s.ref
      FROM step s
     WHERE s.ref_class IN ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_type'::pg_catalog.regclass,
                           'pg_catalog.pg_class'::pg_catalog.regclass)
    UNION ALL
    SELECT f.kind, f.owner, f.step, 'p', a.amproc::pg_catalog.oid
      FROM family f JOIN pg_catalog.pg_amproc a ON a.amprocfamily OPERATOR(pg_catalog.=) f.family
    UNION ALL
    -- The planner may put the commutator or the negator in an operator's place.
    SELECT o.kind, o.owner, o.step, 'p', f.code
      FROM operator o
      JOIN pg_catalog.pg_operator own ON own.oid OPERATOR(pg_catalog.=) o.operator
      JOIN pg_catalog.pg_operator e ON e.oid IN (own.oid, own.oprcom, own.oprnegate)
     CROSS JOIN LATERAL (VALUES (e.oprcode::pg_catalog.oid), (e.oprrest::pg_catalog.oid), (e.oprjoin::pg_catalog.oid)) f (code)
    UNION ALL
    SELECT 't', CASE WHEN t.type OPERATOR(pg_catalog.>=) 16384 THEN t.type ELSE 0 END, 's', 'p', k.castfunc
      FROM pg_catalog.pg_cast k
     CROSS JOIN LATERAL (VALUES (k.castsource, k.casttarget), (k.casttarget, k.castsource))
                        t (type, other)
     WHERE k.oid OPERATOR(pg_catalog.>=) 16384 AND k.castfunc OPERATOR(pg_catalog.<>) 0
       AND (t.type OPERATOR(pg_catalog.>=) 16384 OR t.other OPERATOR(pg_catalog.<) 16384)
    UNION ALL
    -- A row of a table is a value of its row type.
    SELECT 'c', c.oid, 's', 'p', k.castfunc
      FROM pg_catalog.pg_cast k
      JOIN pg_catalog.pg_type t ON t.oid IN (k.castsource, k.casttarget)
      JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) t.typrelid
     WHERE k.oid OPERATOR(pg_catalog.>=) 16384 AND k.castfunc OPERATOR(pg_catalog.<>) 0
    UNION ALL
    -- What is made of the server's own functions depends on nothing (manual, 53.18).
    SELECT 'p', a.aggfnoid::pg_catalog.oid, 's', 'p', f.code
      FROM pg_catalog.pg_aggregate a
     CROSS JOIN LATERAL (VALUES (a.aggtransfn::pg_catalog.oid), (a.aggfinalfn::pg_catalog.oid), (a.aggcombinefn::pg_catalog.oid),
                                (a.aggmtransfn::pg_catalog.oid), (a.aggminvtransfn::pg_catalog.oid),
                                (a.aggmfinalfn::pg_catalog.oid)) f (code)
     WHERE a.aggfnoid OPERATOR(pg_catalog.>=) 16384
    UNION ALL
    SELECT 't', r.rngtypid, 's', 'p', f.code
      FROM pg_catalog.pg_range r
     CROSS JOIN LATERAL (VALUES (r.rngsubdiff::pg_catalog.oid), (r.rngcanonical::pg_catalog.oid)) f (code)
     WHERE r.rngtypid OPERATOR(pg_catalog.>=) 16384
    UNION ALL
    SELECT 'c', k.conrelid, 'f', 'c', k.confrelid
      FROM pg_catalog.pg_constraint k WHERE k.contype OPERATOR(pg_catalog.=) 'f'
    UNION ALL
    SELECT 'c', i.inhparent, 'i', 'c', i.inhrelid
      FROM pg_catalog.pg_inherits i
      JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.inhrelid
     WHERE c.relkind NOT IN ('i', 'I')
)
SELECT DISTINCT f.kind AS "kind!", f.owner AS "owner!: Oid", f.step AS "step!",
       f.to_kind AS "to_kind!", f.target AS "target!: Oid"
  FROM found f
 WHERE (f.target OPERATOR(pg_catalog.>=) 16384 OR f.to_kind OPERATOR(pg_catalog.=) 'p' AND f.target OPERATOR(pg_catalog.<>) 0) AND (f.kind, f.owner) IS DISTINCT FROM (f.to_kind, f.target)
