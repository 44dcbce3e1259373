//! The document in the words of OpenAPI 3.0.3, for tools that know no later ones.
//!
//! What 3.1 says by JSON Schema alone, 3.0 says by words of its own (`nullable`, `format: byte`) or not at all: then the
//! rendering says less, never something else.

use serde_json::{Map, Value, json};

/// The document, of which everything but the schemas is the same in both versions.
pub fn rendering(mut document: Value) -> Value {
    document["openapi"] = json!("3.0.3");
    if let Some(licence) = document.pointer_mut("/info/license").and_then(Value::as_object_mut) {
        // A word of 3.1.
        licence.remove("identifier");
    }
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        schemas.values_mut().for_each(lower);
    }
    if let Some(paths) = document.get_mut("paths") {
        bodies(paths);
        within(paths);
    }
    document
}

/// Of a body that is a form or something else, such as JSON, a form is not told: generators of clients know one kind for an operation, and name types
/// of the other that they do not write.
fn bodies(paths: &mut Value) {
    let items = paths.as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    for operation in
        items.flat_map(|item| item.as_object_mut().into_iter().flat_map(|item| item.values_mut()))
    {
        let content = operation.pointer_mut("/requestBody/content").and_then(Value::as_object_mut);
        if let Some(content) = content.filter(|content| content.len() > 1) {
            content.remove("multipart/form-data");
        }
    }
}

/// Finds the schemas of parameters, headers and bodies.
fn within(place: &mut Value) {
    match place {
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.as_str() {
                    "schema" => lower(value),
                    // What a client sends or reads, whatever its fields are called.
                    "example" | "examples" => {}
                    _ => within(value),
                }
            }
        }
        Value::Array(places) => places.iter_mut().for_each(within),
        _ => {}
    }
}

/// Says a schema in the words of 3.0.
fn lower(schema: &mut Value) {
    let Value::Object(fields) = schema else {
        // `true`: anything at all.
        *schema = json!({});
        return;
    };
    for word in ["properties", "patternProperties"] {
        if let Some(Value::Object(schemas)) = fields.get_mut(word) {
            schemas.values_mut().for_each(lower);
        }
    }
    for word in ["items", "not"] {
        if let Some(schema) = fields.get_mut(word) {
            lower(schema);
        }
    }
    if let Some(schema) = fields.get_mut("additionalProperties").filter(|schema| schema.is_object()) {
        lower(schema);
    }
    for word in ["propertyNames", "patternProperties", "contentMediaType"] {
        fields.remove(word);
    }
    if fields.remove("contentEncoding") == Some(json!("base64")) {
        fields.insert("format".to_owned(), json!("byte"));
    }
    if let Some(only) = fields.remove("const") {
        fields.insert("enum".to_owned(), json!([only]));
    }
    if let Some(Value::Array(examples)) = fields.remove("examples") {
        fields.extend(examples.into_iter().next().map(|first| ("example".to_owned(), first)));
    }
    if let Some(items) = fields.remove("prefixItems") {
        let count = items.as_array().map_or(0, Vec::len);
        fields.extend([("minItems".to_owned(), json!(count)), ("maxItems".to_owned(), json!(count))]);
        fields.entry("items").or_insert_with(|| json!({}));
    }
    for (bound, word) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
        if let Some(limit) = fields.remove(word).filter(Value::is_number) {
            fields.extend([(bound.to_owned(), limit), (word.to_owned(), json!(true))]);
        }
    }
    type_of(fields);
    for word in ["oneOf", "anyOf", "allOf"] {
        choices(fields, word);
    }
    // Beside a reference nothing else is read in 3.0.
    if fields.len() > 1
        && let Some(reference) = fields.remove("$ref")
    {
        fields.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
    }
}

/// One type, which may be null, for a list of types.
fn type_of(fields: &mut Map<String, Value>) {
    let (mut types, mut is_nullable) = match fields.remove("type") {
        Some(Value::Array(types)) => (types, false),
        Some(one) => (vec![one], false),
        None => return,
    };
    types.retain(|one| {
        is_nullable |= one == "null";
        one != "null"
    });
    if is_nullable {
        fields.insert("nullable".to_owned(), json!(true));
    }
    match <[Value; 1]>::try_from(types) {
        Ok([one]) => {
            if one == "array" {
                fields.entry("items").or_insert_with(|| json!({}));
            }
            fields.insert("type".to_owned(), one);
        }
        Err(several) if several.is_empty() => {}
        Err(several) => {
            let choices: Vec<Value> = several.into_iter().map(|one| json!({ "type": one })).collect();
            fields.insert("anyOf".to_owned(), choices.into());
        }
    }
}

