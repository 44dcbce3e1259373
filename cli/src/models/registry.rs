//! `forebay models list`, `show`, `copy`, `delete`.

use anyhow::Context;
use forebay_shared::config::Size;
use forebay_shared::registry::{Registered, Registrar};
use forebay_shared::store::{CopyOutcome, Removal};

/// Prints the models that this owner sees; all of them, if none is named.
pub async fn list(registrar: &Registrar, owner: Option<&str>) -> anyhow::Result<()> {
    let models = registrar.store.all_registered().await.context("reading the registry")?;
    let sees = |model: &&Registered| match (&model.owner, owner) {
        (None, _) | (_, None) => true,
        (Some(whose), Some(owner)) => whose == owner,
    };
    for model in models.iter().filter(sees) {
        println!("{}", line(model));
    }
    Ok(())
}

/// Prints what is known of a model, and its files.
pub async fn show(registrar: &Registrar, owner: Option<&str>, name: &str) -> anyhow::Result<()> {
    let model = registrar.store.registered(owner, name).await.context("reading the registry")?;
    let model = model.with_context(|| unknown(name, owner))?;
    let files = registrar.store.registered_files(model.owner.as_deref(), name).await;
    println!("name     {}", model.name);
    println!("owner    {}", model.owner.as_deref().unwrap_or("everybody"));
    println!("digest   {}", model.digest);
    println!("size     {}", Size::new(model.bytes));
    println!("source   {}", model.source);
    println!("created  {}", model.created_at);
    println!("updated  {}", model.updated_at);
    for (file, _) in files.context("reading the registry")? {
        println!("file     {}  {:>12}  {}", file.digest, file.bytes, file.path);
    }
    Ok(())
}

/// Gives a model another name.
pub async fn copy(
    registrar: &Registrar,
    owner: Option<&str>,
    (from, to): (&str, &str),
) -> anyhow::Result<()> {
    match registrar.copy(owner, from, to).await? {
        CopyOutcome::Copied(model) => {
            println!("{}  {}", model.name, model.digest);
            Ok(())
        }
        CopyOutcome::Taken => anyhow::bail!("the name `{to}` is taken"),
        CopyOutcome::Unknown => anyhow::bail!(unknown(from, owner)),
    }
}

/// Deletes a model.
pub async fn delete(registrar: &Registrar, owner: Option<&str>, name: &str) -> anyhow::Result<()> {
    match registrar.store.delete_model(owner, name).await.context("deleting the model")? {
        Removal::Deleted => {
            eprintln!("`{name}` is deleted; its files go when no other model has them");
            Ok(())
        }
        Removal::InUse => {
            anyhow::bail!("jobs for `{name}` wait or run; cancel them, or wait until they have ended")
        }
        Removal::Unknown => anyhow::bail!(unknown(name, owner)),
    }
}

fn line(model: &Registered) -> String {
    let digest = model.digest.to_string();
    let owner = model.owner.as_deref().unwrap_or("everybody");
    let size = Size::new(model.bytes).to_string();
    format!("{:<40}  {owner:<16}  {size:>10}  {}  {}", model.name, &digest[..12], model.updated_at)
}

fn unknown(name: &str, owner: Option<&str>) -> String {
    match owner {
        Some(owner) => format!("`{owner}` has no model `{name}`; `forebay models list` shows all"),
        None => format!("there is no model `{name}` of everybody's; `forebay models list` shows all"),
    }
}
