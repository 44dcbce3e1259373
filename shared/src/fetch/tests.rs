use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::config::{Size, Span};
use crate::shutdown::Tasks;

fn config(allow: &[&str]) -> FetchConfig {
    FetchConfig {
        allow: allow.iter().map(|net| net.parse().unwrap()).collect(),
        timeout: Span::new(Duration::from_millis(500)),
        max_redirects: 3,
        max_bytes: Size::new(1000),
    }
}

/// A server on loopback that answers every request with `answer`; tells its port and counts its visitors.
async fn server(answer: impl Fn(u16) -> String + Send + 'static) -> (u16, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let visitors = Arc::new(AtomicU32::new(0));
    let counted = visitors.clone();
    Tasks::new().spawn("server", async move {
        while let Ok((mut visitor, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 2048];
            let _ = visitor.read(&mut request).await;
            let _ = visitor.write_all(answer(port).as_bytes()).await;
        }
    });
    (port, visitors)
}

fn ok(content_type: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

async fn fetch(allow: &[&str], url: &str) -> Result<Bytes, FetchError> {
    Fetcher::new(&config(allow)).picture(url).await
}

#[tokio::test]
async fn a_permitted_picture_is_fetched() {
    let (port, _) = server(|_| ok("image/png", "pixels")).await;
    assert_eq!(fetch(&["127.0.0.0/8"], &format!("http://127.0.0.1:{port}/a.png")).await.unwrap(), "pixels");
}

#[tokio::test]
async fn a_closed_address_is_not_even_asked() {
    let (port, visitors) = server(|_| ok("image/png", "pixels")).await;
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"] {
        let refused = fetch(&[], &format!("http://{host}:{port}/")).await;
        assert!(matches!(refused, Err(FetchError::Refused { .. })), "{host}: {refused:?}");
    }
    assert_eq!(visitors.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_when_connecting() {
    let (port, visitors) = server(|_| ok("image/png", "pixels")).await;
    let refused = fetch(&[], &format!("http://localhost:{port}/")).await;
    assert!(matches!(refused, Err(FetchError::Refused { .. })), "{refused:?}");
    assert_eq!(visitors.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_redirect_is_checked_again() {
    let (inside, visitors) = server(|_| ok("image/png", "pixels")).await;
    let (port, _) = server(move |_| {
        format!("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.2:{inside}/\r\ncontent-length: 0\r\n\r\n")
    })
    .await;
    let refused = fetch(&["127.0.0.1/32"], &format!("http://127.0.0.1:{port}/")).await;
    assert!(matches!(refused, Err(FetchError::Refused { .. })), "{refused:?}");
    assert_eq!(visitors.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn redirects_are_bounded() {
    let (port, visitors) = server(|port| {
        format!("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{port}/\r\ncontent-length: 0\r\n\r\n")
    })
    .await;
    let given_up = fetch(&["127.0.0.0/8"], &format!("http://127.0.0.1:{port}/")).await;
    assert!(matches!(given_up, Err(FetchError::Redirects { limit: 3, .. })), "{given_up:?}");
    assert_eq!(visitors.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_large_answer_is_cut_off() {
    let (port, _) = server(|_| {
        format!("HTTP/1.1 200 OK\r\ncontent-type: image/png\r\nconnection: close\r\n\r\n{}", "x".repeat(2000))
    })
    .await;
    let refused = fetch(&["127.0.0.0/8"], &format!("http://127.0.0.1:{port}/")).await;
    assert!(matches!(refused, Err(FetchError::TooLarge { limit: 1000, .. })), "{refused:?}");
}

#[tokio::test]
async fn another_type_is_refused() {
    let (port, _) = server(|_| ok("text/html; charset=utf-8", "<html>")).await;
    let refused = fetch(&["127.0.0.0/8"], &format!("http://127.0.0.1:{port}/")).await;
    assert!(matches!(refused, Err(FetchError::ContentType { .. })), "{refused:?}");
}

#[tokio::test]
async fn an_error_keeps_its_status_and_silence_times_out() {
    let (port, _) = server(|_| "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n".to_owned()).await;
    let failed = fetch(&["127.0.0.0/8"], &format!("http://127.0.0.1:{port}/")).await.unwrap_err();
    assert!(matches!(failed, FetchError::Status { status: 503, .. }) && failed.is_transient());
    assert_eq!(failed.retry_after(), None);
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let failed = fetch(&["127.0.0.0/8"], &format!("http://127.0.0.1:{port}/")).await.unwrap_err();
    assert!(matches!(failed, FetchError::Timeout { .. }) && failed.is_transient());
}

#[tokio::test]
async fn a_server_may_say_when_to_come_again_in_seconds_or_as_a_date() {
    let date = "date: Wed, 21 Oct 2026 07:28:00 GMT\r\n";
    let table = [
        ("retry-after: 7\r\n".to_owned(), Some(7)),
        (format!("{date}retry-after: Wed, 21 Oct 2026 07:29:30 GMT\r\n"), Some(90)),
        (format!("{date}retry-after: Wed, 21 Oct 2026 07:00:00 GMT\r\n"), Some(0)),
        ("retry-after: Wed, 21 Oct 2026 07:29:30 GMT\r\n".to_owned(), None),
        ("retry-after: soon\r\n".to_owned(), None),
    ];
    for (headers, told) in table {
        let answer = format!("HTTP/1.1 429 Slow\r\n{headers}content-length: 0\r\n\r\n");
        let (port, _) = server(move |_| answer.clone()).await;
        let failed = fetch(&["127.0.0.0/8"], &format!("http://127.0.0.1:{port}/")).await.unwrap_err();
        assert_eq!(failed.retry_after(), told.map(Duration::from_secs), "{headers}");
    }
}

#[tokio::test]
async fn an_error_names_the_host_and_never_the_secret() {
    let failed = fetch(&["127.0.0.0/8"], "http://127.0.0.1:9/?token=secret").await.unwrap_err();
    assert!(!format!("{failed:?} {failed}").contains("secret"));
}

#[test]
fn urls_that_could_never_be_fetched_are_refused_unasked() {
    let guard = Guard::new(&[]);
    for url in
        ["ftp://example.org/a", "file:///etc/passwd", "not a url", "http://u:p@example.org/", "data:,x"]
    {
        assert!(matches!(check_url(url, &guard), Err(FetchError::Unsupported(_))), "{url}");
    }
    assert!(matches!(check_url("http://169.254.169.254/", &guard), Err(FetchError::Refused { .. })));
    assert!(check_url("https://example.org/a.png?sig=1", &guard).is_ok());
}

async fn post(allow: &[&str], port: u16, keep: usize) -> Result<Posted, FetchError> {
    let url = Url::parse(&format!("http://127.0.0.1:{port}/hook?token=secret")).unwrap();
    let headers = [("webhook-id", "msg_1")];
    let patience = Duration::from_millis(500);
    Fetcher::new(&config(allow)).post(url, &headers, "{}".to_owned(), patience, keep).await
}

#[tokio::test]
async fn a_post_keeps_status_wish_and_the_beginning_of_the_answer() {
    let (port, _) = server(|_| {
        "HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 5\r\nconnection: close\r\n\r\nlater"
            .to_owned()
    })
    .await;
    let posted = post(&["127.0.0.0/8"], port, 3).await.unwrap();
    assert_eq!(posted, Posted { status: 503, retry_after: Some("7".to_owned()), answer: Bytes::from("lat") });
}

#[tokio::test]
async fn a_post_follows_no_redirect() {
    let (inside, visitors) = server(|_| ok("text/plain", "inside")).await;
    let (port, _) = server(move |_| {
        format!("HTTP/1.1 307 Go\r\nlocation: http://127.0.0.1:{inside}/\r\ncontent-length: 0\r\n\r\n")
    })
    .await;
    assert_eq!(post(&["127.0.0.0/8"], port, 100).await.unwrap().status, 307);
    assert_eq!(visitors.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_post_to_a_closed_address_is_not_sent_and_silence_times_out() {
    let (port, visitors) = server(|_| ok("text/plain", "")).await;
    assert!(matches!(post(&[], port, 100).await, Err(FetchError::Refused { .. })));
    assert_eq!(visitors.load(Ordering::SeqCst), 0);
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let failed = post(&["127.0.0.0/8"], silent.local_addr().unwrap().port(), 100).await.unwrap_err();
    assert!(matches!(failed, FetchError::Timeout { .. }) && !format!("{failed:?}").contains("secret"));
}

#[tokio::test]
async fn an_answer_that_drips_keeps_its_status() {
    let (port, _) = server(|_| "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nslow".to_owned()).await;
    let posted = post(&["127.0.0.0/8"], port, 100).await.unwrap();
    assert_eq!((posted.status, posted.answer), (200, Bytes::from("slow")));
}

#[tokio::test]
async fn a_large_answer_is_read_piece_by_piece_up_to_a_limit() {
    let (port, _) = server(|_| ok("text/csv", &"x".repeat(5000))).await;
    let fetcher = Fetcher::new(&config(&["127.0.0.0/8"]));
    let url = format!("http://127.0.0.1:{port}/data/rows.csv?secret=1");
    let mut download = fetcher.download(&url, Size::new(5000)).await.unwrap();
    assert_eq!(download.name(), Some("rows.csv"));
    let mut read = 0;
    while let Some(piece) = download.piece().await.unwrap() {
        read += piece.len();
    }
    assert_eq!(read, 5000, "other limits than a picture's");
    let refused = fetcher.download(&url, Size::new(4999)).await;
    assert!(matches!(refused, Err(FetchError::TooLarge { limit: 4999, .. })), "{refused:?}");
}

#[tokio::test]
async fn an_answer_that_does_not_say_how_long_it_is_is_cut_off_all_the_same() {
    let (port, _) =
        server(|_| format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", "x".repeat(2000))).await;
    let fetcher = Fetcher::new(&config(&["127.0.0.0/8"]));
    let mut download = fetcher.download(&format!("http://127.0.0.1:{port}/"), Size::new(100)).await.unwrap();
    assert_eq!(download.name(), None);
    let refused = async {
        while download.piece().await?.is_some() {}
        Ok(())
    }
    .await;
    assert!(matches!(refused, Err(FetchError::TooLarge { limit: 100, .. })), "{refused:?}");
}
