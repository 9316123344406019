import pytest

from jobs.core.settings import BadSetting, Settings
from jobs.store.client import connect


@pytest.mark.parametrize(
    "url",
    [
        "rediss://:s3cr3t@store/0?ssl_cert_reqs=none",
        "redis://store/0?client_name=press",
        "unix:///run/store.sock?db=1",
        "redis+sentinel://one,two:26380/mymaster/1",
    ],
)
def test_a_client_does_not_connect_until_it_is_used(url: str) -> None:
    connect(Settings.from_env({"REDIS_URL": url}))


@pytest.mark.parametrize("option", ["ssl_cert_reqs=perhaps", "socket_timeout=soon", "unheard_of=1"])
def test_an_error_about_an_option_of_the_url_names_it_and_shows_no_secret(option: str) -> None:
    name, _, _ = option.partition("=")
    with pytest.raises(BadSetting, match=r"^REDIS_URL .*It may be: ") as raised:
        connect(Settings.from_env({"REDIS_URL": f"rediss://:s3cr3t@store/0?{option}"}))
    assert "s3cr3t" not in str(raised.value)
    assert name in str(raised.value) or "SSL Certificate Requirements" in str(raised.value)
