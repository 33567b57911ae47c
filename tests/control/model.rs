//! An operator's ONNX model in the real programs: stems are those that the model gives, and an unusable model keeps a worker from starting.

use std::{fs, path::Path, process::Command};

use bytes::Bytes;
use job_kinds::{Blobs, Cancelled, Failed, Model, Report, Tools};
use objects::{Hash, Location, Objects};
use protocol::{
    item::{Blob, Manifest, ManifestTake},
    job::{Join, Kind, Output, Separate, Source, State, Stem, Work},
};
use tokio::{runtime::Handle, task::spawn_blocking};

use crate::{
    jobs::Worker,
    library::{Operator, add_operator},
    onnx,
    process::{MainServer, SECRET},
    song,
};

/// The object store of the main server, for tasks that the test does itself.
struct Store {
    objects: Objects,
    runtime: Handle,
}

impl Blobs for Store {
    fn get(&self, blob: &Blob) -> Result<Bytes, Failed> {
        Ok(self.runtime.block_on(self.objects.get(&blob.hash.parse().unwrap(), None)).unwrap())
    }

    fn put(&self, bytes: Bytes) -> Result<Blob, Failed> {
        let length = bytes.len() as u64;
        let hash = self.runtime.block_on(self.objects.put(bytes)).unwrap();
        Ok(Blob { hash: hash.to_string(), bytes: length })
    }
}

struct Quiet;

impl Report for Quiet {
    fn progress(&self, _: f32) -> Result<(), Cancelled> {
        Ok(())
    }
}

/// The takes of both stems, separated in one piece by the model. Blocks.
fn separated(store: &Store, song: &Manifest, model: &Model) -> [ManifestTake; 2] {
    let tools =
        Tools { blobs: store, report: &Quiet, ffmpeg: None, model: Some(model), scratch: Path::new("none") };
    let run = |work: Work| job_kinds::run(&work, &tools).unwrap();
    let manifest = store.put(serde_json::to_vec(song).unwrap().into()).unwrap();
    let Output::Sound(sound) = run(Work::Decode(Source { manifest })) else { panic!("no sound") };
    let work = Separate {
        sound: sound.clone(),
        read_from: 0,
        read_to: sound.samples,
        keep_from: 0,
        keep_to: sound.samples,
        model: Some(job_kinds::VocalsModel::hash(model).to_owned()),
    };
    let Output::Piece(piece) = run(Work::Separate(work)) else { panic!("no piece") };
    [Stem::Vocals, Stem::Accompaniment].map(|stem| {
        let work = Join { sound: sound.clone(), pieces: vec![piece.clone()], stem };
        let Output::Media { takes, .. } = run(Work::Join(work)) else { panic!("no media") };
        let mut takes: Vec<ManifestTake> = serde_json::from_slice(&store.get(&takes).unwrap()).unwrap();
        takes.remove(0)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_with_a_model_gives_the_stems_of_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let onnx = onnx::model(0, None);
    let file = folder.path().join("vocals.onnx");
    fs::write(&file, &onnx).unwrap();
    let hash = Hash::of(&onnx).to_string();
    let objects = folder.path().join("objects");
    let set = [("UNDEAD_STEMS_MODEL_HASH", &*hash)];
    let server =
        MainServer::start_set(port_harness::reserve().unwrap(), folder.path(), "sqlite", &objects, &set);
    add_operator(folder.path(), "sqlite");
    let operator = Operator::sign_in(&[&server.url]).await;
    let item = operator.upload("song.wav", &song::wav(34, 3)).await;
    // It asks for tasks first, and gets none.
    let _without = Worker::start("without", &server.url, folder.path());
    let id = operator.start(Kind::Stems, item).await;
    let model = ["--stems-model", file.to_str().unwrap()];
    let _with = Worker::start_with("with", &server.url, folder.path(), &model);
    let job = operator.ended(id).await;
    assert_eq!(job.state, State::Done, "{job:#?}");

    let workers: Vec<_> = job.tasks.iter().map(|task| task.worker.as_deref()).collect();
    assert!(workers.iter().all(|worker| *worker == Some("with")), "{workers:?}");
    assert!(job.tasks.iter().filter(|task| task.step == "separate").count() > 1, "{job:#?}");
    let mut stems = Vec::new();
    for stem in &job.result {
        stems.extend(operator.takes(*stem).await);
    }
    let takes = operator.takes(item).await;
    let runtime = Handle::current();
    let objects = Objects::open(&Location::Folder(objects), &tls::Trust::default()).unwrap();
    let expected = spawn_blocking(move || {
        let song = Manifest { item_id: item, is_growing: false, takes };
        separated(&Store { objects, runtime }, &song, &Model::from_bytes(onnx).unwrap())
    });
    assert_eq!(stems, expected.await.unwrap());
}

#[test]
fn a_worker_with_an_unusable_model_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vocals.onnx");
    fs::write(&file, onnx::model(4097, None)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_undead"));
    command.args(["worker", "--main-server", "http://127.0.0.1:1", "--stems-model"]).arg(&file);
    command.env("UNDEAD_SCRATCH_DIR", folder.path()).env("UNDEAD_CLUSTER_SECRET", SECRET);
    let output = command.output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(message.contains("vocals.onnx cannot be used") && message.contains("4097"), "{message}");
}
