//! `Accept` (RFC 9110): how welcome a media type is.

use axum::http::{HeaderMap, header};

/// How welcome a media type is.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Quality {
    /// 0…1, as the range says that fits best.
    weight: f32,
    /// Whether it was named, by itself or with its kin, and not just anything.
    named: bool,
}

impl Quality {
    /// Whether it was asked for by name, or with its kin such as `image/*`.
    pub fn is_named(self) -> bool {
        self.named && self.is_any()
    }

    /// Whether it will do.
    pub fn is_any(self) -> bool {
        self.weight > 0.0
    }
}

/// How welcome `essence` is. Who says nothing takes anything.
pub fn quality(headers: &HeaderMap, essence: &str) -> Quality {
    let kin = essence.split_once('/').map(|(kind, _)| format!("{kind}/*")).unwrap_or_default();
    let mut best: Option<(u8, f32)> = None;
    let lists = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut said = false;
    for range in lists.flat_map(|list| list.split(',')) {
        said = true;
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let precision = match name {
            name if name.eq_ignore_ascii_case(essence) => 2,
            name if name.eq_ignore_ascii_case(&kin) => 1,
            "*/*" => 0,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
        if best.is_none_or(|(known, _)| known < precision) {
            best = Some((precision, weight));
        }
    }
    match best {
        Some((precision, weight)) => Quality { weight, named: precision > 0 },
        None => Quality { weight: if said { 0.0 } else { 1.0 }, named: false },
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn asked(accept: &'static str) -> [Quality; 2] {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
        ["image/png", "application/json"].map(|essence| quality(&headers, essence))
    }

    #[test]
    fn the_range_that_fits_best_decides() {
        for accept in
            ["image/png", "image/*", "IMAGE/PNG;q=0.5", "text/html, image/*;q=0.1", "*/*;q=0, image/png"]
        {
            assert!(asked(accept)[0].is_named(), "{accept}");
        }
        for accept in ["*/*", "application/json", "image/png;q=0", "image/jpeg", "image/*, image/png;q=0"] {
            assert!(!asked(accept)[0].is_named(), "{accept}");
        }
    }

    #[test]
    fn weights_are_compared_and_silence_takes_anything() {
        let [picture, json] = asked("image/png;q=0.2, application/json");
        assert!(picture < json);
        let [picture, json] = asked("image/avif,image/webp,image/*,*/*;q=0.8");
        assert!(picture > json && json.is_any());
        let [picture, json] = asked("image/png, application/json");
        assert!(picture >= json, "level");
        assert!(!asked("image/png")[1].is_any());
        assert!(quality(&HeaderMap::new(), "image/png").is_any());
    }
}
