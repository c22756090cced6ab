import pytest

from local.errors import LocalError
from local.nodes import parse_node


@pytest.mark.parametrize("word", ["2", "n2"])
def test_a_node_goes_by_its_number_or_its_name(word: str) -> None:
    assert parse_node(word) == "n2"


@pytest.mark.parametrize("word", ["", "0", "n", "worker", "-1"])
def test_other_words_are_no_node(word: str) -> None:
    with pytest.raises(LocalError, match="no node"):
        parse_node(word)
