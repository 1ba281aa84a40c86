//! Forms that are read, and forms that could be read in two ways.

use super::*;

fn boundary(content_type: &str) -> Boundary {
    Boundary::of(content_type.as_bytes()).unwrap().unwrap()
}

/// The fields of a form with boundary `B`: name, value, whether it is a file.
fn read(body: &[u8]) -> Result<Vec<(String, Vec<u8>, bool)>, String> {
    let mut found = Vec::new();
    let read = boundary("multipart/form-data; boundary=B").parts(body, |part| {
        found.push((part.name.to_owned(), body[part.at].to_vec(), part.is_file));
        Ok(())
    });
    read.map(|()| found).map_err(|fault| fault.message().to_owned())
}

fn field(head: &str, value: &str) -> Vec<u8> {
    format!("--B\r\n{head}\r\n\r\n{value}\r\n--B--\r\n").into_bytes()
}

#[test]
fn parts_are_slices_of_the_body() {
    let body = b"--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm-1\r\n--B \r\n\
        content-disposition: FORM-DATA; filename=\"a;%22b\\c.wav\"; name=file\r\nContent-Type: audio/wav\r\n\r\n\
        RIFF\r\n--\0\xff\r\n\r\n--b\r\n--B--";
    let file = b"RIFF\r\n--\0\xff\r\n\r\n--b".to_vec();
    let expected = vec![("model".to_owned(), b"m-1".to_vec(), false), ("file".to_owned(), file, true)];
    assert_eq!(read(body).unwrap(), expected);
    assert_eq!(read(b"--B--\r\n").unwrap(), []);
    let empty = field("Content-Disposition: form-data; name=\"prompt\"", "");
    assert_eq!(read(&empty).unwrap(), [("prompt".to_owned(), Vec::new(), false)]);
}

#[test]
fn boundaries_come_quoted_and_in_any_case() {
    for text in [
        "multipart/form-data; boundary=a-b",
        "Multipart/Form-Data;charset=utf-8 ; BOUNDARY=\"a-b\" ;",
        "multipart/form-data;boundary= a-b",
    ] {
        assert_eq!(boundary(text), Boundary(b"\r\n--a-b".to_vec()), "{text}");
    }
    for text in ["application/json", "", "multipart/mixed; boundary=a", "multipart/form-data-x; boundary=a"] {
        assert!(Boundary::of(text.as_bytes()).is_none(), "{text}");
    }
    let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
    for text in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"a",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary=\"a\u{e9}\"",
        "multipart/form-data; boundary=\"a\\\"b\"",
        "multipart/form-data; boundary",
        &long,
    ] {
        let fault = Boundary::of(text.as_bytes()).unwrap().unwrap_err();
        assert_eq!(fault.code(), Code::InvalidRequest, "{text}");
    }
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    let name = "Content-Disposition: form-data; name=\"model\"";
    for (body, reason) in [
        (b"".to_vec(), "begin"),
        (b"x\r\n--B--".to_vec(), "begin"),
        (b"--B".to_vec(), "line of its own"),
        (b"--BB\r\n".to_vec(), "line of its own"),
        (b"--B\n\n".to_vec(), "line of its own"),
        (b"--B\r\n".to_vec(), "closing"),
        (format!("--B\r\n{name}\r\n\r\nm").into_bytes(), "closing"),
        (format!("--B\r\n{name}\r\n\r\nm\r\n--Bx\r\n--B--").into_bytes(), "line of its own"),
        (format!("--B\r\n{name}\r\n\r\nm\r\n--B--\r\n--B\r\n").into_bytes(), "follows"),
        (format!("--B\r\n{name}\r\nm\r\n--B--").into_bytes(), "end of its header"),
        (field(&format!("{name}\r\n{name}"), "m"), "twice"),
        (field(&format!("{name}\r\n folded: x"), "m"), "folded"),
        (field(&format!("{name}\nx: y"), "m"), "folded"),
        (field(&format!("{name}; name=n"), "m"), "two names"),
        (field(&format!("{name}; name*=utf-8''n"), "m"), "encoded"),
        (field(&format!("{name}\r\nContent-Transfer-Encoding: base64"), "m"), "encoded"),
        (field("Content-Disposition: form-data; name=\"mo\\del\"", "m"), "backslash"),
        (field("Content-Disposition: form-data; name=\"model", "m"), "cannot be read"),
        (field("Content-Disposition: form-data; name=mo\"del", "m"), "cannot be read"),
        (field("Content-Disposition: form-data; x", "m"), "cannot be read"),
        (
            field("Content-Disposition: form-data; name=f; filename=\"a\\\"; name=m; y=\"", "m"),
            "cannot be read",
        ),
        (field("Content-Disposition: form-data", "m"), "no name"),
        (field("Content-Disposition: attachment; name=a", "m"), "not form-data"),
        (field("Content-Type: text/plain", "m"), "no content-disposition"),
        (field("nonsense", "m"), "colon"),
    ] {
        let message = read(&body).unwrap_err();
        assert!(message.contains(reason), "{:?}: {message}", String::from_utf8_lossy(&body));
    }
    let many = b"--B\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n".repeat(MOST_PARTS + 2);
    assert!(read(&[&many[..], b"--B--"].concat()).unwrap_err().contains("too many"));
}

#[test]
fn a_form_cut_or_changed_anywhere_does_no_harm() {
    let body = [&field("Content-Disposition: form-data; name=\"a\"; filename=\"f\"", "x\r\n-")[..], b"\r\n"]
        .concat();
    for at in 0..body.len() {
        let whole = read(&body[..at]);
        assert!(whole.is_err() || body[at..].iter().all(u8::is_ascii_whitespace), "{at}");
        for byte in *b"\r\n-B\";=\\ \0\xff" {
            let mut changed = body.clone();
            changed[at] = byte;
            drop(read(&changed));
        }
    }
}
