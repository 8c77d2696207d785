"""Searches by meaning, in every kind of store: where PostgreSQL has the extension, or says that it has not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.embeddings import Embeddings

from tests.databases import NO_VECTORS, POSTGRES_PARAM
from tests.storage.places import places
from treadle.errors import GraphError
from treadle.graphs.item_index import Index
from treadle.graphs.items import ItemStore, open_items
from treadle.graphs.sealed_values import SealedValue
from treadle.storage.contract.store import DatabaseSchema, Place

WORDS = ("sea", "hill", "town")


class Words(Embeddings):
    """The vector of a text is how often it has each of the words."""

    def __init__(self, words: tuple[str, ...] = WORDS) -> None:
        self.words = words

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[float(text.count(word)) for word in self.words] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def index(*more: str) -> Index:
    words = WORDS + more
    return Index(Words(words), len(words), ("text",))


@pytest.fixture(params=["memory", "sqlite", POSTGRES_PARAM])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Where vectors may be."""
    with places(request.param, tmp_path / "items.db") as place:
        if isinstance(place, DatabaseSchema):
            said_or_searched(place)
        yield place


def said_or_searched(place: DatabaseSchema) -> None:
    """The server has the extension, or the start of the store says in one line that it has not."""
    items = open_items(place, index())
    try:
        items.start()
    except GraphError as error:
        assert str(error).startswith("store.index: the PostgreSQL server has no extension vector (pgvector)")
        assert "\n" not in str(error)
        pytest.skip(f"{NO_VECTORS}, and the store said so")
    finally:
        items.close()


@pytest.fixture
def items(place: Place) -> Iterator[ItemStore]:
    opened = open_items(place, index())
    yield opened
    opened.close()


def found(items: ItemStore, query: str, limit: int = 10, offset: int = 0) -> list[tuple[str, float | None]]:
    results = items.search(("a",), query=query, limit=limit, offset=offset)
    return [(item.key, item.score if item.score is None else round(item.score, 3)) for item in results]


def test_the_nearest_come_first_and_what_has_no_direction_last(items: ItemStore) -> None:
    for text in ("void", "sea", "hill", "town sea"):
        items.put(("a",), text, {"text": text})
    items.put(("a",), "many", {"parts": ["sea", "sea", "sea", "hill"]}, index=["parts[*]"])
    items.put(("b",), "other", {"text": "sea"})
    expected = [("many", 1.0), ("sea", 1.0), ("town sea", 0.707), ("hill", 0.0), ("void", None)]
    assert sorted(found(items, "sea", 2)) == expected[:2]
    assert sorted(found(items, "sea")[:2]) + found(items, "sea")[2:] == expected
    assert found(items, "sea", 2, 2) == expected[2:4]
    assert {score for _, score in found(items, "nothing")} == {None}


def test_an_item_that_is_put_again_has_no_vectors_of_before(items: ItemStore) -> None:
    items.put(("a",), "many", {"parts": ["sea", "hill"]}, index=["parts[*]"])
    items.put(("a",), "sea", {"text": "sea"})
    items.put(("a",), "many", {"text": "town"})
    items.put(("a",), "sea", {"text": "sea"}, index=False)
    assert found(items, "sea") == [("many", 0.0)]
    items.delete(("a",), "many")
    assert found(items, "sea") == []


def test_a_sealed_value_is_found_by_what_it_was(items: ItemStore) -> None:
    items.put(("a",), "k", SealedValue({"sealed": "x"}, {"text": "hill"}))
    (item,) = items.search(("a",), query="hill")
    assert (item.value, item.score) == ({"sealed": "x"}, 1.0)


def test_searches_without_a_query_find_all(items: ItemStore) -> None:
    items.put(("a",), "k", {"text": "sea"}, index=False)
    assert [item.key for item in items.search(("a",), filter={"text": "sea"})] == ["k"]


def test_an_index_of_other_vectors_is_refused(place: Place) -> None:
    """In a database their length is that of the column."""
    if isinstance(place, DatabaseSchema):
        other = open_items(place, index("river"))
        with pytest.raises(GraphError, match=r"store\.index\.dims is 4, and the vectors in the database have 3"):
            other.start()
        other.close()
