//! Two instances of the user service behind one upstream: how calls are spread, and what clients notice when one is
//! killed, gets slow, or both are gone.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use testkit::link::Link;

use crate::SetAtEnd;
use crate::harness::{Answer, PROGRAM, Process, free_port, gather, request, within};

/// Clients that ask at the same time.
const CLIENTS: usize = 8;

/// A gateway before two user services that share a database.
struct Fleet {
    /// Ends first, so that nobody misses what ends after it.
    gateway: Option<Process>,
    /// The wire to the first instance. The gateway has its address, the second it calls directly.
    link: Link,
    instances: [Instance; 2],
    folder: TempDir,
    lines: Arc<Mutex<Vec<String>>>,
    port: u16,
    admin: u16,
    _runtime: tokio::runtime::Runtime,
}

struct Instance {
    port: u16,
    process: Option<Process>,
}

impl Fleet {
    /// Starts all, with one user in the database. `upstream` is what its section says beside the addresses.
    fn start(upstream: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let instances = [(); 2].map(|()| Instance { port: free_port(), process: None });
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let link = runtime.block_on(Link::to(&format!("127.0.0.1:{}", instances[0].port))).unwrap();
        let (port, admin) = (free_port(), free_port());
        let mut fleet = Self {
            folder,
            instances,
            link,
            gateway: None,
            lines: Arc::default(),
            port,
            admin,
            _runtime: runtime,
        };
        // One after the other: the first makes the tables.
        fleet.start_instance(0);
        fleet.start_instance(1);
        fleet.start_gateway(upstream);
        let created = request(port, "POST", "/users", Some(crate::JOHN)).unwrap();
        assert_eq!(created.status, 201, "{created:?}");
        fleet
    }

    fn start_instance(&mut self, index: usize) {
        let port = self.instances[index].port;
        self.instances[index].process = Some(user_service(self.folder.path(), port));
        let ready = || {
            let mut ask = Command::new(PROGRAM);
            ask.args(["user-service", "healthcheck"]).env("LISTEN", listen(port));
            ask.stdout(Stdio::null()).stderr(Stdio::null());
            ask.status().unwrap().success().then_some(())
        };
        within("a user service to be ready", ready);
    }

    fn start_gateway(&mut self, upstream: &str) {
        let descriptors = concat!(env!("CARGO_MANIFEST_DIR"), "/../../descriptors/shop.binpb");
        let routes = format!(
            "listeners: [{{address: 127.0.0.1:{}}}]\nadmin: {{address: 127.0.0.1:{}}}\n\
             descriptors: [{descriptors}]\n\
             upstreams:\n  users:\n    address: [{}, 127.0.0.1:{}]\n    {upstream}\n\
             services: {{shop.user.v1.UserService: users}}\n\
             routes:\n  - {{get: '/users/{{user_id}}', grpc: shop.user.v1.UserService/GetUser}}\n  \
             - {{post: /users, grpc: shop.user.v1.UserService/CreateUser, status: 201}}\n",
            self.port,
            self.admin,
            self.link.address(),
            self.instances[1].port,
        );
        std::fs::write(self.folder.path().join("routes.yaml"), routes).unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["gateway", "serve", "--workers", "2"]).current_dir(self.folder.path());
        command.env("NO_COLOR", "1").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        gather(process.stdout.take().unwrap(), &self.lines);
        gather(process.stderr.take().unwrap(), &self.lines);
        self.gateway = Some(Process(process));
        within("both instances to be connected", || {
            let seen = request(self.admin, "GET", "/upstreams", None).ok()?;
            let endpoints = seen.body[0]["endpoints"].as_array()?.clone();
            endpoints.iter().all(|endpoint| endpoint["state"] == "reachable").then_some(())
        });
    }

    /// `kill -9`, as a machine that goes away.
    fn kill(&mut self, index: usize) {
        let mut process = self.instances[index].process.take().unwrap();
        process.signal("KILL");
        process.wait();
    }

    fn get(&self) -> Answer {
        request(self.port, "GET", "/users/1", None).unwrap()
    }

    /// Sends that many calls from several clients at once, and gives the answers.
    fn calls(&self, count: usize) -> Vec<Answer> {
        let left = AtomicUsize::new(count);
        let client = || {
            let next = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            std::iter::from_fn(|| next().ok()).map(|_| self.get()).collect::<Vec<_>>()
        };
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
        })
    }

    /// How many of the calls of the access log from line `from` on went to each instance, once `count` are there.
    fn spread(&self, from: usize, count: usize) -> [usize; 2] {
        within("the access log", || (self.log().len() >= from + count).then_some(()));
        let endpoints = [self.link.address().to_owned(), format!("127.0.0.1:{}", self.instances[1].port)];
        let log = self.log();
        endpoints.map(|endpoint| {
            let field = format!("endpoint={endpoint} ");
            log[from..].iter().filter(|line| line.contains(&field)).count()
        })
    }

    /// The lines of calls.
    fn log(&self) -> Vec<String> {
        self.lines.lock().unwrap().iter().filter(|line| line.contains(" GET /users/1 ")).cloned().collect()
    }

    fn connections_opened(&self) -> u64 {
        let seen = request(self.admin, "GET", "/upstreams", None).unwrap();
        seen.body[0]["connections_opened"].as_u64().unwrap()
    }
}

