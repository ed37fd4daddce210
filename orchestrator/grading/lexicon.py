"""The words by which an answer is declared, denied, hedged or refused, in English and Chinese.

Always holds: every pattern is made of bounded repetitions, so a search costs time in proportion to the text; patterns
read lower-case text and never name a label or an option: those follow a cue and are read by `claims`.
"""

from __future__ import annotations

import re

_BE = (
    r"(?:is|are|was|were|remains|becomes|(?:sh|w|c)ould (?:most likely |likely )?be|(?:must|will|may|might|can) be"
    r"|(?:has|have|ought|seems?|appears?) to be|'s|seems?|appears?)"
)
_ADVERBS = (
    r"(?:(?:therefore|thus|then|hence|so|clearly|likely|probably|definitely|certainly|obviously|indeed|simply|also|still"
    r"|actually|only|just|both|either|most likely|as follows|the following|again|in fact|always|now|best|not|n't"
    r"|(?:the |an? )?(?:final |correct |right |best |most likely )?(?:option|choice|letter|answer|number|statement|one)s?"
    r"|(?:the )?(?:one |point )?(?:labell?ed|marked)|the|given by|represented by|that of|in|with|option\(s\)|:|-)[\s:,]{1,8}){0,4}"
)

ANCHOR = re.compile(
    r"(?P<noun>answer|\bans\b|option|choice|response|selection|conclusion|verdict|prediction|guess|letter|solution)"
    r"|(?P<verb>choos|chose|select|pick|go with|going with|opt for|opting for|vote for|lean toward|settle on|recommend|submit"
    r"|i say|would say|will say|i guess|i believe|give you)"
    r"|(?P<so>therefore|thus\b|hence|\bso\b|consequently|accordingly|conclusion|summary|overall)"
    r"|(?P<be>\bis\b|\bbe\b|\blabell?ed\b|\bcircled\b|\bto (?=[\"'(\[*]))"
    r"|(?P<zh>答案|选|正确|符合)"
)
"""Words that may begin a declaration; what they must go on with is below, by kind."""

_STATED = re.compile(
    r"(?:answer|ans|option|choice|response|selection|conclusion|verdict|prediction|guess|letter|solution)(?:\(s\)|s)?"
    r"(?: (?:to|for|of|in|from|among|here|that|which|would|i|we|based|given|number|letter|choice|about)\b[^.\n?!:]{0,110}?)?"
    rf"\s{{0,2}}(?:{_BE}(?P<neg>n't| not)?\b\s{{0,3}}(?:[:=-]\s{{0,8}})?|[:=]\s{{0,8}}|-+>\s?){_ADVERBS}"
)
_CHOSEN = re.compile(rf"[a-z ]{{3,14}}?(?:ing|ed|s|e)?(?: (?:it|that|this|is|it's))?[\s:]{{1,4}}{_ADVERBS}")
_SO = re.compile(rf"[a-z]+[,:\s]{{1,6}}{_ADVERBS}")
_ZH = re.compile(
    r"(?:答案|(?:正确|最佳)?选项|(?:正确|符合|成立)[^,。\n]{0,10}?的)[^。\n,;:]{0,14}?(?:应该?[是为选]|就?是|为|选择?|有|:)\s{0,4}(?:选择?|选项|答案|:|\s){0,4}"
    r"|(?:答案|(?:正确|最佳)选项|选(?:择|项|出)?)\s?(?:的?是|为|:|\s|答案|选项){0,4}"
)
_NAMED = re.compile(
    r"(?:is|be|labell?ed|circled|to)(?: (?:as|with|by|to|the|at|option|choice|letter|point|image|picture|labell?ed|circled)){0,4}:?\s{1,3}"
    r"(?=[\"'(\[⟦]?[\"'(\[]?[a-z]\b)"
)
CUES = {"noun": _STATED, "verb": _CHOSEN, "so": _SO, "be": _NAMED, "zh": _ZH}
"""Kind of anchor -> how it goes on up to where the letters stand."""
SUBJECT = re.compile(
    r"(?:^|[^a-z])(?:i|we|i'd|i'll|we'd|let's|let me|i'm|must|my|therefore,?|thus,?|so,?)(?:[^a-z.;:\n][^.;:\n]{0,40})?$"
)
"""What must stand before a verb of choosing: the model itself."""

RIGHT = re.compile(
    r"\s{0,2}(?:\([^()\n]{0,120}\)\s)?(?:[^.\n;!?:]{0,60}? )??(?:is|are|was|would be|should be|must be|seems|appears to be|appears|being|as)"
    r"(?P<neg>n't| not| neither)?\s(?:[a-z]{2,12}ly |also |indeed |both |all )?(?:the |an? |our |my )?(?:[a-z]{2,12}ly )?"
    r"(?:best|correct|right|true|accurate|appropriate|suitable|closest|strongest|valid"
    r"|most (?:likely|appropriate|accurate|suitable|plausible|probable|reasonable|correct|logical|relevant|fitting)"
    r"|only (?:correct|right|valid|option|choice|answer)|(?:correct |final )?answer)\b"
    r"|\s?(?:选项|项)?[^,。\n;]{0,40}?(?:是|为|都|均|皆|说法)?(?:正确|符合题意|对的|成立)"
)
"""What follows a label that is called right."""

