//! One table: code, status, title.

use axum::http::StatusCode;
use forebay_dialects::FaultCode;

/// Why a request is refused: a closed set of words, part of the API, of logs and of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    MalformedJson,
    MalformedMultipart,
    InvalidHeader,
    InvalidQuery,
    InvalidCursor,
    InvalidId,
    NotSupported,
    Unauthorized,
    Forbidden,
    ForbiddenHost,
    NotFound,
    JobNotFound,
    FileNotFound,
    ScheduleNotFound,
    UploadNotFound,
    UploadEnded,
    FileTooLarge,
    StorageFull,
    WebhookNotFound,
    DeliveryNotFound,
    BulkNotFound,
    BulkEnded,
    BulkRunning,
    NothingFailed,
    SliceOfBulk,
    NoResult,
    UnknownModel,
    ModelNotRegistered,
    ModelInUse,
    InvalidModel,
    BlobNotFound,
    BlobInUse,
    MethodNotAllowed,
    NotAcceptable,
    BodyTimeout,
    JobNotFinished,
    JobRunning,
    NotRetryable,
    ClientIdTaken,
    IdempotencyMismatch,
    WebhookDisabled,
    TooManyWebhooks,
    JobCancelled,
    NameTaken,
    TooManySchedules,
    TooManyModels,
    ScheduleChanged,
    BodyTooLarge,
    CostTooLarge,
    UnsupportedMediaType,
    CursorExpired,
    RangeNotSatisfiable,
    UnknownField,
    MissingField,
    InvalidField,
    InvalidParams,
    InvalidCron,
    EmptyInput,
    TooManyItems,
    WrongInput,
    InputFailed,
    InvalidBase64,
    NotAnImage,
    ImageTooLarge,
    TooManyPixels,
    UrlUnsupported,
    UrlRefused,
    DeadlinePassed,
    DeadlinesDisagree,
    TooFarAhead,
    TooManyRequests,
    TooMuchCost,
    QueueFull,
    TooManyStreams,
    Internal,
    JobFailed,
    Overloaded,
    Draining,
    Unavailable,
    Timeout,
}

impl From<FaultCode> for Code {
    fn from(code: FaultCode) -> Self {
        match code {
            FaultCode::MalformedJson => Self::MalformedJson,
            FaultCode::UnknownField => Self::UnknownField,
            FaultCode::MissingField => Self::MissingField,
            FaultCode::InvalidField => Self::InvalidField,
            FaultCode::EmptyInput => Self::EmptyInput,
            FaultCode::TooManyItems => Self::TooManyItems,
            FaultCode::NotSupported => Self::NotSupported,
            FaultCode::UnknownModel => Self::UnknownModel,
            FaultCode::WrongInput => Self::WrongInput,
            FaultCode::InputFailed => Self::InputFailed,
            FaultCode::JobFailed => Self::JobFailed,
        }
    }
}

