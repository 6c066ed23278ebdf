"""The rules that count and measure, and how a contract is put together from its rules."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest

from orchestrator.contract import Checks, Ledger, Violation, check_functions, compile_contract, timed_out
from orchestrator.diagnostics import Diagnostic
from orchestrator.interface.types import STRING, U32, Enum, Field, Function, List, Record, Result
from orchestrator.manifest.model import Contract, Reject, Where

MESSAGE = Record((Field("role", Enum(("user", "system"))), Field("text", STRING)))
COMPLETE = Function("complete", (Field("messages", List(MESSAGE)), Field("limit", U32)), Result(STRING, STRING))
ARGS: dict[str, Any] = {"messages": [{"role": "user", "text": "hello"}], "limit": 3}


def compiled(contract: Contract, function: Function = COMPLETE) -> Checks:
    checks, diagnostics = compile_contract(contract, function, None, Where(), "a -> b")
    assert diagnostics == ()
    assert checks is not None
    return checks


def data(contract: Contract) -> Checks:
    checks, diagnostics = compile_contract(contract, None, List(STRING), Where(), "a -> b")
    assert diagnostics == ()
    assert checks is not None
    return checks


def refused(contract: Contract, function: Function | None = COMPLETE) -> tuple[Diagnostic, ...]:
    checks, diagnostics = compile_contract(contract, function, None if function else List(STRING), Where(), "a -> b")
    assert checks is None
    return diagnostics


class Clock:
    """A clock in nanoseconds that goes on only when it is told to."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += int(seconds * 1e9)


def test_an_empty_contract_needs_no_checks() -> None:
    assert compile_contract(Contract(), COMPLETE, None, Where(), "a -> b") == (None, ())
    assert compile_contract(Contract(), None, STRING, Where(), "a -> b") == (None, ())


def test_redaction_alone_needs_no_checks() -> None:
    assert compile_contract(Contract(redact=("args.messages",)), COMPLETE, None, Where(), "") == (None, ())


def test_rules_that_count_and_measure_ask_for_no_values() -> None:
    checks = compiled(Contract(max_calls=1, rate=(1, 1.0), max_request=1, max_response=1, max_bytes=1, timeout=2.5))
    assert (checks.needs_args, checks.needs_result) == (False, False)
    assert (checks.timeout, checks.denies) == (2.5, False)


def test_a_rule_asks_only_for_the_values_it_looks_at() -> None:
    required = compiled(Contract(require=("args.limit > 0u",)))
    assert (required.needs_args, required.needs_result) == (True, False)
    assert required.args == frozenset({"limit"})
    both = Contract(require=("args.limit > 0u",), reject=(Reject("args.messages", "a"),))
    assert compiled(both).args == frozenset({"limit", "messages"})
    assert compiled(Contract(require=("size(args) == 2",))).args is None
    ensured = compiled(Contract(ensure=("result.ok != ''",)))
    assert (ensured.needs_args, ensured.needs_result) == (False, True)


def test_timeout_and_deny_are_carried() -> None:
    checks = compiled(Contract(timeout=0.2, on_violation="deny"))
    assert (checks.timeout, checks.denies) == (0.2, True)
    assert checks.before(Ledger(), 0, None) is None
    assert checks.after(Ledger(), 0, None) is None
    assert timed_out(0.2) == Violation("timeout", "the call took longer than the 0.2 s that its edge allows")


def test_calls_past_max_calls_are_violations() -> None:
    checks, ledger = compiled(Contract(max_calls=2)), Ledger()
    assert [checks.before(ledger, 0, None) for _ in range(2)] == [None, None]
    message = "this is crossing 3 of the edge in this run, at most 2 are allowed"
    assert checks.before(ledger, 0, None) == Violation("max-calls", message)


def test_counters_are_those_of_the_edge_and_the_run() -> None:
    contract = Contract(max_calls=1)
    first, second = compiled(contract), compiled(contract, Function("other"))
    ledger = Ledger()
    assert first.before(ledger, 0, None) is None
    violation = second.before(ledger, 0, None)
    assert violation is not None
    assert violation.rule == "max-calls"
    assert second.before(Ledger(), 0, None) is None


def test_max_calls_of_zero_lets_nothing_through() -> None:
    assert compiled(Contract(max_calls=0)).before(Ledger(), 0, None) is not None


@pytest.mark.parametrize("contract", [Contract(max_calls=500), Contract(rate=(500, 60.0))])
def test_threads_share_a_counter_without_losing_a_call(contract: Contract) -> None:
    checks, ledger = compiled(contract), Ledger()
    answers: list[Violation | None] = []
    start = threading.Barrier(4)

    def call() -> None:
        start.wait()
        answers.extend(checks.before(ledger, 0, None) for _ in range(1000))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert answers.count(None) == 500
    assert len(answers) == 4000


