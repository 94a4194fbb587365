//! JSON text straight into a [`Json`]: as `JSON.parse` reads it, a field that comes twice has its last value.

use super::Json;
use core::fmt::{self, Formatter};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::rc::Rc;

impl<'de> Deserialize<'de> for Json {
    fn deserialize<S: Deserializer<'de>>(from: S) -> Result<Self, S::Error> {
        from.deserialize_any(Values)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Json;

    fn expecting(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut fields: Vec<(Rc<str>, Json)> = Vec::new();
        while let Some(Json::Text(field)) = from.next_key()? {
            let value = from.next_value()?;
            match fields.iter_mut().find(|(known, _)| *known == field) {
                Some((_, held)) => *held = value,
                None => fields.push((field, value)),
            }
        }
        Ok(Json::Object(Rc::new(fields)))
    }
}
