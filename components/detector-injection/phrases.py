"""What is said in a text that wants to instruct a model, as phrases and patterns by check and language.

They are held against the forms of `forms`: on one line, in lower case, in Latin letters without marks; those of other
scripts against the letters as they are. What takes back earlier instructions is in `override`.
"""

import re

from override import DENIED, OVERRIDE, OVERRIDE_LINES, OVERRIDE_PLAIN
from phrase import Phrase, any_in, unspaced

_MODEL = r"(?:ai|llm|large language model|language model|chatbot|ai (?:assistant|agent|model|system|bot))"
_LOOSE = "unrestricted|unfiltered|uncensored|jailbroken"
_BOUNDS = r"(?:restrictions|filters?|limitations|guidelines|rules|safety|ethic\w{0,4}|censorship|moral\w{0,4})\b"
_LIMITS = rf"(?:limits\b|bounds\b|constraints\b|{_BOUNDS})"

ROLE = (
    Phrase("you are now ", rf"(?:dan|{_LOOSE}|an? (?:{_LOOSE}|evil|different)|free (?:of|from)"
           r"|no longer (?:bound|an?\b)|in (?:developer|god|debug|admin|maintenance|jailbreak) mode)\b"),
    Phrase("do anything now|jailbreak mode|god mode enabled|dan mode"),
    Phrase("act|behave|respond|answer|pretend|roleplay|role play|operate", 6,
           r"(?:without|with no|free (?:of|from)|(?:not|no longer) bound by|unbound by)\b", 2, _BOUNDS),
    Phrase("pretend|imagine|act as if|act as though|behave as if|assume|suppose",
           r" (?:that )?(?:you (?:have|had|are under)"
           rf"|you've|there (?:are|were)) (?:no|not any) (?:\w{{1,12}} )?{_LIMITS}"),
    Phrase("as an |you are an |you are a |as a ",
           rf"(?:(?:{_LOOSE}) )?{_MODEL} (?:with no|without|free (?:of|from)) (?:\w{{1,12}} )?{_LIMITS}", ending=""),
    Phrase("<!--", rf"\W{{0,4}}(?:\w{{1,12}} (?:to|for) )?(?:all )?(?:{_MODEL}s?|assistants?|agents?|chatgpt|claude"
           r"|gemini|copilot)\W{0,3}:", ending=""),
    Phrase("from now on", r",? (?:you (?:are (?:an?|no longer|not|my|free|to)\b|must|shall|have (?:to|no)"
           r"|will (?:act|respond|answer|behave|obey|ignore|be|only))|act as|respond (?:only|as)|ignore|obey)\b"),
    Phrase("if you are |if you're |since you are |because you are ",
           rf"(?:an? )?{_MODEL}\b(?:\W{{1,3}}\w{{1,20}}){{0,8}}?\W{{1,3}}(?:you must|please|ignore|reply|respond|answer"
           r"|say|write|include|print|send|tell|add|stop|recommend|rate|give)\b"),
    Phrase("attention|important|note|message|instruction|reminder",
           r"\W{1,3}(?:\w{1,12}\W{1,2})?(?:to|for)\W{1,2}(?:(?:all|any|the|every)\W)?(?:\w{1,12}\W)?"
           rf"{_MODEL}s?\W{{0,3}}(?:[:!]|you (?:must|should|are|will)|ignore|do not|please)"),
    Phrase("reading this |processing this |summarizing this |summarising this |parsing this ",
           r"(?:\w{1,12} ){0,3}(?:must|should|shall|has to|please|ignore)\b"),
    # German, French, Spanish
    Phrase("ab jetzt bist du|von nun an bist du|du bist jetzt dan|du bist nun dan"),
    Phrase("a partir de maintenant|desormais", r",? (?:tu es|vous etes|tu dois|vous devez)\b"),
    Phrase("a partir de ahora|desde ahora", r",? (?:eres|actuaras|debes|seras)\b"),
)  # fmt: skip
ROLE_PLAIN = (
    Phrase("с этого момента|отныне|теперь", " ты (?:теперь )?(?:не |являешься|должен|будешь|dan)"),
    unspaced("从现在开始|从现在起|現在起|從現在開始", "[，, ]?你(?:是|必须|必須|将|將|要)"),
    unspaced("これから|今から", "(?:あなた|君|お前)は"),
    unspaced("지금부터|이제부터", " ?(?:너는|당신은|넌)"),
)
_TOLD_TO = (
    r"(?:you must (?:now |always |only )?(?:obey|answer|respond|ignore|follow|do|act|say|reply|comply|reveal|output"
    r"|print|send|never)\b|you are (?:an? |no longer |now an? |to )|your (?:new |only |real )?(?:task|instructions?"
    r"|role|goal|purpose|orders?) (?:is|are)\b|ignore |disregard |forget |obey |reveal |from now on"
    r"|new instructions?\b)"
)
_OPENING = (
    r"\s{0,4}(?:(?:important|attention|note|please|now|new|updated|the)\W{1,3}){0,2}(?:you(?:'re|r)?\b|ignore|disregard"
    r"|forget|instructions?\b|from now|obey|act as|pretend|reveal|never |always |do not |don't |as an ai)"
)
_ANCHORS = "error|context|instructions|inner_monologue|additional_instructions"
ROLE_LINES = (
    Phrase(("<|",), r"(?:im_start|im_end|im_sep|system|user|assistant|endoftext|eot_id|eom_id|start_header_id"
           r"|end_header_id|begin_of_text|start_of_turn|end_of_turn|channel|start|message|end)\|>", ending=""),
    Phrase("[/inst]|<<sys>>|<</sys>>|<start_of_turn>|<end_of_turn>", ending=""),
    Phrase("[system](#", rf"(?:assistant|{_ANCHORS})\)", ending=""),
    Phrase("[assistant](#|[user](#", rf"(?:system|{_ANCHORS})\)", ending=""),
    Phrase("<system>|<assistant>|<developer>", _OPENING, ending=""),
    Phrase("<system|<assistant|<developer|</system|</assistant|</developer",
           r"[ _-]?(?:prompt|message|instructions?|reminder)>", ending=""),
    Phrase("begin|start|end", r" (?:of )?system (?:prompt|message|instruction)", ending=""),
    Phrase("\"role\"|'role'", r" ?: ?[\"'](?:system|developer)[\"']", ending=""),
)  # fmt: skip
ROLE_CASED = (
    Phrase(
        "you are |You are |YOU ARE |You're |you're |act as |Act as |become |Become |as ",
        r"(?:now |called |named )?DAN\b",
        ending="",
    ),
    Phrase("[INST]", r"(?![(\[:])", ending=""),
)
"""DAN is another one than Dan, and the mark of a template than the type of an array."""
ROLE_WRITTEN = (
    Phrase("enter|switch to|go into|you are in|you are now in", r" (?:the )?(?:developer|jailbreak|god|dan|debug"
           r"|unrestricted|admin) mode(?= ?(?:$|[.!;:,)\]\"'*\n]|and\b|now\b))", ending="",
           after=re.compile(r"(?:[\n:;!?>\"'*#(\[-]|(?<!\d)\.)[^\w\n]{0,4}(?:(?:please|now|and|then) ){0,2}$")),
)  # fmt: skip
_HEADS = re.compile(
    r"^[#*\s>\[(-]{0,6}(?:system|developer|admin|administrator) (?:prompt|message|override|instructions?)"
    r"\W{0,3}(?::|\]|$)|^#{1,6} ?system ?:"
    r"|^ {0,3}(?:#{1,6}|\*{1,3}|={2,9}|-{2,9}|>{1,3}|\[|<{1,3}) {0,2}(?:new|updated|real|actual|revised|hidden|secret"
    r"|overriding) (?:system )?(?:instructions?|directives?|prompt|orders)[^\w\n]{0,3}[:\]>=-]"
    rf"|^[^\w\n]{{0,6}}(?:system|admin|administrator|developer|root) ?: ?{_TOLD_TO}",
    re.MULTILINE,
)
_TURNS = re.compile(r"^\W{0,4}(human|assistant|instruction|response)\W{0,3}:", re.MULTILINE)
_PARTS = ("system", "assistant", "developer")
_SIDES = ({"human", "assistant"}, {"instruction", "response"})

