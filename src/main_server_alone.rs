//! `undead main-server`: the control plane in a process of its own.

use main_server::{App, Config, Persistence, Secret};
use tokio_util::sync::CancellationToken;

use crate::{
    cli::{MainServerArgs, SecretArgs, Store},
    failure::Failure,
    serve,
};

pub(crate) async fn run(args: MainServerArgs) -> Result<(), Failure> {
    let listener = serve::listen(args.listen).await?;
    let app = open(config(args.data_dir, args.store, args.secret)).await?;
    let router = app.router();
    let stopping = CancellationToken::new();
    let upkeep = tokio::spawn(app.run(stopping.clone()));
    let farewell = async {
        stopping.cancel();
        serve::join(upkeep).await;
    };
    serve::serve(listener, router, farewell).await
}

/// The main server's configuration, for this subcommand and for `up`.
pub(crate) fn config(data_dir: std::path::PathBuf, store: Store, secret: SecretArgs) -> Config {
    let mut config = Config::new(data_dir);
    config.persistence = match store {
        Store::Sqlite => Persistence::Sqlite,
    };
    config.cluster_secret = secret.cluster_secret.as_deref().and_then(Secret::new);
    config.cluster_secret_file = secret.cluster_secret_file;
    config
}

/// Opens the main server; what can go wrong there is for the operator to set right.
pub(crate) async fn open(config: Config) -> Result<App, Failure> {
    App::open(config).await.map_err(Failure::config("the main server cannot start"))
}
