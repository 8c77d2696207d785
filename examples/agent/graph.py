"""The `agent` graph: messages in, one more message out, streamed word by word."""

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Annotated

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AnyMessage, BaseMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.graph.state import CompiledStateGraph
from typing_extensions import TypedDict

from agent.chat_model import RuleChatModel

MODEL_VARIABLE = "TREADLE_EXAMPLE_MODEL"


class Conversation(TypedDict):
    """What the graph reads and writes; `add_messages` appends, and replaces a message with the same id."""

    messages: Annotated[list[AnyMessage], add_messages]


class Answer(TypedDict):
    """What the node adds to the conversation."""

    messages: list[BaseMessage]


def choose_model(environment: Mapping[str, str]) -> BaseChatModel:
    """The model named by TREADLE_EXAMPLE_MODEL, such as `openai:gpt-4o-mini`, or the rules shipped here."""
    name = environment.get(MODEL_VARIABLE)
    if not name:
        return RuleChatModel()
    try:
        chat_models = import_module("langchain.chat_models")
    except ModuleNotFoundError as error:
        provider, colon, _ = name.partition(":")
        package = f"langchain[{provider}]" if colon else "langchain"
        raise RuntimeError(f"{MODEL_VARIABLE}={name} needs LangChain: pip install '{package}'") from error
    model: BaseChatModel = chat_models.init_chat_model(name)
    return model


def build_graph(model: BaseChatModel) -> CompiledStateGraph[Conversation, None, Conversation, Conversation]:
    """A graph of one node, `agent`, that asks `model` for the next message."""

    # Async, so that tokens leave while the answer is still being written and a waiting model holds up no other run.
    async def agent(state: Conversation) -> Answer:
        return {"messages": [await model.ainvoke(state["messages"])]}

    builder = StateGraph(Conversation)
    builder.add_node("agent", agent)
    builder.add_edge(START, "agent")
    builder.add_edge("agent", END)
    return builder.compile(name="agent")


graph = build_graph(choose_model(os.environ))
