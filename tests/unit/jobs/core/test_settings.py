import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.core.settings import (
    DAY_SECONDS,
    BadSetting,
    PortRange,
    Settings,
    is_loopback,
    max_artifacts_mb,
    sentinels,
)

KEY = "0123456789abcdef"
SECRET = "s" * 32
CLOSED = {"PRESSRUN_API_KEYS": f"acme:{KEY}", "PRESSRUN_SECRET_KEY": SECRET}


def test_no_setting_is_required() -> None:
    settings = Settings.from_env({})
    assert settings.port == 8000
    assert settings.worker_slots == (os.cpu_count() or 1)
    assert settings.listen_host == "127.0.0.1"
    assert settings.base_url == "http://localhost:8000"
    assert settings.artifacts == (Path.cwd() / "data" / "artifacts").as_uri()


def test_settings_are_read_from_the_environment() -> None:
    settings = Settings.from_env(
        {"PORT": "5000", "PRESSRUN_FETCH": "none", "PRESSRUN_DATA_DIR": "/srv/pressrun"}
    )
    assert (settings.port, settings.fetch, settings.data_dir) == (5000, "none", Path("/srv/pressrun"))
    assert settings.artifacts == "file:///srv/pressrun/artifacts"


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_a_blank_value_counts_as_not_set(blank: str) -> None:
    assert Settings.from_env({"PORT": blank}) == Settings.from_env({})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("PORT", "8000.0"),
        ("PRESSRUN_METRICS_PORT", "0"),
        ("PRESSRUN_METRICS_PORT", "65536"),
        ("PRESSRUN_METRICS_PORT", "9473-9464"),
        ("PRESSRUN_METRICS_PORT", "9464-"),
        ("PRESSRUN_METRICS_PORT", "1-1001"),
        ("REDIS_URL", "localhost:6379"),
        ("REDIS_URL", "http://localhost"),
        ("REDIS_URL", "redis+cluster://localhost"),
        ("REDIS_URL", "redis://localhost:abc/0"),
        ("REDIS_URL", "redis://localhost:65536/0"),
        ("REDIS_URL", "redis://localhost/abc"),
        ("REDIS_URL", "unix:///run/store.sock?db=abc"),
        ("REDIS_URL", "redis+sentinel://one:abc/mymaster/0"),
        ("REDIS_URL", "redis+sentinel://one:26379,/mymaster/0"),
        ("REDIS_URL", "redis+sentinel://one:26379/mymaster/abc"),
        ("REDIS_URL", "rediss+sentinel://one:26379/mymaster/0?ssl_cert_reqs=none"),
        ("PRESSRUN_ARTIFACTS_URL", "ftp://host/dir"),
        ("PRESSRUN_ARTIFACTS_URL", "redis:?max_mb=lots"),
        ("PRESSRUN_ARTIFACTS_URL", "redis:?max_mb=0"),
        ("PRESSRUN_ARTIFACTS_URL", "redis:?max_mb="),
        ("PRESSRUN_ARTIFACTS_URL", "redis:?max_mb=1&max_mb=2"),
        ("PRESSRUN_API_KEYS", KEY),
        ("PRESSRUN_API_KEYS", "acme:short"),
        ("PRESSRUN_API_KEYS", f":{KEY}"),
        ("PRESSRUN_API_KEYS", f"a b:{KEY}"),
        ("PRESSRUN_API_KEYS", f"{'t' * 65}:{KEY}"),
        ("PRESSRUN_API_KEYS", f"acme:{KEY}ä"),
        ("PRESSRUN_OPERATOR_KEYS", f"{KEY},short"),
        ("PRESSRUN_OPERATOR_KEYS", f"{KEY}ä"),
        ("PRESSRUN_SECRET_KEY", "short"),
        ("PRESSRUN_SECRET_KEY", f"{SECRET},short"),
        ("PRESSRUN_PUBLIC_URL", "example.com"),
        ("PRESSRUN_PUBLIC_URL", "https://example.com:abc"),
        ("PRESSRUN_PUBLIC_URL", "https://example.com:0"),
        ("PRESSRUN_WEBSOCKET_URL", "http://example.com"),
        ("PRESSRUN_WEBSOCKET_URL", "ws://example.com:abc"),
        ("PRESSRUN_WORKER_SLOTS", "0"),
        ("PRESSRUN_FETCH", "everything"),
        ("PRESSRUN_EGRESS_ALLOW", "10.0.0.0/33"),
        ("PRESSRUN_EGRESS_ALLOW", "10.0.0.1/8"),
        ("PRESSRUN_EGRESS_ALLOW", "ä..example"),
        ("PRESSRUN_EGRESS_ALLOW", "*.example.com"),
        ("PRESSRUN_EGRESS_ALLOW", "example.com:8080"),
        ("PRESSRUN_ALLOWED_ORIGINS", "app.example.com"),
        ("PRESSRUN_ALLOWED_ORIGINS", "https://app.example.com/path"),
        ("PRESSRUN_ALLOWED_ORIGINS", "https://app.example.com:abc"),
        ("PRESSRUN_RESULT_TTL", str(DAY_SECONDS)),
        ("PRESSRUN_LOG_TTL", "59"),
        ("PRESSRUN_BUS_EVENTS", "100"),
        ("PRESSRUN_EVENTS_MB", "0"),
        ("PRESSRUN_MAX_TENANT_BYTES", "0"),
        ("PRESSRUN_MAX_TENANT_BYTES", "10GB"),
        ("PRESSRUN_LOG_LEVEL", "loud"),
        ("PRESSRUN_LOG_FORMAT", "xml"),
    ],
)
def test_a_bad_value_names_its_variable_and_what_it_may_be(variable: str, value: str) -> None:
    with pytest.raises(BadSetting, match=rf"^{variable} .*It may be: .+\.$") as raised:
        Settings.from_env({**CLOSED, variable: value})
    assert raised.value.variable == variable


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("REDIS_URL", "redis:"),
        ("REDIS_URL", "rediss://:p%2Fq@store:6380/1"),
        ("REDIS_URL", "unix:///run/store.sock?db=1"),
        ("REDIS_URL", "redis+sentinel://user:secret@one:26379,two,[::1]:26380/mymaster/1"),
        ("PRESSRUN_ARTIFACTS_URL", "redis:?max_mb=64"),
        ("PRESSRUN_PUBLIC_URL", "http://[::1]:8000"),
        ("PRESSRUN_EGRESS_ALLOW", "10.0.0.0/8, 192.168.1.5, ::1, [::1], Intranet., bücher.example"),
    ],
)
def test_a_good_value_is_accepted(variable: str, value: str) -> None:
    Settings.from_env({variable: value})


