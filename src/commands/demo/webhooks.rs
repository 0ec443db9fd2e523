//! The webhooks of the demo: a call reported by Twilio and a message from WhatsApp. They are signed
//! like the providers' requests, and received and processed like by a server.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha1::Sha1;
use url::{Url, form_urlencoded};

use crate::{
    app::App,
    crypto::SealingKeys,
    domain::{
        ChannelKind, Organization, hexadecimal,
        webhook::{Incoming, Refusal, Scheme, parse, route::UnnamedIdentities, verify},
        webhook_endpoint::{SecretPurpose, WebhookEndpoint},
    },
    error::{Error, Result},
    services::{
        Session,
        webhooks::{
            self, LoadedEndpoint, Worked,
            endpoints::{self, NewEndpoint},
        },
    },
    system::{new_id, random_secret},
};

/// The base URL of the demo's webhook URLs.
const PUBLIC_URL: &str = "https://hooks.example.com";
const FORM: &str = "application/x-www-form-urlencoded";

/// Receives a call and two messages for the organization. The last message is not processed.
pub(super) async fn receive(
    app: &App,
    session: &Session,
    keys: &SealingKeys,
    organization: &Organization,
    number: &str,
) -> Result<()> {
    let twilio = endpoint(session, keys, organization, ChannelKind::TwilioStandard).await?;
    let call = format!("CA{}", organization.id.as_uuid().simple());
    for (status, more) in [("ringing", None), ("completed", Some("90"))] {
        let mut fields = vec![
            ("CallSid", call.as_str()),
            ("CallStatus", status),
            ("Direction", "inbound"),
            ("From", "+12025550199"),
            ("To", number),
        ];
        fields.extend(more.map(|seconds| ("CallDuration", seconds)));
        send_call(session, keys, &twilio, &fields).await?;
    }
    let whatsapp = endpoint(session, keys, organization, ChannelKind::Whatsapp).await?;
    send_message(session, keys, &whatsapp, "demo", "Is there a free time?").await?;
    while webhooks::work_once(&session.db, session.clock, None).await? != Worked::Nothing {}
    let id = new_id().to_string();
    send_message(session, keys, &whatsapp, &id, "Thank you!").await?;
    app.printer.done(&format!(
        "{}: a signed call and a signed message were received and counted; another one waits",
        organization.name
    ));
    Ok(())
}

/// Returns the endpoint of a channel, and creates it if it does not exist.
async fn endpoint(
    session: &Session,
    keys: &SealingKeys,
    organization: &Organization,
    channel: ChannelKind,
) -> Result<WebhookEndpoint> {
    let (_, known) = endpoints::list(session, organization.id).await?;
    let of_channel = known
        .into_iter()
        .map(|details| details.endpoint)
        .find(|endpoint| endpoint.channel == channel && endpoint.scheme != Scheme::Meta);
    if let Some(endpoint) = of_channel {
        let enabled = endpoints::set_enabled(session, organization.id, endpoint.id, true);
        return Ok(enabled.await?.1);
    }
    let random = hexadecimal(&random_secret()?);
    let (scheme, secret) = match channel {
        ChannelKind::Whatsapp => (Scheme::Evolution, format!("header:x-demo-token:{random}")),
        _ => (Scheme::Twilio, random),
    };
    let new = NewEndpoint {
        channel,
        scheme,
        secret: secret.into(),
        may_be_weak: false,
        verify_token: None,
    };
    let (_, made) = endpoints::create(session, organization.id, keys, &new).await?;
    Ok(made.endpoint)
}

/// Sends a call signed like by Twilio: HMAC-SHA1 of the URL and the sorted parameters.
async fn send_call(
    session: &Session,
    keys: &SealingKeys,
    endpoint: &WebhookEndpoint,
    fields: &[(&str, &str)],
) -> Result<()> {
    let loaded = load(session, keys, endpoint).await?;
    let url = url(endpoint)?;
    let mut sorted = fields.to_vec();
    sorted.sort_unstable();
    let secret = secret(&loaded, session)?;
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.expose_secret().as_bytes())
        .map_err(|error| Error::failure("HMAC rejected the key").because(error))?;
    mac.update(url.as_str().as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let headers = [
        ("content-type", FORM.as_bytes()),
        ("x-twilio-signature", signature.as_bytes()),
    ];
    take(session, &loaded, &url, &headers, body.as_bytes()).await
}

/// Sends a message authenticated like by the Evolution API: a header with a secret of the endpoint.
async fn send_message(
    session: &Session,
    keys: &SealingKeys,
    endpoint: &WebhookEndpoint,
    id: &str,
    text: &str,
) -> Result<()> {
    let loaded = load(session, keys, endpoint).await?;
    let secret = secret(&loaded, session)?;
    let token = secret.expose_secret().rsplit(':').next();
    let body = serde_json::json!({
        "event": "messages.upsert",
        "instance": loaded.organization.slug,
        "data": {
            "key": { "id": id, "remoteJid": "12025550199@s.whatsapp.net", "fromMe": false },
            "message": { "conversation": text },
        },
    });
    let headers = [
        ("content-type", b"application/json".as_slice()),
        ("x-demo-token", token.unwrap_or_default().as_bytes()),
    ];
    let body = body.to_string();
    take(session, &loaded, &url(endpoint)?, &headers, body.as_bytes()).await
}

/// Processes a request like the server.
async fn take(
    session: &Session,
    loaded: &LoadedEndpoint,
    url: &Url,
    headers: &[(&str, &[u8])],
    body: &[u8],
) -> Result<()> {
    let now = session.now();
    let request = Incoming {
        is_get: false,
        url,
        query: None,
        headers,
        body,
    };
    let refused = |refusal: Refusal| Error::failure("a webhook was rejected").because(refusal);
    let secrets = loaded.secrets(SecretPurpose::Signing, now);
    let verified = verify(loaded.endpoint.scheme, &request, &secrets, now).map_err(refused)?;
    let parsed = parse(&verified).map_err(refused)?;
    webhooks::receive(
        &session.db,
        loaded,
        &request,
        (&parsed, &verified),
        &[],
        UnnamedIdentities::Quarantine,
        now,
    )
    .await?;
    Ok(())
}

async fn load(
    session: &Session,
    keys: &SealingKeys,
    endpoint: &WebhookEndpoint,
) -> Result<LoadedEndpoint> {
    let loaded = webhooks::load(&session.db, keys, &endpoint.address, session.now()).await?;
    loaded.ok_or_else(|| Error::failure("endpoint not found"))
}

fn secret(loaded: &LoadedEndpoint, session: &Session) -> Result<SecretString> {
    let secrets = loaded.secrets(SecretPurpose::Signing, session.now());
    let secret = secrets.into_iter().next();
    secret.ok_or_else(|| Error::failure("the endpoint has no secret"))
}

fn url(endpoint: &WebhookEndpoint) -> Result<Url> {
    let text = format!("{PUBLIC_URL}{}", endpoint.address.path());
    Url::parse(&text).map_err(|error| Error::failure("not a valid URL").because(error))
}