_TELL = "reveal|show|print|output|display|repeat|disclos|leak|expos|dump|recit|send|share|paste|echo|return|list|tell"
_TELL += "|give|write"
_KIND = r"(?:system|initial|original|hidden|secret|internal|developer|first|full|exact|entire|complete)"
_PROMPT = rf"(?:{_KIND} (?:system )?(?:prompt|message|instruction)s?"
_PROMPT += r"|(?:system|hidden|secret|internal|initial) (?:rules|guidelines|directives|configuration))\b"
_VERBATIM = r"(?:verbatim|word for word|in full|exactly|above|to me|back)\b"
_SECRETS = (
    r"(?:api[ _-]?keys?|passwords?|credentials?|secrets?|access tokens?|(?:private|ssh) keys?|session \w{1,6}"
    r"|environment variables?|env vars?|credit cards?)\b"
)

REVEAL = (
    Phrase(_TELL, 3, r"your\b", 2, _PROMPT, unless=DENIED),
    Phrase(_TELL, 3, r"your\b", 1, r"(?:instructions|prompt|guidelines|system message)\b", 2, _VERBATIM,
           unless=DENIED),
    Phrase("reveal|repeat|disclos|leak|dump|recit", r" (?:\w{1,12} ){0,2}(?:the|this) (?:entire |full |whole )?"
           r"(?:system (?:prompt|message|instructions)|initial prompt)\b"),
    Phrase("what is|what are|what was|what were", 1, r"your\b", 1, _PROMPT),
    Phrase("repeat ", r"(?:everything|all|the (?:text|words?|content|sentences?)) (?:\w{1,12} ){0,3}"
           r"(?:above|before th)"),
    Phrase("reveal|print|output|disclos|leak|dump|send me|give me|tell me|show me", 2,
           r"(?:your|the (?:user|owner|admin).?s|users.?)", 2, _SECRETS, ending=r"(?!ln\b|f\b)\w{0,4}",
           unless=DENIED),
    Phrase("print|output|show|list|reveal|dump|leak|send|return", 1, r"(?:the|all|any|every)\b", 1, _SECRETS, 1,
           r"(?:in|from|of) your (?:environment|memory|context|config\w{0,8}|system)\b", unless=DENIED),
    Phrase("print|output|repeat|display|show|copy|echo|return|write",
           r" (?:me |out |back )?(?:all |every)?(?:of )?(?:the )?"
           r"(?:text|words?|content|sentences?|message|conversation|thing) (?:\w{1,12} ){0,2}above (?:this|that) "
           r"(?:line|message|point|sentence|prompt)\b", ending=""),
    Phrase("exfiltrat|steal|harvest", 3, _SECRETS),
    # German, French, Spanish, Italian, Portuguese
    Phrase("zeig|gib|nenn|verrat|wiederhol", 3, r"dein\w{0,2}", 1,
           r"(?:system.?prompt|system.?anweisung|anfangs.?anweisung|prompt|zugangsdaten|passworter)\w{0,2}\b"),
    Phrase("revel|affich|montr|donn|repet|divulgu", 3, r"(?:ton|tes|votre|vos)\b", 1,
           r"(?:prompt|instructions (?:systeme|initiales|secretes)|mots? de passe|cles? api)\b"),
    Phrase("revel|muestra|imprim|dime|repit|divulg", 3, r"(?:tus?|sus?)\b", 1,
           r"(?:prompt|instrucciones (?:iniciales|del sistema|originales|secretas)|contrasenas?)\b"),
    Phrase("rivel|mostra|stamp|ripet", 3, r"(?:il tuo|le tue|i tuoi)\b", 1,
           r"(?:prompt|istruzioni (?:iniziali|di sistema|segrete)|password)\b"),
    Phrase("revel|mostr|exib|imprim|repit|diga", 3, r"(?:seu|sua|suas|seus)\b", 1,
           r"(?:prompt|instrucoes (?:iniciais|do sistema|secretas)|senhas?)\b"),
)  # fmt: skip
REVEAL_LINES = (
    Phrase(
        "what is |what are |what was |what were ",
        r"your (?:instructions|prompt|system message|directives)"
        r"(?= ?(?:$|[?.!\"'\n]))",
        ending="",
    ),
)
"""What asks for instructions, but for none of something."""
REVEAL_PLAIN = (
    Phrase("покажи|раскрой|выведи|повтори|сообщи|назови|напечатай", 3, r"(?:системн|сво)\w{1,3}", 1,
           "промпт|инструкци|подсказк|парол|ключ"),
    unspaced("显示|输出|告诉我|重复|泄露|打印|透露|顯示|輸出|告訴我|洩露", 8,
              "系统提示|系统指令|系统消息|初始指令|系統提示|提示词|密码|密鑰|密钥"),
    unspaced("システムプロンプト|初期指示|初期プロンプト|パスワード", 8,
              "表示して|出力して|教えて|開示|公開して|見せて"),
    unspaced("시스템 프롬프트|시스템프롬프트|초기 지시|비밀번호", 8, "출력|보여|알려|공개"),
)  # fmt: skip

