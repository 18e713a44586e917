"""`/openapi.json` as it describes itself. Pure."""

from web.openai_proxy.envelope import JSON
from web.openai_proxy.refusals import OUR_FAULT
from web.openapi.operations import Answer, Operation, Who

PATH = "/openapi.json"
OPERATION = Operation(
    path=PATH,
    summary="This document",
    description="The gateway's interface in OpenAPI 3.1; for people it stands under /docs.",
    tag="gateway",
    who=Who.ANYBODY,
    answers=(Answer({JSON: {"type": "object", "description": "An OpenAPI 3.1 document."}}),),
    errors=(OUR_FAULT,),
)
