//! The rules of the house, read from the sources: no circle of imports between the files of `src`, no
//! import against the flow of the data, no file too long to be read at one sitting.
//!
//! An import is a path that begins with `crate`, `super` or `self`, or with a module beside the file. It
//! counts for the file in which the item stands, also where a module hands it on by `pub use`. What unit
//! tests import does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The name of a module, from the crate on; empty for the crate itself.
type Module = Vec<String>;

/// A file of `src`.
struct File {
    path: PathBuf,
    /// The lines before its unit tests.
    lines: usize,
    /// What it imports, and whether it hands that on.
    imports: Vec<(bool, Vec<String>)>,
}

type Tree = BTreeMap<Module, File>;

/// The modules of the crate, in the order in which the data flows: each imports from modules of
/// earlier rows only, and modules of one row know nothing of each other.
const ORDER: [&[&str]; 13] = [
    // Leaves.
    &[
        "charset",
        "clock",
        "counters",
        "plain",
        "portable",
        "shown",
        "simd",
        "timed_stream",
        "unpack",
    ],
    &[
        "cli", "hash", "hosts", "logging", "logpath", "pattern", "schedule",
    ],
    &["disk", "threads"],
    &["archive", "process", "resolve"],
    // What is asked for, and whence lines come.
    &["config"],
    &["record", "redis_link"],
    // What a line is, which rule takes it, where it is counted.
    &["input", "ledger", "queue", "rules", "suggest"],
    &["analysis", "host_system", "packs", "report", "site"],
    // What is mailed when.
    &["delivery", "import", "monitor"],
    &["state"],
    &["health"],
    &["daemon"],
    &["commands"],
];

/// The longest that a file may be before its unit tests, lines.
const LONGEST: usize = 450;

/// Files that may be longer: each is one table, read by its rows.
const TABLES: [&str; 1] = ["cli"];

fn tree() -> Tree {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut tree = Tree::new();
    collect(&src, &src, &mut tree);
    let of_tests = test_modules(&tree);
    tree.retain(|module, _| !of_tests.iter().any(|test| module.starts_with(test)));
    assert!(tree.len() > 100, "only {} files found", tree.len());
    tree
}

fn collect(directory: &Path, src: &Path, tree: &mut Tree) {
    for entry in fs::read_dir(directory).expect("a directory of src") {
        let path = entry.expect("a file of src").path();
        if path.is_dir() {
            collect(&path, src, tree);
            continue;
        }
        let name = path
            .strip_prefix(src)
            .expect("below src")
            .with_extension("");
        let mut module: Module = name
            .iter()
            .map(|part| part.to_str().expect("UTF-8").to_owned())
            .collect();
        if module
            .last()
            .is_some_and(|last| last == "mod" || last == "lib")
        {
            module.pop();
        }
        let name = module.last().map(String::as_str);
        if path.extension().is_none_or(|kind| kind != "rs") || name == Some("main") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source");
        let text = without_unit_tests(&text);
        let (lines, imports) = (text.lines().count(), imports(text));
        tree.insert(
            module,
            File {
                path,
                lines,
                imports,
            },
        );
    }
}

/// The source up to its unit tests, which stand at its end.
fn without_unit_tests(text: &str) -> &str {
    let begins = text.match_indices("#[cfg(test)]\n").find(|(at, _)| {
        let mut item = text[*at..]
            .lines()
            .skip_while(|line| line.starts_with("#["));
        let item = item.next().unwrap_or_default();
        item.starts_with("mod ") && item.ends_with('{')
    });
    begins.map_or(text, |(at, _)| &text[..at])
}

/// The modules that only tests have, by the files that declare them.
fn test_modules(tree: &Tree) -> Vec<Module> {
    let mut found = vec![vec!["random".to_owned()]];
    for (module, file) in tree {
        let text = fs::read_to_string(&file.path).expect("a source");
        for (at, mark) in text.match_indices("#[cfg(test)]\nmod ") {
            let name = text[at + mark.len()..].split([';', ' ']).next();
            found.push([module.as_slice(), &[name.expect("a name").to_owned()]].concat());
        }
    }
    assert!(found.len() > 5, "{found:?}");
    found
}

