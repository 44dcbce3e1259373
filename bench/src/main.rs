//! What Forebay reaches, against a bare ONNX Runtime loop in the same run.

mod bare;
mod corpus;

fn main() -> anyhow::Result<()> {
    let data = std::path::Path::new(".forebay");
    let texts = corpus::texts(std::path::Path::new("."), 2000)?;
    let mut bare = bare::Bare::open(data, "all-minilm-l6-v2", 2, &texts)?;
    let lengths = bare.lengths();
    println!("tokens: mean {:.1}, median {}, longest {}", lengths.mean, lengths.median, lengths.longest);
    bare.run(2048)?;
    for round in 0..2 {
        for budget in [128, 256, 512, 1024, 2048, 4096, 8192, 16384] {
            println!("{round} {budget}: {:.0}", bare.run(budget)?);
        }
    }
    Ok(())
}
