"""What the document can't say. Which origins are admitted is the operator's to say: an origin that is good by the document becomes one that this router
admits. And min of the scale is not above max."""

import re

import schemathesis


@schemathesis.hook
def before_call(ctx, case, kwargs):
    query = case.query or {}
    low, high = query.get("min"), query.get("max")
    if str(low).isdigit() and str(high).isdigit() and int(high) < int(low):
        query["min"], query["max"] = high, low
    body = case.body
    origin = body.get("origin") if isinstance(body, dict) else None
    if not isinstance(origin, str):
        return
    schema = case.operation.schema.raw_schema["components"]["schemas"]["Heartbeat"]["properties"]["origin"]
    if len(origin) <= schema["maxLength"] and re.search(schema["pattern"], origin):
        # Nothing listens there. Several, because an origin belongs to one replica of an app.
        body["origin"] = f"http://127.{1 + sum(origin.encode()) % 250}.0.1:9"
