//! Checkpoints: a head is signed only as the continuation of the last one.

#![allow(clippy::unwrap_used)] // a test cannot go on without what it asked for

mod support;

use bus::{Bus, BusOptions, Context};
use contracts::{
    Actor, Code, Problem, Service,
    keystore::{SignCheckpoint, SignedCheckpoint},
};
use eventlog::{
    checkpoint::{SignedNote, VerifierKey, origin},
    merkle::{Hash, Tree, consistency_proof, hash_leaf},
};
use runtime::clock::Clock as _;
use support::Stage;

/// The relay's part: a tree, and a connection.
struct Relay {
    bus: Bus,
    tree: Tree,
}

impl Relay {
    async fn new(stage: &Stage) -> Self {
        let seed = stage.servers.secrets.nats_seed(Service::Relay.into()).unwrap();
        let clock = stage.clock.clone();
        let options =
            BusOptions::new(stage.servers.nats.url(), Service::Relay, seed.reveal(), move || clock.now());
        Self { bus: Bus::connect(options).await.unwrap(), tree: Tree::default() }
    }

    fn grow(&mut self, leaves: &[&str]) {
        for leaf in leaves {
            self.tree.push(hash_leaf(leaf.as_bytes()), &mut vec![]);
        }
    }

    async fn sign(&self, stage: &Stage, old: u64, proof: Vec<Hash>) -> Result<SignedCheckpoint, Problem> {
        let command = SignCheckpoint {
            shard: 0,
            size: self.tree.size() as i64,
            root: hex::encode(self.tree.root()),
            consistency: proof.iter().map(hex::encode).collect(),
            old_size: old as i64,
        };
        let deadline = stage.clock.now().plus(time::Duration::seconds(10));
        let organization = support::OURS;
        let actor = Actor::Service(Service::Relay);
        let context = Context::new(stage.signer.ids.uuid(), organization, actor, deadline);
        self.bus.call(&context, &command).await.map(|reply| reply.result)
    }

    fn proof(&self, old: u64) -> Vec<Hash> {
        consistency_proof(&self.tree.nodes(), old, self.tree.size()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_growing_log_is_signed_and_verifies_with_the_published_key() {
    let stage = Stage::start().await;
    let mut relay = Relay::new(&stage).await;
    let key = verifier_key(&stage).await;
    let installation = stage.keystore.reader.installation().await.unwrap();
    assert_eq!(key.name, origin(installation, 0));

    relay.grow(&["a", "b", "c"]);
    let first = relay.sign(&stage, 0, vec![]).await.unwrap();
    let note: SignedNote = first.note.as_ref().unwrap().parse().unwrap();
    assert_eq!((note.checkpoint.size, note.checkpoint.root), (3, relay.tree.root()));
    assert_eq!(note.verify(&key), Ok(()));
    // Asked again, it answers the same.
    assert_eq!(relay.sign(&stage, 0, vec![]).await.unwrap(), first);

    relay.grow(&["d", "e"]);
    let second = relay.sign(&stage, 3, relay.proof(3)).await.unwrap();
    let note: SignedNote = second.note.unwrap().parse().unwrap();
    assert_eq!((second.signed_size, note.verify(&key)), (5, Ok(())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_from_another_head_is_told_where_to_start() {
    let stage = Stage::start().await;
    let mut relay = Relay::new(&stage).await;
    relay.grow(&["a", "b", "c"]);
    relay.sign(&stage, 0, vec![]).await.unwrap();
    relay.grow(&["d"]);
    let told = relay.sign(&stage, 2, relay.proof(2)).await.unwrap();
    assert_eq!(told, SignedCheckpoint { signed_size: 3, note: None });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_cut_or_edited_gets_no_head() {
    let stage = Stage::start().await;
    let mut relay = Relay::new(&stage).await;
    relay.grow(&["a", "b", "c", "d"]);
    relay.sign(&stage, 0, vec![]).await.unwrap();

    let mut cut = Relay::new(&stage).await;
    cut.grow(&["a", "b"]);
    assert_eq!(cut.sign(&stage, 0, vec![]).await.unwrap_err().code, Code::InvalidState);
    assert_eq!(cut.sign(&stage, 4, vec![]).await.unwrap_err().code, Code::InvalidState);

    let mut edited = Relay::new(&stage).await;
    edited.grow(&["a", "X", "c", "d"]);
    assert_eq!(edited.sign(&stage, 4, vec![]).await.unwrap_err().code, Code::InvalidState);
    edited.grow(&["e"]);
    assert_eq!(edited.sign(&stage, 4, edited.proof(4)).await.unwrap_err().code, Code::InvalidState);

    relay.grow(&["e"]);
    assert!(relay.sign(&stage, 4, relay.proof(4)).await.unwrap().note.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_checkpoint_key_however_many_start() {
    let stage = Stage::set().await;
    let second = runtime::service::ServiceContext::open(&stage.foundation, Service::Keystore).await.unwrap();
    let (one, two) = tokio::join!(
        chancery_keystore::start(stage.keystore.clone()),
        chancery_keystore::start(second.clone())
    );
    one.unwrap();
    two.unwrap();
    stage.ready().await;
    assert_eq!(stage.count("wrapped_key").await, 1);
    let first = verifier_key(&stage).await;
    let _third = stage.second_keystore().await;
    assert_eq!((stage.count("wrapped_key").await, verifier_key(&stage).await), (1, first));
}

async fn verifier_key(stage: &Stage) -> VerifierKey {
    // `log verify` reads as the relay.
    let client = stage.servers.connect(&Service::Relay.role()).await;
    let row = client
        .query_one("select verifier_key from api_keystore.checkpoint_key where shard = 0::smallint", &[])
        .await;
    row.unwrap().get::<_, String>(0).parse().unwrap()
}