/// `null` among choices becomes `nullable`; a choice that is left alone is none.
fn choices(fields: &mut Map<String, Value>, word: &str) {
    let Some(Value::Array(mut choices)) = fields.remove(word) else { return };
    let before = choices.len();
    choices.retain(|choice| choice.get("type") != Some(&json!("null")));
    if choices.len() < before {
        fields.insert("nullable".to_owned(), json!(true));
    }
    choices.iter_mut().for_each(lower);
    match <[Value; 1]>::try_from(choices) {
        Ok([Value::Object(only)])
            if only.keys().all(|name| name == "description" || !fields.contains_key(name)) =>
        {
            // What is said here of a choice stands before what it says of itself.
            for (name, value) in only {
                fields.entry(name).or_insert(value);
            }
        }
        Ok(only) => {
            fields.insert("allOf".to_owned(), only.to_vec().into());
        }
        Err(several) => {
            fields.insert(word.to_owned(), several.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lowered(mut schema: Value) -> Value {
        lower(&mut schema);
        schema
    }

    #[test]
    fn what_may_be_null_is_nullable() {
        assert_eq!(lowered(json!({"type": ["string", "null"]})), json!({"type": "string", "nullable": true}));
        let reference = json!({"$ref": "#/components/schemas/A"});
        assert_eq!(
            lowered(json!({"oneOf": [{"type": "null"}, reference], "description": "d"})),
            json!({"allOf": [reference], "nullable": true, "description": "d"})
        );
        let described = json!({"$ref": "#/components/schemas/A", "description": "inner"});
        assert_eq!(
            lowered(json!({"oneOf": [{"type": "null"}, described]})),
            json!({"allOf": [reference], "nullable": true, "description": "inner"})
        );
        assert_eq!(
            lowered(json!({"type": ["integer", "string", "null"]})),
            json!({"anyOf": [{"type": "integer"}, {"type": "string"}], "nullable": true})
        );
    }

    #[test]
    fn what_stands_beside_a_reference_is_kept() {
        let reference = json!({"$ref": "#/components/schemas/A"});
        assert_eq!(lowered(reference.clone()), reference);
        assert_eq!(
            lowered(json!({"$ref": "#/components/schemas/A", "description": "d"})),
            json!({"allOf": [reference], "description": "d"})
        );
    }

    #[test]
    fn words_of_json_schema_become_words_of_openapi() {
        assert_eq!(
            lowered(json!({"type": "string", "contentEncoding": "base64", "examples": ["YQ=="]})),
            json!({"type": "string", "format": "byte", "example": "YQ=="})
        );
        assert_eq!(lowered(json!({"const": 1})), json!({"enum": [1]}));
        assert_eq!(
            lowered(json!({"type": "number", "exclusiveMinimum": 0})),
            json!({"type": "number", "minimum": 0, "exclusiveMinimum": true})
        );
        assert_eq!(
            lowered(
                json!({"type": "object", "properties": {"const": {"type": ["array", "null"], "items": true}}})
            ),
            json!({"type": "object", "properties": {"const": {"type": "array", "nullable": true, "items": {}}}})
        );
    }

    #[test]
    fn of_json_and_a_form_json_is_told() {
        let form = json!({"schema": {"type": "object"}});
        let operation = |content: Value| json!({"/a": {"post": {"requestBody": {"content": content}}}});
        let mut both = operation(json!({"multipart/form-data": form, "application/json": form}));
        bodies(&mut both);
        assert_eq!(both, operation(json!({"application/json": form})));
        let mut only = operation(json!({"multipart/form-data": form}));
        bodies(&mut only);
        assert_eq!(only, operation(json!({"multipart/form-data": form})));
    }

    #[test]
    fn nothing_of_3_1_is_left_in_the_document() {
        let document = serde_json::to_value(crate::openapi()).unwrap();
        let rendered = rendering(document).to_string();
        for word in [r#""null"]"#, r#"{"type":"null"}"#, "propertyNames", "contentEncoding", "identifier"] {
            assert!(!rendered.contains(word), "{word}");
        }
        assert!(rendered.contains(r#""openapi":"3.0.3""#));
    }
}
