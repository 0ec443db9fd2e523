//! Common names for tenants and users. They only break ties: foreign keys and the comparisons of
//! policies are stronger evidence.

/// Stems that name a tenant and rarely anything inside one.
const TENANTS: &[&str] = &[
    "tenant",
    "organization",
    "organisation",
    "org",
    "account",
    "workspace",
    "company",
    "clinic",
    "practice",
    "team",
    "business",
    "firm",
    "agency",
    "merchant",
    "school",
    "hospital",
    "institution",
    "franchise",
    "brand",
    "store",
    "shop",
    "club",
    "community",
];

/// Stems that name a tenant in some schemas and an object inside one in others.
const PERHAPS: &[&str] = &[
    "customer",
    "client",
    "group",
    "site",
    "project",
    "property",
    "partner",
    "vendor",
    "realm",
    "space",
    "location",
    "department",
];

/// Stems that name a user.
const USERS: &[&str] = &[
    "user",
    "profile",
    "member",
    "person",
    "uid",
    "sub",
    "auth_user",
];

/// Weight of a column's name as evidence that it is the tenant key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(super) enum Likeness {
    /// Names a user: the user is the tenant if there is no other candidate.
    User,
    None,
    Perhaps,
    Tenant,
}

/// Returns the likeness of a column name.
pub(super) fn likeness(column: &str) -> Likeness {
    let stem = stem(column);
    if TENANTS.contains(&stem.as_str()) {
        Likeness::Tenant
    } else if PERHAPS.contains(&stem.as_str()) {
        Likeness::Perhaps
    } else if USERS.contains(&stem.as_str()) {
        Likeness::User
    } else {
        Likeness::None
    }
}

/// `true` if a column may name a user.
pub(super) fn is_user_column(column: &str) -> bool {
    let stem = stem(column);
    USERS.contains(&stem.as_str())
        || matches!(
            stem.as_str(),
            "login" | "username" | "user_name" | "role_name" | "rolname"
        )
}

/// `true` if a setting may name a user: `user_id`, and `current_user_id` too.
pub(super) fn names_user(setting: &str) -> bool {
    is_user_column(setting) || stem(setting).ends_with("_user")
}

/// `true` if a table may contain users.
pub(super) fn is_user_table(table: &str) -> bool {
    let name = singular(&table.to_lowercase());
    matches!(
        name.as_str(),
        "user" | "profile" | "person" | "people" | "identity"
    ) || name.ends_with("_user")
}

/// `true` if a table may record which user belongs to which tenant.
pub(super) fn is_membership_table(table: &str) -> bool {
    let name = table.to_lowercase();
    name.contains("member") || name.contains("user") || name.contains("staff")
}

/// Returns the stem of a column name: `organization` for `organization_id`, `OrganizationId` and
/// `organizations_uuid`.
pub(super) fn stem(column: &str) -> String {
    let mut name = String::new();
    for (place, letter) in column.chars().enumerate() {
        let previous_is_lower = place > 0
            && column[..]
                .chars()
                .nth(place - 1)
                .is_some_and(|previous| previous.is_lowercase());
        if letter.is_uppercase() && previous_is_lower {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    for suffix in ["_id", "_uuid", "_key", "_slug", "_ref", "_fk", "id"] {
        if let Some(stem) = name.strip_suffix(suffix)
            && !stem.is_empty()
        {
            return singular(stem);
        }
    }
    singular(&name)
}

/// `true` if `table` can be the name of the table that `column` refers to.
pub(super) fn names_table(column: &str, table: &str) -> bool {
    let (stem, table) = (stem(column), singular(&table.to_lowercase()));
    table == stem || (stem == "org" && matches!(table.as_str(), "organization" | "organisation"))
}

fn singular(name: &str) -> String {
    if let Some(stem) = name.strip_suffix("ies") {
        format!("{stem}y")
    } else if let Some(stem) = name.strip_suffix("sses") {
        format!("{stem}ss")
    } else if name.ends_with("ss") {
        name.to_owned()
    } else {
        name.strip_suffix('s').unwrap_or(name).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_come_out_of_every_spelling() {
        for column in [
            "organization_id",
            "OrganizationId",
            "organizationId",
            "organization",
        ] {
            assert_eq!(stem(column), "organization", "{column}");
        }
        assert_eq!(stem("company_id"), "company");
        assert_eq!(stem("id"), "id");
        assert!(names_table("company_id", "companies"));
        assert!(names_table("org_id", "organizations"));
        assert!(names_table("business_id", "businesses"));
        assert!(!names_table("tenant_id", "organizations"));
    }

    #[test]
    fn a_name_is_a_tenants_or_a_persons_or_nothing() {
        assert_eq!(likeness("tenant_id"), Likeness::Tenant);
        assert_eq!(likeness("project_id"), Likeness::Perhaps);
        assert_eq!(likeness("user_id"), Likeness::User);
        assert_eq!(likeness("color"), Likeness::None);
    }
}
