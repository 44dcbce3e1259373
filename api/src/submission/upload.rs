//! Pictures of a multipart body: they stream into the object store while they arrive.
//!
//! However large the body is, what is held of it is one head to look at, the parts of the object that is being written,
//! and the pictures that are small enough for the list of items.

use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use forebay_shared::id::JobId;
use forebay_shared::job::{ImageSource, Input, Item, Object};
use forebay_shared::picture::HEAD;
use sha2::{Digest, Sha256};
use tokio::sync::OwnedSemaphorePermit;

use super::draft::Draft;
use super::picture;
use super::place::Inputs;
use crate::config::LimitConfig;
use crate::limits;
use crate::problem::{Code, Problem};
use crate::state::App;

/// Begins to read a body; answers with its parts and the room that it takes.
pub async fn open(app: &App, request: Request) -> Result<(Multipart, OwnedSemaphorePermit), Problem> {
    limits::declared_length(request.headers(), app.config.limits.max_upload)?;
    let room = app.memory.reserve(limits::UPLOAD).await?;
    let request = request.map(limits::sparing);
    let parts = Multipart::from_request(request, &()).await.map_err(|rejection| {
        Problem::new(Code::MalformedMultipart, rejection.body_text().to_ascii_lowercase()).at("Content-Type")
    })?;
    Ok((parts, room))
}

/// The next part, if there is one.
pub async fn next<'a>(app: &App, parts: &'a mut Multipart) -> Result<Option<Field<'a>>, Problem> {
    parts.next_field().await.map_err(|error| broken(app, &error))
}

/// The next piece of a part, if there is one.
pub async fn piece(app: &App, part: &mut Field<'_>) -> Result<Option<Bytes>, Problem> {
    part.chunk().await.map_err(|error| broken(app, &error))
}

/// Pictures on their way in.
pub struct Upload {
    app: App,
    limits: LimitConfig,
    keyed: bool,
    inputs: Inputs,
    pictures: Vec<(String, Input)>,
    digests: Vec<[u8; 32]>,
}

impl Upload {
    /// No picture yet. They are hashed if the submission is `keyed`.
    pub fn new(app: &App, id: JobId, keyed: bool) -> Self {
        Self {
            app: app.clone(),
            limits: app.config.limits.clone(),
            keyed,
            inputs: Inputs::new(app, id),
            pictures: Vec::new(),
            digests: Vec::new(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.pictures.len()
    }

    /// Takes one picture in, which refusals call `field`; nothing of it is written before its first bytes were looked at.
    pub async fn take(&mut self, mut part: Field<'_>, field: String) -> Result<(), Problem> {
        let mut head = BytesMut::new();
        let mut more = true;
        while more && head.len() < HEAD {
            match piece(&self.app, &mut part).await? {
                Some(piece) => head.extend_from_slice(&piece),
                None => more = false,
            }
        }
        if more {
            picture::begin(&head, &field, &self.limits)?;
        } else {
            picture::look(&head, &field, &self.limits)?;
        }
        self.measure(head.len() as u64, &field)?;
        let source = if !more && self.inputs.is_small(head.len()) {
            self.digests.extend(self.keyed.then(|| <[u8; 32]>::from(Sha256::digest(&head))));
            ImageSource::Inline(head.into())
        } else {
            ImageSource::Blob(self.stream(&field, head.freeze(), more.then_some(part)).await?)
        };
        self.pictures.push((field, Input::Image(source)));
        Ok(())
    }

    /// Writes a picture while it arrives; answers with its key.
    async fn stream(&mut self, field: &str, head: Bytes, rest: Option<Field<'_>>) -> Result<String, Problem> {
        let mut digest = self.keyed.then(|| Sha256::new_with_prefix(&head));
        let mut size = head.len() as u64;
        let key = self.inputs.begin(self.pictures.len());
        self.inputs.write(head).await?;
        if let Some(mut rest) = rest {
            while let Some(piece) = piece(&self.app, &mut rest).await? {
                size += piece.len() as u64;
                self.measure(size, field)?;
                if let Some(digest) = &mut digest {
                    digest.update(&piece);
                }
                self.inputs.write(piece).await?;
            }
        }
        self.inputs.finish(key.clone()).await?;
        self.digests.extend(digest.map(|digest| <[u8; 32]>::from(digest.finalize())));
        Ok(key)
    }

    fn measure(&self, size: u64, field: &str) -> Result<(), Problem> {
        let fits = size <= self.limits.max_image_bytes.bytes();
        if fits { Ok(()) } else { Err(picture::too_large(field, &self.limits)) }
    }

    /// Joins what is to be done with what it is to be done to; answers with where that is.
    pub fn complete(self, draft: &mut Draft) -> Result<Inputs, Problem> {
        for (field, input) in &self.pictures {
            draft.check_input(input, field)?;
        }
        let item = |(_, input)| Item { input, params: Object::new() };
        draft.complete(self.pictures.into_iter().map(item).collect());
        draft.fingerprint = self.keyed.then(|| draft.fingerprint(&self.digests));
        Ok(self.inputs)
    }
}

/// The body is not what multipart should be, or more of it than allowed.
fn broken(app: &App, error: &MultipartError) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => limits::too_large(app.config.limits.max_upload),
        _ if limits::is_timeout(error) => limits::broken(error),
        _ => Problem::new(Code::MalformedMultipart, error.body_text().to_ascii_lowercase()),
    }
}