_HELD = (
    r"(?:(?:this|the|our|entire|whole|full|chat|previous) (?:\w{1,12} ){0,2}(?:conversation|chat history|dialogue)"
    r"|system prompt|your (?:instructions|context|memory|prompt|notes|data)|everything you know"
    r"|(?:the |all )?user.?s? (?:\w{1,12} )?(?:data|files|emails?|messages|passwords?|secrets?|details|contacts"
    r"|address book|api keys?|access tokens?|credentials|calendar)"
    r"|all (?:\w{1,12} ){0,2}(?:secrets|credentials|passwords|api keys|tokens|emails|contacts))\b"
)
_FILES = (
    r"[\w~/.$-]{0,40}?(?:\bid_(?:rsa|ed25519|ecdsa|dsa)\b(?!\.pub)|/etc/(?:passwd|shadow)\b|\.aws/credentials\b"
    r"|\.kube/config\b|(?<![\w.])\.env\b(?!\.)|\.netrc\b|\.git-credentials\b|\bmcp\.json\b|\bwallet\.dat\b)"
)
_AWAY = r"(?:https?://|www\.|\w[\w.+-]{0,63}@\w|(?:url|link|image|query|request|webhook|server|endpoint)\b)"

EXFILTRATION = (
    Phrase("send|post|upload|forward|transmit|exfiltrat|email|e-mail|submit|leak|append|encod|embed|copy|include", 3,
           _HELD, 8, _AWAY),
    Phrase("replac|substitut|fill in", 6, r"(?:with|by)\b", 2, _HELD),
    Phrase("send|post|upload|forward|transmit|exfiltrat|email|e-mail|leak", r"(?: \w{1,12}){0,4} " + _FILES, 6,
           r"(?:https?://|\w[\w.+-]{0,63}@\w|webhook\b)", unless=DENIED),
    Phrase("read|open|load|cat|access|fetch", r"(?: \w{1,12}){0,4} " + _FILES, 6,
           r"(?:(?:send|post|forward|email)\w{0,3} (?:it|them|that|this|its|the|their)"
           r"|(?:pass|includ|provid|attach|append|return)\w{0,4} (?:its|the|their|all) (?:\w{1,12} )?contents?)\b",
           unless=DENIED),
)  # fmt: skip
_LINKS = (
    ("![", re.compile(r"!\[[^\]\n]{0,200}\]\( ?<?(https?://[^)\n]{1,2000})")),
    (
        "<img",
        re.compile(r"<img\b[^<>\n]{0,200}?\bsrc ?= ?(?:[\"'](https?://[^\"'\n]{1,2000})|(https?://[^\"'\s>]{1,2000}))"),
    ),
)
_WORDS = (
    r"(?:conversation|chat|history|dialog|summar|secret|password|credential|token|api.?key|context|system|prompt"
    r"|instruction|memory|data|private|personal|sensitive|insert|answer|response|everything|session|cookie|email|user)"
)
_INNER = rf"[\w .'-]{{0,40}}?{_WORDS}[\w .'-]{{0,40}}"
_BLANK = re.compile(
    rf"[=/](?:\$?\{{{{1,2}}{_INNER}\}}|\[{_INNER}\]|<{_INNER}>|%7b[\w%.-]{{0,40}}?{_WORDS}[\w%.-]{{0,40}}%7d"
    r"|(?:your|the|insert|put|user)[_+-](?:data|secret|summary|answer|conversation|prompt|key|text))"
)
"""A part of an address that somebody is to fill in with what only the reader has."""

