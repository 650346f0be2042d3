//! A TCP proxy whose connections can be cut.

use std::{net::SocketAddr, sync::Arc};

use clock::{Task, spawn_named};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Numbered, so that a cut that is healed at once is still seen.
    Whole(u64),
    Cut,
}

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    state: Arc<watch::Sender<State>>,
    _listener: Task,
}

impl Proxy {
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(watch::Sender::new(State::Whole(0)));
        let watched = Arc::clone(&state);
        let _listener = spawn_named("proxy", async move {
            loop {
                let (mut from, _) = listener.accept().await.unwrap();
                let mut state = watched.subscribe();
                if *state.borrow_and_update() == State::Cut {
                    continue;
                }
                spawn_named("proxied", async move {
                    let Ok(mut to) = TcpStream::connect(target).await else {
                        return;
                    };
                    tokio::select! {
                        _ended = tokio::io::copy_bidirectional(&mut from, &mut to) => {}
                        _cut = state.changed() => {}
                    }
                })
                .detach();
            }
        });
        Self {
            address,
            state,
            _listener,
        }
    }

    /// Ends every connection; new ones end at once.
    pub(crate) fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    pub(crate) fn heal(&self) {
        self.state.send_modify(|state| {
            *state = match *state {
                State::Whole(number) => State::Whole(number + 1),
                State::Cut => State::Whole(0),
            }
        });
    }
}
