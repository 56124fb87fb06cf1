//! Lines as operators read them, and what their parts may hold.

use std::sync::LazyLock;

use super::*;

static ROUTE: LazyLock<Route> =
    LazyLock::new(|| Route::new("GET /users/{user_id}", "shop.user.v1.UserService/GetUser", Some("users")));

fn record() -> Record<'static> {
    Record {
        peer: "127.0.0.1:4711".parse().unwrap(),
        method: "GET",
        path: "/users/\"1\"",
        route: Some(&ROUTE),
        status: 200,
        code: "OK",
        ended: Instant::now(),
        took: Duration::from_micros(1500),
        upstream_time: Duration::from_micros(1200),
        received: 0,
        sent: 17,
        attempts: 1,
        endpoint: "127.0.0.1:50051",
        request_id: b"abc",
        caller: "",
        trace: Some(0xa1),
        flag: "",
        detail: "",
    }
}

fn line(format: Format, record: &Record<'_>) -> String {
    let mut lines = Lines::default();
    lines.write(SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_088_800_007), record, format);
    String::from_utf8(lines.text).unwrap()
}

#[test]
fn a_text_line_reads_from_left_to_right() {
    assert_eq!(
        line(Format::Text, &record()),
        "2025-12-30T10:00:00.007Z GET /users/\"1\" 200 OK 1.5ms route=\"GET /users/{user_id}\" \
         grpc=shop.user.v1.UserService/GetUser upstream=users upstream_time=1.2ms own=0.3ms endpoint=127.0.0.1:50051 attempts=1 \
         trace=000000000000000000000000000000a1 in=0 out=17 peer=127.0.0.1:4711 id=abc\n"
    );
}

#[test]
fn a_json_line_is_one_object() {
    assert_eq!(
        line(Format::Json, &Record { flag: "CIRCUIT_OPEN", ..record() }),
        "{\"time\":\"2025-12-30T10:00:00.007Z\",\"kind\":\"access\",\"peer\":\"127.0.0.1:4711\",\"method\":\"GET\",\"path\":\"/users/\\\"1\\\"\",\
         \"route\":\"GET /users/{user_id}\",\"grpc\":\"shop.user.v1.UserService/GetUser\",\"upstream\":\"users\",\"code\":\"OK\",\
         \"endpoint\":\"127.0.0.1:50051\",\"request_id\":\"abc\",\"flag\":\"CIRCUIT_OPEN\",\
         \"trace_id\":\"000000000000000000000000000000a1\",\"status\":200,\"took_ms\":1.500,\"upstream_ms\":1.200,\
         \"own_ms\":0.300,\"received\":0,\"sent\":17,\"attempts\":1}\n"
    );
}

#[test]
fn a_route_may_be_called_as_its_pattern_wants() {
    let route = Route::new("GET ~^/é\"\\d+$", "a.B/C", None);
    let record = Record { route: Some(&route), ..record() };
    let text = line(Format::Text, &record);
    assert!(text.contains(" route=\"GET ~^/é\\\"\\\\d+$\" grpc=a.B/C "), "{text}");
    let json: serde_json::Value = serde_json::from_str(&line(Format::Json, &record)).unwrap();
    assert_eq!((&json["route"], &json["grpc"]), (&"GET ~^/é\"\\d+$".into(), &"a.B/C".into()));
}

#[test]
fn what_is_not_known_is_left_out() {
    let unknown = Record { route: None, endpoint: "", trace: None, ..record() };
    assert_eq!(
        line(Format::Text, &unknown),
        "2025-12-30T10:00:00.007Z GET /users/\"1\" 200 OK 1.5ms in=0 out=17 peer=127.0.0.1:4711 id=abc\n"
    );
    let json: serde_json::Value = serde_json::from_str(&line(Format::Json, &unknown)).unwrap();
    for key in ["route", "grpc", "upstream", "endpoint", "trace_id", "caller", "flag", "detail"] {
        assert_eq!(json.get(key), None, "{key}");
    }
}

#[test]
fn nobody_writes_lines_by_the_name_in_a_token() {
    for (caller, written) in [
        ("u1", "caller=u1"),
        ("a b", "caller=\"a b\""),
        ("a\"b", "caller=\"a\\\"b\""),
        ("x\n2025 GET", "caller=\"x\\n2025 GET\""),
        ("\u{7f}\u{202e}", "caller=\"\\u{7f}\\u{202e}\""),
        ("a\u{3164}\u{fe0f}", "caller=\"a\\u{3164}\\u{fe0f}\""),
        (&"é".repeat(200), &format!("caller={:?}", "é".repeat(128))),
    ] {
        let line = line(Format::Text, &Record { caller, ..record() });
        assert!(line.contains(&format!(" {written} in=")) && line.lines().count() == 1, "{line}");
    }
}

