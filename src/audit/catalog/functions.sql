SELECT p.oid AS "oid!: Oid", n.nspname::text AS "schema!", p.proname::text AS "name!",
       pg_catalog.pg_get_function_identity_arguments(p.oid) AS "arguments!",
       l.lanname::text AS "language!", l.lanpltrusted AS "trusted!",
       p.prosecdef AS "definer!", p.provolatile::text AS "volatility!",
       p.proleakproof AS "leakproof!", p.prokind::text AS "kind!",
       p.proretset AS "returns_set!", p.prorettype AS "return_type!: Oid",
       pg_catalog.format_type(p.prorettype, NULL) AS "return_type_name!",
       coalesce(t.typrelid, 0::oid) AS "return_relation!: Oid",
       p.pronargs - p.pronargdefaults AS "required_arguments!",
       ARRAY(SELECT unnest(p.proargtypes)) AS "argument_types!: Vec<Oid>",
       coalesce(p.proargnames, '{}') AS "argument_names!",
       coalesce(p.proallargtypes, '{}') AS "all_argument_types!: Vec<Oid>",
       coalesce(p.proargmodes::text[], '{}') AS "argument_modes!",
       p.proowner AS "owner!: Oid", coalesce(p.proconfig, '{}') AS "settings!",
       p.prosrc AS "source!", p.prosqlbody::text AS body_tree,
       EXISTS (SELECT FROM pg_catalog.pg_depend d
                WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid
                  AND d.deptype = 'e') AS "of_extension!"
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_catalog.pg_language l ON l.oid = p.prolang
  LEFT JOIN pg_catalog.pg_type t ON t.oid = p.prorettype
 WHERE n.nspname !~ '^pg_(toast|temp|catalog)' AND n.nspname <> 'information_schema'
 ORDER BY n.nspname, p.proname, p.oid
