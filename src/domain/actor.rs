//! The actor of a change.

use std::fmt;

use super::{Email, User, UserId};

/// The actor that requests a change. The activity log stores its text form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Actor {
    /// A user with a database login: no role of an organization limits them.
    Operator { name: String },
    /// A user, limited to the rights of their membership.
    User {
        id: UserId,
        email: Email,
        /// The operator who acts on the user's behalf, if any.
        by: Option<String>,
    },
}

impl Actor {
    /// Returns `user` as the actor, with their rights; the log still names the operator.
    #[must_use]
    pub fn acting_as(&self, user: &User) -> Self {
        Self::User {
            id: user.id,
            email: user.email.clone(),
            by: match self {
                Self::Operator { name } => Some(name.clone()),
                Self::User { by, .. } => by.clone(),
            },
        }
    }

    /// The user's id, if the actor is a user.
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::Operator { .. } => None,
            Self::User { id, .. } => Some(*id),
        }
    }

    /// The operator's name or the user's address, for messages.
    pub fn name(&self) -> &str {
        match self {
            Self::Operator { name } => name,
            Self::User { email, .. } => email.as_str(),
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator { name } => write!(f, "operator:{name}"),
            Self::User {
                email, by: None, ..
            } => write!(f, "user:{email}"),
            Self::User {
                email,
                by: Some(name),
                ..
            } => write!(f, "user:{email} (by operator:{name})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_operator_behind_a_user_is_named() {
        let user = User {
            id: Uuid::nil().into(),
            email: "owner@harbor.example".parse().unwrap(),
            name: "Owner".to_owned(),
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        };
        let operator = Actor::Operator {
            name: "root".to_owned(),
        };
        let acting = operator.acting_as(&user);
        let shown = "user:owner@harbor.example (by operator:root)";
        assert_eq!(acting.to_string(), shown);
        assert_eq!(acting.acting_as(&user).to_string(), shown);
        assert_eq!(acting.name(), "owner@harbor.example");
    }
}
