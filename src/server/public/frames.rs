//! Websites that may embed the chat in a frame (CSP).

use axum::http::HeaderValue;

use crate::domain::{channel::Origin, widget::PublicChannel};

/// Returns the directive that lists the websites that may embed the chat in a frame.
pub(super) fn frame_ancestors(channel: &PublicChannel) -> HeaderValue {
    // A host may contain a directive separator; such an origin is omitted.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ":/.-_[]".contains(c);
    let origins: Vec<&str> = channel
        .allowed_origins
        .iter()
        .map(Origin::as_str)
        .filter(|origin| origin.chars().all(is_plain))
        .collect();
    let sources = match origins.is_empty() {
        true => "'none'".to_owned(),
        false => origins.join(" "),
    };
    HeaderValue::from_str(&format!("frame-ancestors {sources}"))
        .unwrap_or(HeaderValue::from_static("frame-ancestors 'none'"))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn channel(origins: &[&str]) -> PublicChannel {
        PublicChannel {
            organization: Uuid::from_u128(1).into(),
            name: "Alpha".to_owned(),
            language: "en".parse().unwrap(),
            greeting: None,
            allowed_origins: origins.iter().map(|text| text.parse().unwrap()).collect(),
            version: 1,
        }
    }

    #[test]
    fn frames_are_for_the_websites_of_the_organization() {
        let policy = |origins: &[&str]| {
            let value = frame_ancestors(&channel(origins));
            value.to_str().unwrap().to_owned()
        };
        assert_eq!(policy(&[]), "frame-ancestors 'none'");
        assert_eq!(
            policy(&["https://a.example", "http://localhost:3000"]),
            "frame-ancestors https://a.example http://localhost:3000"
        );
        let odd = policy(&["https://a;sandbox", "https://b.example"]);
        assert_eq!(odd, "frame-ancestors https://b.example");
    }
}