/// The imports of a source: its `use` items, and the paths that stand in its code.
fn imports(text: &str) -> Vec<(bool, Vec<String>)> {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let mut found = Vec::new();
    let mut rest = String::new();
    for statement in code.split_inclusive(';') {
        let begin = statement
            .rfind("\nuse ")
            .or_else(|| statement.rfind("\npub use "))
            .or_else(|| statement.rfind("\npub(crate) use "))
            .or_else(|| statement.rfind("\npub(super) use "))
            .or_else(|| statement.starts_with("use ").then_some(0));
        let Some(begin) = begin else {
            rest.push_str(statement);
            continue;
        };
        rest.push_str(&statement[..begin]);
        let item = statement[begin..].trim().trim_end_matches(';');
        let (visibility, tree) = item.split_once("use ").expect("a use item");
        expand(&[], tree, &mut |path| {
            found.push((!visibility.is_empty(), path))
        });
    }
    for start in ["crate::", "super::"] {
        for (at, _) in rest.match_indices(start) {
            if rest[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let end = rest[at..].find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            let path = &rest[at..end.map_or(rest.len(), |end| at + end)];
            found.push((false, parts(path)));
        }
    }
    found
}

fn parts(path: &str) -> Vec<String> {
    let path = path.split(" as ").next().unwrap_or_default();
    let parts = path
        .split("::")
        .map(str::trim)
        .filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

/// Gives each path of a `use` tree.
fn expand(before: &[String], tree: &str, give: &mut dyn FnMut(Vec<String>)) {
    let Some((head, body)) = tree.split_once('{') else {
        return give([before, &parts(tree)].concat());
    };
    let before = [before, &parts(head)].concat();
    let body = body.rsplit_once('}').map_or(body, |(body, _)| body);
    let (mut depth, mut from) = (0, 0);
    for (at, c) in body.char_indices().chain([(body.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let branch = body[from..at].trim();
                if !branch.is_empty() {
                    expand(&before, branch, give);
                }
                from = at + 1;
            }
            _ => {}
        }
    }
}

/// The path from the crate on, if it leads into the crate.
fn absolute(tree: &Tree, module: &[String], path: &[String]) -> Option<Vec<String>> {
    let ups = path.iter().take_while(|part| *part == "super").count();
    match path.first()?.as_str() {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some([module, &path[1..]].concat()),
        "super" => Some([module.get(..module.len().checked_sub(ups)?)?, &path[ups..]].concat()),
        first => {
            let beside = [module, &[first.to_owned()]].concat();
            tree.contains_key(&beside).then(|| [module, path].concat())
        }
    }
}

/// The file in which an item stands: where its module hands it on from another, that one.
fn resolve(tree: &Tree, item: &[String], depth: usize) -> Option<Module> {
    let module = (0..=item.len()).rev().map(|end| &item[..end]);
    let module = module
        .into_iter()
        .find(|module| tree.contains_key(*module))?;
    if let Some(name) = item.get(module.len()).filter(|_| depth < 8) {
        for (_, path) in tree[module]
            .imports
            .iter()
            .filter(|(_, path)| path.last() == Some(name))
        {
            let target = absolute(tree, module, path).filter(|target| target != item);
            if let Some(found) = target.and_then(|target| resolve(tree, &target, depth + 1)) {
                return Some(found);
            }
        }
    }
    Some(module.to_vec())
}

/// The files that each file imports from.
fn edges(tree: &Tree) -> BTreeMap<&Module, BTreeSet<Module>> {
    let of = |module: &Module, file: &File| -> BTreeSet<Module> {
        let own = file.imports.iter().filter(|(handed_on, _)| !handed_on);
        own.filter_map(|(_, path)| resolve(tree, &absolute(tree, module, path)?, 0))
            .filter(|target| target != module)
            .collect()
    };
    tree.iter()
        .map(|(module, file)| (module, of(module, file)))
        .collect()
}

fn shown(module: &[String]) -> String {
    match module.is_empty() {
        true => "lib".to_owned(),
        false => module.join("/"),
    }
}

/// The files that import themselves over others.
fn in_circles(edges: &BTreeMap<&Module, BTreeSet<Module>>) -> BTreeSet<Module> {
    let leads_to_itself = |module: &Module| {
        let (mut reached, mut open) = (BTreeSet::new(), vec![module]);
        while let Some(next) = open.pop() {
            open.extend(edges[next].iter().filter(|to| reached.insert(*to)));
        }
        reached.contains(module)
    };
    let modules = edges.keys().copied();
    modules
        .filter(|module| leads_to_itself(module))
        .cloned()
        .collect()
}

#[test]
fn no_files_import_in_a_circle() {
    let tree = tree();
    let edges = edges(&tree);
    assert!(edges.values().map(BTreeSet::len).sum::<usize>() > 300);
    let left = in_circles(&edges);
    let lines = left.iter().map(|module| {
        let to = edges[module].iter().filter(|to| left.contains(*to));
        let to: Vec<String> = to.map(|to| shown(to)).collect();
        format!("{} -> {}", shown(module), to.join(", "))
    });
    let lines: Vec<String> = lines.collect();
    assert!(lines.is_empty(), "in a circle:\n{}", lines.join("\n"));
}

/// A circle of three files is found, and what leads to it or from it is not.
#[test]
fn a_circle_is_told_by_its_own_files_alone() {
    let module = |name: &str| vec![name.to_owned()];
    let modules = ["a", "b", "c", "in", "out"].map(module);
    let to = [&["b"][..], &["c"], &["a", "out"], &["a"], &[]];
    let to = to.map(|names| names.iter().copied().map(module).collect());
    let edges = modules.iter().zip(to).collect();
    assert_eq!(in_circles(&edges), modules[..3].iter().cloned().collect());
}

#[test]
fn no_module_imports_against_the_flow() {
    let tree = tree();
    let row = |name: &str| ORDER.iter().position(|row| row.contains(&name));
    let top: BTreeSet<&str> = tree
        .keys()
        .filter_map(|m| m.first())
        .map(String::as_str)
        .collect();
    let listed: BTreeSet<&str> = ORDER.iter().copied().flatten().copied().collect();
    assert_eq!(top, listed, "the modules of src, and those of the table");
    let mut against = Vec::new();
    let mut checked = 0;
    for (module, targets) in edges(&tree) {
        for target in targets {
            // `lib.rs` names all of them, and none names it.
            let (Some(from), Some(to)) = (module.first(), target.first()) else {
                continue;
            };
            checked += 1;
            if from != to && row(to) >= row(from) {
                against.push(format!("{} -> {}", shown(module), shown(&target)));
            }
        }
    }
    assert!(checked > 300, "{checked}");
    assert!(
        against.is_empty(),
        "against the flow:\n{}",
        against.join("\n")
    );
}

#[test]
fn no_file_is_too_long_to_be_read() {
    let tree = tree();
    let table = |module: &Module| TABLES.contains(&shown(module).as_str());
    for name in TABLES {
        let is_there = tree.keys().any(|module| shown(module) == name);
        assert!(is_there, "{name}: no such file");
    }
    let long = tree
        .iter()
        .filter(|(module, file)| file.lines > LONGEST && !table(module));
    let long: Vec<String> = long
        .map(|(module, file)| format!("{}: {} lines", shown(module), file.lines))
        .collect();
    assert!(long.is_empty(), "too long:\n{}", long.join("\n"));
}
