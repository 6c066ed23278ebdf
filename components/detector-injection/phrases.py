"""What is said in a text that wants to instruct a model, as patterns by check and language.

A phrase is a row: words to begin with, then in turn a number of words that may be in between, and words to go on with.
It is looked for only where one of its first words stands, and all its gaps are bounded, so what it costs at a place
does not depend on the text. Phrases are held against the forms of `forms`: on one line, in lower case, in Latin
letters without marks; those of other scripts against the letters as they are.
"""

import re

GAP = r"(?:\W{{1,4}}\w{{1,24}}){{0,{}}}?\W{{1,4}}"
ENDING = r"\w{0,4}"
_CLOSE = r"[^。．！？!?.\n]{{0,{}}}"
"""A gap within a sentence, in characters, for scripts that put no blanks between words."""


class Phrase:
    """A phrase, as a pattern and the words that it begins with.

    Arguments:
        first: plain words, each of which may have an ending; as one text with `|` between them, or as several.
        rest: gaps, and patterns without groups.
        gap: the pattern of a gap.
        ending: what may follow the first words.
        unless: it is none where one of these stands in front.
    """

    def __init__(self, first, *rest, gap=GAP, ending=ENDING, unless=()):
        self.first, self.unless = first.split("|") if isinstance(first, str) else first, unless
        parts = (gap.format(part) if isinstance(part, int) else f"(?:{part})" for part in rest)
        self._goes_on = re.compile(ending + "".join(parts)).match

    def is_in(self, text):
        """Whether the text has it."""
        return any(self._begins(word, text) for word in self.first)

    def _begins(self, word, text):
        at = text.find(word)
        while at >= 0:
            end = at + len(word)
            if self._goes_on(text, end) and not (self.unless and text.endswith(self.unless, max(0, at - 8), at)):
                return True
            at = text.find(word, end)
        return False


def _unspaced(first, *rest):
    return Phrase(first, *rest, gap=_CLOSE, ending="")


_IGNORE = "ignor|disregard|forget|neglect|pay no attention to|do not follow|dont follow|don't follow|stop following"
_IGNORE += "|do not obey|don't obey|stop obeying|do not comply with"
_BEFORE = r"previous|prior|above|earlier|preceding|foregoing|former|past"
_TOLD = r"(?:instruction|prompt|directive|guideline|system message)s?\b"
_RULES = r"(?:directions?|rules|commands?|orders|constraints|restrictions|programming|training)\b"
_TOLD_OR_RULES = f"{_TOLD}|{_RULES}"
_SO_FAR = r"(?:above|before this|so far|previously|you (?:were|have been|ve been|got|received))\b"