/// Starts a user service over the database in this folder.
fn user_service(folder: &Path, port: u16) -> Process {
    let mut command = Command::new(PROGRAM);
    command.arg("user-service").current_dir(folder).env("LISTEN", listen(port));
    command.env("DATABASE_URL", "sqlite:user.db").stdin(Stdio::null()).stdout(Stdio::null());
    Process(command.spawn().unwrap())
}

fn listen(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

#[test]
fn calls_are_spread_evenly() {
    let fleet = Fleet::start("balance: round_robin");
    assert_eq!(statuses(&fleet.calls(400)), [200]);
    let [first, second] = fleet.spread(0, 400);
    assert_eq!(first + second, 400);
    assert!(first.abs_diff(second) < 40, "{first} to {second}");
}

#[test]
fn no_get_fails_when_one_is_killed_under_load() {
    let mut fleet = Fleet::start("balance: round_robin");
    let done = AtomicBool::new(false);
    for round in 0..3 {
        let victim = round % 2;
        let mut taken = fleet.instances[victim].process.take().unwrap();
        std::thread::scope(|scope| {
            let end = SetAtEnd(&done);
            let load: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    scope.spawn(|| {
                        let mut calls = 0;
                        while !done.load(Ordering::Relaxed) {
                            let answer = fleet.get();
                            assert_eq!(answer.status, 200, "round {round}: {answer:?}");
                            calls += 1;
                        }
                        calls
                    })
                })
                .collect();
            let before = fleet.log().len();
            within("load", || (fleet.log().len() > before + 100).then_some(()));
            taken.signal("KILL");
            taken.wait();
            let killed = fleet.log().len();
            within("calls without it", || (fleet.log().len() > killed + 300).then_some(()));
            drop(end);
            assert!(load.into_iter().map(|client| client.join().unwrap()).sum::<usize>() > 300);
        });
        done.store(false, Ordering::Relaxed);
        fleet.start_instance(victim);
        within("its return", || {
            let from = fleet.log().len();
            assert_eq!(statuses(&fleet.calls(20)), [200]);
            (fleet.spread(from, 20)[victim] > 0).then_some(())
        });
    }
}

#[test]
fn a_slow_one_gets_less_and_deadlines_hold() {
    let fleet = Fleet::start("balance: least_request\n    timeout: 500ms\n    outlier_detection: false");
    fleet.link.delay(Duration::from_millis(50));
    let from = fleet.log().len();
    assert_eq!(statuses(&fleet.calls(400)), [200]);
    let [slow, fast] = fleet.spread(from, 400);
    assert!(slow * 3 < fast, "{slow} to {fast}");

    // So slow that no answer of it can be in time: its calls end at their deadline, the others go on.
    fleet.link.freeze();
    let answers = fleet.calls(100);
    let seen = statuses(&answers);
    assert!(seen == [200, 504] || seen == [200], "{seen:?}");
    for late in answers.iter().filter(|answer| answer.status == 504) {
        assert_eq!(late.body["code"], "DEADLINE_EXCEEDED", "{late:?}");
    }
    assert!(answers.iter().filter(|answer| answer.status == 200).count() > 50);
}

#[test]
fn without_any_there_is_a_fast_503_and_no_storm_when_they_return() {
    let mut fleet = Fleet::start("balance: round_robin");
    assert_eq!(statuses(&fleet.calls(50)), [200]);
    let opened = fleet.connections_opened();
    fleet.kill(0);
    fleet.kill(1);
    within("the first failures", || (fleet.get().status == 503).then_some(()));

    let mut took = Vec::new();
    for _ in 0..200 {
        let begun = Instant::now();
        let answer = fleet.get();
        took.push(begun.elapsed());
        assert_eq!((answer.status, &answer.body["code"]), (503, &json!("UNAVAILABLE")), "{answer:?}");
        assert!(answer.head.to_lowercase().contains("\r\nretry-after: "), "{}", answer.head);
    }
    took.sort_unstable();
    eprintln!(
        "503 after {:?} (median), {:?} (slowest of {})",
        took[took.len() / 2],
        took[took.len() - 1],
        took.len()
    );

    // Many clients wait for their return.
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _end = SetAtEnd(&done);
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    drop(fleet.get())
                }
            });
        }
        // Borrowed by the clients; the processes are kept aside.
        let instances = fleet.instances.each_ref().map(|instance| instance.port);
        let folder = fleet.folder.path();
        let _returned = instances.map(|port| user_service(folder, port));
        within("all to be well again", || (fleet.get().status == 200).then_some(()));
        within("both to be asked", || {
            let from = fleet.log().len();
            fleet.spread(from, 20).iter().all(|calls| *calls > 0).then_some(())
        });
        let opened = fleet.connections_opened() - opened;
        eprintln!("connections opened after the return: {opened}");
        assert!(opened <= 2 * 2 * 2, "two workers, two endpoints, and yet {opened} connections");
    });
}
