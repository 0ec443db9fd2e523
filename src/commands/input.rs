//! Input that is too long for an argument: from a file or from stdin.

use std::{
    ffi::OsString,
    fmt,
    fs::File,
    io::{self, Read},
    path::PathBuf,
};

use clap::{Args, ValueHint};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::{
    app::App,
    error::{Context, Error, Result},
    hint::Hint,
};

/// Maximum number of bytes read: more than any text or document may have, so that a wrong file is
/// refused instead of filling memory.
const MOST: u64 = 1024 * 1024;

/// The source of a text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TextSource {
    /// Written as `-`.
    Stdin,
    File(PathBuf),
}

impl From<OsString> for TextSource {
    fn from(name: OsString) -> Self {
        if name == "-" {
            Self::Stdin
        } else {
            Self::File(name.into())
        }
    }
}

impl fmt::Display for TextSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("stdin"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl TextSource {
    /// The extension of the file, in lower case.
    pub fn extension(&self) -> Option<String> {
        match self {
            Self::Stdin => None,
            Self::File(path) => path
                .extension()
                .map(|extension| extension.to_string_lossy().to_lowercase()),
        }
    }

    /// Reads the whole text, without a byte order mark. A blank text is refused: it usually comes
    /// from a failed command in a pipe.
    ///
    /// # Errors
    /// `NotFound` for a missing file, `BadInput` for input that is blank, too long or not UTF-8,
    /// `Usage` for a terminal with `--no-input`.
    pub async fn read(&self, app: &App) -> Result<String> {
        if *self == Self::Stdin && app.printer.options().stdin_terminal {
            if app.global.no_input {
                return Err(Error::usage("no input on stdin")
                    .hint("pipe the text in, or give a file name instead of -"));
            }
            app.printer
                .note("reading from the terminal; press Ctrl-D on an empty line to finish");
        }
        // On a blocking thread, so that Ctrl-C works while this waits for a terminal or a pipe.
        let source = self.clone();
        let bytes = tokio::task::spawn_blocking(move || source.bytes())
            .await
            .context("could not read the text")??;
        self.text(bytes)
    }

    fn bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = match self {
            Self::Stdin => io::stdin().take(MOST + 1).read_to_end(&mut bytes),
            Self::File(path) => {
                File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes))
            }
        };
        match read {
            Ok(_) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Error::not_found(format!("file {self} not found"))
                    .hint("check the path; use - for stdin"))
            }
            Err(error) => Err(Error::failure(format!("could not read {self}")).because(error)),
        }
    }

    fn text(&self, bytes: Vec<u8>) -> Result<String> {
        if bytes.len() as u64 > MOST {
            return Err(
                Error::bad_input(format!("{self} is too long: the limit is {MOST} bytes"))
                    .hint("check that it is the right file"),
            );
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            Error::bad_input(format!("{self} is not UTF-8 text"))
                .because(error.utf8_error())
                .hint("check that it is the right file; use iconv to convert other encodings")
        })?;
        let text = match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        };
        if text.trim().is_empty() {
            return Err(
                Error::bad_input(format!("{self} is blank; nothing was changed"))
                    .hint("check whether the command before the pipe failed"),
            );
        }
        Ok(text)
    }
}

/// A text as an argument, or from a file or stdin.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct TextArgs {
    /// The text.
    #[arg(value_name = "TEXT")]
    text: Option<String>,

    /// Read the text from this file; - reads stdin.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    from_file: Option<TextSource>,
}

impl TextArgs {
    /// The text exactly as given. A blank one is refused; `clear` is the hint for removing the text.
    pub async fn read(&self, app: &App, clear: impl Into<Hint>) -> Result<String> {
        match (&self.text, &self.from_file) {
            (_, Some(source)) => source.read(app).await,
            (Some(text), None) if !text.trim().is_empty() => Ok(text.clone()),
            _ => Err(Error::bad_input("the text is blank; nothing was changed")
                .hint(clear.into().labeled("to remove the text"))),
        }
    }
}

/// Maximum size of a secret in bytes, so that a wrong file is refused instead of being stored.
const MOST_OF_SECRET: u64 = 16 * 1024;

/// Reads a secret from the first line of a file or stream.
///
/// # Errors
/// `BadInput` for input that is empty, too long or not text.
pub fn secret_line(from: impl std::io::Read, name: &str) -> Result<SecretString> {
    let mut bytes = Zeroizing::new(Vec::new());
    from.take(MOST_OF_SECRET + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| {
            Error::failure(format!("could not read the secret from {name}")).because(error)
        })?;
    if bytes.len() as u64 > MOST_OF_SECRET {
        return Err(Error::bad_input(format!("{name} is too long for a secret"))
            .hint("check that it is the right file"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        Error::bad_input(format!("{name} is not text")).hint("check that it is the right file")
    })?;
    match text.lines().next().map(str::trim) {
        Some(line) if !line.is_empty() => Ok(line.into()),
        _ => Err(
            Error::bad_input(format!("{name} has no secret on its first line"))
                .hint("check whether the command before the pipe failed"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn file() -> TextSource {
        TextSource::from(OsString::from("notes.TXT"))
    }

    #[test]
    fn a_dash_is_stdin() {
        assert_eq!(TextSource::from(OsString::from("-")), TextSource::Stdin);
        assert_eq!(file(), TextSource::File("notes.TXT".into()));
        assert_eq!(file().extension().as_deref(), Some("txt"));
    }

    #[test]
    fn a_text_is_kept_as_it_is_but_for_a_byte_order_mark() {
        let text = file().text("\u{feff}Be kind.\r\n".into()).unwrap();
        assert_eq!(text, "Be kind.\r\n");
    }

    #[test]
    fn what_is_no_text_is_refused_with_its_name() {
        let too_long = vec![b'x'; MOST as usize + 1];
        for (bytes, message) in [
            (Vec::new(), "blank"),
            (b" \n".to_vec(), "blank"),
            (vec![0xff], "UTF-8"),
            (too_long, "too long"),
        ] {
            let error = file().text(bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadInput);
            let said = error.to_string();
            assert!(
                said.contains("notes.TXT") && said.contains(message),
                "{said}"
            );
        }
    }
}
