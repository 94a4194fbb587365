//! A document as the JavaScript value it already is.
//!
//! A field is an own property of a plain object; anything inherited, and `__proto__` under any circumstances, is not
//! one. Values are never changed in place and never turned into Rust structures: each call is one or two calls across
//! the border. The debug form says nothing, so that no document can reach a log.

use super::error::holds;
use super::names::{came, name, word};
use crate::model::{Document, Kind, Listed};
use core::fmt;
use js_sys::{Array, Object, Reflect, JSON};
use wasm_bindgen::prelude::*;

/// The one name that is never a field: setting it would change what an object inherits.
const FORBIDDEN: &str = "__proto__";

/// How deep two values are compared before they count as different.
const MAX_DEPTH: usize = 500;

/// A JSON value owned by JavaScript.
#[derive(Clone)]
pub struct JsDoc(pub JsValue);

impl fmt::Debug for JsDoc {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JsDoc")
    }
}

impl From<JsValue> for JsDoc {
    fn from(value: JsValue) -> Self {
        Self(value)
    }
}

impl From<JsDoc> for JsValue {
    fn from(doc: JsDoc) -> Self {
        doc.0
    }
}

impl JsDoc {
    /// The value, unless it is `undefined`.
    pub fn some(value: JsValue) -> Option<Self> {
        (!value.is_undefined()).then_some(Self(value))
    }

    /// Sets a field of an object that was made a moment ago and is nobody else's yet.
    #[must_use]
    pub fn marked(self, field: &str, value: Self) -> Self {
        set(self.0.unchecked_ref(), &name(field), &value.0);
        self
    }

    /// A copy down to the leaves, for a caller who may change it.
    #[must_use]
    pub fn deep_copy(&self) -> Self {
        if let Some(list) = self.0.dyn_ref::<Array>() {
            let copy = |item: JsValue, _, _| Self(item).deep_copy().0;
            return Self(list.map(&mut |item, at, all| copy(item, at, all)).into());
        }
        let Some(object) = plain(&self.0) else {
            return self.clone();
        };
        let copy = Object::new();
        for field in Object::keys(object).iter().filter(|field| field.as_string().as_deref() != Some(FORBIDDEN)) {
            let value = Reflect::get(object, &field).map(|value| Self(value).deep_copy().0);
            set(&copy, &field, &value.unwrap_or_default());
        }
        Self(copy.into())
    }
}

#[wasm_bindgen]
extern "C" {
    /// An object made here that nobody else has yet.
    #[wasm_bindgen(extends = js_sys::Object, js_name = Object)]
    type Fresh;
    #[wasm_bindgen(method, structural, indexing_setter)]
    fn put(this: &Fresh, field: &JsValue, value: &JsValue);
}

impl Document for JsDoc {
    fn object() -> Self {
        Self(Object::new().into())
    }

    fn of(fields: &[(&str, Option<Self>)]) -> Self {
        filled(Object::new(), fields, false)
    }

    fn null() -> Self {
        Self(JsValue::NULL)
    }

    fn text(value: &str) -> Self {
        Self(word(value))
    }

    fn number(value: f64) -> Self {
        Self(JsValue::from_f64(value))
    }

    fn boolean(value: bool) -> Self {
        Self(JsValue::from_bool(value))
    }

    fn list(items: Vec<Self>) -> Self {
        let list = Array::new();
        for item in items {
            list.push(&item.0);
        }
        Self(list.into())
    }

    fn kind(&self) -> Kind {
        let value = &self.0;
        if value.is_string() {
            Kind::Text
        } else if value.is_null() || value.is_undefined() {
            Kind::Null
        } else if value.as_f64().is_some() {
            Kind::Number
        } else if value.as_bool().is_some() {
            Kind::Bool
        } else if Array::is_array(value) {
            Kind::List
        } else {
            Kind::Object
        }
    }

    fn as_text(&self) -> Option<String> {
        let text = self.0.as_string()?;
        came(&text, &self.0);
        Some(text)
    }

    fn as_number(&self) -> Option<f64> {
        self.0.as_f64()
    }

