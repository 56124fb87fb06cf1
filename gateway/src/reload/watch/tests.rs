//! Changes of files as editors, deployments and Kubernetes make them: each is seen.

use super::*;

fn names(folder: &Path, pattern: &str) -> Watched {
    Watched::Names { folder: folder.to_owned(), pattern: pattern.to_owned() }
}

async fn change(watcher: &mut Watcher) {
    tokio::time::timeout(Duration::from_secs(20), watcher.changed()).await.expect("a change is seen");
}

#[tokio::test]
async fn what_is_restored_is_seen_as_a_change_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("routes.yaml");
    std::fs::write(&file, "0").unwrap();
    let mut watcher = Watcher::new(vec![Watched::File(file.clone())]);
    let before = watcher.seen();
    std::fs::write(&file, "1").unwrap();
    watcher.mark();
    watcher.restore(&before);
    tokio::time::timeout(Duration::from_secs(20), watcher.changed()).await.expect("a change is seen");
}

#[tokio::test]
async fn in_place_writes_and_atomic_renames_are_seen_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("routes.yaml");
    std::fs::write(&file, "0").unwrap();
    let mut watcher = Watcher::new(vec![Watched::File(file.clone())]);
    for round in 0..3 {
        std::fs::write(&file, format!("in place {round}")).unwrap();
        change(&mut watcher).await;
        let new = folder.path().join("routes.yaml.new");
        std::fs::write(&new, format!("renamed {round}")).unwrap();
        std::fs::rename(&new, &file).unwrap();
        change(&mut watcher).await;
    }
}

/// Without a poll.
fn watch(watched: Vec<Watched>) -> Watcher {
    Watcher::polling(watched, Duration::from_secs(3600))
}

/// A change, told by an event.
async fn soon(watcher: &mut Watcher, what: &str) {
    let seen = tokio::time::timeout(Duration::from_secs(20), watcher.changed()).await;
    assert!(seen.is_ok(), "{what}: only a poll would see it");
}

#[tokio::test]
async fn what_is_deleted_and_made_anew_is_seen_by_its_events() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("conf")).unwrap();
    // The same directory by two names.
    let file = folder.path().join("conf/../conf/routes.yaml");
    std::fs::write(&file, "0").unwrap();
    let mut watcher = watch(vec![Watched::File(file.clone())]);
    for round in 1..4 {
        std::fs::remove_file(&file).unwrap();
        soon(&mut watcher, "a file that goes").await;
        std::fs::write(&file, format!("{round}")).unwrap();
        soon(&mut watcher, "a file that comes").await;
    }
}

#[tokio::test]
async fn a_folder_that_is_deleted_and_made_anew_is_seen_by_its_events() {
    let folder = tempfile::tempdir().unwrap();
    let teams = folder.path().join("deploy/teams");
    let file = teams.join("a.yaml");
    let publish = |text: &str| {
        std::fs::create_dir_all(&teams).unwrap();
        std::fs::write(&file, text).unwrap();
    };
    publish("0");
    let mut watcher = watch(vec![Watched::File(file.clone())]);
    for round in 1..4 {
        std::fs::remove_dir_all(folder.path().join("deploy")).unwrap();
        soon(&mut watcher, "a folder that goes").await;
        publish(&format!("{round}"));
        soon(&mut watcher, "a folder that comes").await;
        std::fs::write(&file, format!("{round} again")).unwrap();
        soon(&mut watcher, "a file in the new folder").await;
        let old = folder.path().join(format!("old{round}"));
        std::fs::rename(&teams, old).unwrap();
        publish("another one");
        soon(&mut watcher, "a folder in the place of another").await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn links_on_the_way_to_a_file_are_followed_by_their_events() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let publish = |version: u32| {
        let release = format!("release{version}");
        std::fs::create_dir(at(&release)).unwrap();
        std::fs::write(at(&release).join("routes.yaml"), format!("{version}")).unwrap();
        symlink(&release, at("next")).unwrap();
        std::fs::rename(at("next"), at("current")).unwrap();
    };
    publish(0);
    let mut watcher = watch(vec![Watched::File(at("current/routes.yaml"))]);
    for version in 1..4 {
        publish(version);
        soon(&mut watcher, "a link that leads elsewhere").await;
        std::fs::write(at("current/routes.yaml"), format!("{version} again")).unwrap();
        soon(&mut watcher, "a file behind a link").await;
        std::fs::remove_file(at("current/routes.yaml")).unwrap();
        soon(&mut watcher, "a file behind a link that goes").await;
        std::fs::write(at("current/routes.yaml"), format!("{version} anew")).unwrap();
        soon(&mut watcher, "a file behind a link that comes").await;
    }
}

#[cfg(unix)]
#[test]
fn links_in_a_circle_end() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    symlink("b", folder.path().join("a")).unwrap();
    symlink("a", folder.path().join("b")).unwrap();
    let found = places(&[Watched::File(folder.path().join("a"))]).directories;
    assert_eq!(found, BTreeSet::from([folder.path().canonicalize().unwrap()]));
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("routes.yaml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let files = vec![Watched::File(pipe), names(folder.path(), "*")];
    let (done, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(fingerprints(&files).len()));
    assert_eq!(wait.recv_timeout(Duration::from_secs(20)), Ok(2));
}

#[cfg(unix)]
#[tokio::test]
async fn the_symlink_swap_of_a_kubernetes_volume_is_seen_again_and_again() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let publish = |version: u32| {
        let data = format!("..{version}");
        std::fs::create_dir(at(&data)).unwrap();
        std::fs::write(at(&data).join("routes.yaml"), format!("{version}")).unwrap();
        symlink(&data, at("..data_tmp")).unwrap();
        std::fs::rename(at("..data_tmp"), at("..data")).unwrap();
    };
    publish(0);
    symlink("..data/routes.yaml", at("routes.yaml")).unwrap();
    let mut watcher = Watcher::new(vec![Watched::File(at("routes.yaml"))]);
    for version in 1..4 {
        publish(version);
        change(&mut watcher).await;
    }
}

