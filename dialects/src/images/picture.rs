//! A picture in a JSON body: `{"data": "<base64>"}`.

use serde::Deserialize;

use crate::Fault;
use crate::item::Written;

/// The body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    data: String,
    #[serde(default)]
    model: Option<String>,
}

/// Reads a body: the picture, and the model that it names.
pub fn read(body: &[u8]) -> Result<(Written, Option<String>), Fault> {
    let Body { data, model } = crate::read(body, "request")?;
    let is_uri = data.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"));
    let written = if is_uri { Written::DataUri(data) } else { Written::Base64(data) };
    Ok((written, model))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> String {
        let fault = read(body.as_bytes()).unwrap_err();
        format!("{}: {}", fault.field.unwrap_or_default(), fault.message)
    }

    #[test]
    fn a_picture_is_base64_or_a_data_uri() {
        let (written, model) = read(br#"{"data": "iVBORw0KGgo="}"#).unwrap();
        assert!(matches!(written, Written::Base64(data) if data == "iVBORw0KGgo=") && model.is_none());
        let (written, model) =
            read(br#"{"data": "data:image/png;base64,iVBORw0KGgo=", "model": "net"}"#).unwrap();
        assert!(matches!(written, Written::DataUri(_)));
        assert_eq!(model.as_deref(), Some("net"));
    }

    #[test]
    fn what_is_no_such_body_is_told_by_its_field() {
        let told: Vec<String> =
            ["{}", r#"{"data": 7}"#, r#"{"data": "", "size": 3}"#, "[]", "img"].map(refused).into();
        insta::assert_snapshot!(told.join("\n"), @r"
        data: missing field `data`
        data: invalid type: integer `7`, expected a string
        size: unknown field `size`, expected `data` or `model`
        : the request must be a JSON object
        : expected value at line 1 column 1
        ");
    }
}
