from pathlib import Path

from local.pip_settings import named_paths, parse_settings, render_settings


def test_the_environment_wins_over_files() -> None:
    text = "global.timeout='15'\n:env:.timeout='60'\ninstall.no-binary=':none:'\n"
    assert parse_settings(text) == {"timeout": "60", "no-binary": ":none:"}


def test_settings_survive_being_written(tmp_path: Path) -> None:
    text = render_settings({"timeout": "60", "cert": "/ca.crt"})
    assert text == "[global]\ncert = /ca.crt\ntimeout = 60\n"
    assert render_settings({}) == "[global]\n"


def test_files_that_settings_name_are_found(tmp_path: Path) -> None:
    authority = tmp_path / "ca.crt"
    authority.write_text("")
    settings = {"cert": str(authority), "find-links": f"{tmp_path} /no/such", "timeout": "60"}
    assert named_paths(settings) == [tmp_path, authority]
