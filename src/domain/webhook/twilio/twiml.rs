//! TwiML: instructions to Twilio for a call.

use quick_xml::{
    Writer,
    escape::escape,
    events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event},
};

use crate::domain::{Locale, channel::StreamUrl};

/// Maximum length of a `<Parameter>`'s name and value together, in characters: Twilio allows 500, and
/// fails the call beyond.
pub const MAX_PARAMETER: usize = 499;

/// Connects the call to a media stream, which receives `parameters` when it starts.
///
/// Twilio drops the query of a stream's URL, so values are sent as parameters. A value that is too
/// long is truncated at the end of a word: a shorter greeting is better than a failed call.
pub fn connect_stream(url: &StreamUrl, parameters: &[(&str, &str)]) -> String {
    let mut events = vec![
        start("Connect", &[]),
        start("Stream", &[("url", url.as_str())]),
    ];
    for (name, value) in parameters {
        let room = MAX_PARAMETER.saturating_sub(name.chars().count());
        let value = beginning(value, room);
        let attributes = [("name", *name), ("value", value)];
        events.push(Event::Empty(element("Parameter", &attributes)));
    }
    events.push(end("Stream"));
    events.push(end("Connect"));
    response(events)
}

/// Announces in the language of the organization that the call cannot be answered, and hangs up. The
/// reason is not disclosed to the caller.
pub fn unavailable(locale: &Locale) -> String {
    let (language, text) = notice(locale);
    response(vec![
        start("Say", &[("language", language)]),
        Event::Text(BytesText::new(text)),
        end("Say"),
        Event::Empty(element("Hangup", &[])),
    ])
}

/// An empty response, for requests that need no TwiML.
pub fn nothing() -> String {
    response(Vec::new())
}

/// Returns Twilio's language code and the text.
fn notice(locale: &Locale) -> (&'static str, &'static str) {
    match (locale.language(), locale.region()) {
        ("de", _) => (
            "de-DE",
            "Guten Tag. Dieser Anschluss ist im Moment leider nicht erreichbar. \
             Bitte versuchen Sie es später noch einmal. Auf Wiederhören.",
        ),
        ("fr", region) => (
            if region == Some("CA") {
                "fr-CA"
            } else {
                "fr-FR"
            },
            "Bonjour. Ce numéro n'est malheureusement pas joignable pour le moment. \
             Merci de rappeler plus tard. Au revoir.",
        ),
        ("it", _) => (
            "it-IT",
            "Buongiorno. Al momento questo numero purtroppo non è raggiungibile. \
             La preghiamo di richiamare più tardi. Arrivederci.",
        ),
        ("es", region) => (
            if region == Some("MX") {
                "es-MX"
            } else {
                "es-ES"
            },
            "Hola. Lamentablemente, este número no está disponible en este momento. \
             Por favor, vuelva a llamar más tarde. Adiós.",
        ),
        ("pt", Some("BR")) => (
            "pt-BR",
            "Olá. Infelizmente, este número não está disponível no momento. \
             Por favor, ligue mais tarde. Até logo.",
        ),
        ("pt", _) => (
            "pt-PT",
            "Olá. Infelizmente, este número não está disponível neste momento. \
             Por favor, ligue mais tarde. Adeus.",
        ),
        (_, region) => (
            if region == Some("GB") {
                "en-GB"
            } else {
                "en-US"
            },
            "Hello. We are sorry, this number cannot take your call at the moment. \
             Please try again later. Goodbye.",
        ),
    }
}

/// Returns at most `room` characters of `text`, cut at a word boundary if there is one.
fn beginning(text: &str, room: usize) -> &str {
    let Some((cut, _)) = text.char_indices().nth(room) else {
        return text;
    };
    let head = &text[..cut];
    match head.rfind(char::is_whitespace) {
        Some(space) if !text[cut..].starts_with(char::is_whitespace) => head[..space].trim_end(),
        _ => head.trim_end(),
    }
}

