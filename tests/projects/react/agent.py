"""A model that calls a tool, and then answers with what it said."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition


@tool
def weather(city: str) -> str:
    """Say what the weather is like."""
    return f"rain in {city}"


class Model(BaseChatModel):
    """Stands for a model of a provider, which this machine cannot reach."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        last = messages[-1]
        call = {"name": "weather", "args": {"city": last.content}, "id": "call-1"}
        said = (
            AIMessage(f"It says: {last.content}") if isinstance(last, ToolMessage) else AIMessage("", tool_calls=[call])
        )
        return ChatResult(generations=[ChatGeneration(message=said)])


def model(state: MessagesState) -> dict[str, Any]:
    """Ask the model."""
    return {"messages": [Model().invoke(state["messages"])]}


builder = StateGraph(MessagesState)
builder.add_node(model)
builder.add_node("tools", ToolNode([weather]))
builder.add_edge(START, "model")
builder.add_conditional_edges("model", tools_condition)
builder.add_edge("tools", "model")
graph = builder.compile()
