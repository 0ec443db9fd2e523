//! `schedule create`

use chrono::NaiveDate;
use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::view::ChangedView;
use crate::{
    app::App,
    cli::values,
    commands::{
        booking::{
            names::{Names, Subject},
            references,
        },
        complete, missing,
    },
    domain::{
        Organization,
        booking::{
            ClockTime, Operatory, Provider, ScheduleKind, Weekday, parameters::CreateSchedule,
        },
    },
    error::Result,
    services::{Session, booking::schedules},
};

/// Add working hours, a holiday or a blockout.
///
/// The schedule applies to a provider, to an operatory, or to the whole organization if neither is
/// given. Kinds: weekly (working hours on a day of every week), date (working hours on certain
/// dates, replacing the weekly ones), holiday (whole days off), blockout (hours off, every day or
/// on one weekday). Times are in the organization's time zone; 24:00 is the end of the day.
///
/// Examples:
///   tenantctl schedule create weekly --provider Keller --weekday monday --start 09:00 --end 17:00
///   tenantctl schedule create holiday --from 2026-12-25 --until 2026-12-26 --note Christmas
///   tenantctl schedule create blockout --provider Keller --start 12:00 --end 13:00 --note Lunch
///   tenantctl schedule create date --provider Keller --from 2026-12-24 --start 09:00 --end 12:00
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct CreateArgs {
    /// Kind of schedule.
    #[arg(value_parser = values::schedule_kind, add = ArgValueCompleter::new(complete::schedule_kinds))]
    kind: Option<ScheduleKind>,

    /// Provider it applies to: a name, ID, or ID in the practice's own system.
    #[arg(long, add = ArgValueCompleter::new(complete::named::<Provider>))]
    provider: Option<String>,

    /// Operatory it applies to: a name, ID, or ID in the practice's own system.
    #[arg(long, conflicts_with = "provider", add = ArgValueCompleter::new(complete::named::<Operatory>))]
    operatory: Option<String>,

    /// Day of the week.
    #[arg(long, value_name = "DAY", value_parser = values::weekday, add = ArgValueCompleter::new(complete::weekdays))]
    weekday: Option<Weekday>,

    /// First date it applies to.
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    from: Option<NaiveDate>,

    /// Last date it applies to. Default for date and holiday: the first date.
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    until: Option<NaiveDate>,

    /// Start time.
    #[arg(long, value_name = "TIME", value_parser = values::clock_time)]
    start: Option<ClockTime>,

    /// End time.
    #[arg(long, value_name = "TIME", value_parser = values::clock_time)]
    end: Option<ClockTime>,

    /// Note.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

impl CreateArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        let asks = self.says_nothing() && app.printer.prompter().interactive();
        let kind = missing::schedule_kind(app, self.kind)?;
        // Missing flags are reported before anything is looked up.
        let args = match asks {
            true => self,
            false => self.complete(app, kind, false)?,
        };
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let subject = match asks {
            true => ask_subject(app, &session, &organization).await?,
            false => args.subject(&session, &organization).await?,
        };
        let parameters = args.complete(app, kind, asks)?.parameters(kind, subject);
        let change = schedules::create(&session, organization.id, &parameters).await?;
        let names = Names::load(app, &session, &organization).await?;
        Ok(ChangedView::new(change, &names, &organization))
    }

    /// `true` if everything but the kind was omitted; then all values are prompted for.
    fn says_nothing(&self) -> bool {
        let Self {
            kind: _,
            provider,
            operatory,
            weekday,
            from,
            until,
            start,
            end,
            note,
        } = self;
        let texts = [provider, operatory, note];
        texts.iter().all(|text| text.is_none())
            && weekday.is_none()
            && from.or(*until).is_none()
            && start.or(*end).is_none()
    }

    async fn subject(&self, session: &Session, organization: &Organization) -> Result<Subject> {
        let (provider, operatory) = (self.provider.as_deref(), self.operatory.as_deref());
        let provider = references::optional::<Provider>(session, organization, provider).await?;
        let operatory = references::optional::<Operatory>(session, organization, operatory).await?;
        Ok(match (provider, operatory) {
            (Some(id), _) => Subject::Provider(id),
            (None, Some(id)) => Subject::Operatory(id),
            (None, None) => Subject::Organization,
        })
    }

    /// Prompts for the missing values that a schedule of this kind needs.
    fn complete(mut self, app: &App, kind: ScheduleKind, asks: bool) -> Result<Self> {
        if kind == ScheduleKind::Weekly {
            self.weekday = Some(missing::weekday(app, self.weekday, "--weekday")?);
        }
        if kind == ScheduleKind::Blockout && asks {
            self.weekday = missing::every_day_or_one(app, "--weekday")?;
        }
        if matches!(kind, ScheduleKind::Date | ScheduleKind::Holiday) {
            self.from = Some(missing::date(app, self.from, "First date", "--from")?);
        }
        if kind != ScheduleKind::Holiday {
            self.start = Some(missing::clock_time(app, self.start, "Start", "--start")?);
            self.end = Some(missing::clock_time(app, self.end, "End", "--end")?);
        }
        Ok(self)
    }

    fn parameters(self, kind: ScheduleKind, subject: Subject) -> CreateSchedule {
        let (provider_id, operatory_id) = match subject {
            Subject::Organization => (None, None),
            Subject::Provider(id) => (Some(id), None),
            Subject::Operatory(id) => (None, Some(id)),
        };
        CreateSchedule {
            kind,
            provider_id,
            operatory_id,
            weekday: self.weekday,
            valid_from: self.from,
            valid_until: self.until,
            start_time: self.start,
            end_time: self.end,
            note: self.note,
        }
    }
}

/// Prompts for the provider, operatory or organization the schedule applies to.
async fn ask_subject(app: &App, session: &Session, organization: &Organization) -> Result<Subject> {
    let names = Names::all(session, organization, false).await?;
    let subjects = names.subjects();
    let described = subjects.iter().map(|(subject, name)| match subject {
        Subject::Operatory(_) => format!("operatory {name}"),
        _ => format!("provider {name}"),
    });
    let everyone = format!("everyone: {} as a whole", organization.name);
    let described: Vec<String> = std::iter::once(everyone).chain(described).collect();
    let prompter = app.printer.prompter();
    let chosen = prompter.select("Applies to", "--provider or --operatory", &described, 0)?;
    let subject = chosen.checked_sub(1).and_then(|one| subjects.get(one));
    Ok(subject.map_or(Subject::Organization, |(subject, _)| *subject))
}
