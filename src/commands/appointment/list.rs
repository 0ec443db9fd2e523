//! `appointment list`

use chrono::NaiveDate;
use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use futures_util::TryStreamExt;

use super::{agenda::Agenda, view::AppointmentView};
use crate::{
    app::App,
    cli::values,
    commands::{
        booking::{pages, references},
        complete,
        views::PageArgs,
    },
    domain::{
        Organization,
        booking::{AppointmentStatus, Moment, Operatory, Provider, parameters::GetAppointments},
    },
    error::Result,
    output::{Format, Listing},
    services::{Session, booking::appointments},
};

/// List appointments, by time. With --day, people get an agenda of that date: a column for each
/// provider, in the organization's time zone.
///
/// Examples:
///   tenantctl appointment list --day 2026-11-30
///   tenantctl appointment list --from 2026-11-30T09:00 --provider Keller
///   tenantctl appointment list --patient P-1042 --status broken -o json
///   tenantctl appointment list --all -o ndjson --org harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ListArgs {
    /// Appointments of this date.
    #[arg(long, value_name = "DATE", value_parser = values::date, conflicts_with_all = ["from", "until"])]
    day: Option<NaiveDate>,

    /// Appointments that end after this: 2026-11-30T09:00 in the organization's time zone, or with
    /// an offset; a date stands for its beginning.
    #[arg(long, value_name = "TIME", value_parser = values::moment_or_date)]
    from: Option<Moment>,

    /// Appointments that start before this; a date stands for its beginning.
    #[arg(long, value_name = "TIME", value_parser = values::moment_or_date)]
    until: Option<Moment>,

    /// Only of this patient: the id, or the id in the practice's own system.
    #[arg(long)]
    patient: Option<String>,

    /// Only with this provider: a name, id, or id in the practice's own system.
    #[arg(long, add = ArgValueCompleter::new(complete::named::<Provider>))]
    provider: Option<String>,

    /// Only in this operatory: a name, id, or id in the practice's own system.
    #[arg(long, add = ArgValueCompleter::new(complete::named::<Operatory>))]
    operatory: Option<String>,

    /// Only with this status, or one of several.
    #[arg(long, value_delimiter = ',', value_parser = values::appointment_status, add = ArgValueCompleter::new(complete::appointment_statuses))]
    status: Vec<AppointmentStatus>,

    #[command(flatten)]
    page: PageArgs,
}

impl ListArgs {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let limit = self.page.limit(app)?;
        let is_limited = self.page.limit.is_some();
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let day = self.day;
        let parameters = self.parameters(&session, &organization).await?;
        let for_a_person = app.printer.options().format == Format::Table;
        match day {
            Some(date) if for_a_person && !is_limited => {
                let rows = listing(session, &organization, parameters, None).rows;
                let views: Vec<AppointmentView> = rows.try_collect().await?;
                app.show(Agenda::new(date, views, &organization)).await
            }
            _ => {
                let listing = listing(session, &organization, parameters, limit);
                app.list(listing).await
            }
        }
    }

    async fn parameters(
        self,
        session: &Session,
        organization: &Organization,
    ) -> Result<GetAppointments> {
        let (provider, operatory) = (self.provider.as_deref(), self.operatory.as_deref());
        Ok(GetAppointments {
            date: self.day,
            from: self.from,
            until: self.until,
            patient_id: match &self.patient {
                Some(patient) => Some(references::patient(session, organization, patient).await?),
                None => None,
            },
            provider_id: references::optional::<Provider>(session, organization, provider).await?,
            operatory_id: references::optional::<Operatory>(session, organization, operatory)
                .await?,
            status: self.status,
            ..GetAppointments::default()
        })
    }
}

fn listing(
    session: Session,
    organization: &Organization,
    parameters: GetAppointments,
    limit: Option<u64>,
) -> Listing<AppointmentView> {
    let (id, zone) = (organization.id, organization.time_zone.tz());
    let rows = pages::rows(limit, move |most, after| {
        let session = session.clone();
        let parameters = GetAppointments {
            limit: Some(most),
            after,
            ..parameters.clone()
        };
        async move {
            let page = appointments::get_all(&session, id, &parameters).await?;
            let views = page.appointments.into_iter();
            let views = views.map(|entry| AppointmentView { entry, zone });
            Ok((views.collect(), page.next_after))
        }
    });
    let slug = &organization.slug;
    Listing::new(rows, format!("{slug} has no matching appointments")).limit(limit)
}
