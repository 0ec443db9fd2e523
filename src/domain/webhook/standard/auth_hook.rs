//! User events of an identity provider.
//!
//! Supported are: the auth hooks of Supabase, identified by `metadata.name`; events of Standard
//! Webhooks with a `type` and the user in `data`; and Supabase's database webhooks on `auth.users`,
//! with the row in `record`. A hook proves ownership of the address only if it is sent after the user
//! exists and contains the time of the confirmation.
//!
//! `user_metadata` is written by users themselves. It is never read for any purpose.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::domain::{
    Email, UserId,
    webhook::{Refusal, Scheme, Verified, dedup, fields},
};

named_enum! {
    /// The time at which a hook is called.
    pub enum Hook as "auth hook" {
        UserCreated = "after-user-created", "A user was created.";
        UserChanged = "user-changed", "A user was created or changed, for example confirmed the address.";
        BeforeUserCreated = "before-user-created", "A user is about to be created, which may fail.";
        SendEmail = "send-email", "An email is to be sent to a user.";
        SendSms = "send-sms", "A text message is to be sent to a user.";
        AccessToken = "customize-access-token", "A token is issued to a user.";
        MfaVerification = "mfa-verification", "A user attempts a second factor.";
        PasswordVerification = "password-verification", "A user attempts a password.";
        Unknown = "unknown", "Other events.";
    }
}

/// Types of Standard Webhooks events that create or change a user.
const CHANGES: &[&str] = &["user.created", "user.updated", "user.confirmed"];

/// An event of an identity provider.
#[derive(Clone, Debug, PartialEq)]
pub struct AuthEvent {
    pub hook: Hook,
    /// The provider's name of the event, also for unknown events.
    pub name: Option<String>,
    /// Unlike the id of the delivery, the same for every retry of the event.
    pub message_id: Option<Uuid>,
    pub user: Option<AuthUser>,
}

/// The user of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct AuthUser {
    pub id: Option<UserId>,
    pub email: Option<Email>,
    /// The time of the address confirmation.
    pub email_confirmed_at: Option<DateTime<Utc>>,
    /// Deleted, or ever banned: not eligible to sign up.
    pub is_barred: bool,
}

/// A user who owns the address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfirmedUser {
    pub id: UserId,
    pub email: Email,
}

impl AuthEvent {
    /// Parses an event.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] if the body is not a JSON object.
    pub fn parse(verified: &Verified<'_>) -> Result<Self, Refusal> {
        let body = fields::json(verified.body_of(Scheme::Standard)?)?;
        if !body.is_object() {
            return Err(Refusal::Malformed);
        }
        let metadata = &body["metadata"];
        let (hook, name, user) = if let Some(name) = fields::id(&metadata["name"]) {
            (hook_of(&name), Some(name), &body["user"])
        } else if body["email_data"].is_object() {
            // Older versions did not include the name of the hook.
            (Hook::SendEmail, None, &body["user"])
        } else if is_row_of_users(&body) {
            (
                Hook::UserChanged,
                fields::id(&body["type"]),
                &body["record"],
            )
        } else {
            let name = fields::id(&body["type"]);
            let is_change = name.as_deref().is_some_and(|name| CHANGES.contains(&name));
            let hook = if is_change {
                Hook::UserChanged
            } else {
                Hook::Unknown
            };
            (hook, name, &body["data"])
        };
        Ok(Self {
            hook,
            name,
            message_id: uuid(&metadata["uuid"]),
            user: user.is_object().then(|| AuthUser::read(user)),
        })
    }

    /// Returns the user if this event proves that they own the address and may sign up with it.
    pub fn confirmed_user(&self) -> Option<ConfirmedUser> {
        if !matches!(self.hook, Hook::UserCreated | Hook::UserChanged) {
            return None;
        }
        let user = self.user.as_ref().filter(|user| !user.is_barred)?;
        user.email_confirmed_at?;
        Some(ConfirmedUser {
            id: user.id?,
            email: user.email.clone()?,
        })
    }

