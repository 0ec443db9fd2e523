//! `schedule list`

use chrono::NaiveDate;
use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::view::ScheduleView;
use crate::{
    app::App,
    cli::values,
    commands::{
        booking::{names::Names, pages, references},
        complete,
        views::PageArgs,
    },
    domain::booking::{Operatory, Provider, ScheduleKind, parameters::GetSchedules},
    error::Result,
    output::Listing,
    run,
    services::booking::schedules,
};

/// List schedules (working hours, holidays and blockouts), oldest first.
///
/// Examples:
///   tenantctl schedule list
///   tenantctl schedule list --provider Keller --date 2026-12-24
///   tenantctl schedule list --kind holiday --org harbor-clinic -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ListArgs {
    /// Filter by kind.
    #[arg(long, value_parser = values::schedule_kind, add = ArgValueCompleter::new(complete::schedule_kinds))]
    kind: Option<ScheduleKind>,

    /// Filter by provider: a name, ID, or ID in the practice's own system.
    #[arg(long, add = ArgValueCompleter::new(complete::named::<Provider>))]
    provider: Option<String>,

    /// Filter by operatory: a name, ID, or ID in the practice's own system.
    #[arg(long, conflicts_with = "provider", add = ArgValueCompleter::new(complete::named::<Operatory>))]
    operatory: Option<String>,

    /// Show only schedules of the whole organization, without a provider or operatory.
    #[arg(long, conflicts_with_all = ["provider", "operatory"])]
    organization_only: bool,

    /// Show only schedules that apply on this date.
    #[arg(long, value_parser = values::date)]
    date: Option<NaiveDate>,

    #[command(flatten)]
    page: PageArgs,
}

impl ListArgs {
    pub(super) async fn run(self, app: &App) -> Result<Listing<ScheduleView>> {
        let limit = self.page.limit(app)?;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let (provider, operatory) = (self.provider.as_deref(), self.operatory.as_deref());
        let parameters = GetSchedules {
            kind: self.kind,
            provider_id: references::optional::<Provider>(&session, &organization, provider)
                .await?,
            operatory_id: references::optional::<Operatory>(&session, &organization, operatory)
                .await?,
            organization_only: self.organization_only,
            date: self.date,
            limit: None,
            after: None,
        };
        let slug = &organization.slug;
        let empty = run!["schedule", "defaults", "--org", slug].labeled(format!(
            "no schedules in {slug} match; add default working hours"
        ));
        let zone = organization.time_zone.tz();
        let names = Names::load(app, &session, &organization).await?;
        let rows = pages::rows(limit, move |most, after| {
            let (session, names) = (session.clone(), names.clone());
            let parameters = GetSchedules {
                limit: Some(most),
                after,
                ..parameters.clone()
            };
            async move {
                let page = schedules::get_all(&session, organization.id, &parameters).await?;
                let views = page.schedules.into_iter();
                let views = views.map(|schedule| ScheduleView::new(schedule, &names, zone));
                Ok((views.collect(), page.next_after))
            }
        });
        Ok(Listing::new(rows, empty).limit(limit))
    }
}
