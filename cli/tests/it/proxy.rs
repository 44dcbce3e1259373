//! A wire that can be cut and listened to: connections pass through it until it is told otherwise.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use forebay_shared::shutdown::Tasks;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A wire to a server.
pub struct Wire {
    pub address: SocketAddr,
    cut: watch::Sender<bool>,
    tasks: Tasks,
    used: Arc<AtomicBool>,
}

/// What listens to the bytes that a client sends. Each connection gets its own.
pub type Ear = Box<dyn FnMut(&[u8]) + Send>;

impl Wire {
    /// A wire to `target`.
    pub async fn to(target: String) -> Self {
        Self::overheard(target, || Box::new(|_| ())).await
    }

    /// A wire to `target` where every connection has an ear.
    pub async fn overheard(target: String, ear: impl Fn() -> Ear + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cut, state) = watch::channel(false);
        let (tasks, used) = (Tasks::new(), Arc::new(AtomicBool::new(false)));
        let (spawner, seen) = (tasks.clone(), used.clone());
        tasks.spawn("wire", async move {
            while let Ok((inside, _)) = listener.accept().await {
                seen.store(true, Ordering::SeqCst);
                spawner.spawn("connection", pass(inside, target.clone(), state.clone(), ear()));
            }
        });
        Self { address, cut, tasks, used }
    }

    /// Cuts the wire: connections break, new ones are dropped at once.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    /// Mends it.
    pub fn mend(&self) {
        self.cut.send_replace(false);
    }

    /// Whether anything ever passed.
    pub fn was_used(&self) -> bool {
        self.used.load(Ordering::SeqCst)
    }
}

async fn pass(inside: TcpStream, target: String, mut state: watch::Receiver<bool>, ear: Ear) {
    if *state.borrow() {
        return;
    }
    let Ok(outside) = TcpStream::connect(&target).await else { return };
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (inside.into_split(), outside.into_split());
    tokio::select! {
        _ = hear(&mut from_client, &mut to_server, ear) => {}
        _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
        _ = state.wait_for(|cut| *cut) => {}
    }
}

async fn hear(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, mut ear: Ear) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        ear(&buffer[..read]);
        to.write_all(&buffer[..read]).await?;
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.tasks.halt();
    }
}
