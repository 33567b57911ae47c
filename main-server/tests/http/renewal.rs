//! Whoever has a grant gets a fresh one until the stream is over.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use protocol::{
    ErrorCode,
    grant::{Action, Claims, Signer, Verifier},
    node::Registered,
    stream::{Assignment, RenewedGrant, StreamState, Visibility},
};
use reqwest::StatusCode;
use serde_json::json;

use crate::server::{Answer, Server, carried};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test]
async fn broadcasters_and_viewers_renew_their_grants_until_the_stream_is_over() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("grant-key"), "07".repeat(32)).unwrap();
    let server = Server::on(folder, |_| {}).await;
    let registered: Registered = server.register("a", 1).await.read();
    let verifier = Verifier::new(&registered.grant_keys).unwrap().of_cluster(registered.cluster_id.unwrap());
    let created = server.create_private("first", "sesame").await;
    let id = created.stream_id;
    server.heartbeat(&registered.node_id.0, vec![carried(id, StreamState::Live, 0)]).await;
    let watch: Assignment = server.watch(id, json!({ "passphrase": "sesame" })).await.read();
    let path = format!("/api/streams/{id}");
    let renew = async |grant: Option<&str>| -> Answer {
        server.post(&format!("{path}/renew"), grant, json!({})).await
    };

    for (grant, action, lasts) in
        [(&created.publish.grant, Action::Publish, DAY), (&watch.grant, Action::Watch, DAY / 24)]
    {
        let renewed: RenewedGrant = renew(Some(grant)).await.read();
        assert_eq!(renewed.expires_in_s, lasts.as_secs());
        let soon_before = now_s() + lasts.as_secs() - 60;
        let claims = verifier.verify(&renewed.grant, id, action, soon_before).unwrap();
        assert_eq!(
            (claims.visibility, claims.exp),
            (Visibility::Private, claims.issued_at.unwrap() + lasts.as_secs())
        );
    }
    assert_eq!(created.publish.expires_in_s, Some(DAY.as_secs()));

    let signer = Signer::from_seed(&[7; 32]).unwrap();
    let grant = |action, expired: Duration| {
        let exp = now_s() - expired.as_secs();
        signer.sign(&Claims::new(id, action, Visibility::Private, exp)).unwrap()
    };
    let hours = |hours: u64| Duration::from_secs(hours * 60 * 60);
    assert_eq!(renew(Some(&grant(Action::Publish, hours(30)))).await.status, StatusCode::OK, "it slept");
    assert_eq!(renew(Some(&grant(Action::Watch, hours(30)))).await.status, StatusCode::OK, "it slept");
    let other = server.create("other").await.publish.grant;
    let stranger = Signer::from_seed(&[8; 32]).unwrap();
    let strange =
        stranger.sign(&Claims::new(id, Action::Publish, Visibility::Private, now_s() + 60)).unwrap();
    let elsewhere = Claims {
        cluster_id: Some("elsewhere".into()),
        ..Claims::new(id, Action::Publish, Visibility::Private, now_s() + 60)
    };
    for refused in [
        &grant(Action::Watch, hours(49)),
        &grant(Action::Relay, hours(0)),
        &other,
        &strange,
        &signer.sign(&elsewhere).unwrap(),
        &server.secret,
    ] {
        let answer = renew(Some(refused)).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, ErrorCode::InvalidGrant));
    }
    assert_eq!(renew(None).await.status, StatusCode::UNAUTHORIZED);

    server.delete(&path, Some(&created.publish.grant)).await;
    assert_eq!(renew(Some(&watch.grant)).await.code(), ErrorCode::UnknownStream);
}