    /// Returns a key that is equal for all copies of an event: the id in its metadata, else the id of
    /// the delivery, which Standard Webhooks keep across retries and Supabase does not.
    pub fn dedup_key(&self, verified: &Verified<'_>) -> String {
        match (self.message_id, verified.delivery_id()) {
            (Some(id), _) => dedup::key(&["auth", &id.to_string()]),
            (None, Some(id)) => dedup::key(&["webhook_id", id]),
            (None, None) => dedup::contents("auth", verified.body()),
        }
    }
}

impl AuthUser {
    /// `confirmed_at` is ignored: a confirmed telephone number also sets it, which proves nothing about
    /// the address.
    fn read(user: &Value) -> Self {
        Self {
            id: uuid(&user["id"]).map(UserId::from),
            email: fields::id(&user["email"]).and_then(|text| Email::parse(&text).ok()),
            email_confirmed_at: fields::timestamp(&user["email_confirmed_at"]),
            is_barred: !user["deleted_at"].is_null()
                || !user["banned_until"].is_null()
                || user["is_anonymous"] == true,
        }
    }
}

fn hook_of(name: &str) -> Hook {
    // "user-changed" is our name, for events without one.
    match name.parse() {
        Ok(Hook::UserChanged) | Err(_) => Hook::Unknown,
        Ok(hook) => hook,
    }
}

fn is_row_of_users(body: &Value) -> bool {
    body["schema"] == "auth"
        && body["table"] == "users"
        && (body["type"] == "INSERT" || body["type"] == "UPDATE")
}

