//! `make schemas`: writes the generated files under `schemas/`; examples that exist are kept as they are.

use chancery_tests::schemas;

fn main() -> std::io::Result<()> {
    let folder = schemas::folder();
    let generated = schemas::generated();
    for (path, content) in &generated {
        write(&folder.join(path), content)?;
    }
    write(&folder.join("lock.json"), &schemas::lock(&generated))?;
    for (path, content) in schemas::kept_examples() {
        let file = folder.join(path);
        if !file.exists() {
            write(&file, &content)?;
        }
    }
    Ok(())
}

fn write(file: &std::path::Path, content: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, content)
}
