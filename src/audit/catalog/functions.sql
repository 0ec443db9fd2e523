SELECT p.oid AS "oid!: Oid", n.nspname::pg_catalog.text AS "schema!", p.proname::pg_catalog.text AS "name!",
       pg_catalog.pg_get_function_identity_arguments(p.oid) AS "arguments!",
       l.lanname::pg_catalog.text AS "language!", l.lanpltrusted AS "trusted!",
       p.prosecdef AS "definer!", p.provolatile::pg_catalog.text AS "volatility!",
       p.proleakproof AS "leakproof!", p.prokind::pg_catalog.text AS "kind!",
       p.proretset AS "returns_set!", p.prorettype AS "return_type!: Oid",
       pg_catalog.format_type(p.prorettype, NULL) AS "return_type_name!",
       coalesce(t.typrelid, 0::pg_catalog.oid) AS "return_relation!: Oid",
       p.pronargs OPERATOR(pg_catalog.-) p.pronargdefaults AS "required_arguments!",
       ARRAY(SELECT pg_catalog.unnest(p.proargtypes)) AS "argument_types!: Vec<Oid>",
       coalesce(p.proargnames, '{}') AS "argument_names!",
       coalesce(p.proallargtypes, '{}') AS "all_argument_types!: Vec<Oid>",
       coalesce(p.proargmodes::pg_catalog.text[], '{}') AS "argument_modes!",
       p.proowner AS "owner!: Oid", coalesce(p.proconfig, '{}') AS "settings!",
       p.prosrc AS "source!", p.prosqlbody::pg_catalog.text AS body_tree,
       EXISTS (SELECT FROM pg_catalog.pg_depend d
                WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid OPERATOR(pg_catalog.=) p.oid
                  AND d.deptype OPERATOR(pg_catalog.=) 'e') AS "of_extension!"
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
  JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang
  LEFT JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) p.prorettype
 WHERE n.nspname OPERATOR(pg_catalog.!~) '^pg_(toast|temp|catalog)' AND n.nspname OPERATOR(pg_catalog.<>) 'information_schema'
 ORDER BY n.nspname, p.proname, p.oid
