//! A request of the tour: what is asked, and what it is filled with.

/// Names with values.
pub type Pairs = &'static [(&'static str, &'static str)];

/// A request of the tour. Texts may name variables: `{{job_id}}`.
#[derive(Clone, Copy, Debug)]
pub struct Stop {
    /// What is asked.
    pub asked: Asked,
    /// Its body.
    pub body: Body,
    /// Its headers, besides the body's type and the key.
    pub headers: Pairs,
    /// Its query.
    pub query: Pairs,
    /// Parameters of its path, where they are not the variables of their names.
    pub at: Pairs,
    /// A variable that is set from the answer, and the place in it.
    pub keep: Option<(&'static str, &'static str)>,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub enum Asked {
    /// The operation with this id in the document.
    Operation(&'static str),
    /// A page that the document does not tell of, itself among them: path and name.
    Page(&'static str, &'static str),
}

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    /// Nothing.
    None,
    /// A JSON document, as text: a person edits it.
    Json(&'static str),
    /// A form with files, as text too: importing a collection brings no files along.
    Form(&'static [Part]),
}

/// A part of a form.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// The field.
    pub name: &'static str,
    /// The file's name, if it is one.
    pub file: Option<&'static str>,
    /// What it holds.
    pub text: &'static str,
}

/// What stands between the parts of a form; no part contains it.
const BOUNDARY: &str = "forebay-tour";

/// A request for an operation, filled with nothing yet.
pub const fn stop(operation: &'static str) -> Stop {
    asking(Asked::Operation(operation))
}

/// A request for a page.
pub const fn page(path: &'static str, name: &'static str) -> Stop {
    asking(Asked::Page(path, name))
}

const fn asking(asked: Asked) -> Stop {
    Stop { asked, body: Body::None, headers: &[], query: &[], at: &[], keep: None }
}

/// A field of a form.
pub const fn field(name: &'static str, text: &'static str) -> Part {
    Part { name, file: None, text }
}

/// A file of a form.
pub const fn file(name: &'static str, file: &'static str, text: &'static str) -> Part {
    Part { name, file: Some(file), text }
}

impl Stop {
    /// With a body of JSON.
    pub const fn json(self, body: &'static str) -> Self {
        Self { body: Body::Json(body), ..self }
    }

    /// With a form.
    pub const fn form(self, parts: &'static [Part]) -> Self {
        Self { body: Body::Form(parts), ..self }
    }

    /// With these headers.
    pub const fn headers(self, headers: Pairs) -> Self {
        Self { headers, ..self }
    }

    /// With this query.
    pub const fn query(self, query: Pairs) -> Self {
        Self { query, ..self }
    }

    /// With these parameters in its path.
    pub const fn at(self, at: Pairs) -> Self {
        Self { at, ..self }
    }

    /// Sets a variable from its answer.
    pub const fn keep(self, variable: &'static str, place: &'static str) -> Self {
        Self { keep: Some((variable, place)), ..self }
    }
}

impl Body {
    /// What it is called in `Content-Type`.
    pub fn media_type(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Json(_) => Some("application/json".to_owned()),
            Self::Form(_) => Some(format!("multipart/form-data; boundary={BOUNDARY}")),
        }
    }

    /// What is sent.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Json(text) => Some((*text).to_owned()),
            Self::Form(parts) => {
                let parts: String = parts.iter().map(Part::text).collect();
                Some(format!("{parts}--{BOUNDARY}--\r\n"))
            }
        }
    }
}

impl Part {
    fn text(&self) -> String {
        let Self { name, text, .. } = self;
        let file = self.file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{text}\r\n")
    }
}
