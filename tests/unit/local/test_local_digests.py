from pathlib import Path

from local.digests import digest_paths, digest_texts


def test_borders_between_texts_count() -> None:
    assert digest_texts(["ab", "c"]) != digest_texts(["a", "bc"])
    assert digest_texts(["ab", "c"]) == digest_texts(["ab", "c"])


def test_names_and_contents_count_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("2")
    before = digest_paths([tmp_path], tmp_path)
    (tmp_path / "a").touch()
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "c").write_text("compiled")
    assert digest_paths([tmp_path], tmp_path) == before
    (tmp_path / "b").rename(tmp_path / "c")
    renamed = digest_paths([tmp_path], tmp_path)
    (tmp_path / "c").write_text("3")
    assert len({before, renamed, digest_paths([tmp_path], tmp_path)}) == 3


def test_the_place_of_the_root_does_not_count(tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("same")
    x, y = tmp_path / "x", tmp_path / "y"
    assert digest_paths([x], x) == digest_paths([y], y)


def test_a_file_that_appears_changes_the_digest(tmp_path: Path) -> None:
    before = digest_paths([tmp_path / "file"], tmp_path)
    (tmp_path / "file").write_text("")
    assert digest_paths([tmp_path / "file"], tmp_path) != before