def test_rate_lets_so_many_through_in_any_stretch_of_time() -> None:
    clock = Clock()
    checks, ledger = compiled(Contract(rate=(2, 1.0))), Ledger(clock)
    assert checks.before(ledger, 0, None) is None
    clock.forward(0.6)
    assert checks.before(ledger, 0, None) is None
    clock.forward(0.3)
    assert checks.before(ledger, 0, None) == Violation("rate", "more than 2 crossings of the edge in 1 s")
    clock.forward(0.1)
    assert checks.before(ledger, 0, None) is None
    clock.forward(0.5)
    assert checks.before(ledger, 0, None) is not None


def test_a_call_that_the_rate_turns_away_does_not_lengthen_the_wait() -> None:
    clock = Clock()
    checks, ledger = compiled(Contract(rate=(1, 1.0))), Ledger(clock)
    assert checks.before(ledger, 0, None) is None
    for _ in range(9):
        clock.forward(0.1)
        assert checks.before(ledger, 0, None) is not None
    clock.forward(0.1)
    assert checks.before(ledger, 0, None) is None


@pytest.mark.parametrize(
    ("contract", "side", "rule", "message"),
    [
        (Contract(max_request=10), "before", "max-request", "the request has 11 bytes, at most 10 are allowed"),
        (Contract(max_response=10), "after", "max-response", "the response has 11 bytes, at most 10 are allowed"),
        (Contract(max_bytes=10), "before", "max-bytes", "the request has 11 bytes, at most 10 are allowed"),
        (Contract(max_bytes=10), "after", "max-bytes", "the response has 11 bytes, at most 10 are allowed"),
    ],
)
def test_sizes_are_bounded(contract: Contract, side: str, rule: str, message: str) -> None:
    ask = getattr(compiled(contract), side)
    assert ask(Ledger(), 10, None) is None
    assert ask(Ledger(), 11, None) == Violation(rule, message)


def test_the_size_of_a_request_says_nothing_of_the_response() -> None:
    checks = compiled(Contract(max_request=10))
    assert checks.after(Ledger(), 1000, None) is None


def test_only_the_named_functions_may_be_called() -> None:
    contract = Contract(functions=("embed",), require=("nonsense",), max_calls=1)
    checks = compiled(contract)
    expected = Violation("functions", "`complete` may not be called over this edge; allowed: `embed`")
    assert [checks.before(Ledger(), 0, None) for _ in range(2)] == [expected, expected]


def test_a_named_function_has_the_other_rules() -> None:
    checks = compiled(Contract(functions=("complete",), max_request=1))
    violation = checks.before(Ledger(), 2, None)
    assert violation is not None
    assert violation.rule == "max-request"


def test_no_function_at_all_may_be_allowed() -> None:
    violation = compiled(Contract(functions=())).before(Ledger(), 0, None)
    assert violation == Violation("functions", "`complete` may not be called over this edge; allowed: none")


def test_a_function_that_the_edge_does_not_carry_is_refused() -> None:
    found = check_functions(Contract(functions=("complet", "embed")), ("complete", "embed"), Where(), "a -> b")
    assert [str(diagnostic) for diagnostic in found] == [
        "error[contract-function]: the edge has no function `complet`\n"
        " --> edge `a -> b`\n"
        " = help: did you mean `complete`?"
    ]
    assert check_functions(Contract(), ("complete",), Where(), "a -> b") == ()


def test_the_first_rule_that_is_broken_answers() -> None:
    checks = compiled(Contract(max_calls=0, max_request=1, require=("args.limit > 5",)))
    violation = checks.before(Ledger(), 99, lambda: ARGS)
    assert violation is not None
    assert violation.rule == "max-calls"


def test_require_and_ensure() -> None:
    contract = Contract(require=("size(args.messages) < 2", "args.limit < 3"), ensure=("result.ok != 'no'",))
    checks = compiled(contract)
    assert checks.before(Ledger(), 0, lambda: ARGS) == Violation("require", "`args.limit < 3` does not hold")
    assert checks.before(Ledger(), 0, lambda: {**ARGS, "limit": 2}) is None
    assert checks.after(Ledger(), 0, lambda: {"ok": "yes"}) is None
    assert checks.after(Ledger(), 0, lambda: {"ok": "no"}) == Violation("ensure", "`result.ok != 'no'` does not hold")