WRONG = re.compile(
    r"\s{0,2}(?:\([^()\n]{0,120}\) )?(?:[^.\n;!?]{0,40}? )??(?:(?:is|are|was|were|would be)(?:n't| not| neither| never) (?:[a-z]{2,12}ly |also )?"
    r"(?:the |an? |our )?(?:[a-z]{2,12}ly )?(?:correct|right|true|best|most|answer|accurate|appropriate|suitable|valid|it\b|supported|consistent|choice)"
    r"|(?:is|are|was|were|would be) (?:[a-z]{2,12}ly |also |both |all |the )?(?:incorrect|wrong|false|ruled out|eliminated|excluded|inaccurate"
    r"|irrelevant|unlikely|invalid)|(?:can|could) be (?:ruled|eliminated|excluded)|(?:cannot|can't|could not) be)\b"
    r"|\s?(?:选项|项)?[^,。\n;]{0,30}?(?:错误|不正确|不对|不符合|不成立|有误)"
)
"""What follows a label that is called wrong."""

CONDITION = re.compile(
    r"\b(?:if|unless|assuming|suppose|supposing|depends?|depending|whether|some(?:one| people)? (?:might|may|could|would|people)"
    r"|others? (?:might|may|could|would)|one (?:might|could|may)|people (?:might|may|could|would)|please|you (?:can|could|should|may|might|must|would)"
    r"|in case|e\.g|for example|such as)\b|如果|假如|若"
)
"""Before a declaration in its sentence: it is not the model's own."""

ADJECTIVE = re.compile(
    r"(?:^|[^a-z])(?:final|correct|right|best|my|chosen|selected|true|appropriate|likely|suitable|accurate|following)[ *]{1,2}$"
)
"""What must stand before "options" or "choices" for them to be the answer and not the list of what was offered."""

UNOFFERED = re.compile(
    r"[\s\"'(\[⟦]{0,4}(?:(?:option|choice|answer|letter)\s)?[\"'(\[]{0,2}(?P<label>[a-z])(?:[)\].:,⟧]|\s\(|\s?$)"
)
"""A letter, offered or not, where one is declared (its capital is checked by the reader)."""

NEGATED = re.compile(r"\bnot\b|n't\b|\bneither\b|\bnever\b|不是|不选|不正确|不符合|错误|并非|排除")

REFUSAL = re.compile(
    r"\b(?:i|we)(?: am| are|'m|'re)? ?(?:sorry|apologi[sz]e|unable to|not able to|cannot|can't|can not|do not have|don't have|will not"
    r"|won't|must decline|refuse to|do not (?:feel|hold)|don't (?:feel|hold))\b"
    r"|\bas an? (?:\w{1,12} ){0,3}(?:ai|language model|assistant)\b|\b(?:i'm|i am) (?:just )?an? (?:\w{1,12} ){0,2}(?:ai|artificial|assistant|language)\b"
    r"|作为一个?(?:ai|人工智能|语言模型)|我(?:无法|不能)(?:回答|提供|选择|判断)|抱歉|对不起"
)

NONE = re.compile(
    r"\bnone of (?:the (?:above|options?|choices?|answers?|given|provided|listed|available|following|four|five|three|statements?)|these|those|them\b|above)"
    r"|\bneither (?:of the )?(?:options?|choices?|answers?)\b|\bno (?:correct|right|valid|suitable|appropriate) (?:answer|option|choice)\b"
    r"|\b(?:not|isn't) (?:listed|among|included|one of|present|given|available|mentioned) (?:in |among |as |of )?(?:the |any |these )?(?:given |provided |available )?(?:options?|choices?|answers?|list)"
    r"|\bno(?:t any)? (?:of the )?(?:options?|choices?) (?:is|are|that|match|provided|given|listed)|\bnot any of the\b"
    r"|以上(?:选项|答案)?(?:都|皆|均)(?:不|错)|没有(?:正确|合适|符合)|没有一个|选项(?:都|均)(?:不|错)"
)

UNKNOWN = re.compile(
    r"\b(?:cannot|can't|can not|could not|unable to|not possible to|impossible to|difficult to|not able to|not enough information"
    r"|insufficient information)\b|无法(?:确定|判断|得出)|不能确定|信息不足"
)

RUN_ON = re.compile(
    r"\n\s{0,4}(?:\#{0,4} ?(?:hint|question|problem|q ?\d{0,3}|human|user|context|instruction|example ?\d{0,3}|input|passage|choices|问题|题目|例题)"
    r" ?\d{0,3} ?[:.]|(?:<image>|<\|?user))"
)
"""A line with which a model that goes on after its answer begins the next question."""

OR = re.compile(r"\bor\b|或|\beither\b|还是")

FINAL = re.compile(r"\bfinal (?:option|answer|choice)(?:\(s\)|s)?(?: (?:is|are))?\s{0,2}[:=]\s{0,8}")
"""The declared last line of the SpineBench protocol, and its near kin."""

TAG = re.compile(
    r"【(?:正确|最终)?(?:答案|选项)】\s{0,3}[:是为]?\s{0,6}"
    r"|<(?:final_?)?(?:answer|choice|option)>\s{0,6}"
    r"|[\"'](?:final_?)?(?:answer|choice|option|letter|prediction)s?[\"']\s?:\s?\[?\s{0,3}"
    r"|\[\[\s?|<<\s?|#{4}\s?"
)
