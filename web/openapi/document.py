"""The OpenAPI document, made of operations that stand beside the routes they describe. Pure.

Schemas are made of the very types that answers are encoded from, so they cannot say otherwise.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from web.openapi.errors import ENVELOPES, component_name, response
from web.openapi.headers import HEADERS, SHARED
from web.openapi.operations import (
    Answer,
    Body,
    Errors,
    Header,
    Json,
    Operation,
    Parameter,
    Shape,
    Tells,
)

EVERYWHERE = "x-kscope-everywhere"
SchemaOf = Mapping[type, Json]


def document(
    operations: Sequence[Operation],
    everywhere: Sequence[Errors],
    schemes: Mapping[str, Json],
    tags: Mapping[str, str],
    info: Json,
) -> Json:
    """The whole document, as JSON. `everywhere`: errors that are no route's own."""
    types = [*ENVELOPES.values(), *dict.fromkeys(_types(operations))]
    shown, schemas = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    schema_of = dict(zip(types, shown, strict=True))
    paths: dict[str, Json] = {}
    for each in operations:
        at = paths.setdefault(each.path, {})
        if each.method in at:
            raise ValueError(f"{each.method} {each.path} is described twice")
        at[each.method] = _operation(each, schema_of)
    return {
        "openapi": "3.1.0",
        "info": info,
        "tags": [{"name": name, "description": text} for name, text in tags.items()],
        "paths": paths,
        # OpenAPI has no place for what is told before anybody asks which route it is.
        EVERYWHERE: _named_errors(everywhere, Tells.OPENAI),
        "components": {
            "schemas": schemas,
            "responses": dict(_responses(operations, everywhere, schema_of)),
            "parameters": {name: _parameter(name, each) for name, each in SHARED.items()},
            "headers": {name: _header(each) for name, each in HEADERS.items()},
            "securitySchemes": dict(schemes),
        },
    }


def _types(operations: Sequence[Operation]) -> Iterator[type]:
    for each in operations:
        bodies = [each.body.content] if each.body else []
        for content in (*bodies, *(answer.content for answer in each.answers)):
            yield from (shape for shape in content.values() if isinstance(shape, type))


def _responses(
    operations: Sequence[Operation], everywhere: Sequence[Errors], schema_of: SchemaOf
) -> Iterator[tuple[str, Json]]:
    wanted = [(errors, each.tells) for each in operations for errors in each.errors]
    wanted += [(errors, Tells.OPENAI) for errors in everywhere]
    known: dict[str, Errors] = {}
    for errors, tells in wanted:
        name = component_name(errors, tells)
        if known.setdefault(name, errors) is not errors:
            raise ValueError(f"two kinds of errors are called {name}")
        yield name, response(errors, tells, schema_of)


def _operation(operation: Operation, schema_of: SchemaOf) -> Json:
    told: Json = {
        "operationId": _identifier(operation),
        "summary": operation.summary,
        "description": operation.description,
        "tags": [operation.tag],
        "parameters": [_parameter_or_name(*item) for item in operation.parameters.items()],
    }
    if operation.body is not None:
        told["requestBody"] = _body(operation.body, schema_of)
    responses = {str(each.status): _answer(each, schema_of) for each in operation.answers}
    told["responses"] = {**responses, **_named_errors(operation.errors, operation.tells)}
    if len(told["responses"]) < len(operation.answers) + len(operation.errors):
        raise ValueError(f"{operation.method} {operation.path} describes a status twice")
    told["security"] = [dict(map(_needed, all_of)) for all_of in operation.who.value]
    if operation.reference:
        told["externalDocs"] = {"url": operation.reference}
    return told


def _needed(scheme_and_roles: str) -> tuple[str, list[str]]:
    scheme, *roles = scheme_and_roles.split()
    return scheme, roles


def _named_errors(described: Sequence[Errors], tells: Tells) -> Json:
    return {
        str(each.status): {"$ref": f"#/components/responses/{component_name(each, tells)}"}
        for each in described
    }


def _identifier(operation: Operation) -> str:
    """Of letters that every generator of clients takes."""
    words = re.sub(r"[^A-Za-z0-9]+", "_", operation.path).strip("_")
    return f"{operation.method}_{words or 'start'}"


def _parameter_or_name(name: str, parameter: Parameter) -> Json:
    if SHARED.get(name) is parameter:
        return {"$ref": f"#/components/parameters/{name}"}
    return _parameter(name, parameter)


def _parameter(name: str, parameter: Parameter) -> Json:
    schema: Json = {"type": "string"}
    if parameter.values:
        schema["enum"] = list(parameter.values)
    if parameter.default is not None:
        schema["default"] = parameter.default
    told: Json = {
        "name": name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "schema": schema,
    }
    if parameter.example is not None:
        told["example"] = parameter.example
    return {**told, "description": parameter.description}


def _body(body: Body, schema_of: SchemaOf) -> Json:
    content = {kind: {"schema": _schema(s, schema_of)} for kind, s in body.content.items()}
    if body.example is not None:
        content[next(iter(content))]["example"] = body.example
    return {"required": True, "description": body.description, "content": content}


def _answer(answer: Answer, schema_of: SchemaOf) -> Json:
    told: Json = {
        "description": answer.description,
        "headers": {
            name: {"$ref": f"#/components/headers/{name}"}
            for name in ("x-request-id", *answer.headers)
        },
    }
    if answer.content:
        told["content"] = {
            kind: {"schema": _schema(shape, schema_of)} for kind, shape in answer.content.items()
        }
    return told


def _schema(shape: Shape, schema_of: SchemaOf) -> Json:
    return schema_of[shape] if isinstance(shape, type) else shape


def _header(header: Header) -> Json:
    read = {"string": str, "integer": int, "number": float}[header.kind]
    return {
        "description": header.description,
        "schema": {"type": header.kind},
        "example": read(header.example),
    }
