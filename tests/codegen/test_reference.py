"""The page of `/docs`, made from any contract."""

from __future__ import annotations

import re

from codegen.document import operations
from tests.codegen.conftest import Made
from tests.codegen.editions import Workshop, contract

HOSTILE = "<img src=x onerror=alert(1)></pre></script><script>alert(1)</script><!--Store-->[a](javascript:alert(1))"


def reference(workshop: Workshop) -> str:
    """The page that was made."""
    return (workshop.generated / "treadle_api" / "reference.html").read_text("utf-8")


def test_every_operation_in_scope_is_shown_with_examples_in_each_language(whole: Made) -> None:
    workshop, output = whole
    page = reference(workshop)
    for row in output.operations:
        [article] = re.findall(rf'<article id="{row.name}">.*?</article>', page, re.DOTALL)
        assert [*re.findall(r'<pre data-language="(\w+)">', article)] == ["curl", "Python", "JavaScript"]


def test_every_field_of_a_create_is_shown(project: Made) -> None:
    workshop, output = project
    [article] = re.findall(r'<article id="create_run">.*?</article>', reference(workshop), re.DOTALL)
    schemas = output.served.document["components"]["schemas"]
    for name, schema in schemas["RunCreateStateless"]["properties"].items():
        assert f"<code>{name}</code>" in article
        if "default" in schema and isinstance(schema["default"], str):
            assert f'default <code>"{schema["default"]}"</code>' in article


def test_no_text_of_a_contract_becomes_markup(workshop: Workshop) -> None:
    document = contract()
    for _, _, operation in operations(document):
        for response in operation["responses"].values():
            response["description"] = HOSTILE
    field = {"type": "string", "description": HOSTILE, "enum": ["<img src=x>", "</pre>"], "default": "<img src=x>"}
    document["components"]["schemas"]["Run"]["properties"]["hostile"] = field
    workshop.generate(contract=document)
    page = reference(workshop)
    assert page.count("<script>") == page.count("</script>") == 1
    assert "<img" not in page
    assert "&lt;img src=x" in page
    assert 'href="javascript' not in page
    assert len(re.findall("<!--Store-->", page)) == len(re.findall("<!--/Store-->", page))
