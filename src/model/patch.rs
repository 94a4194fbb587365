//! A change to top-level fields: set, remove, increase.
//!
//! A patch is what a person did to a document, apart from any version of it, so it can be applied again to another
//! base (rebase). It works on whole top-level values; going deeper is the merge's business.

use super::{Document, Listed};

/// Fields to set, to remove and to increase.
#[derive(Debug, Clone)]
pub struct Patch<D> {
    /// Fields with their new values (`null` is a value).
    pub set: Vec<(String, D)>,
    /// Fields to remove.
    pub unset: Vec<String>,
    /// Numbers to add to fields.
    pub inc: Vec<(String, f64)>,
}

impl<D> Default for Patch<D> {
    fn default() -> Self {
        Self { set: Vec::new(), unset: Vec::new(), inc: Vec::new() }
    }
}

impl<D: Document> Patch<D> {
    /// The patch that turns `from` into `to`, field by field; the `id` is no part of it.
    pub fn between(from: &D, to: &D) -> Self {
        let mut patch = Self::default();
        let kept = to.fields();
        for field in &kept {
            let Some(value) = to.get(field) else { continue };
            if field != "id" && !from.get(field).is_some_and(|old| old.same(&value)) {
                patch.set.push((field.clone(), value));
            }
        }
        patch.unset = from.fields().into_iter().filter(|field| field != "id" && !kept.contains(field)).listed();
        patch
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.unset.is_empty() && self.inc.is_empty()
    }

    /// Whether it touches a field.
    pub fn touches(&self, field: &str) -> bool {
        self.set.iter().any(|(name, _)| name == field)
            || self.unset.iter().any(|name| name == field)
            || self.inc.iter().any(|(name, _)| name == field)
    }

    /// Names of the fields it touches.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        let set = self.set.iter().map(|(name, _)| name.as_str());
        let inc = self.inc.iter().map(|(name, _)| name.as_str());
        set.chain(self.unset.iter().map(String::as_str)).chain(inc)
    }

    /// The document with this patch applied. A field that is no number counts as 0 for an increase.
    #[must_use]
    pub fn apply(&self, to: &D) -> D {
        let sums: Vec<(&str, D)> = self
            .inc
            .iter()
            .map(|(field, by)| (field.as_str(), D::number(to.number_of(field).unwrap_or(0.0) + by)))
            .listed();
        let set = self.set.iter().map(|(field, value)| (field.as_str(), Some(value.clone())));
        let unset = self.unset.iter().map(|field| (field.as_str(), None));
        let inc = sums.iter().map(|(field, value)| (*field, Some(value.clone())));
        let fields: Vec<(&str, Option<D>)> = set.chain(unset).chain(inc).listed();
        to.with(&fields)
    }

    /// One patch with the effect of this one and then `next`.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        for (field, value) in next.set {
            self.forget(&field);
            self.set.push((field, value));
        }
        for field in next.unset {
            self.forget(&field);
            self.unset.push(field);
        }
        for (field, by) in next.inc {
            self.increase(field, by);
        }
        self
    }

    fn increase(&mut self, field: String, by: f64) {
        if let Some((_, value)) = self.set.iter_mut().find(|(name, _)| *name == field) {
            *value = D::number(value.as_number().unwrap_or(0.0) + by);
        } else if let Some(at) = self.unset.iter().position(|name| *name == field) {
            self.unset.remove(at);
            self.set.push((field, D::number(by)));
        } else if let Some((_, sum)) = self.inc.iter_mut().find(|(name, _)| *name == field) {
            *sum += by;
        } else {
            self.inc.push((field, by));
        }
    }

    fn forget(&mut self, field: &str) {
        self.set.retain(|(name, _)| name != field);
        self.unset.retain(|name| name != field);
        self.inc.retain(|(name, _)| name != field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::Json;

    #[test]
    fn a_patch_names_the_fields_it_touches() {
        let patch = Patch {
            set: vec![("a".to_string(), Json::null())],
            unset: vec!["b".to_string()],
            inc: vec![("c".to_string(), 1.0)],
        };
        assert_eq!(patch.fields().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert!(["a", "b", "c"].iter().all(|field| patch.touches(field)) && !patch.touches("d"));
        assert!(!patch.is_empty() && Patch::<Json>::default().is_empty());
    }
}
