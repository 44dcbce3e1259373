//! The documents of the API in the hands of those who read such documents: Postman's own runner, a validator, and a generator
//! of clients; with real models.

use super::clients::{self, KEY};
use super::columns::on_both;
use super::house::{House, Plan};

/// What the check of the response time is given here, in milliseconds. The collection's own 200 are for a service that has its
/// machine to itself; this one shares it with other tests, and loads its models at the first request.
const LIMIT: &str = "60000";

on_both! {
    Plan::models() => [every_request_of_the_collection_succeeds_without_keys];
    Plan::models().with("FOREBAY_AUTH__MODE", "keys").with("FOREBAY_AUTH__BOOTSTRAP_KEY", KEY) => [
        every_request_of_the_collection_succeeds_with_a_key,
        clients_are_generated_from_the_document_and_work,
    ];
}

async fn every_request_of_the_collection_succeeds_without_keys(house: House) {
    clients::run("postman_newman.cjs", &house, &[LIMIT]).await;
    house.stop();
}

async fn every_request_of_the_collection_succeeds_with_a_key(house: House) {
    clients::run("postman_newman.cjs", &house, &[LIMIT, KEY]).await;
    house.stop();
}

async fn clients_are_generated_from_the_document_and_work(house: House) {
    let folder = house.folder.path().join("generated");
    std::fs::create_dir(&folder).unwrap();
    let picture = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/samples/cat.jpg");
    clients::run("openapi_clients.py", &house, &[KEY, picture, folder.to_str().unwrap()]).await;
    house.stop();
}
