use super::*;
use crate::csv_file::{
    ReadOptions,
    testing::{Table, encode, read, read_with},
};

const BOM: &str = "\u{FEFF}";
const TEXT: &str = "Name,Straße\nZoë,€ „Übergröße“\n\"Løv\n\",ñ\n";

fn given(encoding: TextEncoding) -> ReadOptions {
    ReadOptions {
        encoding: Some(encoding),
        ..ReadOptions::default()
    }
}

fn is_read(table: &Table) {
    assert_eq!(table.headers, ["Name", "Straße"]);
    assert_eq!(table.rows, [["Zoë", "€ „Übergröße“"], ["Løv\n", "ñ"]]);
    assert_eq!(table.lines, [2, 3]);
    assert_eq!(table.damaged, [false, false]);
}

#[test]
fn every_encoding_is_told_from_the_contents() {
    for encoding in TextEncoding::ALL {
        let table = read(encode(TEXT, *encoding));
        is_read(&table);
        assert_eq!(table.format.encoding, *encoding);
        assert!(!table.format.with_bom);
    }
}

#[test]
fn a_byte_order_mark_decides_whatever_was_told() {
    for encoding in [
        TextEncoding::Utf8,
        TextEncoding::Utf16Le,
        TextEncoding::Utf16Be,
    ] {
        let bytes = encode(&format!("{BOM}{TEXT}"), encoding);
        for other in TextEncoding::ALL {
            let table = read_with(&bytes, &given(*other)).unwrap();
            is_read(&table);
            assert_eq!(table.format.encoding, encoding);
            assert!(table.format.with_bom);
        }
    }
}

#[test]
fn without_a_mark_what_was_told_decides() {
    for encoding in TextEncoding::ALL {
        let bytes = encode(TEXT, *encoding);
        is_read(&read_with(&bytes, &given(*encoding)).unwrap());
    }
    let table = read_with("a\né\n".as_bytes(), &given(TextEncoding::Windows1252)).unwrap();
    assert_eq!(table.rows, [["Ã©"]]);
    let table = read_with(b"a\n\xE9\n", &given(TextEncoding::Utf8)).unwrap();
    assert_eq!(
        (table.rows, table.damaged),
        (vec![vec!["\u{FFFD}".to_owned()]], vec![true])
    );
}

#[test]
fn ascii_turns_into_windows_1252_at_the_first_byte_that_is_not_utf_8() {
    let table = read(b"a,b\n1,2\nM\xFCller,x\nZo\xEB,\xC3\xA9\n");
    assert_eq!(table.rows, [["1", "2"], ["Müller", "x"], ["Zoë", "Ã©"]]);
    assert_eq!(table.damaged, [false; 3]);
    assert_eq!(table.format.encoding, TextEncoding::Windows1252);
    // In the header, too.
    assert_eq!(read(b"Stra\xDFe\n").headers, ["Straße"]);
    assert_eq!(read("a\n1\n").format.encoding, TextEncoding::Utf8);
}

#[test]
fn once_it_was_utf_8_other_bytes_are_damage() {
    let table = read(b"a,b\n\xC3\xA9,2\nM\xFCller,x\n1,2\n");
    assert_eq!(table.rows, [["é", "2"], ["M\u{FFFD}ller", "x"], ["1", "2"]]);
    assert_eq!(table.damaged, [false, true, false]);
    assert_eq!(table.format.encoding, TextEncoding::Utf8);
    // Both in one record: the first one decides.
    let table = read(b"a,b\n\xC3\xA9\xFC,\xFC\n");
    assert_eq!(table.rows, [["é\u{FFFD}", "\u{FFFD}"]]);
    let table = read(b"a,b\n\xFC,\xC3\xA9\n");
    assert_eq!(table.rows, [["ü", "Ã©"]]);
}

#[test]
fn two_fields_do_not_share_a_character() {
    let table = read(b"a,b\n\xC3,\xA9\n");
    assert_eq!(table.rows, [["Ã", "©"]]);
    let table = read_with(b"a,b\n\xC3,\xA9\n", &given(TextEncoding::Utf8)).unwrap();
    assert_eq!(table.rows, [["\u{FFFD}", "\u{FFFD}"]]);
    assert_eq!(table.damaged, [true]);
}

#[test]
fn bytes_that_windows_1252_does_not_assign_are_damage() {
    let table = read_with(b"a\n\x81\x80\n", &given(TextEncoding::Windows1252)).unwrap();
    assert_eq!(
        (table.rows, table.damaged),
        (vec![vec!["\u{FFFD}€".to_owned()]], vec![true])
    );
    let assigned: String = (0x80..=0x9F)
        .map(windows_1252)
        .filter(|c| *c != '\u{FFFD}')
        .collect();
    assert_eq!(assigned, "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ");
    assert_eq!((windows_1252(0xA0), windows_1252(0xFF)), ('\u{A0}', 'ÿ'));
}

#[test]
fn utf_16_that_is_broken_is_damage() {
    let units = |units: &[u16]| -> Vec<u8> { units.iter().flat_map(|u| u.to_le_bytes()).collect() };
    let start = encode("\u{FEFF}a,b\n", TextEncoding::Utf16Le);
    let cases: [(&[u16], &[u8], &str); 5] = [
        (&[0xD83D, 0xDE00], &[], "😀"),
        (&[0xD83D, 0x0078], &[], "\u{FFFD}x"),
        (&[0xDE00, 0x0078], &[], "\u{FFFD}x"),
        (&[0xD83D], &[], "\u{FFFD}"),
        (&[0x0078], &[0x41], "x\u{FFFD}"),
    ];
    for (text, rest, expected) in cases {
        let table = read([&start[..], &units(text), rest].concat());
        assert_eq!(table.rows, [[expected]]);
        assert_eq!(table.damaged, [expected != "😀"]);
    }
}

#[test]
fn pairs_of_utf_16_may_lie_in_two_chunks() {
    for shift in 0..4 {
        let long = format!("{}😀,x\n", "y".repeat(100 + shift)).repeat(1000);
        for encoding in [TextEncoding::Utf16Le, TextEncoding::Utf16Be] {
            // An odd number of bytes is read from a compressed file.
            let bytes = encode(&format!("{BOM}a,b\n{long}"), encoding);
            let table = read(crate::csv_file::testing::gzip(&bytes));
            assert_eq!(table.rows.len(), 1000);
            assert!(
                table
                    .rows
                    .iter()
                    .all(|row| row[0].ends_with("y😀") && row[1] == "x")
            );
        }
    }
}

#[test]
fn utf_16_is_told_by_its_nul_bytes_in_any_script() {
    for text in [
        "id\n",
        "Имя;Фамилия;Дата рождения\nАнна;Иванова;1980-01-02\n",
        "الاسم,العمر\nليلى,41\n",
        "名前,生年月日\n花子,1980-01-02\n",
    ] {
        for encoding in [TextEncoding::Utf16Le, TextEncoding::Utf16Be] {
            assert_eq!(
                utf16_by_its_nul_bytes(&encode(text, encoding)),
                Some(encoding),
                "{text}"
            );
        }
        assert_eq!(utf16_by_its_nul_bytes(text.as_bytes()), None);
    }
    for text in ["a\0b,c\n", "a,b\n\0\0\0\0\n", "\0\0\0\0", "a\0", ""] {
        assert_eq!(utf16_by_its_nul_bytes(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn names_are_read_back() {
    for encoding in TextEncoding::ALL {
        assert_eq!(
            encoding.to_string().parse::<TextEncoding>().unwrap(),
            *encoding
        );
    }
    assert!("latin1".parse::<TextEncoding>().is_err());
}
