"""Words of sentences for users."""

from __future__ import annotations

import pytest

from etcd_operator.wording import agree, counted, join_sentences, part_of, say_foreign, them


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 members serve"), (1, "1 member serves"), (3, "3 members serve")]
)
def test_noun_and_verb_agree_with_the_number(count: int, said: str) -> None:
    assert f"{counted(count, 'member')} {agree(count, 'serve')}" == said


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 1, "0 of 1 voter answers"),
        (1, 1, "1 of 1 voter answers"),
        (0, 3, "0 of 3 voters answer"),
        (1, 3, "1 of 3 voters answers"),
        (2, 3, "2 of 3 voters answer"),
    ],
)
def test_of_one_it_is_one_that_does(part: int, whole: int, said: str) -> None:
    assert part_of(part, whole, "voter", "answer") == said


def test_what_is_irregular_is_known() -> None:
    assert counted(2, "pass", "passes") == "2 passes"
    assert [agree(1, verb) for verb in ("are", "have", "were")] == ["is", "has", "was"]
    assert agree(2, "are") == "are"


def test_objects_that_are_in_the_way_are_one_or_more() -> None:
    one, two = ["Service a"], ["Service a", "Service b"]
    assert say_foreign(one) == "Service a exists and does not belong to this EtcdCluster"
    assert say_foreign(two) == "Service a, Service b exist and do not belong to this EtcdCluster"
    assert say_foreign(["a"], "Secret").startswith("Secret a exists")
    assert [them(count) for count in (1, 2)] == ["it", "them"]


@pytest.mark.parametrize(
    ("sentences", "joined"),
    [
        ((), ""),
        (("db-1: not ready",), "db-1: not ready"),
        (("db-1: HTTP 503", "", "Waiting."), "db-1: HTTP 503. Waiting."),
        (("It ends here. ", "Does it exist?", "yes"), "It ends here. Does it exist? yes"),
    ],
)
def test_a_sentence_ends_before_the_next_one(sentences: tuple[str, ...], joined: str) -> None:
    assert join_sentences(sentences) == joined
