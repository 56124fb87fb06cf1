//! Changes of files as editors, deployments and Kubernetes make them: each is seen.

use super::*;

async fn change(watcher: &mut Watcher) {
    tokio::time::timeout(Duration::from_secs(20), watcher.changed()).await.expect("a change is seen");
}

#[tokio::test]
async fn what_is_restored_is_seen_as_a_change_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("routes.yaml");
    std::fs::write(&file, "0").unwrap();
    let mut watcher = Watcher::new(vec![file.clone()]);
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
    let mut watcher = Watcher::new(vec![file.clone()]);
    for round in 0..3 {
        std::fs::write(&file, format!("in place {round}")).unwrap();
        change(&mut watcher).await;
        let new = folder.path().join("routes.yaml.new");
        std::fs::write(&new, format!("renamed {round}")).unwrap();
        std::fs::rename(&new, &file).unwrap();
        change(&mut watcher).await;
    }
}

/// A change, told by an event: long before the poll would find it.
async fn soon(watcher: &mut Watcher, what: &str) {
    let seen = tokio::time::timeout(POLL / 2, watcher.changed()).await;
    assert!(seen.is_ok(), "{what}: only the poll would see it");
}

#[tokio::test]
async fn what_is_deleted_and_made_anew_is_seen_by_its_events() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("conf")).unwrap();
    // The same directory by two names.
    let file = folder.path().join("conf/../conf/routes.yaml");
    std::fs::write(&file, "0").unwrap();
    let mut watcher = Watcher::new(vec![file.clone()]);
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
    let mut watcher = Watcher::new(vec![file.clone()]);
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
    let mut watcher = Watcher::new(vec![at("current/routes.yaml")]);
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
    let found = directories(&[folder.path().join("a")]);
    assert_eq!(found, BTreeSet::from([folder.path().canonicalize().unwrap()]));
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("routes.yaml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let files = vec![pipe, folder.path().to_owned()];
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
    let mut watcher = Watcher::new(vec![at("routes.yaml")]);
    for version in 1..4 {
        publish(version);
        change(&mut watcher).await;
    }
}

#[tokio::test]
async fn a_file_in_a_watched_folder_is_seen_however_deep() {
    let folder = tempfile::tempdir().unwrap();
    let proto = folder.path().join("proto");
    std::fs::create_dir_all(proto.join("shop/v1")).unwrap();
    let mut watcher = Watcher::new(vec![proto.clone()]);
    std::fs::write(proto.join("shop/v1/user.proto"), "syntax = \"proto3\";").unwrap();
    change(&mut watcher).await;
}

#[tokio::test]
async fn other_files_in_the_folder_are_no_change() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("routes.yaml");
    std::fs::write(&file, "0").unwrap();
    let mut watcher = Watcher::new(vec![file.clone()]);
    std::fs::write(folder.path().join("gateway.log"), "x").unwrap();
    let changed = tokio::time::timeout(Duration::from_millis(400), watcher.changed()).await;
    assert!(changed.is_err());
}
