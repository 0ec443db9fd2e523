//! `member transfer-ownership`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use super::view::MemberView;
use crate::{
    app::App,
    commands::{complete, views::role_cell},
    error::Result,
    hint::Hint,
    output::{Page, View},
    run,
    services::members::{self, Transfer},
};

/// Transfer ownership: make a member an owner and the current owner an admin, in one step.
///
/// The current owner is the user of --as, or the only owner; if there are several, use --from.
///
/// Examples:
///   tenantctl member transfer-ownership sam@harbor.example
///   tenantctl member transfer-ownership sam@harbor.example --from maria@harbor.example
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct TransferArgs {
    /// The new owner's email address or user ID; must be a member.
    #[arg(value_name = "EMAIL|ID", add = ArgValueCompleter::new(complete::members))]
    to: String,

    /// The owner to demote to admin.
    #[arg(long, value_name = "EMAIL|ID", add = ArgValueCompleter::new(complete::members))]
    from: Option<String>,
}

impl TransferArgs {
    pub(super) async fn run(self, app: &App) -> Result<TransferView> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        members::transfer_ownership(&session, organization.id, &self.to, self.from.as_deref())
            .await
            .map(TransferView::from)
    }
}

#[derive(Serialize)]
pub(super) struct TransferView {
    organization: String,
    from: MemberView,
    to: MemberView,
}

impl From<Transfer> for TransferView {
    fn from(transfer: Transfer) -> Self {
        Self {
            organization: transfer.organization.slug.to_string(),
            from: MemberView::new(transfer.from, &transfer.organization),
            to: MemberView::new(transfer.to, &transfer.organization),
        }
    }
}

impl View for TransferView {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        let rows: Vec<_> = [&self.to, &self.from]
            .into_iter()
            .map(|member| {
                vec![
                    member.email.as_str().into(),
                    member.name.as_str().into(),
                    role_cell(&style, member.role),
                ]
            })
            .collect();
        page.table(&["EMAIL", "NAME", "ROLE"], &rows);
    }

    fn summary(&self) -> Option<String> {
        Some(format!(
            "{} is now owner of {}; {} is {}",
            self.to.email, self.organization, self.from.email, self.from.role
        ))
    }

    fn next(&self) -> Vec<Hint> {
        vec![
            run![
                "member",
                "transfer-ownership",
                self.from.email,
                "--from",
                self.to.email,
                "--org",
                self.organization
            ]
            .labeled("undo"),
        ]
    }
}
