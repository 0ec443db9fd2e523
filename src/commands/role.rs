//! `tenantctl role`: the permissions of members. Roles are built in, so no database is queried.

use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use super::views::role_cell;
use crate::{
    app::App,
    cli::values,
    commands::complete,
    domain::{Permission, Role},
    error::Result,
    output::{Cell, Listing, Page, Record, Style, View},
};

/// Show roles and their permissions.
#[derive(Debug, Subcommand)]
pub enum RoleCommand {
    List(ListArgs),
    Show(ShowArgs),
}

impl RoleCommand {
    /// Runs the subcommand.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::List(args) => app.list(args.run()).await,
            Self::Show(args) => app.show(args.run()).await,
        }
    }
}

/// List roles, highest privilege first.
///
/// Examples:
///   tenantctl role list
///   tenantctl role list -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ListArgs {}

impl ListArgs {
    fn run(self) -> Listing<RoleLine> {
        let roles = Role::ALL.iter().copied().map(RoleLine::from).collect();
        Listing::of(roles, "no roles")
    }
}

#[derive(Serialize)]
struct RoleLine {
    role: Role,
    description: &'static str,
    permissions: Vec<Permission>,
}

impl From<Role> for RoleLine {
    fn from(role: Role) -> Self {
        Self {
            role,
            description: role.description(),
            permissions: role.permissions().collect(),
        }
    }
}

impl Record for RoleLine {
    fn fields() -> &'static [&'static str] {
        &["role", "description", "permissions"]
    }

    fn columns() -> &'static [&'static str] {
        &["ROLE", "PERMISSIONS", "DESCRIPTION"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        vec![
            role_cell(style, self.role),
            self.permissions.len().into(),
            self.description.into(),
        ]
    }
}

/// Show a role with every permission and whether the role has it.
///
/// Examples:
///   tenantctl role show admin
///   tenantctl role show viewer -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ShowArgs {
    /// Name of the role.
    #[arg(value_parser = values::role, add = ArgValueCompleter::new(complete::roles))]
    role: Role,
}

impl ShowArgs {
    fn run(self) -> RoleView {
        let grants = Role::ALL.iter().copied();
        RoleView {
            role: self.role,
            description: self.role.description(),
            may_grant: grants.filter(|other| self.role.may_grant(*other)).collect(),
            permissions: Permission::ALL
                .iter()
                .map(|permission| PermissionLine {
                    permission: *permission,
                    description: permission.description(),
                    held: self.role.holds(*permission),
                })
                .collect(),
        }
    }
}

#[derive(Serialize)]
struct RoleView {
    role: Role,
    description: &'static str,
    /// The roles it may grant and revoke.
    may_grant: Vec<Role>,
    permissions: Vec<PermissionLine>,
}

#[derive(Serialize)]
struct PermissionLine {
    permission: Permission,
    description: &'static str,
    held: bool,
}

impl View for RoleView {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        let may_grant: Vec<&str> = self.may_grant.iter().map(|role| role.as_str()).collect();
        let may_grant = (!may_grant.is_empty()).then(|| may_grant.join(", "));
        page.field("Role", role_cell(&style, self.role))
            .field("Description", self.description)
            .field("May grant", Cell::optional(may_grant));
        page.blank();
        let rows: Vec<_> = self
            .permissions
            .iter()
            .map(|line| {
                vec![
                    line.permission.as_str().into(),
                    if line.held {
                        style.ok("yes")
                    } else {
                        style.dim("no")
                    },
                    line.description.into(),
                ]
            })
            .collect();
        page.table(&["PERMISSION", "HELD", "DESCRIPTION"], &rows);
    }
}
