//! `undead main-server`: the control plane as a separate process.

use std::path::PathBuf;

use main_server::{App, Config, Secret};
use tokio_util::sync::CancellationToken;

use crate::{cli::MainServerArgs, failure::Failure, port::Port, serve};

pub(crate) async fn run(args: MainServerArgs) -> Result<(), Failure> {
    let mut port = Port::listen(args.listen)?;
    let (server, tls, folder) = (args.server.clone(), args.tls.clone(), tls_folder(&args));
    let trust = args.store.trust.load()?;
    let app = open(args).await?;
    port.secure(&tls, &folder, &trust)?;
    port.setup = setup_token(&app).await?;
    let router = app.router();
    let stopping = CancellationToken::new();
    let supervisors = [app.supervisor()];
    let upkeep = tokio::spawn(supervisors[0].watch("main server", app.run(stopping.clone())));
    let shutdown = async {
        stopping.cancel();
        drop(upkeep.await);
    };
    serve::serve(port, &server, router, serve::until_stopped(&supervisors), shutdown).await
}

/// Where the certificates of a main server are kept by default.
pub(crate) fn tls_folder(args: &MainServerArgs) -> PathBuf {
    args.store.data_dir.join("tls")
}

/// Opens the main server, for this subcommand and for `up`. A failure is one of configuration, for the operator to correct.
pub(crate) async fn open(args: MainServerArgs) -> Result<App, Failure> {
    let engine = args.store.engine()?;
    let objects = args.objects.or_in(&args.store.data_dir);
    let trust = args.store.trust.load()?;
    let mut config = Config::new(args.store.data_dir);
    config.objects = objects;
    config.trust = trust;
    config.engine = engine;
    config.grace = args.server.grace_ms.0;
    args.options.apply(&mut config);
    args.upkeep.apply(&mut config);
    config.cluster_secret = args.secret.given().and_then(Secret::new);
    config.cluster_secret_file = args.secret.cluster_secret_file;
    let app = App::open(config).await.map_err(Failure::config("the main server cannot start"))?;
    // Held until the process ends: requests may still change the store while connections drain.
    std::mem::forget(app.data_folder());
    Ok(app)
}

/// The token of the link that makes the first operator, while there is none.
pub(crate) async fn setup_token(app: &App) -> Result<Option<Secret>, Failure> {
    app.setup_token().await.map_err(Failure::config("the main server cannot start"))
}