#[test]
fn no_hidden_character_of_a_path_an_endpoint_or_a_name_reaches_a_line() {
    let hidden = "/a\u{202e}\u{2066}\u{200b}\u{feff}\u{85}\u{2028}\u{e0041}\u{61c}\u{7f}\u{3000}b";
    let route = Route::new("GET ~\u{202e}", "a.B/\u{202e}C", Some("\u{202e} u"));
    let record = Record { path: hidden, endpoint: hidden, caller: hidden, route: Some(&route), ..record() };
    let text = line(Format::Text, &record);
    let word = "/a\\u{202e}\\u{2066}\\u{200b}\\u{feff}\\u{85}\\u{2028}\\u{e0041}\\u{61c}\\u{7f}\\u{3000}b";
    assert!(
        text.contains(&format!(" GET {word} 200")) && text.contains(&format!("endpoint={word} ")),
        "{text}"
    );
    let json = line(Format::Json, &record);
    for line in [&text, &json] {
        assert!(!line.trim_end().contains(crate::telemetry::hidden::is_hidden), "{line:?}");
    }
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    for key in ["path", "endpoint", "caller"] {
        assert_eq!(json[key], hidden, "{key}");
    }
}

#[test]
fn a_detail_is_quoted_escaped_and_cut_to_200_characters() {
    for (detail, written) in [
        ("no book", "detail=\"no book\"".to_owned()),
        ("got \"two\"", "detail=\"got \\\"two\\\"\"".to_owned()),
        ("x\n2025 GET", "detail=\"x\\n2025 GET\"".to_owned()),
        ("\u{202e}\u{3164}", "detail=\"\\u{202e}\\u{3164}\"".to_owned()),
        (&"é".repeat(300), format!("detail={:?}", "é".repeat(200))),
    ] {
        let record = Record { detail, ..record() };
        let text = line(Format::Text, &record);
        assert!(text.contains(&format!(" {written} in=")) && text.lines().count() == 1, "{text}");
        let json: serde_json::Value = serde_json::from_str(&line(Format::Json, &record)).unwrap();
        assert_eq!(json["detail"], detail.chars().take(MAX_DETAIL).collect::<String>());
    }
}

#[test]
fn an_upstream_of_any_name_is_one_field() {
    for (upstream, written) in [("users", "users"), ("my users", "\"my users\""), ("", "\"\"")] {
        let route = Route::new("GET /", "a.B/C", Some(upstream));
        let record = Record { route: Some(&route), ..record() };
        let text = line(Format::Text, &record);
        assert!(text.contains(&format!(" grpc=a.B/C upstream={written} upstream_time=1.2ms ")), "{text}");
        let json: serde_json::Value = serde_json::from_str(&line(Format::Json, &record)).unwrap();
        assert_eq!(json["upstream"], upstream);
    }
}

#[test]
fn whatever_a_text_is_it_is_one_line_of_json() {
    for caller in ["a b", "a\"b", "a\\b", "x\n\r\t\0\u{7f}", "é", "\u{202e}"] {
        let line = line(Format::Json, &Record { caller, path: caller, ..record() });
        assert_eq!(line.lines().count(), 1, "{line}");
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&json["caller"], &json["path"]), (&caller.into(), &caller.into()));
    }
}

#[test]
fn durations_are_rounded() {
    for (nanos, tenths, thousandths) in [
        (0, "0.0ms", "0.000"),
        (49_499, "0.0ms", "0.049"),
        (49_500, "0.0ms", "0.050"),
        (50_000, "0.1ms", "0.050"),
        (999_999, "1.0ms", "1.000"),
        (1_000_000_000, "1000.0ms", "1000.000"),
        (61_234_567_890, "61234.6ms", "61234.568"),
    ] {
        let took = Duration::from_nanos(nanos);
        let record = Record { took, upstream_time: took, ..record() };
        let (text, json) = (line(Format::Text, &record), line(Format::Json, &record));
        assert!(text.contains(&format!(" OK {tenths} route=")), "{text}");
        assert!(text.contains(&format!(" upstream_time={tenths} own=0.0ms ")), "{text}");
        assert!(json.contains(&format!("\"took_ms\":{thousandths},")), "{json}");
    }
}

#[test]
fn clients_are_named_with_their_port_if_it_is_known() {
    for (peer, written) in [
        ("203.0.113.7:65535", "203.0.113.7:65535"),
        ("203.0.113.7:0", "203.0.113.7"),
        ("[2001:db8::1]:443", "[2001:db8::1]:443"),
        ("[2001:db8::1]:0", "2001:db8::1"),
        ("[::ffff:203.0.113.7]:80", "[::ffff:203.0.113.7]:80"),
        ("[::ffff:203.0.113.7]:0", "::ffff:203.0.113.7"),
    ] {
        let peer: SocketAddr = peer.parse().unwrap();
        let line = line(Format::Text, &Record { peer, ..record() });
        assert!(line.contains(&format!(" peer={written} id=")), "{line}");
    }
}