OVERRIDE = (
    Phrase(_IGNORE, 3, _BEFORE, 2, _TOLD_OR_RULES),
    Phrase(_IGNORE, 3, _TOLD_OR_RULES, 3, _SO_FAR),
    Phrase(_IGNORE, 1, r"(?:all|any|every|your|these|those)\b", 2, r"(?:instructions|prompts?|directives)\b"),
    Phrase(_IGNORE, 1, r"your\b", 2, _TOLD_OR_RULES),
    Phrase("overrid|overrul|bypass|discard|circumvent|cancel|delet|eras", 2, f"{_BEFORE}|your", 1, _TOLD),
    Phrase("forget", 1, r"(?:everything|all|anything|what)\b", 4, r"(?:told|said|learn(?:ed|t)|instructed|above)\b"),
    Phrase("previous|prior|above|earlier|original|initial", 1, _TOLD, 4, r"(?:void|obsolete|revoked|cancell?ed)\b"),
    Phrase("your new |your real |your actual |your true |your updated ",
           r"(?:instruction|task|goal|objective|order)s? (?:is|are)\b"),
    Phrase("new instructions |updated instructions |real instructions ", r"(?:from|by) (?:the |your )?"
           r"(?:system|developer|admin|openai|anthropic|google|user)"),
    # German
    Phrase("ignorier|missacht|vergiss|vergesst|vergessen sie|beachte nicht|ubergeh", 3,
           r"(?:(?:vorherig|bisherig|obig|fru?e?her|vorangegangen|vorangehend|vorig)\w{0,2}|alle|deine|eure)\b", 3,
           r"(?:anweisung|instruktion|vorgabe|befehl|regel|systemprompt|prompt)\w{0,2}\b"),
    # French
    Phrase("ignor|oubli|neglig|ne tiens pas compte|ne tenez pas compte|ne tiens aucun compte|ne tenez aucun compte", 3,
           r"(?:instruction|consigne|directive|regle|ordre|prompt)s?\b", 2,
           r"(?:precedente?s?|anterieure?s?|ci.dessus|d.avant|initiale?s?|recues?)\b"),
    Phrase("ignore|oublie", 1, r"(?:tes|vos|toutes (?:les|tes|vos))\b", 1, r"(?:instructions|consignes|directives)\b"),
    # Spanish
    Phrase("ignor|olvid|omit|haz caso omiso|no hagas caso", 3,
           r"(?:instruccion(?:es)?|indicacion(?:es)?|ordenes|reglas|directrices|prompts?)\b", 2,
           r"(?:anterior(?:es)?|previas?|precedentes?|de arriba|iniciales)\b"),
    Phrase("ignora|olvida", 1, r"(?:tus|sus|todas (?:las|tus|sus))\b", 1, r"instrucciones\b"),
    # Italian
    Phrase("ignor|dimentic|trascur|non considerare", 3,
           r"(?:istruzioni|indicazioni|direttive|regole|ordini|prompt)\b", 2,
           r"(?:precedenti|anteriori|sopra|iniziali|ricevut[ei])\b"),
    Phrase("ignora|dimentica", 1, r"(?:le tue|tutte le)\b", 1, r"istruzioni\b"),
    # Portuguese
    Phrase("ignor|esque|desconsider|descart", 3,
           r"(?:instrucoes|orientacoes|ordens|regras|diretrizes|comandos|prompts?)\b", 2,
           r"(?:anterior(?:es)?|previas|acima|iniciais)\b"),
    Phrase("ignore|esqueca|desconsidere", 1, r"(?:as suas|suas|todas as)\b", 1, r"instrucoes\b"),
    # Dutch
    Phrase("negeer|vergeet|veronachtzaam", 2, r"(?:vorige|eerdere|bovenstaande|voorgaande|alle|jouw|uw)\b", 2,
           r"(?:instructies|aanwijzingen|opdrachten|regels|richtlijnen|prompts?)\b"),
    # Polish
    Phrase("ignoruj|zapomnij|pomin", 3, r"(?:poprzedni|wczesniejsz|powyzsz|wszystki)\w{0,3}", 2,
           r"(?:instrukcj|polece|zasad|wytyczn|prompt)\w{0,4}"),
)  # fmt: skip
OVERRIDE_PLAIN = (
    # Russian
    Phrase("игнориру|забудь|не обращай|отбрось", 4,
           r"(?:предыдущ|прежни|прошл|вышеуказанн|вышеизложенн|все[хй]?\b|всю\b|свои)\w{0,3}", 2,
           r"(?:инструкци|указани|правил|команд|промпт|распоряжени)\w{0,3}"),
    # Chinese
    _unspaced("忽略|无视|忽视|忘记|忘掉|不要理会|不要遵守|無視|忽視|忘記|不要理會", 12,
              "之前|以上|前面|上面|先前|此前|所有|上述|你的|原来|原來", 8,
              "指令|指示|提示|命令|规则|規則|要求|设定|設定"),
    # Japanese
    _unspaced("以前|これまで|上記|今まで|すべて|全て|先ほど|前の", 12, "指示|命令|プロンプト|ルール|指令|制約", 6,
              "無視|忘れ|破棄|従わな"),
    # Korean
    _unspaced("이전|앞의|앞선|위의|지금까지|모든|기존", 8, "지시|명령|지침|프롬프트|규칙", 6, "무시|잊"),
)  # fmt: skip

_MODEL = r"(?:ai|llm|large language model|language model|chatbot|ai (?:assistant|agent|model|system|bot))"
_LOOSE = "unrestricted|unfiltered|uncensored|jailbroken"
_BOUNDS = r"(?:restrictions|filters?|limitations|guidelines|rules|safety|ethic\w{0,4}|censorship|moral\w{0,4})\b"

