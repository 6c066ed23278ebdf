"""What takes back what a model was told before, in the languages that docs/guide/contracts.md names.

Most is held against a text on one line in Latin letters (`OVERRIDE`) or in those that it has (`OVERRIDE_PLAIN`); what
says only "the above" against one with its lines, since there the end of a line says that nothing follows.
"""

import re

from phrase import Phrase, either, unspaced

_IGNORE = "ignor|disregard|forget|neglect|pay no attention to|do not follow|dont follow|don't follow|stop following"
_IGNORE += "|do not obey|don't obey|stop obeying|do not comply with|never mind|nevermind"
_NOT_PAST = r"(?!e?d\b)\w{0,4}"
"""What was ignored is told of, and not asked for."""
DENIED = ("never ", "not ", "n't ")
_BEFORE = r"previous|prior|above|earlier|preceding|foregoing|former|past"
_TOLD = r"(?:instruction|prompt|directive|guideline|system message)s?\b|guidance\b"
_RULES = r"(?:directions?|rules|commands?|constraints|restrictions|programming|training)\b"
_TOLD_OR_RULES = f"{_TOLD}|{_RULES}"
_ORDERS = rf"{_TOLD_OR_RULES}|orders\b"
_SO_FAR = r"(?:above|before this|from before|from earlier|so far|previously"
_SO_FAR += r"|you (?:were|have been|ve been|got|received))\b"
_SYSTEM = r"\W{1,4}(?:(?:the|this|that|any|all|its|every|your|previous)\W){0,2}system "
_SYSTEM += r"(?:prompts?|messages?|instructions?|rules|guidelines)\b"
_SAFETY = r"(?:(?:safety|ethic\w{0,4}|moral\w{0,4}) (?:\w{1,12} )?|content )"
_SAFETY += r"(?:rules|guidelines|training|protocols|polic\w{1,3}|restrictions)\b"
_VOID = r"(?:void|obsolete|revoked|cancell?ed|no longer (?:apply|valid|relevant|in (?:force|effect)|count)"
_VOID += r"(?! (?:to|if|when|where|for|in)\b)|(?:to|should|must|can|will|shall) be (?:ignored|disregarded|forgotten))\b"

