//! A web shop that has a chat: axum's pages and chinwag's rooms, side by side in one process.
//!
//! ```console
//! $ cargo run --example embedded_axum   # web on 127.0.0.1:3000, chat on 127.0.0.1:4000
//! $ cargo run --example embedded_axum -- WEB_ADDR CHAT_ADDR
//! ```
//!
//! From a second shell, `nc 127.0.0.1 4000`, and type `register,ada`, then `join,#orders`. From a third:
//!
//! ```console
//! $ curl -d '2 pounds of coffee' 127.0.0.1:3000/orders   # ada reads: #orders * says order 1: 2 pounds ...
//! $ curl 127.0.0.1:3000/                                 # who is in which room; a browser shows it too
//! $ curl 127.0.0.1:3000/stats
//! ```
//!
//! Ctrl-c and SIGTERM end both: requests are answered, everybody in the chat is told good-bye.

use std::{
    env,
    error::Error,
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    response::Html,
    routing::{get, post},
};
use chinwag::{
    Hub, RoomHandle, Server,
    tokio::{Runtime, TcpListener},
    wire::Line,
};
use futures::{FutureExt, StreamExt, channel::mpsc};

/// What the shop has sold so far.
static ORDERS: AtomicU64 = AtomicU64::new(0);

/// What the pages need. Both are cheap handles.
#[derive(Clone)]
struct Shop {
    hub: Hub,
    /// Where orders are posted. It is permanent, so this is good for as long as the program runs.
    room: RoomHandle,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let web_addr = args.next().unwrap_or_else(|| "127.0.0.1:3000".into());
    let chat_addr = args.next().unwrap_or_else(|| "127.0.0.1:4000".into());

    let (mut stop, mut stopped) = mpsc::channel(0);
    ctrlc::set_handler(move || {
        // The second finds no room, and changes nothing.
        let _ = stop.try_send(());
    })?;
    // One signal, for both to wait for.
    let stopped = async move { stopped.next().await }.shared();

    let hub = Hub::new();
    let room = hub.open_room("#orders")?;
    room.set_topic("what people buy & when")?;
    let pages = Router::new()
        .route("/", get(index))
        .route("/orders", post(order))
        .route("/stats", get(stats))
        // A message in the chat has at most 4,096 bytes.
        .layer(DefaultBodyLimit::max(1024))
        .with_state(Shop {
            hub: hub.clone(),
            room,
        });
    let web = tokio::net::TcpListener::bind(web_addr).await?;
    println!("listening http://{}", web.local_addr()?);
    let web = axum::serve(web, pages).with_graceful_shutdown(stopped.clone().map(|_| ()));

    let chat = TcpListener::bind(chat_addr).await?;
    println!("listening line://{}", chat.local_addr()?);
    let chat = Server::new(hub).listen(chat, Line::default());
    let chat = chat.run_until(stopped, Runtime::current());

    let (web, chat) = tokio::join!(web.into_future(), chat);
    web?;
    Ok(chat?)
}

/// The shop's own business, of which the chat hears.
async fn order(State(shop): State<Shop>, what: String) -> String {
    let number = ORDERS.fetch_add(1, Ordering::Relaxed) + 1;
    // It never waits for a reader. An order is an order, also if nobody can be told.
    if let Err(error) = shop.room.publish(&format!("order {number}: {what}")) {
        eprintln!("order {number} was not posted: {error}");
    }
    format!("order {number} is on its way\n")
}

/// Who is where.
async fn index(State(shop): State<Shop>) -> Html<String> {
    let mut page = String::from("<!doctype html><title>Shop</title><h1>Who is here</h1><ul>");
    let rooms = shop.hub.rooms();
    // One that is gone by now is left out.
    for room in rooms
        .iter()
        .filter_map(|name| shop.hub.room(name.as_str()).ok())
    {
        let topic = escape(&room.topic());
        let _ = write!(page, "<li>{} {topic}<ul>", escape(room.name().as_str()));
        for (name, role) in room.members() {
            let _ = write!(page, "<li>{}, {role}", escape(name.as_str()));
        }
        page.push_str("</ul>");
    }
    page.push_str("</ul>\n");
    Html(page)
}

async fn stats(State(shop): State<Shop>) -> String {
    format!("{:#?}\n", shop.hub.stats())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
