//! Functions with the privileges of another role that PUBLIC may call: EXECUTE is granted to PUBLIC
//! by default (PostgreSQL manual, 5.8 and CREATE FUNCTION).

use super::{Definer, body::Reader, called, dynamic::Handed};
use crate::audit::{
    catalog::GrantClass,
    checks::grant::{
        check,
        holders::{GrantsByObject, quoted},
    },
    findings::{Findings, Rule},
    model::Model,
    report::{Check, Finding, Fix, Phase, Severity},
};

pub(in crate::audit::checks::grant) const PUBLIC: Rule = Rule {
    check: check(
        "definer-public",
        Severity::Low,
        "PUBLIC may call a SECURITY DEFINER function on tenant tables",
        include_str!("../../../../../docs/audit/definer-public.md"),
    ),
    run: public,
};

fn public(model: &Model, check: &Check, findings: &mut Findings) {
    let definers = called(model);
    if definers.is_empty() {
        return;
    }
    let reader = Reader::new(model);
    let grants = GrantsByObject::new(model);
    let open = definers.iter().filter(|definer| is_public(model, definer));
    for definer in open {
        let function = definer.function;
        // A function that checks the session returns nothing to a session without a tenant.
        let touches = reader.read(function).is_ok_and(|body| {
            let handed = body.handed != Handed::Nothing;
            !body.guarded && (!body.touched.is_empty() || handed)
        });
        if touches {
            let name = function.display();
            let message = format!(
                "PUBLIC may call function {name}, which reaches tenant tables as {}",
                model.catalog.role_name(function.owner)
            );
            findings.push(Finding::new(
                check,
                name,
                message,
                remedy(model, &grants, definer),
            ));
        }
    }
}

fn is_public(model: &Model, definer: &Definer<'_>) -> bool {
    let rights = &model.catalog.rights;
    let function = definer.function;
    let schema = model
        .catalog
        .schemas
        .values()
        .find(|schema| schema.name == function.schema);
    rights.public_holds(GrantClass::Function, function.oid, "EXECUTE")
        && schema.is_some_and(|schema| rights.public_holds(GrantClass::Schema, schema.oid, "USAGE"))
}

/// Returns the fix: revokes EXECUTE from PUBLIC, and grants it to the application's roles that only
/// have it through PUBLIC.
fn remedy(model: &Model, grants: &GrantsByObject<'_>, definer: &Definer<'_>) -> Fix {
    let function = definer.function.quoted();
    let on = (GrantClass::Function, definer.function.oid, 0);
    let mut statements = vec![format!("REVOKE EXECUTE ON ROUTINE {function} FROM PUBLIC")];
    let callers = definer
        .callers
        .iter()
        .filter(|role| !grants.without_public(role.oid, on, "EXECUTE"));
    statements.extend(callers.map(|role| {
        format!(
            "GRANT EXECUTE ON ROUTINE {function} TO {}",
            quoted(model, role.oid)
        )
    }));
    let summary = "only grant EXECUTE to the roles that call it";
    Fix::mechanical(Phase::Grants, summary, statements)
}
