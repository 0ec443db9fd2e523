//! Help texts of the root command.

/// Shown before everything else: typical commands.
pub const ROOT_EXAMPLES: &str = "\
Examples:
  tenantctl demo                                        try it out on a private PostgreSQL
  tenantctl init                                        create a connection profile
  tenantctl org create 'Harbor Clinic' --owner maria@harbor.example
  tenantctl invite create sam@harbor.example --role admin --org harbor-clinic
  tenantctl channel set web greeting='Hello!' enabled=true --org harbor-clinic
  tenantctl import patients clinic.csv --org harbor-clinic --dry-run
  tenantctl activity list --org harbor-clinic -o json
  tenantctl audit                                       check that no tenant can reach another";

/// The exit codes; README contains the same list, and a test compares them.
pub const EXIT_CODES: &str = "\
Exit codes:
    0  success (including an empty list)
    1  any other failure
    2  wrong usage
    3  not found
    4  conflict: already exists, taken, archived, last owner, stale version
    5  refused: no permission, or not confirmed
    6  bad input data (for an import, also if --partial imported the other rows)
    7  the database cannot be reached or is not migrated
   10  findings of an audit, a comparison, or a conflict check
  130  interrupted";
