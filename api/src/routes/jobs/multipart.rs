//! A submission as `multipart/form-data`: what is to be done, and pictures.

use axum::extract::Request;
use axum::extract::multipart::Field;
use bytes::BytesMut;
use forebay_shared::id::JobId;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;

use super::ready::{Coming, model};
use crate::problem::{Code, Problem};
use crate::state::App;
use crate::submission::draft::{Draft, Rules, count};
use crate::submission::place::Inputs;
use crate::submission::upload::{self, Upload};
use crate::submission::{Submission, times};

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
    Coming { keyed, owner, .. }: Coming<'_>,
) -> Result<(Draft, Inputs, OwnedSemaphorePermit), Problem> {
    let rules = Rules { cancel_after: times::cancel_after(request.headers())?, ..Rules::of(app) };
    let (mut parts, room) = upload::open(app, request).await?;
    let mut upload = Upload::new(app, id, keyed);
    let mut draft = None;
    while let Some(part) = upload::next(app, &mut parts).await? {
        if part.name() == Some(JOB) {
            if draft.replace(job(app, part, (owner, &rules)).await?).is_some() {
                return Err(
                    Problem::new(Code::MalformedMultipart, "there is more than one part `job`").at(JOB)
                );
            }
        } else {
            let index = upload.len();
            count(index + 1, &rules)?;
            upload.take(part, format!("inputs[{index}]")).await?;
        }
    }
    let Some(mut draft) = draft else {
        return Err(Problem::new(Code::MissingField, "there is no part `job`").at(JOB));
    };
    count(upload.len(), &rules)?;
    let inputs = upload.complete(&mut draft)?;
    Ok((draft, inputs, room))
}

/// Reads and checks the part that says what is to be done.
async fn job(app: &App, mut part: Field<'_>, (owner, rules): (&str, &Rules)) -> Result<Draft, Problem> {
    let mut json = BytesMut::new();
    while let Some(piece) = upload::piece(app, &mut part).await? {
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
    let model = model(app, owner, &submission.model).await?;
    submission.check_settings(model, rules)
}
