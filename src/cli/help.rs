//! Texts of the root help.

/// Shown before everything else: what one does with the tool.
pub const ROOT_EXAMPLES: &str = "\
Examples:
  tenantctl demo                                        see all of it, on a private PostgreSQL
  tenantctl init                                        name your database, once and for all
  tenantctl org create 'Harbor Clinic' --owner maria@harbor.example
  tenantctl invite create sam@harbor.example --role admin --org harbor-clinic
  tenantctl channel set web greeting='Hello!' enabled=true --org harbor-clinic
  tenantctl import patients clinic.csv --org harbor-clinic --dry-run
  tenantctl activity list --org harbor-clinic -o json
  tenantctl audit                                       prove that no tenant reaches another";

/// The exit codes; README documents the same, and a test compares.
pub const EXIT_CODES: &str = "\
Exit codes:
    0  done (an empty list too)
    1  a failure not named below
    2  wrong usage
    3  not found
    4  conflict: exists already, taken, archived, last owner, stale version
    5  refused: no permission, or not confirmed
    6  bad input data (of an import: also where --partial took the other rows)
    7  the database cannot be reached or is not migrated
   10  the audit, a comparison, or a look for conflicts found something
  130  interrupted";
