//! The merge of whole top-level fields.
//!
//! A field that one side changed is taken from that side; one that both changed to different values goes to the later
//! side. Fields of a group are one: both its start and its end come from the same side (pitfalls H9).

use super::{field, same, Merged, OWNED};
use crate::model::{Document, Listed, Set};

/// Whether two documents differ in anything but what the server sets itself.
pub fn is_changed<D: Document>(from: &D, to: &D) -> bool {
    !from.same(to) && names(&[from, to]).iter().any(|name| is_field_changed(from, to, name))
}

/// Merges `local` into `remote`; `wins` says whether this side's value of a field is the later one.
pub fn merge_fields<D: Document>(
    base: &D,
    local: &D,
    remote: &D,
    groups: &[Vec<String>],
    wins: &dyn Fn(&str) -> bool,
) -> Merged<D> {
    let mut fields = Vec::new();
    let mut taken: Vec<(String, Option<D>)> = Vec::new();
    for unit in units(&[local, remote, base], groups) {
        let any = |from: &D, to: &D| unit.iter().any(|name| is_field_changed(from, to, name));
        if !any(base, local) || !any(remote, local) {
            continue;
        }
        let mut takes = true;
        if any(base, remote) {
            takes = unit.iter().any(|name| is_field_changed(base, local, name) && wins(name));
            for name in unit.iter().filter(|name| is_field_changed(local, remote, name)) {
                let value = |doc: &D| doc.get(name);
                fields.push(field(name, value(base).as_ref(), value(local).as_ref(), value(remote).as_ref()));
            }
        }
        if takes {
            taken.extend(unit.iter().map(|name| (name.clone(), local.get(name))));
        }
    }
    let taken: Vec<(&str, Option<D>)> = taken.iter().map(|(name, value)| (name.as_str(), value.clone())).listed();
    Merged { doc: remote.with(&taken), fields }
}

fn is_field_changed<D: Document>(from: &D, to: &D, name: &str) -> bool {
    !same(from.get(name).as_ref(), to.get(name).as_ref())
}

/// Fields of any of the documents, in the order they are met, but for the server's own.
fn names<D: Document>(docs: &[&D]) -> Vec<String> {
    let mut seen: Set<String> = Set::new();
    let mut names: Vec<String> = docs.iter().flat_map(|doc| doc.fields()).listed();
    names.retain(|name| !OWNED.contains(&name.as_str()) && seen.insert(name.clone()));
    names
}

/// Fields that are decided together: a group, or one field.
fn units<D: Document>(docs: &[&D], groups: &[Vec<String>]) -> Vec<Vec<String>> {
    let mut units: Vec<Vec<String>> = groups.to_vec();
    let grouped = |name: &String| groups.iter().any(|group| group.contains(name));
    units.extend(names(docs).into_iter().filter(|name| !grouped(name)).map(|name| vec![name]));
    units
}