fn element(name: &'static str, attributes: &[(&str, &str)]) -> BytesStart<'static> {
    let mut element = BytesStart::new(name);
    for (name, value) in attributes {
        let value = attribute(value);
        // A value of bytes is not escaped again.
        element.push_attribute((name.as_bytes(), value.as_bytes()));
    }
    element
}

/// Escapes the value of an attribute. Parsers replace unescaped line breaks with spaces (XML 1.0
/// §3.3.3); control characters are not allowed in a document (§2.2).
fn attribute(value: &str) -> String {
    let is_allowed = |c: &char| match c {
        '\t' | '\n' | '\r' => true,
        '\u{FFFE}' | '\u{FFFF}' => false,
        c => *c >= ' ',
    };
    let value: String = value.chars().filter(is_allowed).collect();
    escape(value.as_str())
        .replace('\t', "&#9;")
        .replace('\n', "&#10;")
        .replace('\r', "&#13;")
}

fn start(name: &'static str, attributes: &[(&str, &str)]) -> Event<'static> {
    Event::Start(element(name, attributes))
}

fn end(name: &'static str) -> Event<'static> {
    Event::End(BytesEnd::new(name))
}

fn response(contents: Vec<Event<'static>>) -> String {
    let declaration = Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None));
    let mut writer = Writer::new(Vec::new());
    let document = [declaration, start("Response", &[])]
        .into_iter()
        .chain(contents)
        .chain([end("Response")]);
    for event in document {
        writer.write_event(event).expect("writing to memory");
    }
    String::from_utf8(writer.into_inner()).expect("written from text")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quick_xml::{Reader, XmlVersion};

    use super::*;

    fn stream() -> StreamUrl {
        StreamUrl::parse("wss://voice.example.com/media").unwrap()
    }

    /// Names and values of the parameters, as parsed from the XML.
    fn parameters(twiml: &str) -> Vec<(String, String)> {
        let mut reader = Reader::from_str(twiml);
        let mut found = Vec::new();
        loop {
            match reader.read_event().unwrap() {
                Event::Eof => return found,
                Event::Empty(element) if element.name().as_ref() == b"Parameter" => {
                    let value = |name: &str| {
                        let attribute = element.try_get_attribute(name).unwrap().unwrap();
                        let value = attribute.normalized_value(XmlVersion::Implicit1_0).unwrap();
                        value.into_owned()
                    };
                    found.push((value("name"), value("value")));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn a_call_is_connected_to_the_stream() {
        assert_eq!(
            connect_stream(
                &stream(),
                &[("token", "t"), ("greeting", "Grüezi & \"hello\"")]
            ),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Connect>\
             <Stream url=\"wss://voice.example.com/media\">\
             <Parameter name=\"token\" value=\"t\"/>\
             <Parameter name=\"greeting\" value=\"Grüezi &amp; &quot;hello&quot;\"/>\
             </Stream></Connect></Response>"
        );
    }

    #[test]
    fn a_value_that_is_too_long_ends_with_a_word() {
        let long = "word ".repeat(200);
        let twiml = connect_stream(&stream(), &[("greeting", &long)]);
        let (name, value) = &parameters(&twiml)[0];
        assert!(value.ends_with("word") && long.starts_with(value.as_str()));
        let length = name.len() + value.len();
        assert!((MAX_PARAMETER - 5..=MAX_PARAMETER).contains(&length));
        for (text, room, cut) in [
            ("one two", 7, "one two"),
            ("one two", 6, "one"),
            ("one two", 3, "one"),
            ("onetwo", 3, "one"),
            ("éé", 1, "é"),
            ("x", 0, ""),
        ] {
            assert_eq!(beginning(text, room), cut, "{text:?}, {room}");
        }
    }

    #[test]
    fn nobody_is_left_without_a_word() {
        for (locale, language, word) in [
            ("de-CH", "de-DE", "später"),
            ("fr-CH", "fr-FR", "rappeler"),
            ("it", "it-IT", "richiamare"),
            ("es-419", "es-ES", "llamar"),
            ("pt", "pt-PT", "Adeus"),
            ("pt-BR", "pt-BR", "Até logo"),
            ("en-GB", "en-GB", "later"),
            ("ja", "en-US", "later"),
        ] {
            let twiml = unavailable(&Locale::parse(locale).unwrap());
            assert!(
                twiml.contains(&format!("<Say language=\"{language}\">")) && twiml.contains(word),
                "{twiml}"
            );
            assert!(twiml.ends_with("</Say><Hangup/></Response>"), "{twiml}");
        }
        assert!(nothing().ends_with("<Response></Response>"));
    }

    proptest! {
        #[test]
        fn whatever_a_value_holds_comes_back(value in any::<String>()) {
            let twiml = connect_stream(&stream(), &[("v", &value)]);
            let read = parameters(&twiml);
            let storable = |c: &char| *c >= ' ' && !matches!(c, '\u{FFFE}' | '\u{FFFF}')
                || matches!(c, '\t' | '\n' | '\r');
            let expected: String = beginning(&value, MAX_PARAMETER - 1)
                .chars().filter(storable).collect();
            prop_assert_eq!(&read, &[("v".to_owned(), expected)]);
        }
    }
}