impl Code {
    /// The table: word, status, title.
    const fn row(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::MalformedJson => ("malformed_json", 400, "The body is not valid JSON"),
            Self::MalformedMultipart => ("malformed_multipart", 400, "The body is not valid multipart"),
            Self::InvalidHeader => ("invalid_header", 400, "A header is not valid"),
            Self::InvalidQuery => ("invalid_query", 400, "A query parameter is not valid"),
            Self::InvalidCursor => ("invalid_cursor", 400, "The cursor is not valid"),
            Self::InvalidId => ("invalid_id", 400, "The id is not valid"),
            Self::NotSupported => ("not_supported", 400, "This is not supported yet"),
            Self::Unauthorized => ("unauthorized", 401, "No valid API key was given"),
            Self::Forbidden => ("forbidden", 403, "The API key does not permit this"),
            Self::ForbiddenHost => ("forbidden_host", 403, "The service does not answer to this name"),
            Self::NotFound => ("not_found", 404, "There is nothing here"),
            Self::JobNotFound => ("job_not_found", 404, "There is no such job"),
            Self::FileNotFound => ("file_not_found", 404, "There is no such file"),
            Self::ScheduleNotFound => ("schedule_not_found", 404, "There is no such schedule"),
            Self::UploadNotFound => ("upload_not_found", 404, "There is no such upload"),
            Self::UploadEnded => ("upload_ended", 400, "The upload takes no more parts"),
            Self::FileTooLarge => ("file_too_large", 400, "The file is too large"),
            // What is sent is fine and too much: not 400; and sending it again does not help: neither 429 nor 507, after
            // which clients do.
            Self::StorageFull => ("storage_full", 413, "There is no room left"),
            Self::WebhookNotFound => ("webhook_not_found", 404, "There is no such webhook"),
            Self::DeliveryNotFound => ("delivery_not_found", 404, "There is no such delivery"),
            Self::BulkNotFound => ("bulk_not_found", 404, "There is no such bulk"),
            // Not 409, which OpenAI's clients would send again.
            Self::BulkEnded => ("bulk_ended", 400, "The bulk has ended"),
            Self::BulkRunning => ("bulk_running", 409, "The bulk has not ended"),
            Self::NothingFailed => ("nothing_failed", 409, "No line failed"),
            Self::SliceOfBulk => ("slice_of_bulk", 409, "The job belongs to a bulk"),
            Self::NoResult => ("no_result", 404, "The job has no result"),
            Self::UnknownModel => ("unknown_model", 404, "There is no such model"),
            // Nothing is to be waited for: not 409, which OpenAI's clients would send again.
            Self::ModelNotRegistered => {
                ("model_not_registered", 400, "The model is not one of the registry's")
            }
            Self::ModelInUse => ("model_in_use", 409, "The model is in use"),
            Self::InvalidModel => ("invalid_model", 422, "This is not a model that can be served"),
            Self::BlobNotFound => ("blob_not_found", 404, "There is no such file of a model"),
            Self::BlobInUse => ("blob_in_use", 409, "A model has the file"),
            Self::MethodNotAllowed => ("method_not_allowed", 405, "The method is not allowed here"),
            Self::NotAcceptable => ("not_acceptable", 406, "The answer cannot be what was asked for"),
            Self::BodyTimeout => ("body_timeout", 408, "The body did not arrive in time"),
            Self::JobNotFinished => ("job_not_finished", 409, "The job has not finished"),
            Self::JobRunning => ("job_running", 409, "The job is running"),
            Self::WebhookDisabled => ("webhook_disabled", 409, "The webhook is disabled"),
            Self::TooManyWebhooks => ("too_many_webhooks", 409, "There are too many webhooks"),
            Self::NotRetryable => ("not_retryable", 409, "The job cannot be retried"),
            Self::ClientIdTaken => ("client_id_taken", 409, "The client's id is taken"),
            Self::IdempotencyMismatch => ("idempotency_mismatch", 409, "The idempotency key is taken"),
            Self::JobCancelled => ("job_cancelled", 409, "The job was cancelled"),
            Self::NameTaken => ("name_taken", 409, "The name is taken"),
            Self::TooManySchedules => ("too_many_schedules", 409, "There are too many schedules"),
            Self::TooManyModels => ("too_many_models", 409, "There are too many models"),
            Self::ScheduleChanged => ("schedule_changed", 409, "The schedule was changed meanwhile"),
            Self::BodyTooLarge => ("body_too_large", 413, "The body is too large"),
            // Sending it again does not help: not 429.
            Self::CostTooLarge => ("cost_too_large", 413, "Too much is asked for at once"),
            Self::UnsupportedMediaType => {
                ("unsupported_media_type", 415, "The content type is not supported")
            }
            Self::CursorExpired => ("cursor_expired", 410, "The cursor is too old"),
            Self::RangeNotSatisfiable => ("range_not_satisfiable", 416, "The range lies outside"),
            Self::UnknownField => ("unknown_field", 422, "A field is not known"),
            Self::MissingField => ("missing_field", 422, "A field is missing"),
            Self::InvalidField => ("invalid_field", 422, "A field is not valid"),
            Self::InvalidParams => ("invalid_params", 422, "A parameter is not valid"),
            Self::InvalidCron => ("invalid_cron", 422, "The cron expression is not valid"),
            Self::EmptyInput => ("empty_input", 422, "There is no input"),
            Self::TooManyItems => ("too_many_items", 422, "There are too many items"),
            Self::WrongInput => ("wrong_input", 422, "The model does not take such an input"),
            Self::InputFailed => ("input_failed", 422, "The model could not take an input"),
            Self::InvalidBase64 => ("invalid_base64", 422, "This is not base64"),
            Self::NotAnImage => ("not_an_image", 422, "This is not a picture"),
            Self::ImageTooLarge => ("image_too_large", 422, "The picture has too many bytes"),
            Self::TooManyPixels => ("too_many_pixels", 422, "The picture has too many pixels"),
            Self::UrlUnsupported => ("url_unsupported", 422, "The URL cannot be fetched"),
            Self::UrlRefused => ("url_refused", 422, "The URL may not be fetched"),
            Self::DeadlinePassed => ("deadline_passed", 422, "The deadline has passed"),
            Self::DeadlinesDisagree => ("deadlines_disagree", 422, "The job could never end in time"),
            Self::TooFarAhead => ("too_far_ahead", 422, "The instant is too far ahead"),
            Self::TooManyRequests => ("too_many_requests", 429, "There are too many requests"),
            Self::TooMuchCost => ("too_much_cost", 429, "Too much was asked for in too short a time"),
            Self::QueueFull => ("queue_full", 429, "Too much is waiting already"),
            Self::TooManyStreams => ("too_many_streams", 429, "There are too many streams"),
            Self::Internal => ("internal", 500, "Something went wrong here"),
            Self::JobFailed => ("job_failed", 500, "The job failed"),
            Self::Overloaded => ("overloaded", 503, "There is too much to do"),
            Self::Draining => ("draining", 503, "The model takes nothing new"),
            Self::Unavailable => ("unavailable", 503, "The service is not available"),
            Self::Timeout => ("timeout", 504, "The job did not end in time"),
        }
    }

    /// The word in bodies, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status of the native API.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.row().1).expect("the table holds statuses that exist")
    }

    /// A few words that are the same for every problem with this code.
    pub const fn title(self) -> &'static str {
        self.row().2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialects_use_the_words_of_the_table() {
        for fault in FaultCode::ALL {
            let code = Code::from(fault);
            assert_eq!(fault.row(), (code.as_str(), code.status().as_u16()));
        }
    }
}
