//! `tenantctl user`: users, who may belong to several organizations.

mod list;
mod show;
mod sign_up;

use chrono::{DateTime, Utc};
use clap::Subcommand;
use serde::Serialize;

use crate::{app::App, domain::User, error::Result, rfc3339};

/// Manage the users of the platform: sign up, list, show.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    SignUp(sign_up::SignUpArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
}

impl UserCommand {
    /// Runs the subcommand.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::SignUp(args) => app.show(args.run(app).await?).await,
            Self::List(args) => app.list(args.run(app).await?).await,
            Self::Show(args) => app.show(args.run(app).await?).await,
        }
    }
}

/// A user, as shown by every command.
#[derive(Serialize)]
struct UserView {
    id: String,
    email: String,
    name: String,
    #[serde(with = "rfc3339")]
    created_at: DateTime<Utc>,
    #[serde(with = "rfc3339")]
    updated_at: DateTime<Utc>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email.to_string(),
            name: user.name,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}
