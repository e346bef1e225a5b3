//! The keys that a type can be read from, found by reading it from samples.
//!
//! serde knows the fields of a struct but stops at the first unknown one. Because the reader knows all keys beforehand,
//! it can report every unknown key at once, with the key that was meant.

use std::collections::BTreeMap;

use serde::de::value::Error;
use serde::de::{DeserializeSeed, Error as _, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// What a key may contain.
#[derive(Clone, Debug, PartialEq)]
pub enum Schema {
    /// A section with these keys and no others.
    Section(BTreeMap<&'static str, Schema>),
    /// A table whose keys are names that the user chooses.
    Named(Box<Schema>),
    /// A value.
    Value,
}

impl Schema {
    /// Finds the keys of `T`.
    ///
    /// # Errors
    /// `T` contains a type that accepts none of the samples. A test reads the settings, so only a new kind of field can
    /// cause this.
    pub fn of<T: for<'de> Deserialize<'de>>() -> Result<Self, Error> {
        let mut schema = Self::Value;
        T::deserialize(Tracer(&mut schema))?;
        Ok(schema)
    }

    /// Gives the path of every value, with `*` for a name that the user chooses.
    pub fn values(&self) -> Vec<Vec<String>> {
        let below = |name: &str, schema: &Self| -> Vec<Vec<String>> {
            let paths = schema.values().into_iter();
            paths.map(|path| std::iter::once(name.to_owned()).chain(path).collect()).collect()
        };
        match self {
            Self::Section(fields) => fields.iter().flat_map(|(name, schema)| below(name, schema)).collect(),
            Self::Named(schema) => below("*", schema),
            Self::Value => vec![Vec::new()],
        }
    }
}

/// Offers samples and records what was asked for.
struct Tracer<'a>(&'a mut Schema);

/// The sample for text, which is also an address range.
const TEXT: &str = "0.0.0.0/0";

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("a type without a fixed form cannot be traced"))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(false)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u32(0)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u64(0)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f64(0.0)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(TEXT)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(TEXT)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(serde::de::value::SeqDeserializer::new(std::iter::empty::<u32>()))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let mut below = BTreeMap::new();
        let value = visitor.visit_map(Fields { names: &["*"], current: "", seen: &mut below })?;
        let schema = below.remove("*").unwrap_or(Schema::Value);
        *self.0 = Schema::Named(Box::new(schema));
        Ok(value)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let mut below = BTreeMap::new();
        let value = visitor.visit_map(Fields { names, current: "", seen: &mut below })?;
        *self.0 = Schema::Section(below);
        Ok(value)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let first = variants.first().copied().unwrap_or_default();
        visitor.visit_enum(first.into_deserializer())
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u128 f32 char bytes byte_buf unit unit_struct newtype_struct
        tuple tuple_struct identifier ignored_any
    }
}

/// Offers one entry for each name.
struct Fields<'a> {
    names: &'static [&'static str],
    current: &'static str,
    seen: &'a mut BTreeMap<&'static str, Schema>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((first, rest)) = self.names.split_first() else { return Ok(None) };
        self.current = first;
        self.names = rest;
        seed.deserialize((*first).into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let mut schema = Schema::Value;
        let value = seed.deserialize(Tracer(&mut schema))?;
        self.seen.insert(self.current, schema);
        Ok(value)
    }
}
