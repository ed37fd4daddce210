"""How a declaration begins: the words after which an output's letters stand, in English and Chinese.

Always holds: patterns read lower-case text, are made of bounded repetitions, and name no label and no option: what
follows a cue is read by `listing`.
"""

from __future__ import annotations

import re


def _any(*words: str) -> str:
    return f"(?:{'|'.join(words)})"


_NOUN = _any(
    "answer", "ans", "option", "choice", "response", "selection", "conclusion", "verdict", "prediction", "guess",
    "letter", "solution", "statement",
)  # fmt: skip
_BE = _any(
    "is", "are", "was", "were", "remains", "becomes", "seems?", "appears?",
    "(?:sh|w|c)ould (?:most likely |likely )?be", "(?:must|will|may|might|can) be",
    "(?:has|have|ought|seems?|appears?) to be",
)  # fmt: skip
_ADVERB = _any(
    "therefore", "thus", "then", "hence", "so", "clearly", "likely", "probably", "definitely", "certainly",
    "obviously", "indeed", "simply", "also", "still", "actually", "only", "just", "both", "either", "most likely",
    "as follows", "the following", "again", "in fact", "always", "now", "best", "not", "n't", "the", "given by",
    "represented by", "that of", "in", "with", r"option\(s\)", ":", "-",
    "(?:the |an? )?(?:final |correct |right |best |most likely )?(?:option|choice|letter|answer|number|statement|one)s?",
    "(?:the )?(?:one |point )?(?:labell?ed|marked)",
)  # fmt: skip
_ADVERBS = rf"(?:{_ADVERB}[\s:,]{{1,8}}){{0,4}}"

ANCHOR = re.compile(
    r"(?P<noun>answer|\bans\b|option|choice|response|selection|conclusion|verdict|prediction|guess|letter|solution"
    r"|statement)"
    r"|(?P<verb>choos|chose|select|pick|go with|going with|opt for|opting for|vote for|lean toward|settle on|recommend"
    r"|submit|i say|would say|will say|i guess|i believe|give you)"
    r"|(?P<so>therefore|thus\b|hence|\bso\b|consequently|accordingly|conclusion|summary|overall)"
    r"|(?P<finding>\blevels?\b|\bfindings?\b|\bdiagnos[ie]s\b|\bconditions?\b|\babnormalit|\bdiseases?\b|\bpatholog"
    r"|\bselected\b|\bfollowing\b)"
    r"|(?P<be>\bis\b|\bbe\b|\blabell?ed\b|\bcircled\b|\bto (?=[\"'(\[]))"
    r"|(?P<zh>答案|回答|选|正确|符合)"
)
"""Words that may begin a declaration, by kind; `CUES` says how each must go on."""

CUES = {
    "noun": re.compile(
        rf"{_NOUN}(?:\(s\)|s)?"
        r"(?: (?:to|for|of|in|from|among|here|that|which|would|i|we|based|given|number|letter|choice|about)\b"
        r"[^.\n?!:]{0,110}?)?"
        rf"\s{{0,2}}(?:{_BE}(?:n't| not)?\b\s{{0,3}}(?:[:=-]\s{{0,8}})?|[:=]\s{{0,8}}|-+>\s?){_ADVERBS}"
    ),
    "verb": re.compile(rf"[a-z ]{{3,14}}?(?:ing|ed|s|e)?(?: (?:it|that|this|is|it's))?[\s:]{{1,4}}{_ADVERBS}"),
    "so": re.compile(rf"[a-z]+[,:\s]{{1,6}}{_ADVERBS}"),
    "finding": re.compile(
        r"(?:levels?|findings?|diagnos[ie]s|conditions?|abnormalit(?:y|ies)|diseases?|patholog(?:y|ies)|selected"
        r"|following)"
        r"(?: (?:involved|affected|present|seen|shown|here|that|in|on|of|for|with|at|discs?|disks?|vertebral|spinal"
        r"|options?|levels?)\b[^.\n?!:]{0,80}?)?"
        rf"\s{{0,2}}(?:{_BE}|includes?)?(?:n't| not)?\s{{0,2}}:?\s{{0,8}}{_ADVERBS}(?:(?:affected|involved|present|seen)"
        r"\s?:?\s{0,6})?"
    ),
    "be": re.compile(
        r"(?:is|be|labell?ed|circled|to)(?: (?:as|with|by|to|the|at|in|seen|found|present|noted|visible|levels?|option"
        r"|choice|letter|point|image|picture|labell?ed|circled)){0,4}:?\s{1,3}(?=[\"'(\[⟦]?[\"'(\[]?[a-z0-9]\b)"
    ),
    "zh": re.compile(
        r"(?:答案|回答|(?:正确|最佳)?选项|(?:正确|符合|成立)[^,。\n]{0,10}?的)[^。\n,;:]{0,14}?"
        r"(?:应该?[是为选]|就?是|为|选择?|有|:)\s{0,4}(?:选择?|选项|答案|:|\s){0,4}"
        r"|(?:答案|回答|(?:正确|最佳)选项|选(?:择|项|出)?)\s?(?:的?是|为|:|\s|答案|选项){0,4}"
    ),
}
"""Kind of anchor -> the stretch from it up to where the letters stand."""

SUBJECT = re.compile(
    r"(?:^|[^a-z])(?:i|we|i'd|i'll|we'd|let's|let me|i'm|must|my|therefore,?|thus,?|so,?)"
    r"(?:[^a-z.;:\n][^.;:\n]{0,40})?\Z"
)
"""What must stand before a verb of choosing: the model itself."""

ADJECTIVE = re.compile(
    r"(?:^|[^a-z])(?:final|correct|right|best|my|chosen|selected|true|appropriate|likely|suitable|accurate|following) {1,2}\Z"
)
"""What must stand before "options" for them to be the answer and not the list of what was offered."""

UNAFFECTED = re.compile(
    r"(?:^|[^a-z])(?:normal|unaffected|spared|healthy|preserved|no|other|differential|possible|remaining) {1,2}(?:[a-z]+ )?\Z"
)
"""What stands before "levels" or "findings" that are not the ones asked for."""

FINAL = re.compile(r"\bfinal (?:option|answer|choice)(?:\(s\)|s)?(?: (?:is|are))?\s{0,2}[:=]\s{0,8}")
"""The declared last line of the SpineBench protocol, and its near kin."""

TAG = re.compile(
    r"【(?:正确|最终)?(?:答案|选项)】\s{0,3}[:是为]?\s{0,6}"
    r"|<(?:final_?)?(?:answer|choice|option)>\s{0,6}"
    r"|[\"'](?:final_?)?(?:answer|choice|option|letter|prediction)s?[\"']\s?:\s?\[?\s{0,3}"
    r"|\[\[\s?|<<\s?|#{4}\s?"
)
"""Marks that exist to hold an answer."""

RUN_ON = re.compile(
    r"\n\s{0,4}(?:\#{0,4} ?(?:hint|question|problem|q ?\d{0,3}|human|user|context|instruction|example ?\d{0,3}|input"
    r"|passage|choices|问题|题目|例题) ?\d{0,3} ?[:.]|(?:<image>|<\|?user))"
)
"""A line with which a model that goes on after its answer begins the next question."""

UNOFFERED = re.compile(
    r"[\s\"'(\[⟦]{0,4}(?:(?:option|choice|answer|letter)\s)?[\"'(\[]{0,2}(?P<label>[a-z])(?:[)\].:,⟧]|\s\(|\s?\Z)"
)
"""A letter, offered or not, where one is declared (that it is a capital is for the reader to check)."""