fn uuid(value: &Value) -> Option<Uuid> {
    let id = Uuid::parse_str(&fields::id(value)?).ok()?;
    (!id.is_nil()).then_some(id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "ff7fc9ae-3b1b-4642-9241-64adb9848a03";
    const MESSAGE: &str = "8b34dcdd-9df1-4c10-850a-b3277c653040";

    /// The example of Supabase's documentation, with a confirmed address.
    fn user() -> Value {
        json!({
            "id": ID, "aud": "authenticated", "role": "", "email": "Valid.Email@supabase.com",
            "phone": "", "app_metadata": {"provider": "email", "providers": ["email"]},
            "user_metadata": {"organization_id": "0197d0a0-0000-7000-8000-000000000001",
                "role": "owner", "email_verified": true},
            "identities": [], "created_at": "0001-01-01T00:00:00Z", "is_anonymous": false,
            "email_confirmed_at": "2025-04-29T20:13:24.755552Z",
        })
    }

    fn hook(name: &str, user: &Value) -> Value {
        json!({"user": user, "metadata": {"uuid": MESSAGE, "name": name,
            "time": "2025-04-29T13:13:24.755552-07:00", "ip_address": "127.0.0.1"}})
    }

    fn read(body: &Value) -> AuthEvent {
        let body = body.to_string();
        AuthEvent::parse(&Verified::from_store(Scheme::Standard, body.as_bytes())).unwrap()
    }

    fn confirmed() -> ConfirmedUser {
        ConfirmedUser {
            id: ID.parse().unwrap(),
            email: Email::parse("valid.email@supabase.com").unwrap(),
        }
    }

    #[test]
    fn a_confirmed_user_is_read_from_every_form() {
        let row = |kind: &str| {
            json!({"type": kind, "table": "users", "schema": "auth", "record": user(),
                "old_record": null})
        };
        for body in [
            hook("after-user-created", &user()),
            json!({"type": "user.created", "data": user()}),
            json!({"type": "user.confirmed", "data": user()}),
            row("INSERT"),
            row("UPDATE"),
        ] {
            assert_eq!(read(&body).confirmed_user(), Some(confirmed()), "{body}");
        }
    }

    #[test]
    fn other_hooks_confirm_nobody() {
        for (body, expected) in [
            (
                hook("before-user-created", &user()),
                Hook::BeforeUserCreated,
            ),
            (hook("send-email", &user()), Hook::SendEmail),
            (
                json!({"user": user(), "email_data": {"token": "1"}}),
                Hook::SendEmail,
            ),
            (hook("send-sms", &user()), Hook::SendSms),
            (hook("customize-access-token", &user()), Hook::AccessToken),
            (hook("mfa-verification", &user()), Hook::MfaVerification),
            (
                hook("password-verification", &user()),
                Hook::PasswordVerification,
            ),
            (hook("user-changed", &user()), Hook::Unknown),
            (hook("unknown", &user()), Hook::Unknown),
            (hook("after-user-deleted", &user()), Hook::Unknown),
            (json!({"user": user()}), Hook::Unknown),
            (
                json!({"type": "user.deleted", "data": user()}),
                Hook::Unknown,
            ),
            (
                json!({"type": "DELETE", "schema": "auth", "table": "users", "record": user()}),
                Hook::Unknown,
            ),
            (
                json!({"type": "INSERT", "schema": "public", "table": "users", "record": user()}),
                Hook::Unknown,
            ),
            (json!({"test": 2_432_232_314_u32}), Hook::Unknown),
        ] {
            let event = read(&body);
            assert_eq!(event.hook, expected, "{body}");
            assert_eq!(event.confirmed_user(), None, "{body}");
        }
    }

    #[test]
    fn who_does_not_own_the_address_is_not_confirmed() {
        let changes: [(&str, Value); 12] = [
            ("email_confirmed_at", json!(null)),
            ("email_confirmed_at", json!("")),
            ("email_confirmed_at", json!(true)),
            ("email_confirmed_at", json!("0001-01-01T00:00:00Z")),
            ("email", json!("")),
            ("email", json!("no address")),
            ("id", json!("")),
            ("id", json!("7")),
            ("id", json!("00000000-0000-0000-0000-000000000000")),
            ("deleted_at", json!("2025-04-29T20:13:24Z")),
            ("banned_until", json!("2125-04-29T20:13:24Z")),
            ("is_anonymous", json!(true)),
        ];
        for (field, value) in changes {
            let mut user = user();
            user[field] = value;
            // A confirmed telephone number does not confirm an address.
            user["confirmed_at"] = json!("2025-04-29T20:13:24Z");
            user["phone_confirmed_at"] = json!("2025-04-29T20:13:24Z");
            let event = read(&hook("after-user-created", &user));
            assert_eq!(event.confirmed_user(), None, "{field}: {}", user[field]);
        }
    }

    #[test]
    fn what_people_say_of_themselves_changes_nothing() {
        let plain = read(&hook("after-user-created", &user()));
        let mut boasting = user();
        boasting["user_metadata"] = json!({"id": MESSAGE, "email": "other@example.com",
            "email_confirmed_at": "2025-04-29T20:13:24Z", "organization_id": MESSAGE});
        boasting["raw_user_meta_data"] = boasting["user_metadata"].clone();
        assert_eq!(read(&hook("after-user-created", &boasting)), plain);
    }

    #[test]
    fn copies_have_one_key() {
        let key = |body: &Value, delivery: &'static str| {
            let text = body.to_string();
            let verified = Verified::from_store(Scheme::Standard, text.as_bytes())
                .delivered_as(Some(delivery));
            read(body).dedup_key(&verified)
        };
        let body = hook("after-user-created", &user());
        assert_eq!(key(&body, "a"), format!("auth:{MESSAGE}"));
        assert_eq!(key(&body, "a"), key(&body, "b"));
        let body = json!({"type": "user.created", "data": user()});
        assert_eq!(key(&body, "a"), "webhook_id:a");
        for body in ["", "[]", "7", "null", "\"x\""] {
            let verified = Verified::from_store(Scheme::Standard, body.as_bytes());
            assert_eq!(
                AuthEvent::parse(&verified),
                Err(Refusal::Malformed),
                "{body}"
            );
        }
    }
}
