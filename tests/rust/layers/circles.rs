//! Finds circles among the files of `src/`: files that use each other, directly or through others.
//!
//! A file uses another if one of its paths leads there, by a `use` or in the code, after names that a third file re-exports are
//! resolved. Tests do not count. A file may use the modules that it is a part of (its folder's `mod.rs` and those above), which
//! use it in turn: a folder is one module with parts, and its `mod.rs` is where a reader enters it.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Token, paths, tokens, use_paths, without_tests};

/// A module's path below `crate`.
type Module = Vec<String>;

/// The modules of a crate, and which use which.
pub struct Modules {
    uses: BTreeMap<Module, BTreeSet<Module>>,
}

/// What one file says.
struct File {
    paths: Vec<Vec<String>>,
    /// The paths that its `use` declarations bring in, by their last name.
    imports: BTreeMap<String, Vec<String>>,
}

impl Modules {
    /// Reads the files of a crate, each with the path of its module.
    pub fn new<'a>(files: impl IntoIterator<Item = (Module, &'a str)>) -> Self {
        let files: BTreeMap<Module, File> = files
            .into_iter()
            .map(|(module, text)| (module.clone(), File::new(&module, text)))
            .collect();
        let uses = files
            .iter()
            .map(|(module, file)| {
                let targets = file.paths.iter().filter_map(|path| {
                    let path = from_crate(path, module, &files)?;
                    resolve(&path, &files, MAX_REEXPORTS)
                });
                (module.clone(), targets.filter(|target| !module.starts_with(target)).collect())
            })
            .collect();
        Self { uses }
    }

    /// The circles, each as `a -> b -> a`: one for each use that closes one.
    pub fn circles(&self) -> Vec<String> {
        let mut circles = Vec::new();
        let mut done = BTreeSet::new();
        for module in self.uses.keys() {
            self.visit(module, &mut Vec::new(), &mut done, &mut circles);
        }
        circles
    }

    fn visit<'a>(
        &'a self,
        module: &'a Module,
        path: &mut Vec<&'a Module>,
        done: &mut BTreeSet<&'a Module>,
        circles: &mut Vec<String>,
    ) {
        if let Some(start) = path.iter().position(|other| *other == module) {
            let circle = path.iter().skip(start).copied().chain([module]);
            circles.push(circle.map(|module| module.join("/")).collect::<Vec<_>>().join(" -> "));
            return;
        }
        if done.contains(module) {
            return;
        }
        path.push(module);
        for target in self.uses.get(module).into_iter().flatten() {
            self.visit(target, path, done, circles);
        }
        path.pop();
        done.insert(module);
    }
}

impl File {
    fn new(module: &[String], text: &str) -> Self {
        let tokens: Vec<Token> = without_tests(&tokens(text)).into_iter().cloned().collect();
        let paths = paths(&tokens, module).into_iter().map(|(path, _)| path).collect();
        let imports = use_paths(&tokens, module).into_iter().filter_map(|mut path| {
            if path.last().is_some_and(|name| name == "self") {
                path.pop();
            }
            Some((path.last()?.clone(), path))
        });
        Self { paths, imports: imports.collect() }
    }
}

/// How many re-exports a path is followed through.
const MAX_REEXPORTS: usize = 8;

/// A path below `crate`, without that word; `None` if it leads into another crate.
fn from_crate(
    path: &[String],
    module: &Module,
    files: &BTreeMap<Module, File>,
) -> Option<Vec<String>> {
    let (first, rest) = path.split_first()?;
    if first == "crate" {
        return Some(rest.to_vec());
    }
    // A path that begins with a part of this module.
    let child: Vec<String> = module.iter().cloned().chain([first.clone()]).collect();
    files.contains_key(&child).then(|| child.into_iter().chain(rest.iter().cloned()).collect())
}

/// The module that defines what a path names.
fn resolve(path: &[String], files: &BTreeMap<Module, File>, depth: usize) -> Option<Module> {
    let splits = (0..=path.len()).rev().map(|length| path.split_at(length));
    let (module, rest) = splits.into_iter().find(|(module, _)| files.contains_key(*module))?;
    if let Some((name, rest)) = rest.split_first()
        && depth > 0
        && let Some(import) = files.get(module)?.imports.get(name)
        && let Some(target) = from_crate(import, &module.to_vec(), files)
    {
        let target: Vec<String> = target.into_iter().chain(rest.iter().cloned()).collect();
        if target != path {
            return resolve(&target, files, depth - 1);
        }
    }
    Some(module.to_vec())
}
