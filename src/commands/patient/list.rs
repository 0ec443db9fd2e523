//! `patient list`

use chrono::NaiveDate;
use clap::Args;

use super::view::PatientView;
use crate::{
    cli::values,
    commands::{booking::pages, views::PageArgs},
    context::App,
    domain::booking::parameters::GetAllPatients,
    error::Result,
    output::Listing,
    run,
    services::booking::patients,
};

/// List patients by name.
///
/// A search matches the start of any name part, in any order, ignoring accents and case.
///
/// Examples:
///   tenantctl patient list --search 'mar mull'
///   tenantctl patient list --phone '044 364 35 32' --org harbor-clinic
///   tenantctl patient list --birth-date 1984-03-09 -o json
///   tenantctl patient list --all -o ndjson >patients.ndjson
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ListArgs {
    /// Match the start of any name part.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,

    /// Filter by phone number, in the organization's national format or in E.164.
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,

    /// Filter by email address.
    #[arg(long, value_name = "EMAIL")]
    email: Option<String>,

    /// Filter by date of birth.
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    birth_date: Option<NaiveDate>,

    /// Include archived patients.
    #[arg(long)]
    archived: bool,

    #[command(flatten)]
    page: PageArgs,
}

impl ListArgs {
    pub(super) async fn run(self, app: &App) -> Result<Listing<PatientView>> {
        let limit = self.page.limit(app)?;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let slug = organization.slug.to_string();
        let filtered = self.search.is_some()
            || self.phone.is_some()
            || self.email.is_some()
            || self.birth_date.is_some();
        let empty = match filtered {
            true => format!("no patients in {slug} match").into(),
            false => run!["patient", "create", "--org", slug]
                .labeled(format!("{slug} has no patients; add one")),
        };
        let zone = organization.time_zone.tz();
        let parameters = GetAllPatients {
            search: self.search,
            phone: self.phone,
            birth_date: self.birth_date,
            email: self.email,
            include_archived: self.archived,
            limit: None,
            after: None,
        };
        let rows = pages::rows(limit, move |most, after| {
            let session = session.clone();
            let parameters = GetAllPatients {
                limit: Some(most),
                after,
                ..parameters.clone()
            };
            async move {
                let page = patients::get_all(&session, organization.id, &parameters).await?;
                let views = page.patients.into_iter();
                let views = views.map(|patient| PatientView { patient, zone });
                Ok((views.collect(), page.next_after))
            }
        });
        Ok(Listing::new(rows, empty).limit(limit))
    }
}
