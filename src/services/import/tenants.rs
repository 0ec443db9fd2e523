//! The organizations of the rows of a file.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use uuid::Uuid;

use crate::{
    csv_file::Record,
    db::{self, organizations::OrganizationFilter},
    domain::{
        Actor, Organization, OrganizationStatus,
        import::{Fault, Layout, ORGANIZATION, Tenant},
    },
    error::Result,
    services::Session,
};

/// The organizations of the rows.
#[derive(Clone, Debug)]
pub enum Tenants {
    /// All rows belong to one organization.
    One(Box<Tenant>),
    /// The column `organization` contains the slug.
    BySlug(HashMap<String, Tenant>),
    /// No organization: the file is only checked, without a database, or its rows are
    /// organizations. Values that depend on the organization are read with the settings of this
    /// one.
    Unknown(Box<Tenant>),
}

impl Tenants {
    /// All rows belong to that organization.
    pub fn one(session: &Session, organization: &Organization) -> Self {
        Self::One(Box::new(Tenant::new(organization, session.now())))
    }

    /// The rows are organizations of the platform.
    pub(super) fn platform(now: DateTime<Utc>) -> Self {
        Self::Unknown(Box::new(Tenant {
            id: Uuid::nil().into(),
            region: None,
            zone: chrono_tz::UTC,
            today: now.date_naive(),
        }))
    }

    /// Rows of any organization that the caller may see.
    pub async fn by_slug(session: &Session) -> Result<Self> {
        let filter = OrganizationFilter {
            member: match session.actor {
                Actor::Operator { .. } => None,
                Actor::User { id, .. } => Some(id),
            },
            ..OrganizationFilter::default()
        };
        let now = session.now();
        let found = db::organizations::stream(&session.db, filter)
            .try_filter(|organization| {
                std::future::ready(organization.status != OrganizationStatus::Deleted)
            })
            .map_ok(|organization| {
                (
                    organization.slug.to_string(),
                    Tenant::new(&organization, now),
                )
            })
            .try_collect();
        Ok(Self::BySlug(found.await?))
    }

    /// Returns the organization of a row.
    ///
    /// # Errors
    /// The fault of the row if its slug is missing or unknown.
    pub(super) fn of(&self, record: &Record, layout: &Layout) -> Result<&Tenant, Fault> {
        match self {
            Self::One(tenant) | Self::Unknown(tenant) => Ok(tenant),
            Self::BySlug(tenants) => {
                let slug = layout.organization().and_then(|place| record.get(place));
                let slug = slug.unwrap_or_default().trim();
                tenants.get(slug).ok_or_else(|| {
                    let rule = match slug {
                        "" => "it is required without --org",
                        _ => "there is no such organization",
                    };
                    Fault::new(ORGANIZATION.name, slug, rule)
                })
            }
        }
    }

    /// Returns `true` if the column `organization` is required.
    pub(super) fn is_by_row(&self) -> bool {
        matches!(self, Self::BySlug(_))
    }
}
