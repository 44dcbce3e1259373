//! `GET /v1/bulk/{id}/results`

use std::io;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use forebay_dialects::Fault;
use forebay_dialects::table::{Shape, Table, TableFormat};
use forebay_shared::bulk::{Bulk, Form};
use forebay_shared::file::Piece;
use forebay_shared::store::StoreResult;
use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use url::form_urlencoded;

use crate::auth::Reader;
use crate::bulk;
use crate::problem::{Code, Problem, ProblemBody};
use crate::state::{App, State as AppState};

/// Read a bulk's answers
///
/// One line for each line that has run, answers first, errors behind them, in no order otherwise; while the bulk runs, those
/// that there are. As a table, one row for each item: `line`, `id`, `item`, `status`, `error_code`, `error_message`, and
/// `embedding`, or `label`, `score` and `labels`, or `output`, by what the model of all lines does.
#[utoipa::path(
    get,
    path = "/v1/bulk/{id}/results",
    tag = "bulk",
    operation_id = "get_bulk_results",
    params(
        ("id" = String, Path, description = "The bulk"),
        ("format" = Option<String>, Query, description = "`jsonl`, which is the default, `csv` or `parquet`"),
    ),
    responses(
        (status = 200, description = "Lines of JSON, or a table", body = String, content_type = "application/x-ndjson"),
        (status = 400, description = "A query parameter is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such bulk", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn results(
    State(app): State<App>,
    Reader(owner): Reader,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let format = format(query.as_deref().unwrap_or_default())?;
    let bulk = bulk::find(&app, &owner, &id).await?;
    let mut pieces: Vec<Piece> = Vec::new();
    for file in [bulk.output_file, bulk.error_file].into_iter().flatten() {
        if let Some((_, more)) = app.parts.store.content(&owner, file).await? {
            pieces.extend(more);
        }
    }
    let length: u64 = pieces.iter().map(|piece| piece.length).sum();
    let lines = app.parts.blobs.content(&pieces, 0..length).await?;
    let Some(format) = format else {
        let headers = [
            (header::CONTENT_TYPE, "application/x-ndjson".to_owned()),
            (header::CONTENT_LENGTH, length.to_string()),
        ];
        return Ok((headers, Body::from_stream(lines)).into_response());
    };
    let (content_type, extension) = match format {
        TableFormat::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
        TableFormat::Parquet => ("application/vnd.apache.parquet", "parquet"),
    };
    let table = Table::new(format, shape(&app, &bulk).await?).map_err(Problem::from)?;
    let headers = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}.{extension}\"", bulk::name(bulk.id)),
        ),
    ];
    let lines = lines.map_err(io::Error::other).boxed();
    Ok((headers, Body::from_stream(rows(&app, lines, table))).into_response())
}

/// How the answers are to be written; `None`: as they stand.
fn format(query: &str) -> Result<Option<TableFormat>, Problem> {
    let mut format = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        format = match (&*name, &*value) {
            ("format", "jsonl") => None,
            ("format", "csv") => Some(TableFormat::Csv),
            ("format", "parquet") => Some(TableFormat::Parquet),
            _ => {
                let detail =
                    "there is one query parameter, `format`, and it must be `jsonl`, `csv` or `parquet`";
                return Err(Problem::new(Code::InvalidQuery, detail).at("format"));
            }
        };
    }
    Ok(format)
}

/// The columns behind those that every table has.
async fn shape(app: &AppState, bulk: &Bulk) -> StoreResult<Shape> {
    // What a moderation answers tells more than the labels that it is made of.
    if bulk.form == Form::Openai && bulk.endpoint.as_deref() == Some("/v1/moderations") {
        return Ok(Shape::Json);
    }
    let Some(model) = &bulk.model else { return Ok(Shape::Json) };
    Ok(app
        .parts
        .catalog
        .find(&bulk.owner, model)
        .await?
        .map_or(Shape::Json, |model| Shape::of(model.card.kind)))
}

/// The table, made while the lines come; packing it is work for a thread of its own.
fn rows(
    app: &AppState,
    lines: stream::BoxStream<'static, io::Result<Bytes>>,
    table: Table,
) -> impl Stream<Item = io::Result<Bytes>> + use<> {
    let tasks = app.parts.tasks.clone();
    let made = stream::try_unfold((lines, Some(table)), move |(mut lines, table)| {
        let tasks = tasks.clone();
        async move {
            let Some(mut table) = table else { return Ok(None) };
            let chunk = lines.try_next().await?;
            let work = tasks.spawn_blocking(move || match chunk {
                Some(chunk) => table.push(&chunk).map(|made| (made, Some(table))),
                None => table.finish().map(|made| (made, None)),
            });
            let (made, table) = work.await.map_err(io::Error::other)?.map_err(defect)?;
            Ok(Some((Bytes::from(made), (lines, table))))
        }
    });
    made.try_filter(|made| std::future::ready(!made.is_empty()))
}

/// The answer has begun, so all that can be done is to end it in the middle.
fn defect(fault: Fault) -> io::Error {
    tracing::error!(error = fault.message, "a table of answers ends in the middle");
    io::Error::other(fault.message)
}
