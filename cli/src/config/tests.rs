use super::*;

fn load(file: &str, flags: &[(&'static str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("forebay.toml");
    std::fs::write(&path, file).unwrap();
    let flags = flags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    Config::load(Some(&path), &flags).map_err(|error| error.to_string())
}

#[test]
fn the_defaults_stand_by_themselves() {
    let config = load("", &[]).unwrap();
    assert_eq!(config.api.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.limits.max_items, 1024);
}

#[test]
fn a_file_stands_over_the_defaults_and_flags_over_the_file() {
    let file = "data_dir = \"a\"\n[limits]\nmax_items = 7";
    let config = load(file, &[("data_dir", "b")]).unwrap();
    assert_eq!((config.data_dir, config.limits.max_items), (PathBuf::from("b"), 7));
}

#[test]
fn an_unknown_key_is_refused_by_name() {
    let error = load("[limits]\nmax_itmes = 7", &[]).unwrap_err();
    assert!(error.contains("max_itmes"), "{error}");
    let error = load("[colours]\nred = 1", &[]).unwrap_err();
    assert!(error.contains("colours"), "{error}");
}

#[test]
fn rates_are_read_as_people_write_them() {
    let limits = load("", &[]).unwrap().rate_limits;
    let shown = limits.image_task_requests.map(|rate| rate.to_string());
    assert_eq!((shown.as_deref(), limits.key_requests), (Some("30/min"), None));
    let limits = load("[rate_limits]\nkey_requests = \"100/s burst 500\"", &[]).unwrap().rate_limits;
    assert_eq!(limits.key_requests.map(forebay_shared::rate::Rate::burst), Some(500));
    let error = load("[rate_limits]\naddress_cost = \"fast\"", &[]).unwrap_err();
    assert!(error.contains("address_cost") && error.contains("`fast` is not a rate like"), "{error}");
}

#[test]
fn proxies_are_named_by_network_and_header() {
    let config =
        load("[api]\ntrusted_proxies = [\"10.0.0.0/8\"]\nproxy_header = \"forwarded\"", &[]).unwrap();
    assert_eq!(config.api.trusted_proxies.len(), 1);
    let error = load("[api]\nproxy_header = \"x-real-ip\"", &[]).unwrap_err();
    assert!(error.contains("proxy_header") && error.contains("x-forwarded-for"), "{error}");
}

#[test]
fn a_contradiction_names_its_keys() {
    let error = load("[worker]\nlease = \"5s\"\nbeat = \"3s\"", &[]).unwrap_err();
    assert!(error.contains("worker.lease") && error.contains("worker.beat"), "{error}");
}

#[test]
fn the_emotion_apis_models_have_its_ids() {
    let own = load("[emotion]\nmodels = { A002 = \"mood\" }", &[]).unwrap().emotion.models;
    let own: Vec<_> = own.iter().map(|(id, model)| (id.as_str(), model.as_str())).collect();
    assert_eq!(own, [("A001", "emotion"), ("A002", "mood")], "the default stays");
    let error = load("[emotion]\nmodels = { A01 = \"mood\", A003 = \"\" }", &[]).unwrap_err();
    assert!(error.contains("`A01`") && error.contains("emotion.models.A003"), "{error}");
}

#[test]
fn signed_urls_need_an_s3_server_and_end() {
    let error = load("[blobs]\nsigned_urls = true", &[]).unwrap_err();
    assert!(error.contains("blobs.signed_urls") && error.contains("blobs.url is empty"), "{error}");
    let s3 = "[blobs]\nsigned_urls = true\nurl = \"s3://bucket\"\n";
    load(s3, &[]).unwrap();
    let error = load(&format!("{s3}signed_url_life = \"8d\""), &[]).unwrap_err();
    assert!(error.contains("blobs.signed_url_life must be from 1s to 7d"), "{error}");
    let error = load("[blobs]\npublic_endpoint = \"https://files.example\"", &[]).unwrap_err();
    assert!(error.contains("blobs.public_endpoint"), "{error}");
}

#[test]
fn an_upload_may_not_outlast_the_sweeper() {
    let error = load("[api]\nupload_timeout = \"1h\"", &[]).unwrap_err();
    assert!(error.contains("api.upload_timeout") && error.contains("scheduler.sweep_age"), "{error}");
    load("[api]\nupload_timeout = \"59m\"", &[]).unwrap();
}

#[test]
fn a_second_address_must_be_one() {
    let error = load("[ollama]\nlisten = \"11434\"", &[]).unwrap_err();
    assert!(error.contains("ollama.listen") && error.contains("127.0.0.1:11434"), "{error}");
    let config = load("[ollama]\nlisten = \"[::1]:11434\"", &[]).unwrap();
    let addresses = config.api_config().addresses().into_iter().map(|address| address.to_string());
    assert_eq!(addresses.collect::<Vec<_>>(), ["127.0.0.1:8080", "[::1]:11434"]);
}

#[test]
fn a_tick_of_no_whole_seconds_is_refused() {
    for span in ["300ms", "1500ms"] {
        let error = load(&format!("[scheduler]\nfill = \"{span}\""), &[]).unwrap_err();
        assert!(error.contains("scheduler.fill") && error.contains("whole seconds"), "{error}");
    }
}

#[test]
fn a_wrong_unit_names_the_right_form() {
    let error = load("[worker]\nlease = \"fifteen\"", &[]).unwrap_err();
    assert!(error.contains("fifteen") && error.contains("15s"), "{error}");
}

#[test]
fn a_fleet_needs_servers() {
    let error = load("", &[]).unwrap().check_fleet().unwrap_err().to_string();
    for key in ["store.url", "queue.url", "blobs.url"] {
        assert!(error.contains(key), "{error}");
    }
}

#[test]
fn what_is_shown_hides_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("forebay.toml");
    std::fs::write(&path, "[store]\nurl = \"postgres://u:hunter2@h/d\"").unwrap();
    let shown = Config::show(Some(&path), &BTreeMap::new()).unwrap();
    assert!(!shown.contains("hunter2") && shown.contains("(hidden)"), "{shown}");
    assert!(shown.contains("max_items = 1024"));
}

#[test]
fn every_key_has_a_sentence() {
    let mut described = false;
    for line in DEFAULTS.lines() {
        let line = line.trim();
        if line.starts_with('#') {
            described = true;
        } else if line.is_empty() || line.starts_with('[') {
            described = false;
        } else {
            assert!(described, "`{line}` has no sentence");
        }
    }
}