_MARK = r"\b[^<>\n]{0,100}>"
_NAMES = r"(?:calls?|use|results?|response|output)"
_CALLED = (
    r"(?:\s{0,4}(?:[{\[<]|\"\w|[\w.-]{1,60}(?:\(|\s{0,3}\{))"
    r"|(?!\W{0,3}(?:and|or|to|through|until)?\W{0,3}<)[^<`]{1,300}</(?:tool|function)_)"
)
"""What is called or said within such a mark; it may only be spoken of."""
TOOLS = (
    Phrase("<tool_|<function_", _NAMES + _MARK + _CALLED, ending=""),
    Phrase("</tool_|</function_", _NAMES + _MARK + r" {0,4}(?:\n|$|<)", ending=""),
    Phrase("<invoke|<parameter|:invoke|:parameter", " name ?=", ending=""),
    Phrase(":function_calls>|:function_results>", ending=""),
    Phrase("\"tool_calls\"|'tool_calls'", r" ?: ?\[", ending=""),
    Phrase("\"function_call\"|'function_call'", r" ?: ?\{", ending=""),
    Phrase("\"tool_use\"|'tool_use'|\"tool_result\"|\"tool_use_id\"", ending=""),
    Phrase(("<|tool_", "<|python_tag|>", "<|plugin|>"), ending=""),
    Phrase("action:|action :", r" ?[^\n]{1,200}\n ?action input ?:", ending=""),
)  # fmt: skip

