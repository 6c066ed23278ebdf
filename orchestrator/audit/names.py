"""Names of spans, attributes and span events, in one place because the GenAI conventions still change.

`gen_ai.*` and `error.*` are those of OpenTelemetry's semantic conventions (a test compares them with the package
opentelemetry-semantic-conventions); `wasm.*` are our own, for what no convention names. docs/reference/trace.md
explains each.
"""

from __future__ import annotations

OPERATION = "gen_ai.operation.name"
WORKFLOW = "gen_ai.workflow.name"
AGENT = "gen_ai.agent.name"
TOOL = "gen_ai.tool.name"
TOOL_TYPE = "gen_ai.tool.type"
PROVIDER = "gen_ai.provider.name"
MODEL = "gen_ai.request.model"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
ERROR_TYPE = "error.type"

INVOKE_WORKFLOW = "invoke_workflow"
INVOKE_AGENT = "invoke_agent"
EXECUTE_TOOL = "execute_tool"
CHAT = "chat"
EMBEDDINGS = "embeddings"
DATA = "data"
REST = "rest"

MODEL_INTERFACES = {"agent:llm/chat": CHAT, "agent:llm/embeddings": EMBEDDINGS}
"""The interfaces whose calls are calls of a model, without their version, and the operation each is."""

NODE = "wasm.node"
CALLER = "wasm.caller"
EDGE = "wasm.edge"
FUNCTION = "wasm.function"
DIGEST = "wasm.digest"
DECISION = "wasm.decision"
RULE = "wasm.rule"
REQUEST_SIZE = "wasm.request.size"
RESPONSE_SIZE = "wasm.response.size"
OUTCOME = "wasm.outcome"
INPUT_SIZE = "wasm.input.{}.size"
LIFETIME = "wasm.lifetime"
LIMIT = "wasm.limit.{}"
LIMIT_NAME = "wasm.limit"
LIMIT_ASKED = "wasm.limit.asked"
LIMIT_ALLOWED = "wasm.limit.allowed"
PEAK_MEMORY = "wasm.memory.peak"
FUEL = "wasm.fuel"
BUSY = "wasm.busy"
ATTEMPT = "wasm.attempt"
ELEMENT = "wasm.element"
ROUND = "wasm.round"
REST_KIND = "wasm.rest.kind"
REST_COUNT = "wasm.rest.count"
REST_BUSY = "wasm.rest.busy"
REST_WHY = "wasm.rest.why"
MESSAGE = "wasm.message"
STREAM = "wasm.output.stream"
TEXT = "wasm.output.text"
CUT = "wasm.output.cut"
DETAIL = "wasm.detail.{}"

VIOLATION_EVENT = "contract.violation"
LIMIT_EVENT = "limit.hit"
OUTPUT_EVENT = "guest.output"
RETRY_EVENT = "node.retried"
FALLBACK_EVENT = "node.replaced"
