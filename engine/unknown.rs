//! Values that are only known after another resource is created.
//!
//! In a plan, the outputs of a resource that does not exist yet are stand-ins in which every text is a marker. A spec
//! may put them anywhere, even in the middle of a policy, and stays an ordinary typed value. The plan shows
//! `(known after apply)` in place of each marker, and the executor refuses to send one.

use serde::de::value::{MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use payinfra_state::Address;

/// A private-use character: no AWS name, id or document contains it.
const MARK: char = '\u{e000}';

/// Makes stand-in outputs, of which nothing is known yet.
///
/// # Panics
/// If `T` contains anything but structs, texts, lists, maps, options, numbers, and booleans.
pub fn unknown<T: DeserializeOwned>(address: &Address) -> T {
    T::deserialize(StandIn { path: address.to_string() }).expect("outputs are plain data")
}

/// Whether a value contains something that is not known yet.
pub fn is_unknown(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(MARK),
        Value::Array(items) => items.iter().any(is_unknown),
        Value::Object(fields) => fields.iter().any(|(key, value)| key.contains(MARK) || is_unknown(value)),
        _ => false,
    }
}

/// Replaces every marker in a value with `(known after apply)`, for people to read.
pub(crate) fn shown(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(show_text(text)),
        Value::Array(items) => items.iter().map(shown).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(key, value)| (show_text(key), shown(value))).collect())
        }
        other => other.clone(),
    }
}

fn show_text(text: &str) -> String {
    let mut shown = String::new();
    for (index, part) in text.split(MARK).enumerate() {
        shown.push_str(if index % 2 == 1 { "(known after apply)" } else { part });
    }
    shown
}

/// Deserialises into any plain type, with a marker for each text.
struct StandIn {
    path: String,
}

impl StandIn {
    fn text(&self) -> String {
        format!("{MARK}{}{MARK}", self.path)
    }
}

impl IntoDeserializer<'_, de::value::Error> for StandIn {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for StandIn {
    type Error = de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_string(self.text())
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_bool(false)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_u64(0)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_i64(0)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_u32(0)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_i32(0)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_u16(0)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_seq(SeqDeserializer::new(std::iter::once(self)))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_map(MapDeserializer::new(std::iter::empty::<(StrDeserializer<'_, Self::Error>, StandIn)>()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        let path = self.path;
        let fields = fields.iter().map(|field| (*field, StandIn { path: format!("{path}.{field}") }));
        visitor.visit_map(MapDeserializer::new(fields))
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u8 u128 f32 f64 char str string bytes byte_buf tuple tuple_struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;

    #[derive(Deserialize, Serialize)]
    struct Outputs {
        id: String,
        port: u16,
        names: Vec<String>,
        maybe: Option<String>,
    }

    #[test]
    fn every_text_of_unknown_outputs_is_marked_wherever_it_goes() {
        let outputs: Outputs = unknown(&Address::new("vpc", "main"));
        let policy = json!({ "Resource": format!("arn:aws:ec2:::vpc/{}", outputs.id) });
        assert!(is_unknown(&policy));
        assert_eq!(shown(&policy), json!({ "Resource": "arn:aws:ec2:::vpc/(known after apply)" }));
        assert_eq!(outputs.port, 0);
        assert!(is_unknown(&json!(outputs.names)));
        assert!(is_unknown(&json!(outputs.maybe)));
        assert!(!is_unknown(&json!({ "a": ["b", 1, null] })));
    }
}