ROLE = (
    Phrase("you are now ", rf"(?:dan|{_LOOSE}|an? (?:{_LOOSE}|evil|different)|free (?:of|from)"
           r"|no longer (?:bound|an?\b)|in (?:developer|god|debug|admin|maintenance|jailbreak) mode)\b"),
    Phrase("do anything now|jailbreak mode|god mode enabled|dan mode"),
    Phrase("act|behave|respond|answer|pretend|roleplay|role play|operate", 6,
           r"(?:without|with no|free (?:of|from)|(?:not|no longer) bound by|unbound by)\b", 2, _BOUNDS),
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
    _unspaced("从现在开始|从现在起|現在起|從現在開始", "[，, ]?你(?:是|必须|必須|将|將|要)"),
    _unspaced("これから|今から", "(?:あなた|君|お前)は"),
    _unspaced("지금부터|이제부터", " ?(?:너는|당신은|넌)"),
)
ROLE_LINES = (
    Phrase(("<|",), r"(?:im_start|im_end|im_sep|system|user|assistant|endoftext|eot_id|eom_id|start_header_id"
           r"|end_header_id|begin_of_text|start_of_turn|end_of_turn|channel|start|message|end)\|>", ending=""),
    Phrase("[inst]|[/inst]|<<sys>>|<</sys>>|<start_of_turn>|<end_of_turn>", ending=""),
    Phrase("<system|<assistant|<developer|</system|</assistant|</developer",
           r"(?:[ _-]?(?:prompt|message|instructions?|reminder))?>", ending=""),
    Phrase("begin|start|end", r" (?:of )?system (?:prompt|message|instruction)", ending=""),
    Phrase("\"role\"|'role'", r" ?: ?[\"'](?:system|developer)[\"']", ending=""),
)  # fmt: skip
_HEADS = re.compile(
    r"^[#*\s>\[(-]{0,6}(?:system|developer|admin|administrator) (?:prompt|message|override|instructions?)"
    r"\W{0,3}(?::|\]|$)|^#{1,6} ?system ?:",
    re.MULTILINE,
)
_TURNS = re.compile(r"^\W{0,4}(human|assistant|instruction|response)\W{0,3}:", re.MULTILINE)
_SIDES = ({"human", "assistant"}, {"instruction", "response"})

_TELL = "reveal|show|print|output|display|repeat|disclos|leak|expos|dump|recit|send|share|paste|echo|return|list|tell"
_TELL += "|give|write"
_DENIED = ("never ", "not ", "n't ")
_KIND = r"(?:system|initial|original|hidden|secret|internal|developer|first|full|exact|entire|complete)"
_PROMPT = rf"{_KIND} (?:system )?(?:prompt|message|instruction)s?\b"
_VERBATIM = r"(?:verbatim|word for word|in full|exactly|above|to me|back)\b"
_SECRETS = (
    r"(?:api[ _-]?keys?|passwords?|credentials?|secrets?|access tokens?|(?:private|ssh) keys?|session \w{1,6}"
    r"|environment variables?|env vars?|credit cards?)\b"
)

