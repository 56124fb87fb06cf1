//! The same load over HTTP/2: so many requests at a time on each of a few connections, as browsers and proxies send them.

use std::{cell::Cell, net::SocketAddr, rc::Rc, time::Instant};

use anyhow::{Result, bail, ensure};
use bytes::Bytes;
use h2::client::SendRequest;
use http::{Request, Uri, Version};
use tokio::{net::TcpStream, task::LocalSet};

use super::{answer::Answer, payload, tally::Tally};
use crate::flags::Flags;

const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 1 << 24;

/// What every request says.
#[derive(Clone)]
struct Template {
    uri: Uri,
    body: Option<Bytes>,
}

/// How far the run has come.
struct Progress {
    left: Cell<usize>,
    tally: Cell<Option<Tally>>,
}

/// Sends `--requests`, `--streams` at a time on each connection, and prints the tally.
pub fn run(flags: &Flags, streams: usize) -> Result<()> {
    ensure!(flags.optional::<f64>("rate")?.is_none(), "--rate and --streams do not go together");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (tally, started) = runtime.block_on(LocalSet::new().run_until(send_all(flags, streams)))?;
    println!("{}", tally.into_json(started.elapsed()));
    Ok(())
}

async fn send_all(flags: &Flags, streams: usize) -> Result<(Tally, Instant)> {
    let address: SocketAddr = flags.required("address")?;
    let path: String = flags.required("path")?;
    let total = flags.required("requests")?;
    let template = Template { uri: format!("http://{address}{path}").parse()?, body: payload(flags)? };
    let tally = Tally::new(total, 0, flags.optional("size")?);
    let progress = Rc::new(Progress { left: Cell::new(total), tally: Cell::new(Some(tally)) });
    let mut handles = Vec::new();
    for _ in 0..flags.required("connections")? {
        handles.push(connect(address).await?);
    }
    let started = Instant::now();
    let mut senders = Vec::new();
    for handle in handles {
        for _ in 0..streams {
            let (handle, template) = (handle.clone(), template.clone());
            senders.push(tokio::task::spawn_local(send(handle, template, Rc::clone(&progress))));
        }
    }
    for sender in senders {
        sender.await??;
    }
    let Some(tally) = progress.tally.take() else { bail!("nothing was counted") };
    Ok((tally, started))
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Bytes>> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let (handle, connection) = h2::client::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .handshake(socket)
        .await?;
    tokio::task::spawn_local(connection);
    Ok(handle)
}

/// One request after the other, for as long as there are any.
async fn send(mut handle: SendRequest<Bytes>, template: Template, progress: Rc<Progress>) -> Result<()> {
    while let Some(left) = progress.left.get().checked_sub(1) {
        progress.left.set(left);
        let begun = Instant::now();
        handle = handle.ready().await?;
        let answer = exchange(&mut handle, &template).await?;
        let Some(mut tally) = progress.tally.take() else { bail!("counted twice at a time") };
        tally.count(answer, begun.elapsed());
        progress.tally.set(Some(tally));
    }
    Ok(())
}

async fn exchange(handle: &mut SendRequest<Bytes>, template: &Template) -> Result<Answer> {
    let mut head = Request::builder()
        .uri(template.uri.clone())
        .version(Version::HTTP_2)
        .header("user-agent", "bench")
        .header("accept", "*/*");
    if let Some(body) = &template.body {
        head = head.method("POST").header("content-type", "application/json");
        head = head.header("content-length", body.len());
    }
    let (response, mut stream) = handle.send_request(head.body(())?, template.body.is_none())?;
    if let Some(body) = &template.body {
        stream.send_data(body.clone(), true)?;
    }
    let (head, mut body) = response.await?.into_parts();
    let mut size = 0;
    while let Some(chunk) = body.data().await {
        let chunk = chunk?.len();
        size += chunk;
        body.flow_control().release_capacity(chunk)?;
    }
    Ok(Answer { status: head.status.as_u16(), body: size, length: size })
}
