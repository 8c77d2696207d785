"""The `agent` example: its answers, and that it streams them word by word."""

import asyncio
import json
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage, HumanMessage

from agent.chat_model import RuleChatModel
from agent.graph import build_graph, choose_model, graph

pytestmark = pytest.mark.anyio

EXAMPLES = Path(__file__).parents[2] / "examples"
GREETING = "Hello! My name is Bagatur and I am 26 years old."


async def answer_to(*said: str) -> str:
    """The agent's answer to the last of the user's messages, given those before it."""
    messages: list[AnyMessage] = [HumanMessage(text) for text in said]
    output = await graph.ainvoke({"messages": messages})
    return str(output["messages"][-1].text)


async def test_greeting_is_answered_by_name_and_age() -> None:
    answer = await answer_to(GREETING)
    assert answer.startswith("Hello Bagatur!")
    assert "26 years old" in answer


async def test_the_greeting_file_is_an_input_of_the_graph() -> None:
    output = await graph.ainvoke(json.loads((EXAMPLES / "greeting.json").read_text()))
    assert [message.type for message in output["messages"]] == ["human", "ai"]


async def test_tokens_come_one_by_one_and_make_up_the_message_of_the_update() -> None:
    run: AsyncIterator[Any] = graph.astream({"messages": [HumanMessage(GREETING)]}, stream_mode=["messages", "updates"])
    chunks = [chunk async for chunk in run]
    tokens = [chunk for mode, chunk in chunks if mode == "messages"]
    assert len(tokens) > 5
    assert all(isinstance(message, AIMessageChunk) for message, _ in tokens)
    assert {metadata["langgraph_node"] for _, metadata in tokens} == {"agent"}
    [update] = [chunk for mode, chunk in chunks if mode == "updates"]
    [final] = update["agent"]["messages"]
    assert "".join(message.text for message, _ in tokens) == final.text


async def test_other_tasks_run_between_two_tokens() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticker = asyncio.create_task(tick())
    seen = [ticks async for _ in RuleChatModel().astream(GREETING)]
    ticker.cancel()
    assert len(set(seen)) > 5


async def test_invoke_and_stream_give_the_same_text() -> None:
    model = RuleChatModel()
    streamed = "".join([str(chunk.text) for chunk in model.stream(GREETING)])
    assert model.invoke(GREETING).text == streamed


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is 12 * 7?", "12 * 7 = 84."),
        ("what's (1 + 2) x 3?", "(1 + 2) x 3 = 9."),
        ("2/4", "2/4 = 0.5."),
        ("Calculate 0.1 + 0.2", "0.1 + 0.2 = 0.3."),
        ("How much is 12,000 * 3?", "12,000 * 3 = 36,000."),
        ("What is 1/0?", "1/0 has no value: that divides by zero."),
    ],
)
async def test_sums_are_worked_out(question: str, answer: str) -> None:
    assert await answer_to(question) == answer


@pytest.mark.parametrize(
    "text",
    ["What is 2**99999999?", "Calculate " + "9*" * 500 + "9", "What is 2026-03-06?", "Call 555-1234", "What is 7?"],
)
async def test_what_is_no_sum_is_not_worked_out(text: str) -> None:
    assert " = " not in await answer_to(text)


async def test_the_conversation_is_the_memory() -> None:
    assert await answer_to(GREETING, "What is my name?") == "Your name is Bagatur."
    assert await answer_to(f"{GREETING} What is my name?") == "Your name is Bagatur."
    assert "26" in await answer_to(GREETING, "How old am I?")
    assert "not told me" in await answer_to("Hello!", "What's my name?")
    assert GREETING in await answer_to(GREETING, "Nice.", "What did I say first?")
    assert "“Nice.”" in await answer_to(GREETING, "Nice.", "What did I just say?")


@pytest.mark.parametrize(
    ("text", "name"),
    [("Hi, I\u2019m Ana María.", "Ana María"), ("Hey! call me zoë", "Zoë"), ("Hello, I am hungry.", None)],
)
async def test_names_are_told_from_other_words(text: str, name: str | None) -> None:
    assert (await answer_to(text)).startswith(f"Hello {name}!" if name else "Hello!")


async def test_it_names_itself_and_what_it_can_do() -> None:
    assert "Treadle" in await answer_to("What is your name?")
    assert "12 * 7" in await answer_to("What can you do?")
    fallback = await answer_to("Write me a sonnet.")
    assert fallback.startswith("I have no rule for that.")
    assert "e-mail" in fallback


async def test_a_mail_in_a_message_is_triaged() -> None:
    mail = "<email>\nSubject: Q4 Budget Review\nFrom: finance@company.com\nBody: Please review the proposal.\n</email>"
    assert "new_task" in await answer_to(f"{mail}\n\nDecide: new task, existing thread, or ignored?")


@pytest.mark.parametrize("text", ["", " \n", "\0", "\ud800", "(" * 9000, "what is " + "(" * 9000 + "1", "I am " * 9000])
async def test_any_text_is_answered(text: str) -> None:
    assert await answer_to(text)


async def test_content_blocks_are_read_as_text() -> None:
    blocks: list[str | dict[str, str]] = [{"type": "text", "text": "What is "}, {"type": "text", "text": "6 * 7?"}]
    output = await graph.ainvoke({"messages": [HumanMessage(content=blocks)]})
    assert output["messages"][-1].text == "6 * 7 = 42."


async def test_any_chat_model_fits_the_graph() -> None:
    fake = build_graph(GenericFakeChatModel(messages=iter([AIMessage("from the other model")])))
    output = await fake.ainvoke({"messages": [HumanMessage("hi")]})
    assert output["messages"][-1].text == "from the other model"


def test_without_the_variable_no_model_is_loaded() -> None:
    assert isinstance(choose_model({}), RuleChatModel)
    assert isinstance(choose_model({"TREADLE_EXAMPLE_MODEL": ""}), RuleChatModel)


@pytest.mark.skipif(find_spec("langchain") is not None, reason="LangChain is installed")
def test_a_real_model_without_langchain_says_what_to_install() -> None:
    with pytest.raises(RuntimeError, match=r"pip install 'langchain\[openai\]'"):
        choose_model({"TREADLE_EXAMPLE_MODEL": "openai:gpt-4o-mini"})