OVERRIDE = (
    Phrase(_IGNORE, either(
        (3, _BEFORE, 2, _TOLD_OR_RULES),
        (3, _ORDERS, 3, _SO_FAR),
        (1, r"(?:all|any|every|your|these|those)\b", 2, r"(?:instructions|prompts?|directives)\b"),
        (1, r"your\b", 2, _ORDERS),
        (_SYSTEM,),
    ), ending=_NOT_PAST, unless=DENIED),
    Phrase("overrid|overrul|bypass|discard|circumvent|cancel|delet|eras", 2, f"{_BEFORE}|your", 1, _TOLD),
    Phrase("overrid|bypass|circumvent|disabl|ignor|disregard|turn off|switch off", 1, r"(?:your|all|any)\b", 1, _SAFETY,
           ending=_NOT_PAST, unless=DENIED),
    Phrase("forget", 1, r"(?:everything|all|anything|what)\b", 4, r"(?:told|said|learn(?:ed|t)|instructed|above)\b",
           unless=DENIED),
    Phrase("previous|prior|above|earlier|original|initial", 1,
           r"(?:instruction|prompt|directive|system message)s?\b", 4, _VOID),
    Phrase("your new |your real |your actual |your true |your updated ",
           r"(?:instruction|task|goal|objective|order)s? (?:is|are)\b"),
    Phrase("new instructions |updated instructions |real instructions ", r"(?:from|by) (?:the |your )?"
           r"(?:system|developer|admin|openai|anthropic|google|user)"),
    Phrase("important|attention|urgent|notice", r"\W{1,4}(?:new|updated|revised) (?:system )?instructions?"
           r"(?: follow\b| ?:)"),
    # German
    Phrase("ignorier|missacht|vergiss|vergesst|vergessen sie|beachte nicht|ubergeh", 3,
           r"(?:(?:vorherig|bisherig|obig|fru?e?her|vorangegangen|vorangehend|vorig)\w{0,2}|alle|deine|eure)\b", 3,
           r"(?:anweisung|instruktion|vorgabe|befehl|regel|systemprompt|prompt)\w{0,2}\b",
           ending=r"(?!te|\w{0,2} nicht\b)\w{0,4}"),
    # French
    Phrase("ignor|oubli|neglig|ne tiens pas compte|ne tenez pas compte|ne tiens aucun compte|ne tenez aucun compte", 3,
           r"(?:instruction|consigne|directive|regle|ordre|prompt)s?\b", 2,
           r"(?:precedente?s?|anterieure?s?|ci.dessus|d.avant|initiale?s?|recues?)\b", unless=("n'", "ne ")),
    Phrase("ignore|oublie", 1, r"(?:tes|vos|toutes (?:les|tes|vos))\b", 1, r"(?:instructions|consignes|directives)\b",
           unless=("n'", "ne ")),
    # Spanish
    Phrase("ignor|olvid|omit|haz caso omiso|no hagas caso", 3,
           r"(?:instruccion(?:es)?|indicacion(?:es)?|ordenes|reglas|directrices|prompts?)\b", 2,
           r"(?:anterior(?:es)?|previas?|precedentes?|de arriba|iniciales)\b", unless=("no ", "no te ", "no se ")),
    Phrase("ignora|olvida", 1, r"(?:tus|sus|todas (?:las|tus|sus))\b", 1, r"instrucciones\b", unless=("no ",)),
    # Italian
    Phrase("ignor|dimentic|trascur|non considerare", 3,
           r"(?:istruzioni|indicazioni|direttive|regole|ordini|prompt)\b", 2,
           r"(?:precedenti|anteriori|sopra|iniziali|ricevut[ei])\b", unless=("non ",)),
    Phrase("ignora|dimentica", 1, r"(?:le tue|tutte le)\b", 1, r"istruzioni\b", unless=("non ",)),
    # Portuguese
    Phrase("ignor|esque|desconsider|descart", 3,
           r"(?:instrucoes|orientacoes|ordens|regras|diretrizes|comandos|prompts?)\b", 2,
           r"(?:anterior(?:es)?|previas|acima|iniciais)\b", unless=("nao ", "nao se ")),
    Phrase("ignore|esqueca|desconsidere", 1, r"(?:as suas|suas|todas as)\b", 1, r"instrucoes\b",
           unless=("nao ", "nao se ")),
    # Dutch
    Phrase("negeer|vergeet|veronachtzaam", 2, r"(?:vorige|eerdere|bovenstaande|voorgaande|alle|jouw|uw)\b", 2,
           r"(?:instructies|aanwijzingen|opdrachten|regels|richtlijnen|prompts?)\b", ending=r"(?! niet\b)\w{0,4}"),
    # Polish
    Phrase("ignoruj|zapomnij|pomin", 3, r"(?:poprzedni|wczesniejsz|powyzsz|wszystki)\w{0,3}", 2,
           r"(?:instrukcj|polece|zasad|wytyczn|prompt)\w{0,4}", unless=("nie ",)),
    # Turkish
    Phrase("onceki|yukaridaki|tum|butun|eski|sana verilen|sana soylenen", 3,
           r"(?:talimat|yonerge|komut|kural|emir|emr|istem|prompt|yonlendirme)\w{0,12}", 2,
           r"(?:(?:yok ?say|gormezden gel|unut)(?:un(?:uz)?|in(?:iz)?)?|(?:dikkate alma|takip etme|uyma)(?:yin(?:iz)?)?"
           r"|(?:goz ?ardi|iptal) e(?:t|din(?:iz)?))\b"),
    # Vietnamese
    Phrase("bo qua|phot lo|quen het|quen di|quen tat ca|dung lam theo|khong lam theo|dung tuan theo|khong tuan theo", 4,
           r"(?:huong dan|chi dan|chi thi|menh lenh|lenh|quy tac|yeu cau|loi nhac|prompt)\b", 2,
           r"(?:truoc|phia tren|o tren|ban dau|da cho|cua ban)\b", ending="", unless=("dung ", "khong ", "duoc ")),
    # Indonesian
    Phrase("abaikan|lupakan|jangan ikuti|jangan hiraukan|jangan patuhi|kesampingkan", 3,
           r"(?:instruksi|perintah|arahan|petunjuk|aturan|pedoman|prompt)(?:mu|nya)?\b", 2,
           r"(?:sebelum\w{0,6}|di ?atas|terdahulu|awal|tadi|anda|kamu)\b", unless=("jangan ",)),
)  # fmt: skip
OVERRIDE_PLAIN = (
    # Russian
    Phrase("игнориру|забудь|не обращай|отбрось", 4,
           r"(?:предыдущ|прежни|прошл|вышеуказанн|вышеизложенн|все[хй]?\b|всю\b|свои)\w{0,3}", 2,
           r"(?:инструкци|указани|правил|команд|промпт|распоряжени)\w{0,3}", unless=("не ",)),
    # Ukrainian
    Phrase("ігноруй|забудь|відкинь|знехтуй|не звертай|не зважай|не виконуй|не дотримуй", 4,
           r"(?:попередн|минул|вищевказан|вищезазначен|вищенаведен|початков|[ву]сі[хм]?\b|свої\b)\w{0,3}", 2,
           r"(?:інструкці|вказів|правил|команд|наказ|настанов|промпт|розпоряджен)\w{0,4}", unless=("не ",)),
    # Arabic
    Phrase("تجاهل|انس|أنس|إنس|انسى|لا تتبع|لا تلتزم ب|اهمل|أهمل", r"(?:ي|وا)? (?:(?:جميع|كل|كافة|أي|هذه|تلك) )?"
           "(?:ال)?(?:تعليمات|أوامر|اوامر|توجيهات|إرشادات|ارشادات|قواعد)", 1,
           "(?:ال)?(?:سابق|مسبق|أعلاه|اعلاه|مذكور|ماضي|أصلي|اصلي|أولي|اولي|تي)", ending="", unless=("ت", "عدم ")),
    Phrase("تجاهل|انس", r"(?:ي|وا)? (?:(?:جميع|كل|كافة) )?(?:تعليماتك|أوامرك|توجيهاتك|قواعدك)", ending="",
           unless=("ت", "عدم ")),
    # Hindi
    unspaced("पिछल|पहले|पूर्व|ऊपर|उपरोक्त|सभी|सारे|अपने", 20, "निर्देश|आदेश|नियम|प्रॉम्प्ट|हिदायत", 12,
             "(?:अनदेखा|अनदेखी|नज\u093c?र ?अंदाज\u093c?|इग्नोर|उपेक्षा) कर(?:ें|ो| द|के|ते|$)"
             "|(?:अनदेखा|इग्नोर) कीज|भूल जा|भुला द|का पालन (?:न|मत|ना) कर(?:ें|ो)|पर ध्यान (?:न|मत|ना) द"),
    # Chinese
    unspaced("忽略|无视|忽视|忘记|忘掉|不要理会|不要遵守|無視|忽視|忘記|不要理會", 12,
             "之前|以上|前面|上面|先前|此前|所有|上述|你的|原来|原來", 8,
             "指令|指示|提示|命令|规则|規則|要求|设定|設定|内容|內容|对话|對話", ending="(?![了过過])",
             unless=("不要", "别", "別", "不能", "不可", "不可以", "请勿", "請勿", "切勿", "不得", "不应", "不應")),
    # Japanese
    unspaced("以前|これまで|上記|今まで|すべて|全て|先ほど|前の", 12, "指示|命令|プロンプト|ルール|指令|制約|内容|文章",
             6, "無視(?!し(?:な[いけ]|た|ません|ては|ても)|され|でき)|忘れ(?!な|ず|ては|た)|破棄し?[てろせ]"
             "|従わない(?:で|こと|よう)|従わなくて"),
    # Korean
    unspaced("이전|앞의|앞선|위의|지금까지|모든|기존", 8, "지시|명령|지침|프롬프트|규칙", 6,
             "무시(?!하지|했|되)|잊(?!지)"),
)  # fmt: skip