def test_ensure_holds_on_an_err_unless_it_asks_for_one() -> None:
    assert compiled(Contract(ensure=("result.ok != ''",))).after(Ledger(), 0, lambda: {"err": "down"}) is None
    checks = compiled(Contract(ensure=("!has(result.err) || result.err != 'down'",)))
    expected = Violation("ensure", "`!has(result.err) || result.err != 'down'` does not hold")
    assert checks.after(Ledger(), 0, lambda: {"err": "down"}) == expected
    assert checks.after(Ledger(), 0, lambda: {"err": "up"}) is None
    assert checks.after(Ledger(), 0, lambda: {"ok": ""}) is None


def test_ensure_looks_at_every_answer_of_a_function_that_cannot_fail() -> None:
    checks = compiled(Contract(ensure=("result.err == 1",)), Function("f", (), Record((Field("err", U32),))))
    assert checks.after(Ledger(), 0, lambda: {"err": 2}) == Violation("ensure", "`result.err == 1` does not hold")


def test_a_condition_that_cannot_be_evaluated_is_a_violation() -> None:
    checks = compiled(Contract(require=("args.messages[3].text == 'x'",)))
    message = "`args.messages[3].text == 'x'` could not be evaluated: an index is out of bounds"
    assert checks.before(Ledger(), 0, lambda: ARGS) == Violation("require", message)


def test_a_data_edge_has_one_crossing() -> None:
    contract = Contract(
        max_calls=2,
        max_bytes=10,
        require=("size(value) > 0",),
        ensure=("value[0] != 'no'",),
        reject=(Reject("value", "secret"),),
    )
    checks, ledger = data(contract), Ledger()
    assert (checks.needs_args, checks.needs_result) == (True, False)
    assert checks.before(ledger, 10, lambda: {"value": ["yes"]}) is None
    violation = checks.before(ledger, 11, lambda: {"value": ["yes"]})
    assert violation == Violation("max-bytes", "the value has 11 bytes, at most 10 are allowed")
    assert (checks.before(ledger, 1, lambda: {"value": []}) or Violation("", "")).rule == "max-calls"
    assert checks.before(Ledger(), 1, lambda: {"value": []}) == Violation("require", "`size(value) > 0` does not hold")
    assert checks.before(Ledger(), 1, lambda: {"value": ["no"]}) == Violation(
        "ensure", "`value[0] != 'no'` does not hold"
    )
    expected = Violation("reject", "a string under `value` matches `secret`")
    assert checks.before(Ledger(), 1, lambda: {"value": ["a", "my secret"]}) == expected
    assert checks.after(ledger, 99, None) is None


@pytest.mark.parametrize(
    ("contract", "rule", "help_"),
    [
        (Contract(functions=("a",)), "functions", ""),
        (Contract(timeout=1.0), "timeout", ""),
        (Contract(max_request=1), "max-request", "\n = help: `max-bytes` bounds the value of a data edge"),
        (Contract(max_response=1), "max-response", "\n = help: `max-bytes` bounds the value of a data edge"),
    ],
)
def test_rules_of_calls_are_refused_on_a_data_edge(contract: Contract, rule: str, help_: str) -> None:
    (diagnostic,) = refused(contract, None)
    message = f"error[contract-rule]: `{rule}` is a rule of call and tool edges\n --> edge `a -> b`{help_}"
    assert str(diagnostic) == message


def test_every_problem_is_reported_at_once() -> None:
    contract = Contract(
        require=("args.limt > 1", "1 +"),
        ensure=("result",),
        reject=(Reject("args.message", "("),),
        redact=("value", "result.ok.text"),
    )
    assert [(found.code, found.message) for found in refused(contract)] == [
        ("expression", "in the expression `args.limt > 1`: `args` has no field `limt`"),
        ("expression", "in the expression `1 +`: the expression ends too early"),
        ("expression", "in the expression `result`: it gives a map, a condition gives a bool"),
        ("pattern", "the pattern `(`: missing ): ("),
        ("contract-path", "the path of `reject` `args.message`: `args` has no field `message`"),
        ("contract-path", "the path of `redact` `value`: it starts with `value`"),
        ("contract-path", "the path of `redact` `result.ok.text`: `result.ok` has no field `text`"),
    ]


def test_ensure_of_a_function_without_a_result_is_refused() -> None:
    (diagnostic,) = refused(Contract(ensure=("result == 1",)), Function("tell", (Field("x", U32),)))
    assert diagnostic.message == "in the expression `result == 1`: there is no variable `result`"


def test_a_warning_does_not_refuse_the_contract() -> None:
    checks, diagnostics = compile_contract(Contract(require=("has(args.limit)",)), COMPLETE, None, Where(), "e")
    assert [found.severity for found in diagnostics] == ["warning"]
    assert checks is not None
    assert checks.before(Ledger(), 0, lambda: ARGS) is None