def test_each_sentinel_has_its_own_port() -> None:
    url = "redis+sentinel://user:secret@one:5000,two,[::1]:5001/mymaster/0"
    assert sentinels(url) == [("one", 5000), ("two", 26379), ("::1", 5001)]


def test_artifacts_in_the_store_are_limited_by_default() -> None:
    assert (max_artifacts_mb("redis:"), max_artifacts_mb("redis:?max_mb=64")) == (256, 64)


def test_an_error_about_a_secret_does_not_repeat_it() -> None:
    for variable in ("PRESSRUN_API_KEYS", "PRESSRUN_SECRET_KEY", "REDIS_URL"):
        with pytest.raises(BadSetting) as raised:
            Settings.from_env({variable: "tell-nobody"})
        assert "tell-nobody" not in str(raised.value)


def test_no_repr_shows_a_secret() -> None:
    settings = Settings.from_env({**CLOSED, "REDIS_URL": f"redis://:{KEY}@store/0"})
    assert KEY not in repr(settings)
    assert SECRET not in repr(settings)
    assert KEY not in repr(settings.api_keys)


def test_api_keys_need_a_secret_key() -> None:
    with pytest.raises(BadSetting, match="PRESSRUN_SECRET_KEY is not set") as raised:
        Settings.from_env({"PRESSRUN_API_KEYS": f"acme:{KEY}", "PRESSRUN_DATA_DIR": "/srv/pressrun"})
    assert "the key in /srv/pressrun/secret_key" in str(raised.value)


def test_several_tenants_and_several_secrets_may_be_set() -> None:
    other = "t" * 32
    settings = Settings.from_env(
        {"PRESSRUN_API_KEYS": f"acme:{KEY}, beta:{KEY}2", "PRESSRUN_SECRET_KEY": f"{SECRET},{other}"}
    )
    assert [(key.tenant, key.key) for key in settings.api_keys] == [("acme", KEY), ("beta", KEY + "2")]
    assert settings.secret_key == (SECRET, other)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com"])
def test_only_this_machine_may_connect_without_api_keys(host: str) -> None:
    with pytest.raises(BadSetting, match="PRESSRUN_API_KEYS"):
        Settings.from_env({"PRESSRUN_HOST": host})
    assert Settings.from_env({**CLOSED, "PRESSRUN_HOST": host}).listen_host == host


def test_with_api_keys_the_server_listens_on_every_address() -> None:
    assert Settings.from_env(CLOSED).listen_host == "0.0.0.0"