REVEAL = (
    Phrase(_TELL, 3, r"your\b", 2, _PROMPT, unless=_DENIED),
    Phrase(_TELL, 3, r"your\b", 1, r"(?:instructions|prompt|guidelines|system message)\b", 2, _VERBATIM,
           unless=_DENIED),
    Phrase("reveal|repeat|disclos|leak|dump|recit", r" (?:\w{1,12} ){0,2}(?:the|this) (?:entire |full |whole )?"
           r"(?:system (?:prompt|message|instructions)|initial prompt)\b"),
    Phrase("what is|what are|what was|what were", 1, r"your\b", 1, _PROMPT),
    Phrase("repeat ", r"(?:everything|all|the (?:text|words?|content|sentences?)) (?:\w{1,12} ){0,3}"
           r"(?:above|before th)"),
    Phrase("reveal|print|output|disclos|leak|dump|send me|give me|tell me|show me", 2,
           r"(?:your|the (?:user|owner|admin).?s|users.?)", 2, _SECRETS, unless=_DENIED),
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
REVEAL_PLAIN = (
    Phrase("покажи|раскрой|выведи|повтори|сообщи|назови|напечатай", 3, r"(?:системн|сво)\w{1,3}", 1,
           "промпт|инструкци|подсказк|парол|ключ"),
    _unspaced("显示|输出|告诉我|重复|泄露|打印|透露|顯示|輸出|告訴我|洩露", 8,
              "系统提示|系统指令|系统消息|初始指令|系統提示|提示词|密码|密鑰|密钥"),
    _unspaced("システムプロンプト|初期指示|初期プロンプト|パスワード", 8,
              "表示して|出力して|教えて|開示|公開して|見せて"),
    _unspaced("시스템 프롬프트|시스템프롬프트|초기 지시|비밀번호", 8, "출력|보여|알려|공개"),
)  # fmt: skip

_HELD = (
    r"(?:(?:this|the|our|entire|whole|full|chat|previous) (?:\w{1,12} ){0,2}(?:conversation|chat history|dialogue)"
    r"|system prompt|your (?:instructions|context|memory|prompt|notes|data)|everything you know"
    r"|(?:the |all )?user.?s? (?:\w{1,12} )?(?:data|files|emails?|messages|passwords?|secrets?|details)"
    r"|all (?:\w{1,12} ){0,2}(?:secrets|credentials|passwords|api keys|tokens|emails))\b"
)
_AWAY = r"(?:https?://|www\.|\w[\w.+-]{0,63}@\w|(?:url|link|image|query|request|webhook|server|endpoint)\b)"

EXFILTRATION = (
    Phrase("send|post|upload|forward|transmit|exfiltrat|email|e-mail|submit|leak|append|encod|embed|copy|include", 3,
           _HELD, 8, _AWAY),
    Phrase("replac|substitut|fill in", 6, r"(?:with|by)\b", 2, _HELD),
)  # fmt: skip
_LINKS = (
    ("![", re.compile(r"!\[[^\]\n]{0,200}\]\( ?<?(https?://[^)\s>]{1,2000})")),
    ("<img", re.compile(r"<img\b[^<>\n]{0,200}?\bsrc ?= ?[\"']?(https?://[^\"'\s>]{1,2000})")),
)
_BLANK = re.compile(
    r"[=/](?:\$?\{{1,2}[\w .-]{1,60}\}|\[[\w .-]{3,60}\]|<[\w .-]{3,60}|%7b[\w%.-]{1,60}%7d"
    r"|(?:your|the|insert|put|user)[_+-](?:data|secret|summary|answer|conversation|prompt|key|text))"
)
"""A part of an address that somebody is to fill in."""

_MARK = r"\b[^<>\n]{0,100}>"
TOOLS = (
    Phrase("<tool_|</tool_", rf"(?:calls?|use|results?|response){_MARK}", ending=""),
    Phrase("<function_|</function_", rf"(?:calls?|results?){_MARK}", ending=""),
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


def _any(phrases, text):
    return any(phrase.is_in(text) for phrase in phrases)


def _override(forms):
    return _any(OVERRIDE, forms.latin) or _any(OVERRIDE_PLAIN, forms.plain)


def _role(forms):
    if _any(ROLE, forms.latin) or _any(ROLE_PLAIN, forms.plain) or _any(ROLE_LINES, forms.lines):
        return True
    return _HEADS.search(forms.lines) is not None or _has_turns(forms.lines)


def _has_turns(lines):
    """Whether both sides of a conversation are written out, as prompts have them."""
    names = set(_TURNS.findall(lines))
    return any(sides <= names for sides in _SIDES)


def _reveal(forms):
    return _any(REVEAL, forms.latin) or _any(REVEAL_PLAIN, forms.plain)


def _exfiltration(forms):
    return _any(EXFILTRATION, forms.latin) or any(map(_BLANK.search, _links(forms.lines)))


def _links(lines):
    """The addresses of images."""
    for mark, pattern in _LINKS:
        if mark in lines:
            yield from pattern.findall(lines)


def _tools(forms):
    return _any(TOOLS, forms.lines)


_FOUND = {
    "override": _override,
    "role": _role,
    "reveal": _reveal,
    "exfiltration": _exfiltration,
    "tools": _tools,
}
