"""How items are indexed for semantic search: which texts of them are embedded, and the vectors of these texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from langchain_core.embeddings import Embeddings
from langgraph.store.base import Op, PutOp, SearchOp
from langgraph.store.base.embed import get_text_at_path

from treadle.errors import EmbeddingFailed
from treadle.graphs.sealed_values import with_plain_value

Vector = list[float]
Vectors = Mapping[str, Vector]
"""The vector of each text."""


@dataclass(frozen=True, slots=True)
class Index:
    """How items are indexed for semantic search."""

    embeddings: Embeddings
    dims: int
    fields: tuple[str, ...] = ("$",)
    """The paths in a value whose texts are embedded; `$` is the whole value."""

    def texts(self, ops: Iterable[Op]) -> list[str]:
        """The texts whose vectors these operations need."""
        found: dict[str, None] = {}
        for op in ops:
            if isinstance(op, SearchOp) and op.query:
                found[op.query] = None
            elif isinstance(op, PutOp) and op.value is not None and op.index is not False:
                for path in self.fields if op.index is None else op.index:
                    found.update(dict.fromkeys(get_text_at_path(with_plain_value(op).value, path)))
        return list(found)

    def embed(self, texts: list[str]) -> dict[str, Vector]:
        """The vector of each text. Raises EmbeddingFailed."""
        with _embedding():
            return self._checked(texts, self.embeddings.embed_documents(texts) if texts else [])

    async def aembed(self, texts: list[str]) -> dict[str, Vector]:
        """As `embed`, without blocking the event loop."""
        with _embedding():
            return self._checked(texts, await self.embeddings.aembed_documents(texts) if texts else [])

    def _checked(self, texts: list[str], vectors: Sequence[Sequence[float]]) -> dict[str, Vector]:
        if len(vectors) != len(texts):
            raise EmbeddingFailed(f"store.index.embed gave {len(vectors)} vectors for {len(texts)} texts")
        if wrong := {len(vector) for vector in vectors} - {self.dims}:
            raise EmbeddingFailed(
                f"store.index.embed gave a vector of {min(wrong)} numbers, where store.index.dims says {self.dims}"
            )
        return {text: [float(number) for number in vector] for text, vector in zip(texts, vectors, strict=True)}


@contextmanager
def _embedding() -> Iterator[None]:
    try:
        yield
    except EmbeddingFailed:
        raise
    except Exception as error:  # the author's code, or a provider's: its own words are for the log
        raise EmbeddingFailed(f"The texts cannot be embedded: {type(error).__name__}") from error


class KnownVectors(Embeddings):
    """The vectors of the texts in the operations that are being carried out."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors

    def embed_documents(self, texts: list[str]) -> list[Vector]:
        return [self.vectors[text] for text in texts]

    def embed_query(self, text: str) -> Vector:
        return self.vectors[text]
