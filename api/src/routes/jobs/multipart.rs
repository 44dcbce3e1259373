//! A submission as `multipart/form-data`: pictures stream into the object store while they arrive.
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
use utoipa::ToSchema;

use super::ready::model;
use crate::limits;
use crate::problem::{Code, Problem};
use crate::state::App;
use crate::submission::Submission;
use crate::submission::draft::{Draft, Rules, count};
use crate::submission::picture;
use crate::submission::place::Inputs;
use crate::submission::times;

/// The part that says what is to be done.
const JOB: &str = "job";
/// The JSON of that part: it has no inputs, so it is short.
const LONGEST_JOB: usize = 64 * 1024;

/// A job with its pictures as files.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it is read part by part")]
pub struct MultipartSubmission {
    /// The submission as JSON, without `input` and `inputs`.
    job: Submission,
    /// The pictures, in order; the parts' names do not matter.
    #[schema(value_type = Vec<String>, format = Binary)]
    image: Vec<u8>,
}

/// Reads the parts, whichever comes first. Pictures are hashed if the submission is `keyed`.
pub async fn read(
    app: &App,
    id: JobId,
    request: Request,
    keyed: bool,
) -> Result<(Draft, Inputs, OwnedSemaphorePermit), Problem> {
    limits::declared_length(request.headers(), app.config.limits.max_upload)?;
    let rules = Rules { cancel_after: times::cancel_after(request.headers())?, ..Rules::of(app) };
    let room = app.memory.reserve(limits::UPLOAD).await?;
    let request = request.map(limits::sparing);
    let mut parts = Multipart::from_request(request, &()).await.map_err(|rejection| {
        Problem::new(Code::MalformedMultipart, rejection.body_text().to_ascii_lowercase()).at("Content-Type")
    })?;
    let inputs = Inputs::new(app, id);
    let mut upload = Upload { app, rules, keyed, inputs, pictures: Vec::new(), digests: Vec::new() };
    let mut draft = None;
    while let Some(part) = parts.next_field().await.map_err(|error| broken(app, &error))? {
        if part.name() == Some(JOB) {
            if draft.replace(upload.job(part).await?).is_some() {
                return Err(
                    Problem::new(Code::MalformedMultipart, "there is more than one part `job`").at(JOB)
                );
            }
        } else {
            upload.picture(part).await?;
        }
    }
    let Some(mut draft) = draft else {
        return Err(Problem::new(Code::MissingField, "there is no part `job`").at(JOB));
    };
    upload.complete(&mut draft)?;
    Ok((draft, upload.inputs, room))
}

/// Pictures on their way in.
struct Upload<'a> {
    app: &'a App,
    rules: Rules,
    keyed: bool,
    inputs: Inputs,
    pictures: Vec<Input>,
    digests: Vec<[u8; 32]>,
}

impl Upload<'_> {
    /// Reads and checks the part that says what is to be done.
    async fn job(&mut self, mut part: Field<'_>) -> Result<Draft, Problem> {
        let mut json = BytesMut::new();
        while let Some(piece) = piece(self.app, &mut part).await? {
            json.extend_from_slice(&piece);
            if json.len() > LONGEST_JOB {
                let detail = format_args!("the part `job` is larger than {LONGEST_JOB} bytes");
                return Err(Problem::new(Code::BodyTooLarge, detail).at(JOB).limit(LONGEST_JOB as u64));
            }
        }
        let submission = Submission::read(&json)?;
        if submission.input.is_some() || submission.inputs.is_some() {
            let detail = "the inputs of a multipart submission are its other parts";
            return Err(Problem::new(Code::InvalidField, detail).at("inputs"));
        }
        let model = model(self.app, &submission.model).await?;
        submission.check_settings(model, &self.rules)
    }

    /// Takes one picture in; nothing of it is written before its first bytes were looked at.
    async fn picture(&mut self, mut part: Field<'_>) -> Result<(), Problem> {
        let index = self.pictures.len();
        count(index + 1, &self.rules)?;
        let mut head = BytesMut::new();
        let mut more = true;
        while more && head.len() < HEAD {
            match piece(self.app, &mut part).await? {
                Some(piece) => head.extend_from_slice(&piece),
                None => more = false,
            }
        }
        if more {
            picture::begin(&head, &field(index), &self.rules.limits)?;
        } else {
            picture::look(&head, &field(index), &self.rules.limits)?;
        }
        self.measure(head.len() as u64, index)?;
        if !more && self.inputs.is_small(head.len()) {
            self.digests.extend(self.keyed.then(|| <[u8; 32]>::from(Sha256::digest(&head))));
            self.pictures.push(Input::Image(ImageSource::Inline(head.into())));
            return Ok(());
        }
        let key = self.stream(index, head.freeze(), more.then_some(part)).await?;
        self.pictures.push(Input::Image(ImageSource::Blob(key)));
        Ok(())
    }

    /// Writes a picture while it arrives; answers with its key.
    async fn stream(
        &mut self,
        index: usize,
        head: Bytes,
        rest: Option<Field<'_>>,
    ) -> Result<String, Problem> {
        let mut digest = self.keyed.then(|| Sha256::new_with_prefix(&head));
        let mut size = head.len() as u64;
        let key = self.inputs.begin(index);
        self.inputs.write(head).await?;
        if let Some(mut rest) = rest {
            while let Some(piece) = piece(self.app, &mut rest).await? {
                size += piece.len() as u64;
                self.measure(size, index)?;
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

    fn measure(&self, size: u64, index: usize) -> Result<(), Problem> {
        let limits = &self.rules.limits;
        let fits = size <= limits.max_image_bytes.bytes();
        if fits { Ok(()) } else { Err(picture::too_large(&field(index), limits)) }
    }

    /// Joins what is to be done with what it is to be done to.
    fn complete(&mut self, draft: &mut Draft) -> Result<(), Problem> {
        count(self.pictures.len(), &self.rules)?;
        for (index, input) in self.pictures.iter().enumerate() {
            draft.check_input(input, &field(index))?;
        }
        let item = |input| Item { input, params: Object::new() };
        draft.complete(self.pictures.drain(..).map(item).collect());
        draft.fingerprint = self.keyed.then(|| draft.fingerprint(&self.digests));
        Ok(())
    }
}

async fn piece(app: &App, part: &mut Field<'_>) -> Result<Option<Bytes>, Problem> {
    part.chunk().await.map_err(|error| broken(app, &error))
}

/// Where a picture would stand in JSON.
fn field(index: usize) -> String {
    format!("inputs[{index}]")
}

/// The body is not what multipart should be, or more of it than allowed.
fn broken(app: &App, error: &MultipartError) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => limits::too_large(app.config.limits.max_upload),
        _ if limits::is_timeout(error) => limits::broken(error),
        _ => Problem::new(Code::MalformedMultipart, error.body_text().to_ascii_lowercase()),
    }
}