    fn as_bool(&self) -> Option<bool> {
        self.0.as_bool()
    }

    fn as_list(&self) -> Option<Vec<Self>> {
        Array::is_array(&self.0).then(|| self.0.unchecked_ref::<Array>().iter().map(Self).listed())
    }

    fn get(&self, field: &str) -> Option<Self> {
        let value = Reflect::get(&self.0, &name(field)).ok()?;
        let missing = value.is_undefined() || (may_be_inherited(field) && !is_own(&self.0, field));
        (!missing).then_some(Self(value))
    }

    fn fields(&self) -> Vec<String> {
        plain(&self.0)
            .map_or_else(Vec::new, |object| Object::keys(object).iter().filter_map(|field| field.as_string()).listed())
    }

    fn with(&self, fields: &[(&str, Option<Self>)]) -> Self {
        let copy = Object::new();
        if let Some(object) = plain(&self.0) {
            Object::assign(&copy, object);
        }
        filled(copy, fields, true)
    }

    fn same(&self, other: &Self) -> bool {
        same(&self.0, &other.0, MAX_DEPTH)
    }

    fn to_json(&self) -> String {
        JSON::stringify(&self.0).map_or_else(|_| "null".into(), String::from)
    }

    fn length(&self) -> usize {
        JSON::stringify(&self.0).map_or(0, |text| text.length() as usize)
    }

    fn parse(json: &str) -> Option<Self> {
        let value = JSON::parse(json).ok()?;
        Some(if holds(json, "proto") { Self(value).deep_copy() } else { Self(value) })
    }
}

/// The object of a value, when it is one and no array.
fn plain(value: &JsValue) -> Option<&Object> {
    (value.is_object() && !Array::is_array(value)).then(|| value.unchecked_ref())
}

/// Names that every object inherits, or that arrays own: only these need a second look.
fn may_be_inherited(field: &str) -> bool {
    const INHERITED: [&str; 12] = [
        "constructor",
        "hasOwnProperty",
        "isPrototypeOf",
        "length",
        "propertyIsEnumerable",
        "toLocaleString",
        "toString",
        "valueOf",
        "__defineGetter__",
        "__defineSetter__",
        "__lookupGetter__",
        "__lookupSetter__",
    ];
    field == FORBIDDEN || field.as_bytes().first().is_some_and(u8::is_ascii_digit) || INHERITED.contains(&field)
}

fn is_own(value: &JsValue, field: &str) -> bool {
    field != FORBIDDEN && plain(value).is_some_and(|object| Object::has_own(object, &name(field)))
}

/// An object made here with these fields; without a value a field is removed, where there may be one.
fn filled(made: Object, fields: &[(&str, Option<JsDoc>)], removes: bool) -> JsDoc {
    for (field, value) in fields.iter().filter(|(field, _)| *field != FORBIDDEN) {
        match value {
            Some(value) => set(&made, &name(field), &value.0),
            None if removes => drop(Reflect::delete_property(&made, &name(field))),
            None => {}
        }
    }
    JsDoc(made.into())
}

/// Sets an ordinary property of an object made here, which cannot fail; `__proto__` is left out by who calls.
fn set(object: &Object, field: &JsValue, value: &JsValue) {
    object.unchecked_ref::<Fresh>().put(field, value);
}

fn same(left: &JsValue, right: &JsValue, depth: usize) -> bool {
    if left == right {
        return true;
    }
    if depth == 0 || !left.is_object() || !right.is_object() || Array::is_array(left) != Array::is_array(right) {
        return false;
    }
    let (left, right): (&Object, &Object) = (left.unchecked_ref(), right.unchecked_ref());
    let fields = Object::keys(left);
    let both = |field: JsValue| {
        let pair = Reflect::get(left, &field).ok().zip(Reflect::get(right, &field).ok());
        Object::has_own(right, &field) && pair.is_some_and(|(left, right)| same(&left, &right, depth - 1))
    };
    fields.length() == Object::keys(right).length() && fields.iter().all(both)
}
