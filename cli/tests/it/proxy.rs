//! A wire that can be cut: connections pass through it until it is told otherwise.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use forebay_shared::shutdown::Tasks;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A wire to a server.
pub struct Wire {
    pub address: SocketAddr,
    cut: watch::Sender<bool>,
    tasks: Tasks,
    used: Arc<AtomicBool>,
}

impl Wire {
    /// A wire to `target`.
    pub async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cut, state) = watch::channel(false);
        let (tasks, used) = (Tasks::new(), Arc::new(AtomicBool::new(false)));
        let (spawner, seen) = (tasks.clone(), used.clone());
        tasks.spawn("wire", async move {
            while let Ok((inside, _)) = listener.accept().await {
                seen.store(true, Ordering::SeqCst);
                spawner.spawn("connection", pass(inside, target.clone(), state.clone()));
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

async fn pass(mut inside: TcpStream, target: String, mut state: watch::Receiver<bool>) {
    if *state.borrow() {
        return;
    }
    let Ok(mut outside) = TcpStream::connect(&target).await else { return };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut inside, &mut outside) => {}
        _ = state.wait_for(|cut| *cut) => {}
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.tasks.halt();
    }
}
