//! A text, its tokens, or a list of either.

use std::fmt;

use forebay_shared::job::{Input, Item, Object};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::{Fault, FaultCode};

/// A text, its tokens, or a list of either.
#[derive(Debug)]
pub(crate) enum Inputs {
    One(Element),
    Many(Vec<Element>),
}

/// What stands in the list, or instead of one.
#[derive(Debug)]
pub(crate) enum Element {
    Text(String),
    Token(u32),
    Tokens(Vec<u32>),
}

impl Inputs {
    /// At most so many items, none of them empty; `name` is the field that they stand in.
    pub(crate) fn items(self, name: &str, most: usize) -> Result<Vec<Item>, Fault> {
        let (inputs, one) = match self {
            Self::One(Element::Text(text)) => (vec![Input::Text(text)], true),
            Self::Many(elements) if matches!(elements.first(), Some(Element::Token(_))) => {
                (vec![Input::Tokens(all(elements, Element::token, (name, "token ids"))?)], true)
            }
            Self::Many(elements) if matches!(elements.first(), Some(Element::Tokens(_))) => {
                (all(elements, Element::tokens, (name, "lists of token ids"))?, false)
            }
            Self::Many(elements) => (all(elements, Element::text, (name, "strings"))?, false),
            Self::One(_) => return Err(Fault::new(FaultCode::InvalidField, EXPECTED).at(name)),
        };
        if inputs.is_empty() {
            return Err(Fault::new(FaultCode::EmptyInput, format!("`{name}` must not be empty")).at(name));
        }
        if inputs.len() > most {
            return Err(too_many(inputs.len(), most).at(name));
        }
        let items = inputs.into_iter().enumerate().map(|(index, input)| {
            let is_empty = match &input {
                Input::Text(text) => text.is_empty(),
                Input::Tokens(ids) => ids.is_empty(),
                Input::Pair { text, text_pair } => text.is_empty() && text_pair.is_empty(),
                Input::Image(_) | Input::Tensors(_) => false,
            };
            if is_empty {
                let field = if one { name.to_owned() } else { format!("{name}[{index}]") };
                return Err(
                    Fault::new(FaultCode::EmptyInput, format!("`{field}` must not be empty")).at(field)
                );
            }
            Ok(Item { input, params: Object::new() })
        });
        items.collect()
    }
}

/// There is more to do than one request may ask for.
pub(crate) fn too_many(given: usize, most: usize) -> Fault {
    let message = format!("there are {given} inputs, the limit is {most}");
    Fault::new(FaultCode::TooManyItems, message).limit(most as u64)
}

/// The elements as what the first of them is.
fn all<T>(
    elements: Vec<Element>,
    take: fn(Element) -> Option<T>,
    (name, what): (&str, &str),
) -> Result<Vec<T>, Fault> {
    let taken = elements.into_iter().enumerate().map(|(index, element)| {
        take(element).ok_or_else(|| {
            let message = format!("`{name}` is a list of {what}, and `{name}[{index}]` is something else");
            Fault::new(FaultCode::InvalidField, message).at(format!("{name}[{index}]"))
        })
    });
    taken.collect()
}

impl Element {
    fn text(self) -> Option<Input> {
        if let Self::Text(text) = self { Some(Input::Text(text)) } else { None }
    }

    fn token(self) -> Option<u32> {
        if let Self::Token(id) = self { Some(id) } else { None }
    }

    fn tokens(self) -> Option<Input> {
        if let Self::Tokens(ids) = self { Some(Input::Tokens(ids)) } else { None }
    }
}

const EXPECTED: &str = "a string, a list of strings, a list of token ids, or a list of such lists";

impl<'de> Deserialize<'de> for Inputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Inputs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Inputs, E> {
                Ok(Inputs::One(Element::Text(text.to_owned())))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Inputs, E> {
                Ok(Inputs::One(Element::Text(text)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Inputs, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = list.next_element()? {
                    elements.push(element);
                }
                Ok(Inputs::Many(elements))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Element;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a token id, or a list of token ids")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Element, E> {
                Ok(Element::Text(text.to_owned()))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Element, E> {
                Ok(Element::Text(text))
            }

            fn visit_u64<E: Error>(self, id: u64) -> Result<Element, E> {
                u32::try_from(id).map(Element::Token).map_err(|_| E::custom(format!("{id} is no token id")))
            }

            fn visit_i64<E: Error>(self, id: i64) -> Result<Element, E> {
                Err(E::custom(format!("{id} is no token id")))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Element, A::Error> {
                let mut ids = Vec::new();
                while let Some(id) = list.next_element()? {
                    ids.push(id);
                }
                Ok(Element::Tokens(ids))
            }
        }

        deserializer.deserialize_any(Any)
    }
}
