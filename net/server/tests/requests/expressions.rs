//! Random expressions with their placeholders, by the grammar; now and then a broken one.

use fastrand::Rng;
use serde_json::{Map, Value as Json, json};

use super::{one_in, pick, value};

/// The names and values that the expressions of one request have used.
#[derive(Default)]
pub(crate) struct Placeholders {
    names: Map<String, Json>,
    values: Map<String, Json>,
}

impl Placeholders {
    fn name(&mut self, name: &str) -> String {
        let placeholder = format!("#{name}");
        self.names.insert(placeholder.clone(), json!(name));
        placeholder
    }

    fn value(&mut self, value: Json) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    /// Puts the maps into a request; rarely with one that nothing uses, which is refused.
    pub(crate) fn finish(mut self, random: &mut Rng, body: &mut Map<String, Json>) {
        if one_in(random, 60) {
            self.value(json!({"S": "unused"}));
        }
        if !self.values.is_empty() {
            body.insert("ExpressionAttributeValues".to_owned(), Json::Object(std::mem::take(&mut self.values)));
        }
        self.finish_names(random, body);
    }

    /// As [`Placeholders::finish`], where a request has no values.
    pub(crate) fn finish_names(mut self, random: &mut Rng, body: &mut Map<String, Json>) {
        if one_in(random, 60) {
            self.name("unused");
        }
        if !self.names.is_empty() {
            body.insert("ExpressionAttributeNames".to_owned(), Json::Object(self.names));
        }
    }
}

/// A condition or filter.
pub(crate) fn condition(random: &mut Rng, placeholders: &mut Placeholders) -> String {
    let text = condition_within(random, 2, placeholders);
    perhaps_broken(random, text)
}

/// A condition on `pk`, and on the sort key of that name and type.
pub(crate) fn key_condition(
    random: &mut Rng,
    sort_key: Option<(&str, &str)>,
    placeholders: &mut Placeholders,
) -> String {
    let partition_key = placeholders.value(json!({"S": pick(random, &["p", "q", "r"])}));
    let mut text = format!("pk = {partition_key}");
    if let Some((name, kind)) = sort_key
        && random.bool()
    {
        let operand = |random: &mut Rng, placeholders: &mut Placeholders| {
            let value = if kind == "S" {
                json!({"S": super::short_text(random)})
            } else {
                json!({"N": random.u8(0..4).to_string()})
            };
            placeholders.value(value)
        };
        let name = if random.bool() { placeholders.name(name) } else { name.to_owned() };
        let first = operand(random, placeholders);
        text += &match random.u8(0..7) {
            0 => format!(" AND {name} BETWEEN {first} AND {}", operand(random, placeholders)),
            1 => format!(" AND begins_with({name}, {first})"),
            2 => format!(" AND {name} <> {first}"),
            _ => format!(" AND {name} {} {first}", pick(random, &["=", "<", "<=", ">", ">="])),
        };
    }
    perhaps_broken(random, text)
}

/// Some paths.
pub(crate) fn projection(random: &mut Rng, placeholders: &mut Placeholders) -> String {
    let paths: Vec<String> = (0..random.usize(1..4)).map(|_| path(random, placeholders)).collect();
    perhaps_broken(random, paths.join(", "))
}

/// Some clauses, each at most once.
pub(crate) fn update(random: &mut Rng, placeholders: &mut Placeholders) -> String {
    let mut clauses = Vec::new();
    if random.bool() {
        let actions: Vec<String> = (0..random.usize(1..3)).map(|_| set_action(random, placeholders)).collect();
        clauses.push(format!("SET {}", actions.join(", ")));
    }
    if one_in(random, 3) {
        clauses.push(format!("REMOVE {}", path(random, placeholders)));
    }
    if one_in(random, 3) {
        let amount = pick(random, &[json!({"N": "1"}), json!({"SS": ["z"]}), json!({"S": "x"})]);
        let (path, amount) = (path(random, placeholders), placeholders.value(amount));
        clauses.push(format!("ADD {path} {amount}"));
    }
    if one_in(random, 4) || clauses.is_empty() {
        let members = placeholders.value(json!({"SS": ["x"]}));
        clauses.push(format!("DELETE {} {members}", path(random, placeholders)));
    }
    perhaps_broken(random, clauses.join(" "))
}

fn set_action(random: &mut Rng, placeholders: &mut Placeholders) -> String {
    let target = path(random, placeholders);
    let operand = match random.u8(0..6) {
        0 => format!("{} + {}", path(random, placeholders), placeholders.value(json!({"N": "1"}))),
        1 => {
            let (path, value) = (path(random, placeholders), any_value(random, placeholders));
            format!("if_not_exists({path}, {value})")
        }
        2 => format!("list_append({}, {})", path(random, placeholders), placeholders.value(json!({"L": [{"S": "x"}]}))),
        3 => path(random, placeholders),
        _ => any_value(random, placeholders),
    };
    format!("{target} = {operand}")
}

fn condition_within(random: &mut Rng, depth: usize, placeholders: &mut Placeholders) -> String {
    if depth > 0 && random.bool() {
        let first = condition_within(random, depth - 1, placeholders);
        return match random.u8(0..4) {
            0 => format!("NOT {first}"),
            1 => format!("({first}) OR {}", condition_within(random, depth - 1, placeholders)),
            _ => format!("{first} AND {}", condition_within(random, depth - 1, placeholders)),
        };
    }
    let path = path(random, placeholders);
    match random.u8(0..9) {
        0 => format!("attribute_exists({path})"),
        1 => format!("attribute_not_exists({path})"),
        2 => {
            let kind = placeholders.value(json!({"S": pick(random, &["S", "N", "M", "L", "SS", "X"])}));
            format!("attribute_type({path}, {kind})")
        }
        3 => format!("begins_with({path}, {})", placeholders.value(json!({"S": "x"}))),
        4 => format!("contains({path}, {})", any_value(random, placeholders)),
        5 => format!("size({path}) > {}", placeholders.value(json!({"N": "1"}))),
        6 => {
            let [lower, upper] = [0, 1].map(|_| any_value(random, placeholders));
            format!("{path} BETWEEN {lower} AND {upper}")
        }
        7 => format!("{path} IN ({}, {})", any_value(random, placeholders), any_value(random, placeholders)),
        _ => format!("{path} {} {}", pick(random, &["=", "<>", "<", ">="]), any_value(random, placeholders)),
    }
}

fn any_value(random: &mut Rng, placeholders: &mut Placeholders) -> String {
    let value = value(random, 1);
    placeholders.value(value)
}

fn path(random: &mut Rng, placeholders: &mut Placeholders) -> String {
    let own = ["a", "b", "c", "t", "m.x", "m.y", "l[0]", "l[1].x"];
    // A reserved word, and an attribute that no write may change.
    let name = if one_in(random, 20) { pick(random, &["data", "pk"]) } else { pick(random, &own) };
    if one_in(random, 3) && !name.contains(['.', '[']) { placeholders.name(name) } else { name.to_owned() }
}

/// The text, or one time in fifteen what is left of it after an accident.
fn perhaps_broken(random: &mut Rng, text: String) -> String {
    if !one_in(random, 15) {
        return text;
    }
    let place = random.usize(0..=text.len());
    match random.u8(0..3) {
        0 => text[..place].to_owned(),
        1 => format!("{}{}{}", &text[..place], pick(random, &["(", ")", " AND ", "#", "?", "=="]), &text[place..]),
        _ => format!("{text} {text}"),
    }
}