#[tokio::test]
async fn names_that_come_and_go_in_a_folder_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    let conf = folder.path().join("conf.d");
    let mut watcher = watch(vec![names(&conf, "*.yaml")]);
    for round in 0..3 {
        std::fs::create_dir(&conf).unwrap();
        std::fs::write(conf.join("a.yaml"), "").unwrap();
        soon(&mut watcher, "a file in a new folder").await;
        std::fs::write(conf.join(format!("b{round}.yaml")), "").unwrap();
        soon(&mut watcher, "one more").await;
        std::fs::remove_dir_all(&conf).unwrap();
        soon(&mut watcher, "a folder that goes").await;
    }
}

#[tokio::test]
async fn a_folder_in_the_place_of_a_missing_file_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let proto = folder.path().join("proto");
    let mut watcher = watch(vec![Watched::File(proto.clone())]);
    std::fs::create_dir(&proto).unwrap();
    soon(&mut watcher, "a folder that comes").await;
}

#[tokio::test]
async fn what_is_written_beside_is_no_change() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("routes.yaml"), "0").unwrap();
    std::fs::write(at("a.yaml"), "0").unwrap();
    std::fs::write(at("gateway.log"), "").unwrap();
    std::fs::create_dir(at("node_modules")).unwrap();
    let watched = ["routes.yaml", "a.yaml"].map(|name| Watched::File(at(name)));
    let mut watcher = watch([watched.to_vec(), vec![names(folder.path(), "*.yaml")]].concat());
    let below = watcher.directories.iter().find(|directory| directory.ends_with("node_modules"));
    assert_eq!(below, None, "what is below is nobody's matter");
    for line in ["x", "xx"] {
        std::fs::write(at("gateway.log"), line).unwrap();
        std::fs::write(at("node_modules").join(line), line).unwrap();
        std::fs::write(at(line), line).unwrap();
    }
    let now = fingerprints(&watcher.watched);
    assert_eq!(now, watcher.seen);
    std::fs::write(at("b.yaml"), "0").unwrap();
    soon(&mut watcher, "a name that fits").await;
}

#[test]
fn what_is_written_into_others_is_no_event() {
    use notify::event::{AccessKind, CreateKind, DataChange, MetadataKind, RenameMode};
    let files = BTreeSet::from([PathBuf::from("/conf/routes.yaml")]);
    let data = EventKind::Modify(ModifyKind::Data(DataChange::Any));
    for (kind, path, is_none) in [
        (data, "/conf/routes.yaml", false),
        (data, "/conf/gateway.log", true),
        (EventKind::Create(CreateKind::File), "/conf/gateway.log", false),
        (EventKind::Modify(ModifyKind::Name(RenameMode::To)), "/conf/b", false),
        (EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any)), "/conf/b", false),
        (EventKind::Access(AccessKind::Any), "/conf/routes.yaml", true),
        (EventKind::Any, "/conf/gateway.log", false),
    ] {
        let event = Event::new(kind).add_path(path.into());
        assert_eq!(is_none_of(&files, &event), is_none, "{event:?}");
    }
}

#[tokio::test]
async fn a_file_is_settled_when_its_writer_has_closed_it() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("routes.yaml");
    std::fs::write(&file, "0").unwrap();
    let mut watcher = watch(vec![Watched::File(file.clone())]);
    let mut writer = std::fs::File::create(&file).unwrap();
    writer.write_all(b"first half").unwrap();
    soon(&mut watcher, "a file that is being written").await;
    let (done, told) = (std::sync::atomic::AtomicBool::new(false), std::sync::atomic::Ordering::SeqCst);
    let write_on = async {
        // Longer than a file that is written in one go has to be quiet.
        tokio::time::sleep(4 * QUIET).await;
        writer.write_all(b" and second half").unwrap();
        done.store(true, told);
        drop(writer);
    };
    let settled = async {
        watcher.settle().await;
        assert!(done.load(told), "settled while the file was half written");
    };
    tokio::join!(write_on, settled);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "first half and second half");
}