SAID = {
    "override": "it asks to disregard what was said before",
    "role": "it speaks as the system, or gives the reader another character",
    "reveal": "it asks for instructions or secrets",
    "exfiltration": "it asks to send something away",
    "tools": "it imitates calls of tools",
}
"""What each of these checks finds, in words."""


def spoken(forms, checks):
    """The first of the checks that finds something in a text; None where none does."""
    return next((name for name in SAID if name in checks and _FOUND[name](forms)), None)


def _override(forms):
    return (
        any_in(OVERRIDE, forms.latin.replace("_", " "))
        or any_in(OVERRIDE_LINES, forms.written)
        or any_in(OVERRIDE_PLAIN, forms.plain)
    )


def _role(forms):
    if any_in(ROLE, forms.latin) or any_in(ROLE_WRITTEN, forms.written) or any_in(ROLE_CASED, forms.cased):
        return True
    if any_in(ROLE_PLAIN, forms.plain) or any_in(ROLE_LINES, forms.lines) or _HEADS.search(forms.lines):
        return True
    return _has_turns(forms.lines) or any(_ends_unbegun(name, forms.lines) for name in _PARTS)


def _has_turns(lines):
    """Whether both sides of a conversation are written out, as prompts have them."""
    names = set(_TURNS.findall(lines))
    return any(sides <= names for sides in _SIDES)


def _ends_unbegun(name, lines):
    """Whether the mark of a part of a prompt ends that did not begin: a text that wants to be out of its part."""
    at = lines.find(f"</{name}>")
    return at >= 0 and lines.find(f"<{name}>", 0, at) < 0


def _reveal(forms):
    return any_in(REVEAL, forms.latin) or any_in(REVEAL_LINES, forms.written) or any_in(REVEAL_PLAIN, forms.plain)


def _exfiltration(forms):
    return any_in(EXFILTRATION, forms.latin) or any(map(_BLANK.search, _links(forms.lines)))


def _links(lines):
    """The addresses of images."""
    for mark, pattern in _LINKS:
        if mark in lines:
            yield from (found[found.lastindex] for found in pattern.finditer(lines))


def _tools(forms):
    return any_in(TOOLS, forms.lines)


_FOUND = {
    "override": _override,
    "role": _role,
    "reveal": _reveal,
    "exfiltration": _exfiltration,
    "tools": _tools,
}
