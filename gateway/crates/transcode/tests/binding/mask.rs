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
    type Row = (&'static str, &'static [&'static str], &'static str, Option<&'static str>);
    let rows: &[Row] = &[
        // A variable leads into the resource.
        (
            "UpdateUser",
            &["user.id"],
            r#"{"user":{"name":"x","address":{"city":"y"}}}"#,
            Some("name,address.city"),
        ),
        ("UpdateUser", &["user.id"], r#"{"validateOnly":true,"user":{"name":"x"}}"#, Some("name")),
        ("UpdateUser", &["user.id"], r#"{"updateMask":null,"user":{"id":"5","name":"x"}}"#, Some("name")),
        ("UpdateUser", &["user.id"], r#"{"user":null}"#, None),
        ("UpdateUser", &["user.id"], r#"{"validateOnly":true}"#, None),
        ("UpdateUser", &["user.id"], r#"{"user":{"id":"5"}}"#, None),
        ("UpdateUser", &["user.id"], "{}", Some("")),
        ("UpdateUser", &["user.id"], "", Some("")),
        (
            "UpdateUser",
            &["user.address.city"],
            r#"{"user":{"address":{"city":"5","street":"y"}}}"#,
            Some("address.street"),
        ),
        ("TwoResources", &["user.id"], r#"{"user":{"name":"x"}}"#, Some("name")),
        ("TwoResources", &["user.id"], r#"{"address":{"city":"x"}}"#, None),
        // The path fills everything else.
        ("OnlyResourceLeft", &["parent", "version"], r#"{"user":{"name":"x"}}"#, Some("name")),
        (
            "OnlyResourceLeft",
            &["parent", "version"],
            r#"{"user":{"tags":[],"born":null}}"#,
            Some("tags,born"),
        ),
        // The resource is the request itself.
        (
            "OnlyResourceLeft",
            &["parent"],
            r#"{"user":{"name":"x"},"version":"2"}"#,
            Some("user.name,version"),
        ),
        ("OnlyResourceLeft", &[], r#"{"user":{"name":"x"},"parent":"p"}"#, Some("user.name,parent")),
        ("UpdateUser", &[], r#"{"validateOnly":true,"user":{"name":"x"}}"#, Some("validate_only,user.name")),
        ("UpdateUser", &[], r#"{"user":null}"#, Some("user")),
        ("TwoResources", &["id"], r#"{"user":{"name":"x"},"address":{}}"#, Some("user.name,address")),
        ("TwoResources", &["user.id", "address.city"], r#"{"user":{"name":"x","id":5}}"#, Some("user.name")),
        ("FlatUpdate", &[], r#"{"name":"x","phone":null}"#, Some("name,phone")),
        ("FlatUpdate", &[], r#"{"mask":null,"tags":[]}"#, Some("tags")),
        ("FlatUpdate", &["id"], r#"{"id":5,"name":"x"}"#, Some("name")),
        ("FlatUpdate", &["id"], r#"{"id":5}"#, None),
        ("FlatWithMessage", &["user_id"], r#"{"name":"x"}"#, Some("name")),
        ("FlatWithMessage", &["user_id"], r#"{"userId":"5","name":"x"}"#, Some("name")),
        (
            "FlatWithMessage",
            &["user_id"],
            r#"{"name":"x","expirationConfig":{"days":3}}"#,
            Some("name,expiration_config.days"),
        ),
        ("FlatWithMessage", &["user_id"], r#"{"expirationConfig":{}}"#, Some("expiration_config")),
        (
            "FlatWithMessage",
            &["user_id"],
            r#"{"expirationConfig":null,"labels":{"a":"b"}}"#,
            Some("expiration_config,labels"),
        ),
        (
            "FlatWithMessage",
            &["user_id"],
            r#"{"history":[{"days":1}],"nickname":"n"}"#,
            Some("history,nickname"),
        ),
        ("FlatWithMessage", &["user_id"], r#"{"nickname":null,"email":"e"}"#, Some("nickname,email")),
        ("FlatWithMessage", &["user_id"], r#"{"postal":{"geo":{"lat":1}}}"#, Some("postal.geo.lat")),
        (
            "FlatWithMessage",
            &["user_id"],
            r#"{"displayName2":"x","TITLE":"t"}"#,
            Some("display_name_2,title"),
        ),
        (
            "FlatWithMessage",
            &["user_id"],
            r#"{"display_name_2":"x","title":"t"}"#,
            Some("display_name_2,title"),
        ),
        ("FlatWithMessage", &["expiration_config.days"], r#"{"name":"x"}"#, None),
        ("MaskInOneof", &["id"], r#"{"name":"x"}"#, Some("name")),
        ("MaskInOneof", &["id"], r#"{"name":"x","everything":true}"#, None),
        ("LegacyUpdate", &["id"], r#"{"part":{"name":"x"},"note":null}"#, Some("part.name,note")),
        ("LegacyUpdate", &["id"], r#"{"[bind.extra]":"x"}"#, None),
        ("LegacyUpdate", &["id"], r#"{"[bind.extra]":"x","note":"n"}"#, Some("note")),
    ];
    for (message, variables, body, paths) in rows {
        let rule = rule("PATCH", message, variables, "*");
        let path = ["5"; 3];
        let request = Request { path: &path[..variables.len()], body, ..Request::default() };
        let field =
            if message.starts_with("Flat") && *message != "FlatWithMessage" || *message == "TwoResources" {
                "mask"
            } else {
                "update_mask"
            };
        assert_eq!(mask(&rule, field, request).as_deref(), *paths, "{message} {variables:?} {body}");
    }
}

#[test]
fn a_mask_inside_another_message_is_a_field_like_any_other() {
    let rule = rule("PATCH", "MaskInside", &["id"], "*");
    let body = r#"{"user":{"name":"x"}}"#;
    assert!(!rule.plan.fills_mask());
    rule.check(
        "no mask",
        Request { path: &["a"], body, ..Request::default() },
        Want::Message(r#"{"id":"a","user":{"name":"x"}}"#),
    );
}

#[test]
fn what_the_gateway_fills_is_not_what_the_client_changes() {
    let mut plan = rule("PATCH", "OnlyResourceLeft", &["parent"], "*");
    plan.plan.with_set("version").unwrap();
    let body = r#"{"user":{"name":"x"},"version":"7"}"#;
    let request = Request { path: &["p"], body, ..Request::default() };
    assert_eq!(mask(&plan, "update_mask", request).as_deref(), Some("name"));
    let mut flat = rule("PATCH", "FlatUpdate", &["id"], "*");
    flat.plan.with_set("phone").unwrap();
    let request = Request { path: &["5"], body: r#"{"name":"x","phone":"1"}"#, ..Request::default() };
    assert_eq!(mask(&flat, "mask", request).as_deref(), Some("name"));
    // As `/me`, whose resource is known by a claim.
    let mut me = rule("PATCH", "UpdateUser", &[], "*");
    me.plan.with_set("user.id").unwrap();
    let request = Request { body: r#"{"user":{"id":"7","name":"x"}}"#, ..Request::default() };
    assert_eq!(mask(&me, "update_mask", request).as_deref(), Some("name"));
    flat.plan.with_set("mask").unwrap();
    assert!(!flat.plan.fills_mask());
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
fn a_mask_that_the_client_gives_names_fields() {
    for (message, path, rule_body, field, query, body, paths) in [
        (
            "FlatWithMessage",
            &["user_id"][..],
            "*",
            "update_mask",
            "",
            r#"{"updateMask":"displayName2,name"}"#,
            "display_name_2,name",
        ),
        ("FlatWithMessage", &["user_id"], "*", "update_mask", "", r#"{"updateMask":"TITLE"}"#, "title"),
        (
            "FlatWithMessage",
            &["user_id"],
            "*",
            "update_mask",
            "",
            r#"{"updateMask":"postal.geo.lat,*,no.such"}"#,
            "postal.geo.lat,*,no.such",
        ),
        ("FlatWithMessage", &["user_id"], "postal", "update_mask", "updateMask=geo.lat", "{}", "geo.lat"),
        (
            "FlatWithMessage",
            &["user_id"],
            "labels",
            "update_mask",
            "update_mask=displayName2",
            "{}",
            "display_name2",
        ),
        (
            "UpdateUser",
            &["user.id"],
            "user",
            "update_mask",
            "updateMask=phoneNumber,address.city",
            "{}",
            "phone_number,address.city",
        ),
        ("UpdateUser", &["user.id"], "*", "update_mask", "", r#"{"updateMask":"user.name"}"#, "user.name"),
    ] {
        let rule = rule("PATCH", message, path, rule_body);
        let found = mask(&rule, field, Request { path: &["5"], query, body, ..Request::default() });
        assert_eq!(found.as_deref(), Some(paths), "{query} {body}");
    }
    // The rest of the request stays as it is.
    let rule = rule("PATCH", "FlatWithMessage", &["user_id"], "*");
    let body = r#"{"updateMask":"displayName2","displayName2":"x","labels":{"a":"b"}}"#;
    let parts = RequestParts { captures: ["5"], query: None, body: body.as_bytes(), content_type: None };
    let mut wire = b"before".to_vec();
    rule.plan.encode(parts, &EncodeOptions::default(), &mut wire).unwrap();
    let wire = wire.strip_prefix(b"before").unwrap();
    let message = rule.plan.message().descriptor().clone();
    let message = prost_reflect::DynamicMessage::decode(message, wire).unwrap();
    assert_eq!(message.get_field_by_name("display_name_2").unwrap().as_str(), Some("x"));
    assert_eq!(message.get_field_by_name("user_id").unwrap().as_str(), Some("5"));
    assert_eq!(message.get_field_by_name("labels").unwrap().as_map().unwrap().len(), 1);
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
            // An empty mask would mean all fields.
            let paths = Some(paths).filter(|paths| !paths.is_empty());
            assert_eq!(mask(&rule, "update_mask", request).as_deref(), paths, "{body}");
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
