//! The field mask of a PATCH: which JSON keys are in it, by which names, relative to what.

use transcode::{EncodeOptions, Unknown, binding::RequestParts};

use crate::support::{Request, Rule, Want, rule};

/// The mask that the request comes to, by proto names; `None` if it is unset.
fn mask(rule: &Rule, field: &str, request: Request<'_>) -> Option<String> {
    let parts = RequestParts {
        captures: request.path.iter().copied(),
        query: Some(request.query),
        body: request.body.as_bytes(),
        content_type: None,
    };
    let options = EncodeOptions { unknown: request.unknown, ..EncodeOptions::default() };
    let mut wire = Vec::new();
    rule.plan.encode(parts, &options, &mut wire).unwrap();
    let message =
        prost_reflect::DynamicMessage::decode(rule.plan.message().descriptor().clone(), &*wire).unwrap();
    message.has_field_by_name(field).then(|| {
        let mask = message.get_field_by_name(field).unwrap().into_owned();
        let paths = mask.as_message().unwrap().get_field_by_name("paths").unwrap().into_owned();
        paths.as_list().unwrap().iter().map(|path| path.as_str().unwrap()).collect::<Vec<_>>().join(",")
    })
}

#[test]
fn the_mask_is_made_of_the_keys_that_were_sent() {
    let rows = [
        (r#"{"name":"x"}"#, "name"),
        (r#"{"phoneNumber":null}"#, "phone_number"),
        (r#"{"phone_number":null}"#, "phone_number"),
        (r#"{"phoneN\u0075mber":"1"}"#, "phone_number"),
        (r#"{"name":"","tags":[]}"#, "name,tags"),
        (r#"{"address":{"city":"x"}}"#, "address.city"),
        (r#"{"address":{"city":null,"geo":{"lat":1}},"name":"x"}"#, "address.city,address.geo.lat,name"),
        (r#"{"address":{}}"#, "address"),
        (r#"{"address":{"geo":{}}}"#, "address.geo"),
        (r#"{"address":null}"#, "address"),
        (r#"{"labels":{"a":"b"}}"#, "labels"),
        (r#"{"labels":null}"#, "labels"),
        (r#"{"extra":{"a":{"b":1}}}"#, "extra"),
        (r#"{"born":"2025-12-30T10:00:00Z"}"#, "born"),
        (r#"{"any":{"@type":"type.googleapis.com/bind.Geo","lat":1}}"#, "any"),
        (r#"{"addresses":[{"city":"x"},{}]}"#, "addresses"),
        (r#"{"nickname":""}"#, "nickname"),
        (r#"{"email":"e"}"#, "email"),
        (r#"{"postal":{"city":"x"}}"#, "postal.city"),
        (r#"{"id":5,"name":"x"}"#, "name"),
        ("{}", ""),
        ("", ""),
        (" \n{ \"name\" : \"}\" ,\"tags\":[\"]\"]}", "name,tags"),
    ];
    let rule = rule("PATCH", "UpdateUser", &["user.id"], "user");
    for (body, paths) in rows {
        let request = Request { path: &["5"], body, ..Request::default() };
        assert_eq!(mask(&rule, "update_mask", request).as_deref(), Some(paths), "{body}");
    }
}

#[test]
fn with_a_whole_body_the_mask_is_relative_to_the_resource() {
    let rows = [
        ("UpdateUser", "update_mask", r#"{"user":{"name":"x","address":{"city":"y"}}}"#, "name,address.city"),
        ("UpdateUser", "update_mask", r#"{"validateOnly":true,"user":{"name":"x"}}"#, "name"),
        ("UpdateUser", "update_mask", r#"{"user":null}"#, ""),
        ("UpdateUser", "update_mask", r#"{"updateMask":null,"user":{"name":"x"}}"#, "name"),
        ("FlatUpdate", "mask", r#"{"name":"x","phone":null}"#, "name,phone"),
        ("FlatUpdate", "mask", r#"{"mask":null,"tags":[]}"#, "tags"),
        ("TwoResources", "mask", r#"{"user":{"name":"x"},"address":{}}"#, "user.name,address"),
    ];
    for (message, field, body, paths) in rows {
        let rule = rule("PATCH", message, &[], "*");
        let found = mask(&rule, field, Request { body, ..Request::default() });
        assert_eq!(found.as_deref(), Some(paths), "{message} {body}");
    }
    let flat = rule("PATCH", "FlatUpdate", &["id"], "*");
    let request = Request { path: &["5"], body: r#"{"id":5,"name":"x"}"#, ..Request::default() };
    assert_eq!(mask(&flat, "mask", request).as_deref(), Some("name"));
    let nested = rule("PATCH", "UpdateUser", &["user.address.city"], "*");
    let body = r#"{"user":{"address":{"city":"x","street":"y"}}}"#;
    let request = Request { path: &["x"], body, ..Request::default() };
    assert_eq!(mask(&nested, "update_mask", request).as_deref(), Some("address.street"));
}

#[test]
fn a_body_field_that_has_no_fields_is_named_itself() {
    let rows =
        [("users", "[]"), ("counts", "{}"), ("number", "1"), ("struct", r#"{"a":1}"#), ("numbers", "[1]")];
    for (field, body) in rows {
        let rule = rule("PATCH", "Bodies", &["id"], field);
        let found = mask(&rule, "mask", Request { path: &["a"], body, ..Request::default() });
        assert_eq!(found.as_deref(), Some(field), "{body}");
    }
}

#[test]
fn a_mask_that_the_client_gives_is_left_alone() {
    let rule = rule("PATCH", "UpdateUser", &["user.id"], "user");
    let request = Request { path: &["5"], body: r#"{"name":"x","tags":[]}"#, ..Request::default() };
    let by_query = Request { query: "updateMask=name", ..request };
    assert_eq!(mask(&rule, "update_mask", by_query).as_deref(), Some("name"));
    let empty = Request { query: "update_mask=", ..request };
    assert_eq!(mask(&rule, "update_mask", empty).as_deref(), Some(""));
    let whole = crate::support::rule("PATCH", "UpdateUser", &["user.id"], "*");
    let by_body = Request { body: r#"{"user":{"name":"x"},"updateMask":"phoneNumber"}"#, ..request };
    assert_eq!(mask(&whole, "update_mask", by_body).as_deref(), Some("phone_number"));
    let by_path = crate::support::rule("PATCH", "UpdateUser", &["user.id", "update_mask"], "user");
    let request = Request { path: &["5", "phoneNumber"], ..request };
    assert_eq!(mask(&by_path, "update_mask", request).as_deref(), Some("phone_number"));
}

#[test]
fn no_mask_is_made_where_it_could_not_be_meant() {
    let request = Request { path: &["5"], body: r#"{"name":"x"}"#, ..Request::default() };
    for method in ["PUT", "POST"] {
        assert_eq!(mask(&rule(method, "UpdateUser", &["user.id"], "user"), "update_mask", request), None);
    }
    let two = rule("PATCH", "TwoMasks", &["user.id"], "user");
    assert_eq!(mask(&two, "update_mask", request), None);
    assert_eq!(mask(&two, "read_mask", request), None);
    let bodyless = rule("PATCH", "UpdateUser", &["user.id"], "");
    assert_eq!(mask(&bodyless, "update_mask", Request { body: "", ..request }), None);
}

#[test]
fn keys_that_are_let_through_although_unknown_are_in_no_mask() {
    let rule = rule("PATCH", "UpdateUser", &["user.id"], "user");
    let body = r#"{"nmae":{"a":[1,{"b":2}]},"name":"x"}"#;
    let request = Request { path: &["5"], body, unknown: Unknown::Ignore, ..Request::default() };
    assert_eq!(mask(&rule, "update_mask", request).as_deref(), Some("name"));
    let json = r#"{"user":{"id":"5","name":"x"},"updateMask":"name"}"#;
    rule.check("warned", Request { unknown: Unknown::Warn, ..request }, Want::Warned(json, &["user.nmae"]));
}

#[test]
fn what_is_left_out_of_the_message_is_in_no_mask_and_clears_nothing() {
    let rule = rule("PATCH", "UpdateUser", &["user.id"], "user");
    for (body, paths) in [
        (r#"{"favourite":"BLUE"}"#, ""),
        (r#"{"favourite":"BLUE","name":"x"}"#, "name"),
        (r#"{"favourite":"RED","other":"GREEN"}"#, "favourite,other"),
        (r#"{"favourite":77}"#, "favourite"),
        (r#"{"favourite":null}"#, "favourite"),
        (r#"{"other":"BLUE"}"#, ""),
        (r#"{"address":{"zip":1}}"#, ""),
        (r#"{"address":{"geo":{"height":1}}}"#, ""),
        (r#"{"address":{"geo":{"height":1},"city":"x"}}"#, "address.city"),
        (r#"{"address":{"zip":1,"geo":{}}}"#, "address.geo"),
        (r#"{"colors":["BLUE"]}"#, ""),
        (r#"{"colors":["RED","BLUE"]}"#, ""),
        (r#"{"colors":["RED", 2]}"#, "colors"),
        (r#"{"colors":[]}"#, "colors"),
        (r#"{"shades":{"a":"BLUE"}}"#, ""),
        (r#"{"shades":{"a":"RED","b":"GREEN"}}"#, "shades"),
        (r#"{"shades":{}}"#, "shades"),
        (r#"{"addresses":[{"zip":1}]}"#, "addresses"),
    ] {
        for unknown in [Unknown::Warn, Unknown::Ignore] {
            let request = Request { path: &["5"], body, unknown, ..Request::default() };
            assert_eq!(mask(&rule, "update_mask", request).as_deref(), Some(paths), "{body}");
        }
    }
}

#[test]
fn a_mask_that_is_given_by_its_paths_is_given() {
    let rule = rule("PATCH", "UpdateUser", &["user.id"], "user");
    let request = Request {
        path: &["5"],
        body: r#"{"name":"x"}"#,
        query: "updateMask.paths=phone_number",
        ..Request::default()
    };
    assert_eq!(mask(&rule, "update_mask", request).as_deref(), Some("phone_number"));
}