_START = re.compile(
    r"(?:[\n:;!?>\"'*#(\[<_~|-]|(?<!\d)\.)[^\w\n]{0,4}(?:(?:please|now|and|so|then|just|instead|kindly|ok|okay|hey|hello"
    r"|important|stop|next|dear|(?:you )?(?:must|should|have to|need to|shall)|chatgpt|gpt|claude|gemini|copilot"
    r"|assistant|ai|llm|model|agent)\W{1,3}){0,3}$"
)
"""What stands in front where somebody is asked: the beginning of a sentence, and words that may lead up to it."""
_FINISH = (
    r"(?!\W{1,3}(?:sorry|my (?:bad|mistake)|i (?:found|was wrong|figured|misread|got it|fixed|see)|it (?:was|works)"
    r"|that was|wrong|never ?mind|found it|if|unless|when|once|where|in case)\b)"
    r"(?= ?(?:$|[.!?,;:)\]\"'*<\n—–-]|(?:and|but)\b(?! below)|then\b|instead\b))"
)
"""What says that nothing follows which it is about, and that nobody corrects himself or makes a condition."""
_FILLING = (
    r"\W{1,4}(?:(?:all|everything|anything|any|whatever|that|what|of|the|which|is|was|came|comes|appears|written|said"
    r"|stated|text|context|content|message|words|you (?:were|have been) told) ){0,6}?"
)
_HERE = r"(?:line|text|message|point|sentence|paragraph|prompt)"
_PLACE = (
    rf"(?:above(?: (?:text|message|context|content|prompt|conversation|this(?: {_HERE})?))?"
    rf"|before (?:this|now)(?: {_HERE})?|until now|so far|up to (?:this point|now|here))"
)

