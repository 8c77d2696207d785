"""A chat model in LangChain's sense whose answers come from rules instead of weights."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from agent.replies import reply_to


class RuleChatModel(BaseChatModel):
    """Answers by the rules in `agent.replies`; like any chat model it can be invoked, awaited and streamed."""

    @property
    def _llm_type(self) -> str:
        return "rules"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(reply_to(messages)))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        yield from _chunks(reply_to(messages))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in _chunks(reply_to(messages)):
            yield chunk
            # A model on the network gives way to other tasks at every token; without this, all words leave at once.
            await asyncio.sleep(0)


def _chunks(text: str) -> Iterator[ChatGenerationChunk]:
    """One chunk per word, each word with the space before it, so that the chunks joined are the text."""
    *words, last = re.findall(r"\s*\S+", text)
    for word in words:
        yield ChatGenerationChunk(message=AIMessageChunk(content=word))
    yield ChatGenerationChunk(message=AIMessageChunk(content=last, chunk_position="last"))
