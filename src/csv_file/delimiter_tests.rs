use super::*;

fn detect(text: &str) -> Delimiter {
    Delimiter::detect(text.as_bytes(), true)
}

#[test]
fn the_delimiter_is_the_one_that_makes_columns() {
    let cases = [
        ("a,b\n1,2\n", Delimiter::COMMA),
        ("a;b\n1;2\n", Delimiter::SEMICOLON),
        ("a\tb\n1\t2\n", Delimiter::TAB),
        ("a|b\r1|2\r", Delimiter::PIPE),
        ("a;b", Delimiter::SEMICOLON),
        ("", Delimiter::COMMA),
        ("a\n1;2;3\n", Delimiter::COMMA),
        // Decimal commas and commas in a text.
        ("name;price\nx;1,50\ny;2,50\n", Delimiter::SEMICOLON),
        (
            "Name, first;price\nDoe, John;1,5\nDoe, Jane;2,5\n",
            Delimiter::SEMICOLON,
        ),
        ("id;a, b, c, d\n1;x\n2;y\n", Delimiter::SEMICOLON),
        // Characters in quotes are ignored.
        ("\"a;b;c\",d\n1,2\n", Delimiter::COMMA),
        ("\"a,b\nc,d\";e\n\"1,2,3\";2\n", Delimiter::SEMICOLON),
        // Ties.
        ("a,b;c\n", Delimiter::COMMA),
        ("a|b;c\n", Delimiter::SEMICOLON),
        // Some records of another length do not prevent detection.
        ("a;b;c,x\n1;2;3\n1;2\n1;2;3\n", Delimiter::SEMICOLON),
    ];
    for (text, expected) in cases {
        assert_eq!(detect(text), expected, "{text:?}");
    }
}

#[test]
fn the_unfinished_end_of_a_sample_does_not_count() {
    let sample = b"a;b;c,d\n1;2;3,4\n1";
    assert_eq!(Delimiter::detect(sample, false), Delimiter::SEMICOLON);
    let header = b"a;b;c;d";
    assert_eq!(Delimiter::detect(header, false), Delimiter::SEMICOLON);
}

#[test]
fn names_and_characters_are_read() {
    for (byte, name) in KNOWN {
        let delimiter: Delimiter = name.parse().unwrap();
        assert_eq!(delimiter.as_byte(), byte);
        assert_eq!(delimiter.to_string(), name);
        assert_eq!(
            char::from(byte).to_string().parse::<Delimiter>().unwrap(),
            delimiter
        );
    }
    assert_eq!("\\t".parse::<Delimiter>().unwrap(), Delimiter::TAB);
    let error = "semicolo".parse::<Delimiter>().unwrap_err();
    assert_eq!(error.hints(), ["did you mean semicolon?"]);
    assert!("".parse::<Delimiter>().is_err());
    assert!(":".parse::<Delimiter>().is_err());
}
