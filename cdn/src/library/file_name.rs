//! The name of a file to save, from a title that anybody may have chosen.

use axum::http::HeaderValue;

/// Most characters of a name without its extension.
const MAX_CHARS: usize = 100;

/// `Content-Disposition` of a file called like `title` (RFC 6266). Characters that file systems do not take, and those that show nothing,
/// are left out or replaced; `otherwise` is the name if nothing remains.
pub(super) fn attachment(title: &str, otherwise: &str, extension: &str) -> HeaderValue {
    let name = match clean(title) {
        name if name.is_empty() => otherwise.to_owned(),
        name => name,
    };
    let (plain, exact) = (ascii(&name), encoded(&name));
    let text = if plain == name {
        format!("attachment; filename=\"{plain}.{extension}\"")
    } else {
        format!("attachment; filename=\"{plain}.{extension}\"; filename*=UTF-8''{exact}.{extension}")
    };
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("attachment"))
}

fn clean(title: &str) -> String {
    let kept = title.chars().filter(|c| !c.is_control() && !is_format(*c)).take(MAX_CHARS);
    let replaced: String = kept.map(|c| if r#"/\:*?"<>|%"#.contains(c) { '_' } else { c }).collect();
    // A leading dot hides a file, and a trailing one is dropped by some systems.
    replaced.trim_matches(|c: char| c == '.' || c.is_whitespace()).to_owned()
}

/// Characters that change the direction of text or show nothing: a name must not look like another.
fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// For clients that do not read `filename*`.
fn ascii(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii() { c } else { '_' }).collect()
}

/// An extended value (RFC 8187, section 3.2.1).
fn encoded(name: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    name.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(title: &str) -> String {
        attachment(title, "0f", "webm").to_str().unwrap().to_owned()
    }

    #[test]
    fn a_file_is_called_like_its_item() {
        assert_eq!(named("Evening news"), "attachment; filename=\"Evening news.webm\"");
        assert_eq!(
            named("Größe €"),
            "attachment; filename=\"Gr__e _.webm\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%E2%82%AC.webm"
        );
    }

    #[test]
    fn a_name_leads_to_no_other_folder_and_breaks_no_header() {
        for (title, name) in [
            ("../../etc/passwd", "_.._etc_passwd"),
            ("a\"; filename=\"b.exe", "a__ filename=_b.exe"),
            ("a\r\nSet-Cookie: x", "aSet-Cookie_ x"),
            (".hidden.", "hidden"),
            ("\u{202e}gpj.exe", "gpj.exe"),
            ("", "0f"),
            ("...", "0f"),
        ] {
            let name = name.replace("__ filename", "_; filename");
            assert_eq!(named(title), format!("attachment; filename=\"{name}.webm\""), "{title}");
        }
        assert_eq!(named(&"x".repeat(1000)).len(), "attachment; filename=\".webm\"".len() + 100);
    }
}
