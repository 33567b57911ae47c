//! `undead main-server`: the control plane as a separate process.

use main_server::{App, Config, Secret};
use tokio_util::sync::CancellationToken;

use crate::{cli::MainServerArgs, failure::Failure, serve};

pub(crate) async fn run(args: MainServerArgs) -> Result<(), Failure> {
    let listener = serve::listen(args.listen).await?;
    let server = args.server.clone();
    let app = open(args).await?;
    let router = app.router();
    let stopping = CancellationToken::new();
    let supervisors = [app.supervisor()];
    let upkeep = tokio::spawn(supervisors[0].watch("main server", app.run(stopping.clone())));
    let shutdown = async {
        stopping.cancel();
        drop(upkeep.await);
    };
    serve::serve(listener, &server, router, serve::until_stopped(&supervisors), shutdown).await
}

/// Opens the main server, for this subcommand and for `up`. A failure is one of configuration, for the operator to correct.
pub(crate) async fn open(args: MainServerArgs) -> Result<App, Failure> {
    let mut config = Config::new(args.store.data_dir);
    config.engine = args.store.store;
    config.grace = args.server.grace_ms.0;
    args.options.apply(&mut config);
    config.cluster_secret = args.secret.given().and_then(Secret::new);
    config.cluster_secret_file = args.secret.cluster_secret_file;
    let app = App::open(config).await.map_err(Failure::config("the main server cannot start"))?;
    // Held until the process ends: requests may still change the store while connections drain.
    std::mem::forget(app.data_folder());
    Ok(app)
}
