"""Holds what the gateway writes in OpenAI's dialects against OpenAI's own OpenAPI document.

    openapi.py DOCUMENT < cases > answers

A case is a JSON line {"case", "schema", "value"}; an answer is {"case"} or {"case", "error"}. `ResponseStreamEvent` is looked
up by the event's type.
"""

import json
import sys

import jsonschema
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012


def nullable(node):
    """The document says OpenAPI 3.1 and still uses `nullable` of 3.0 in places."""
    if isinstance(node, list):
        return [nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: nullable(value) for key, value in node.items()}
    if node.pop("nullable", False) is True:
        return {"anyOf": [node, {"type": "null"}]}
    return node


with open(sys.argv[1], encoding="utf-8") as file:
    document = nullable(yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
schemas = document["components"]["schemas"]
registry = Registry().with_resource("urn:document", Resource(contents=document, specification=DRAFT202012))


def types(reference):
    """The values of `type` that a schema allows."""
    schema = schemas[reference["$ref"].rsplit("/", 1)[1]]
    kind = schema.get("properties", {}).get("type", {})
    return kind.get("enum", [kind["const"]] if "const" in kind else [])


events = {}
for option in schemas["ResponseStreamEvent"].get("anyOf") or schemas["ResponseStreamEvent"]["oneOf"]:
    for name in types(option):
        events[name] = option["$ref"].rsplit("/", 1)[1]

validators = {}


def check(schema, value):
    if schema == "ResponseStreamEvent":
        schema = events.get(value.get("type"))
        if schema is None:
            return f"there is no event {value.get('type')!r}"
    if schema not in validators:
        reference = {"$ref": f"urn:document#/components/schemas/{schema}"}
        validators[schema] = jsonschema.Draft202012Validator(reference, registry=registry)
    error = jsonschema.exceptions.best_match(validators[schema].iter_errors(value))
    if error is None:
        return None
    return f"{schema} {'.'.join(str(part) for part in error.absolute_path)}: {error.message}"[:400]


for line in sys.stdin:
    case = json.loads(line)
    error = check(case["schema"], case["value"])
    print(json.dumps({"case": case["case"], **({"error": error} if error else {})}), flush=True)