def test_records_must_outlive_results() -> None:
    with pytest.raises(BadSetting, match=f"PRESSRUN_RECORD_TTL is {5 * DAY_SECONDS}, less than"):
        Settings.from_env({"PRESSRUN_RECORD_TTL": str(5 * DAY_SECONDS)})


@pytest.mark.parametrize(
    ("environ", "websocket"),
    [
        ({}, "ws://localhost:8001/v1/ws"),
        ({"PRESSRUN_NOTIFIER_PORT": "9000"}, "ws://localhost:9000/v1/ws"),
        ({"PRESSRUN_PUBLIC_URL": "https://pdf.example.com/"}, "wss://pdf.example.com/v1/ws"),
        ({"PRESSRUN_WEBSOCKET_URL": "wss://push.example.com/v1/ws"}, "wss://push.example.com/v1/ws"),
    ],
)
def test_the_websocket_url_is_set_or_derived_from_other_settings(
    environ: dict[str, str], websocket: str
) -> None:
    assert Settings.from_env(environ).ws_url == websocket


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.1", "::1", "[::1]"])
def test_loopback_hosts_are_recognised(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "localhost.example.com", "127.0.0.1.example.com", "10.0.0.1"]
)
def test_other_hosts_are_not_taken_for_loopback(host: str) -> None:
    assert not is_loopback(host)


def test_every_setting_is_explained_once() -> None:
    rows = Settings.from_env(CLOSED).explained(CLOSED)
    variables = [variable for variable, _, _ in rows]
    assert len(set(variables)) == len(variables)
    assert all(name in ("PORT", "REDIS_URL") or name.startswith("PRESSRUN_") for name in variables)
    assert {variable for variable, _, source in rows if source == "environment"} == set(CLOSED)
    assert not any(KEY in value or SECRET in value for _, value, _ in rows)


def explained(**environ: str) -> dict[str, tuple[str, str]]:
    return {
        variable: (value, source) for variable, value, source in Settings.from_env(environ).explained(environ)
    }


def test_values_derived_for_unset_variables_are_explained() -> None:
    rows = explained(PRESSRUN_DATA_DIR="/srv/pressrun")
    assert {variable: value for variable, (value, source) in rows.items() if source == "derived"} == {
        "PRESSRUN_HOST": "127.0.0.1",
        "REDIS_URL": "unix:///srv/pressrun/valkey/valkey.sock",
        "PRESSRUN_ARTIFACTS_URL": "file:///srv/pressrun/artifacts",
        "PRESSRUN_SECRET_KEY": "(in /srv/pressrun/secret_key, not shown)",
        "PRESSRUN_PUBLIC_URL": "http://localhost:8000",
        "PRESSRUN_WEBSOCKET_URL": "ws://localhost:8001/v1/ws",
        "PRESSRUN_EVENTS_MB": "40 % of the store's maxmemory",
    }


def test_values_derived_from_other_settings_are_explained() -> None:
    rows = explained(**CLOSED, PRESSRUN_PUBLIC_URL="https://pdf.example.com")
    assert rows["PRESSRUN_HOST"] == ("0.0.0.0", "derived")
    assert rows["PRESSRUN_PUBLIC_URL"] == ("https://pdf.example.com", "environment")
    assert rows["PRESSRUN_WEBSOCKET_URL"] == ("wss://pdf.example.com/v1/ws", "derived")
    assert rows["PRESSRUN_SECRET_KEY"] == ("(set, not shown)", "environment")


VARIABLES = [variable for variable, _, _ in Settings().explained({})]


@given(
    variable=st.sampled_from(VARIABLES), text=st.text(st.characters(codec="utf-8", exclude_characters="\0"))
)
def test_any_value_is_accepted_or_refused_with_an_explanation(variable: str, text: str) -> None:
    try:
        Settings.from_env({variable: text})
    except BadSetting as error:
        message = str(error)
    else:
        return
    assert "It may be" in message


@pytest.mark.parametrize(("text", "first", "last"), [("9464", 9464, 9464), ("9464-9473", 9464, 9473)])
def test_metrics_have_a_port_or_a_range(text: str, first: int, last: int) -> None:
    settings = Settings.from_env({"PRESSRUN_METRICS_PORT": text})
    assert settings.metrics_ports == PortRange(first, last)
    assert str(settings.metrics_ports) == text


def test_metrics_that_nobody_could_read_are_refused() -> None:
    with pytest.raises(BadSetting, match="PRESSRUN_OPERATOR_KEYS is not set"):
        Settings.from_env({**CLOSED, "PRESSRUN_METRICS_PORT": "9464"})
    Settings.from_env({**CLOSED, "PRESSRUN_METRICS_PORT": "9464", "PRESSRUN_OPERATOR_KEYS": KEY})