OVERRIDE_LINES = (
    Phrase("ignore|disregard|forget|pay no attention to|do not follow|don't follow|never mind|nevermind",
           _FILLING + _PLACE + _FINISH, ending="", after=_START),
    Phrase("ignorier|missachte|vergiss|vergesst|vergessen sie",
           r"\w{0,4} (?:sie )?(?:alles (?:obige|oben\w{0,10}|vorherige|bisherige|davor|was (?:oben|davor|bisher)\b"
           r"|zuvor\b)|das obige|obiges)", ending="(?! nicht)"),
    Phrase("ignor|oubli", r"\w{1,3} (?:tout ce qui|ce qui) (?:precede|est (?:ci|au).dessus|a ete dit|vient avant)",
           ending="", unless=("n'", "ne ")),
    Phrase("ignor|olvid", r"\w{1,3} todo lo (?:anterior|previo|de arriba|dicho)" + _FINISH, ending="",
           unless=("no ", "no te ", "no se ")),
    Phrase("ignor|dimentic", r"\w{1,4} tutto (?:cio che precede|quanto sopra|quello che precede|quanto detto)",
           ending="", unless=("non ",)),
    Phrase("ignor|esque|desconsider", r"\w{1,4} tudo (?:acima|anterior|o que (?:foi dito|esta acima|veio antes))",
           ending="", unless=("nao ", "nao se ")),
    Phrase("negeer|vergeet", r" al(?:les| het) (?:hierboven|bovenstaande|voorgaande|daarvoor)", ending=""),
    Phrase("ignoruj|zapomnij", r" (?:o )?(?:wszystk\w{1,3}|to) (?:powyzej|co (?:powyzej|bylo))", ending="",
           unless=("nie ",)),
)  # fmt: skip
"""What takes back all that stands above, without a word for what it is."""
