"""How a declaration begins: the words after which an output's letters stand, in English and Chinese.

Always holds: patterns read lower-case text, never nest unbounded repetitions, and name no label and no option: what
follows a cue is read by `listing`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable


def _any(*words: str) -> str:
    return f"(?:{'|'.join(words)})"


_NOUN = _any(
    "answer", r"ans\.?", "option", "choice", "response", "selection", "conclusion", "verdict", "prediction", "guess",
    "letter", "solution", "statement", "(?:best|closest) (?:estimate|match|fit)",
    "most (?:likely|appropriate|accurate|probable|plausible|suitable|fitting)"
    " (?:[a-z]{3,20} ){0,3}?[a-z]{2,20}[a-rt-z](?![a-z])",
    "(?:respuesta|resposta|opci[oó]n|opç[aã]o|r[eé]ponse|antwort)(?: (?:final|finale|correcta|correta|correcte))?",
)  # fmt: skip
_BE = _any(
    "is", "are", "was", "were", "remains", "stays", "becomes", "seems?", "appears?",
    "(?:sh|w|c)ould (?:most likely |likely |therefore |then |thus )?be", "(?:must|will|may|might|can) be",
    "(?:has|have|ought|seems?|appears?) to be",
    "es", "é", "est", "ist",
    "(?:would |should |will )?(?:comprises?|consists? of)",
)  # fmt: skip
_ADVERB = _any(
    "therefore", "thus", "then", "hence", "so", "clearly", "likely", "probably", "definitely", "certainly",
    "obviously", "indeed", "simply", "also", "still", "actually", "only", "just", "both", "either", "most likely",
    "as follows", "the following", "again", "in fact", "always", "now", "best", "not", "n't", "the", "given by",
    "represented by", "that of", "in", "with", r"option\(s\)", ":", "-",
    "(?:the |an? )?(?:final |correct |right |best |most likely )?"
    "(?:option|choice|letter|answer|number|statement|one)s?",
    "(?:the )?(?:one |point )?(?:labell?ed|marked)",
)  # fmt: skip
_VERB = _any(
    "cho(?:os(?:es?|ing)|sen?)", "select(?:s|ed|ing)?", "pick(?:s|ed|ing)?", "go(?:ing)? (?:with|for)", "went with",
    "opt(?:ing|ed)? for", "vot(?:e|ing) for", "lean(?:ing)? towards?", "(?:settl|decid)(?:e|ing) (?:on|for)", "tick",
    "st(?:ay|ick)(?:ing)? with", "recommend", "submit(?:ting)?", "(?:i|would|will|d) say", "i believe", "give you",
    "agree with", "favou?r",
    r"(?:classify|categori[sz]e|label|grade|interpret) (?:this|it|that|the)(?: [a-z]{2,12}){0,2} as",
    "call (?:this|it|that)(?: [a-z]{2,12})?",
)  # fmt: skip
_ADVERBS = rf"(?:(?=[a-z:-]){_ADVERB}[\s:,]{{1,8}}){{0,4}}"

_ANCHORS = {
    **dict.fromkeys(
        ("level", "finding", "diagnos", "condition", "abnormalit", "disease", "patholog", "affected", "lesion"),
        "finding",
    ),
    **dict.fromkeys(("selected", "following"), "finding"),
    **dict.fromkeys(("correct", "true", "right", "involved", "abnormal", "present", "positive"), "heading"),
    **dict.fromkeys(("final", "short version", "revised", "updated", "corrected"), "heading"),
    **dict.fromkeys(
        ("leaves", "leaving", "left with", "gives us", "gives me", "makes it", "make it", "make that"), "left"
    ),
    **dict.fromkeys(("answer", "ans ", "option", "choice", "response", "selection", "conclusion"), "noun"),
    **dict.fromkeys(("most likely", "most appropriate", "most accurate", "most probable", "most plausible"), "noun"),
    **dict.fromkeys(
        (
            "most suitable",
            "most fitting",
            "best estimate",
            "closest estimate",
            "best match",
            "closest match",
            "best fit",
        ),
        "noun",
    ),
    **dict.fromkeys(("respuesta", "resposta", "opción", "opcion", "opção", "réponse", "reponse", "antwort"), "noun"),
    **dict.fromkeys(("verdict", "prediction", "guess", "letter", "solution", "statement"), "noun"),
    **dict.fromkeys(("choose", "choosing", "chose", "select ", "selecting", "pick", "go with", "going with"), "verb"),
    **dict.fromkeys(("go for", "going for", "went with", "opt for", "opting for", "opted for", "vote for"), "verb"),
    **dict.fromkeys(("voting for", "lean toward", "leaning toward", "settle ", "settling ", "decide "), "verb"),
    **dict.fromkeys(("deciding ", "stay with", "staying with", "stick with", "sticking with"), "verb"),
    **dict.fromkeys(("recommend", "submit", "agree with", "classify", "categori", "label ", "grade "), "verb"),
    **dict.fromkeys(("favor ", "favour ", "interpret", "call this", "call it", "call that"), "verb"),
    **dict.fromkeys(("tick ", "i say", "would say", "d say", "will say", "i believe", "give you"), "verb"),
    **dict.fromkeys(("therefore", "thus", "hence", "so ", "consequently", "accordingly"), "so"),
    **dict.fromkeys(("in conclusion", "in summary", "overall"), "so"),
    **dict.fromkeys(("by exclusion", "by elimination", "of elimination"), "so"),
    **dict.fromkeys(("is ", "be ", "it s ", "that s ", "labeled", "labelled", "circled", "correspond"), "be"),
    **dict.fromkeys(("match", "point to", "points to", "fits ", "fit ", "resembl", "aligns "), "be"),
}
_IDEOGRAPHIC_ANCHORS = {
    **dict.fromkeys(("答案", "回答", "选", "正确", "符合"), "zh"),
    **dict.fromkeys(("错误", "不"), "odd"),
}


def _one_of(words: Iterable[str]) -> str:
    """Return a pattern of the words that shares their beginnings, so that a search looks at each letter once."""
    rest: dict[str, list[str]] = {}
    for word in words:
        rest.setdefault(word[:1], []).append(word[1:])
    ends = "" in rest
    # The space after a word is also the one before the next.
    branches = [
        ("(?= )" if first == " " and not any(tails) else re.escape(first)) + _one_of(tails)
        for first, tails in rest.items()
        if first
    ]
    if not branches:
        return ""
    return f"(?:{'|'.join(branches)})" + "?" * ends


_KINDS = {word.rstrip(): kind for word, kind in _ANCHORS.items()}
_WORD = re.compile(f" {_one_of(_ANCHORS)}")
_BETWEEN = "\n\"'([,.;:-"
_IDEOGRAPH = re.compile(_one_of(_IDEOGRAPHIC_ANCHORS))


def anchors(lower: str) -> list[tuple[int, str]]:
    """Return where each word that may begin a declaration stands in lower-case text, and its kind, in order."""
    spaced = f" {lower}"
    for sign in _BETWEEN:
        spaced = spaced.replace(sign, " ")
    found = [(word.start(), _KINDS[word[0][1:]]) for word in _WORD.finditer(spaced)]
    if not lower.isascii():
        found += [(word.start(), _IDEOGRAPHIC_ANCHORS[word[0]]) for word in _IDEOGRAPH.finditer(lower)]
        found.sort()
    return found


CUES = {
    "noun": re.compile(
        rf"{_NOUN}(?:\(s\)|s)?(?: made)?"
        r"(?: (?:to|for|of|in|from|among|here|that|which|would|i|we|based|given|number|letter|choice|about)\b"
        r"[^.\n?!:]{0,110}?(?=[\s:=-])(?=\s{0,3}[iawrsbcmhoeé:=-]))??"
        rf"\s{{0,2}}(?:\b{_BE}(?:n't| not)?\b\s{{0,3}}(?:[:=-]\s{{0,8}})?|[:=]\s{{0,8}}|-+>\s?"
        rf"|(?<=s) - |(?<=answer) - ){_ADVERBS}"
    ),
    "verb": re.compile(rf"{_VERB}(?: (?:it|that|this|is|it's))?[\s:]{{1,4}}{_ADVERBS}"),
    "so": re.compile(rf"[a-z]{{2,14}}(?: conclusion| summary| exclusion| elimination)?[,:\s]{{1,6}}{_ADVERBS}"),
    "finding": re.compile(
        r"(?:levels?|lesions?|findings?|diagnos[ie]s|conditions?|abnormalit(?:y|ies)|diseases?|patholog(?:y|ies)"
        r"|selected"
        r"|following|affected(?= ?:))"
        r"(?:(?: (?:involved|affected|present|seen|shown|here|that|in|on|of|for|with|at|discs?|disks?|vertebral|spinal"
        r"|showing|demonstrating|exhibiting|having|requiring|where|which|options?|levels?|statements?)\b"
        r"[^.\n?!:]{0,80}?)?"
        rf"\s{{0,2}}(?:\b(?:{_BE}|includes?)\b(?:n't| not)?(?: (?:correct|true|right|affected|selected|involved|present"
        rf"|applicable|accurate)(?= ?:))?\s{{0,2}}:?|:)\s{{0,8}}{_ADVERBS}"
        rf"|(?: (?:involved|affected|at|of|with|options?|levels?))?\s{{1,2}}{_ADVERBS})"
        r"(?:(?:affected|involved|present|seen)\s?:?\s{0,6})?"
    ),
    "heading": re.compile(
        r"(?:correct|true|right|involved|abnormal|present|positive|final|short version|revised|updated"
        r"|corrected)"
        r"(?: (?:options?|levels?|answers?|statements?|ones?|assessment|impression|interpretation|verdict|list))?"
        r"\s?(?: are| is)?:\s{0,8}"
    ),
    "left": re.compile(
        r"(?:leaves|leaving|left with|gives us|gives me|makes? it|make that)(?: (?:us|me|you))?(?: (?:only|just|with"
        r"|the|options?|answers?))"
        r"{0,3}:?\s{1,3}"
    ),
    "be": re.compile(
        r"(?:is|be|it's|that's|labell?ed|circled|correspond(?:s|ing)?(?: most closely)? to|points? to|match(?:es)?"
        r"|fits?|resembles?|aligns?"
        r"|captures?)"
        r"(?: (?:best|well|most closely|as|with|by|to|the|at|in|not|either|both|seen|found|present|noted|visible"
        r"|levels?|option|choice|letter"
        r"|point|image|picture|labell?ed|circled)){0,4}:?\s{1,3}(?=[\"'(\[⟦]?[\"'(\[]?[a-z0-9]\b)"
    ),
    "zh": re.compile(
        r"(?:答案|回答|(?:正确|最佳)?选项(?!分析|列表|说明)|(?:正确|符合|成立)[^,。\n]{0,10}?的)[^。\n,;:a-z]{0,14}?"
        r"(?:应该?[是为选]|就?是|为|选择?|有|:)\s{0,4}(?:选择?|选项|答案|:|\s){0,4}"
        r"|(?:答案|回答|选(?:择|出)?)(?!项)\s?(?:的?是|为|:|\s|答案|选项){0,4}"
    ),
    "odd": re.compile(
        r"(?:错误|不正确|不符合|不合理|不成立|不能)[^,。\n:a-z]{0,16}?的[^,。\n:a-z]{0,8}?(?:是|为|有"
        r"|:)\s{0,3}(?:选项)?"
    ),
}
"""Kind of anchor -> how it goes on up to where the letters stand."""

SUBJECT = re.compile(
    r"(?:i(?<![a-z]i)(?:'d|'ll|'m)?|w(?<![a-z]w)e(?:'d)?|l(?<![a-z]l)et(?:'s| me)|m(?<![a-z]m)(?:ust|y)"
    r"|t(?<![a-z]t)h(?:erefore|us),?|s(?<![a-z]s)o,?)"
    r"(?:[^a-z.;:\n][^.;:\n]{0,40})?\Z"
)
"""What must stand before a verb of choosing: the model itself."""

ADJECTIVE = re.compile(
    r"(?:^|[^a-z])(?:final|correct|right|best|my|chosen|selected|true|appropriate|likely|suitable|accurate|following)"
    r" {1,2}\Z"
)
"""What must stand before "options" for them to be the answer and not the list of what was offered."""

OTHERS = re.compile(r"\b(?:other|others|remaining|rest)\b")
"""What stands before "correct statements" that were not asked for."""

UNAFFECTED = re.compile(
    r"(?:^|[^a-z])(?:normal|unaffected|not|spared|healthy|preserved|no|without|lacking|other|differential|possible"
    r"|remaining) {1,2}(?:[a-z]+ ){0,2}\Z|(?:(?:most|least) (?:severely )?(?:affected|involved|severe)|worst"
    r"|healthiest|best preserved) \Z"
    r"|\b(?:commonly|frequently|typically|usually|common|often) (?:[a-z]+ )?\Z"
)
"""What stands before "levels" or "findings" that are not the ones asked for."""

FINAL = re.compile(
    r"\bfinal (?:option|answer|choice)(?:\(s\)|s)?(?: (?:is|are)\b|\s{0,2}[:=])[:=\s]{0,10}(?:[-+] )?"
    r"|最终(?:选项|答案|选择)(?:是|为)?\s{0,2}[:=]?\s{0,4}"
)
"""The declared last line of the SpineBench protocol, and its near kin."""

NOTHING = re.compile(r"[\s\"'(\[⟦]{0,4}(?:(?:none|neither|n/a)\b|[)\]])")
"""What stands in a declared line that declares no option."""

_FIELD = r"(?:final_?)?(?:answer|choice|option|letter|prediction)s?[\"']\s?:\s?\[?\s{0,3}"
TAG = re.compile(
    r"【(?:正确|最终)?(?:答案|选项)】\s{0,3}[:是为]?\s{0,6}"
    r"|<(?:(?:final_?)?(?:answer|choice|option)|final|conclusion)>\s{0,6}"
    rf"|\"{_FIELD}|'{_FIELD}"
    r"|\[\[\s?|<<\s?"
)
"""Marks that exist to hold an answer."""

TAG_SIGNS = ("<", "[[", '"', "'", "【")
"""Signs without one of which there is no such mark."""

RUN_ON = re.compile(
    r"\n\s{0,4}(?=[# acehinpqtu<问题例])"
    r"(?:\#{0,4} ?(?:hint|(?:the )?(?:next |new |another )?question|problem|q ?\d{0,3}|human|user|context"
    r"|instruction|example ?\d{0,3}|input"
    r"|passage|choices|问题|题目|例题)(?: ?\d{0,3} ?[:.]| \d{1,3}\n)|(?:<image>|<\|?user))"
)
"""A line with which a model that goes on after its answer begins the next question."""

ANSWER = re.compile(r"\b(?:answer|option|choice)s?\b")
"""Words of a sentence that may say what the answer is."""

AFTERWORD = re.compile(
    r"\W*(?:please (?:note|remember|consult|be aware|keep in mind|seek|let me|see a|have (?:the|your))\b"
    r"|(?:do )?(?:bear|keep) in mind\b|remember that (?:i|this)\b|(?:important |please )?(?:note|disclaimer|caveat"
    r"|reminder)\b:? (?:that )?(?:this|i\b|i'm|my\b|always|as an ai)|always (?:seek|consult)\b"
    r"|consult (?:an?|with|your)\b|this is for (?:educational|informational)\b"
    r"|this (?:is|should|does) not (?:be |an? )?(?:[a-z]+ )?(?:substitute|replace|diagnos|advice|constitute|considered"
    r"|taken)|would you like\b|let me know\b|feel free\b|i hope (?:this|that)\b"
    r"|for a definitive (?:diagnosis|interpretation|reading|answer|assessment)\b"
    r"|an? (?:[a-z]+ )?(?:radiologist|doctor|specialist|physician|expert) should\b"
    r"|i(?:'m| am) (?:not a (?:doctor|radiologist|physician|medical)|an ai\b)"
    r"|i should (?:emphasi[sz]e|note|mention|stress) that i(?:'m| am)\b)"
)
"""How a sentence begins that takes leave or warns, and says nothing of the answer."""

UNOFFERED = re.compile(
    r"[\s\"'(\[⟦]{0,4}(?:(?:option|choice|answer|letter)\s)?[\"'(\[]{0,2}(?P<label>[a-z])(?:[)\].:,⟧]|\s\(|\s?\Z)"
)
"""A letter, offered or not, where one is declared (that it is a capital is for the reader to check)."""
