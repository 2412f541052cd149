//! The cache of parsed expressions.

use crate::Text;
use crate::expression::{
    CACHED_EXPRESSION_BYTES_MAX, CACHED_EXPRESSION_COUNT_MAX, Condition, ConditionKind, ExpressionCache,
};
use std::rc::Rc;

fn text(text: &str) -> Text {
    Text::from(text)
}

#[test]
fn a_known_text_is_not_parsed_again() {
    let mut cache = ExpressionCache::new();
    let first = cache.condition(ConditionKind::Filter, &text("a = :v")).unwrap();
    let again = cache.condition(ConditionKind::Filter, &text("a = :v")).unwrap();
    assert!(Rc::ptr_eq(&first, &again));
    assert_eq!(*first, Condition::parse(ConditionKind::Filter, "a = :v").unwrap());
    // The same text means something else elsewhere.
    let other = cache.condition(ConditionKind::Condition, &text("a = :v")).unwrap();
    assert!(!Rc::ptr_eq(&first, &other));
    let update = cache.update(&text("SET a = :v")).unwrap();
    assert!(Rc::ptr_eq(&update, &cache.update(&text("SET a = :v")).unwrap()));
    let projection = cache.projection(&text("a, b")).unwrap();
    assert!(Rc::ptr_eq(&projection, &cache.projection(&text("a, b")).unwrap()));
    assert_eq!(cache.len(), 4);
}

#[test]
fn a_text_that_does_not_parse_is_not_kept() {
    let mut cache = ExpressionCache::new();
    for _ in 0..2 {
        assert_eq!(
            cache.condition(ConditionKind::Condition, &text("a =")).unwrap_err().message,
            r#"Invalid ConditionExpression: Syntax error; token: "<EOF>", near: "=""#
        );
        assert_eq!(
            cache.update(&text("a =")).unwrap_err().message,
            r#"Invalid UpdateExpression: Syntax error; token: "a", near: "a =""#
        );
        assert_eq!(
            cache.projection(&text("")).unwrap_err().message,
            "Invalid ProjectionExpression: The expression can not be empty;"
        );
    }
    assert!(cache.is_empty());
}

#[test]
fn the_cache_is_bounded_and_keeps_what_is_used() {
    let mut cache = ExpressionCache::new();
    let hot = cache.projection(&text("hot")).unwrap();
    for number in 0..3 * CACHED_EXPRESSION_COUNT_MAX {
        cache.projection(&text(&format!("cold{number}"))).unwrap();
        assert!(Rc::ptr_eq(&hot, &cache.projection(&text("hot")).unwrap()), "after {number}");
        assert!(cache.len() <= CACHED_EXPRESSION_COUNT_MAX);
    }
    assert_eq!(cache.len(), CACHED_EXPRESSION_COUNT_MAX);
    // Long ones are bounded by their bytes: each takes more than its text.
    for number in 0..CACHED_EXPRESSION_COUNT_MAX {
        let long = format!("a{number} = :v{}", " OR a = :v".repeat(149));
        cache.condition(ConditionKind::Filter, &text(&long)).unwrap();
        assert!(Rc::ptr_eq(&hot, &cache.projection(&text("hot")).unwrap()), "after {number}");
    }
    assert!(cache.len() < CACHED_EXPRESSION_BYTES_MAX / 1500, "{} are kept", cache.len());
}
