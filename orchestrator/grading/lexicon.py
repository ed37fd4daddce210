"""What is said about an answer: that it is right, wrong, conditional, doubted, or taken back.

Always holds: patterns read lower-case text and never nest unbounded repetitions; none names a label or an option.
"""

from __future__ import annotations

import re

from orchestrator.grading.normalise import CROSS, TICK
from orchestrator.grading.patterns import words

RIGHT = re.compile(
    r"(?:, |\"? )?(?:\([^()\n]{0,120}\)\s)?(?:,[^,.\n]{0,80}, )?(?:[^.,\n;!?:]{0,60}? )??"
    r"(?:(?:is|are|was|would be|should be|must be|might be|may be|could be|seems|appears to be|appears|being|as)"
    r"(?P<neg>n't| not| neither)?\s(?:[a-z]{2,12}ly |also |indeed |both |all |thus |therefore |then |hence )?(?:the "
    r"|an? |our |my )?"
    r"(?:[a-z]{2,12}ly )?"
    r"(?:best|correct|right(?! angle)|true|accurate|valid|affected|involved|abnormal|present"
    r"|supported(?= by the (?:image|picture|film|scan|findings|study))"
    r"|(?:most )?appropriate (?:option|choice|answer)|closest\b(?! to)|closest to the (?:answer|value|result)"
    r"|most (?:likely|appropriate|accurate|suitable|plausible|probable|reasonable|correct|logical|relevant|fitting"
    r"|similar)"
    r"|more (?:likely|appropriate|accurate|suitable|plausible|probable|similar)"
    r"|(?:dominant|main|primary|principal) (?:abnormality|finding|diagnosis|problem)"
    r"|most (?:prominent|striking|significant|evident|obvious|notable) (?:abnormality|finding|feature|change)"
    r"|(?:only|sole) (?:correct|right|valid|option|choice|answer)|better (?:answer|option|choice|pick)"
    r"|(?:correct |final )?answer|(?<=my )(?:final )?(?:answers"
    r"|choices?|picks?|selections?)|one (?:that|which))"
    r"|(?:both |all |also )?(?:apply|applies|qualify|qualifies|hold true|holds true)"
    r"|(?:,| to be| as)? the (?:right|correct|best|only (?:remaining|plausible|possible|viable)"
    r"|most (?:likely|appropriate|plausible|probable|suitable|accurate|reasonable|fitting))"
    r" (?:pick|choice|answer|option|candidate|diagnosis)"
    r"|(?:best )?(?:explains|captures|describes|fits|matches|answers)(?: [a-z]{2,12}){1,3} (?:best|better than)"
    r"|stands out(?=[.,;!]|\Z)|captures (?:this|that|it)(?=[.,;!]|\Z)|is (?:the )?more (?:defensible|compatible"
    r"|fitting)"
    r"|to be (?:correct|right|true)"
    r"|(?<=only [a-z]) (?:remains?|is left)|(?:should|must) be (?:selected"
    r"|chosen|ticked|picked|marked)|it is(?=[.!,]|\Z))\b"
    r"| ?(?:[选各]?项)?[^,。\n;:不没]{0,40}?(?:是|为|都|均|皆|说法)?(?:正确|符合|对的|成立)"
)
"""What follows a label that is called right."""

RIGHT_WORDS = (
    *(
        "correct",
        "right",
        "best",
        "most ",
        "more ",
        "better",
        "dominant",
        "main ",
        "primary",
        "principal",
        "stands out",
        "captures",
        "true",
        "appl",
        "hold",
        "closest",
        "valid",
        "accurate",
        "affected",
        "answer",
        "qualif",
        "it is",
        "one ",
        "choice",
        "should be",
        "must be",
        "pick",
        "selection",
        "remain",
        "is left",
    ),
    *("involved", "abnormal", "present", "only ", "appropriate", "正确", "符合", "对", "成立"),
)
"""Words without one of which `RIGHT` cannot match."""

DEFINITE = re.compile(
    r"(?:answer|option|choice|pick|selection|one)s?\s*\Z|\bit is\Z|\bone (?:that|which)\Z|\bmore [a-z]+\Z"
    r"|\bthe (?:[a-z]+ly )?(?:correct|right|best|closest|most|only)"
)
"""Ending of a match of `RIGHT` that singles out one answer, where "is correct" may be said of several."""

WRONG = re.compile(
    r" {0,2}(?:\([^()\n]{0,120}\) )?(?:,? which )?(?!it |this |that |there |because |since |as |while |but |and |so "
    r"|for )(?:[a-z]+ ){0,2}?"
    r"(?:(?:is|are|was|were|would be)(?:n't| not| neither| never) (?:[a-z]{2,12}ly |also )?(?:the |an? |our )?"
    r"(?:[a-z]{2,12}ly )?(?:correct|right|true|best|most|answer|accurate|appropriate|suitable|valid|it\b|supported"
    r"|consistent|choice|affected|involved|present|found|seen|visible|included|part of|among)"
    r"|(?:is|are|was|were|would be) (?:[a-z]{2,12}ly |also |both |all |the )?(?:incorrect|wrong|false|ruled out"
    r"|eliminated|excluded|inaccurate|irrelevant|unlikely|invalid|unaffected|uninvolved|normal|spared|absent)"
    r"|(?:do|does)(?:n't| not)(?: apply| hold|(?=[.,;]|\Z))|(?:can|could|may) be (?:ruled|eliminated|excluded"
    r"|crossed|struck|dismissed|discarded)"
    r"|(?:cannot|can't|could not) be (?:the |correct|right|true))\b"
    r"| ?(?:[选各]?项)?[^,。\n;:]{0,30}?(?:错误|不正确|不对|不符合|不成立|有误)"
)
"""What follows a label that is called wrong."""

LEFT_OPEN = re.compile(
    words(r"whether|asks?|asked|cannot (?:tell|say|determine)|unable to|which (?:levels?|options?|of)") + r"|是否|无法"
)
"""Before a verdict in its sentence: it is left open."""

LEFT_OUT = re.compile(
    r"(?:\b(?:except(?: for)?|other than|excluding|apart from|nor|neither|none of (?:the |these "
    r"|those )?(?:[a-z]+ )?|(?:all|every|any)[a-z]*\b[^.,;\n]{0,30} but(?: not)?)"
    r"[\s(\[]{1,3}|除了?)\Z"
)
"""What stands before labels that are left out of what is said."""

MIGHT = re.compile(r"\b(?:could|might|may)\b[^,.;]{0,60}\Z")
"""Before a verdict in its sentence: it is only possible."""

UNCHOSEN = re.compile(r"[不没未别非](?:应该?|能|可|要|会)?\Z")
"""What stands before a Chinese word of choosing that is denied."""

SIGN_BEFORE = re.compile(rf"[{TICK}{CROSS}][ (\[]{{0,2}}\Z")
"""A tick or a cross right before a label."""

SIGN_AFTER = re.compile(rf"[\s:.)\]]{{0,4}}[{TICK}{CROSS}⚠]")
"""A tick or a cross right after a label."""

VERDICT = re.compile(
    r"[\s:.)\]\"'(,|=>→-]{0,6}(?:"
    rf"(?P<right>{TICK}|(?:true|yes|correct|accurate|right(?! (?:[a-z]|l\d))|affected|involved|present|abnormal"
    rf"|positive|selected|applies|likely|supported"
    r"|included|keep|kept)\b|(?<=[:.=-] )t\b|\+(?=\s{0,2}(?:\)|\n|\Z))|正确|对)"
    r"|(?P<open>(?:(?:is|are|remains?) )?(?:maybe|unsure|uncertain|unclear|possibl[ey]|ambiguous|partial(?:ly)?"
    r"|debatable|equivocal)\b|\?|⚠)"
    rf"|{CROSS}|(?:false|no|incorrect|inaccurate|wrong|not|unaffected|normal|absent|negative|spared|excluded"
    r"|ruled out|unlikely|drop|dropped)\b"
    r"|(?<=[:.=-] )f\b|-(?=\s{0,2}(?:\)|\n|\Z))|错误|不正确|不对|否)(?!(?: [a-z]{1,12})?:| for\b)"
)
"""A verdict that stands right after a label or its text."""

RULING = re.compile(
    rf"(?P<right>{TICK}|\b(?<!not )(?:correct|true|applies)\b|(?<=[.:] )supported(?=\W{{0,3}}(?:\n|\Z))"
    rf"|(?<=[.:;] )accurate\b|\b(?<!not )(?:affected|involved)(?=(?: too| as well)?\W{{0,3}}(?:\n|\Z))"
    rf"|\b(?<!not )(?:present|positive)(?=\W{{0,3}}(?:\n|\Z))|\byes(?=\W{{0,3}}(?:\n|\Z))|(?<!不)正确|(?<!不)符合"
    rf"|(?<!不)成立)"
    rf"|{CROSS}|\b(?:incorrect|inaccurate|false|wrong"
    r"|not (?:correct|true|right|accurate|applicable|affected|involved|selected|chosen|present|positive|seen|visible)"
    r"|(?<=[.:] )not supported(?=\W{0,3}(?:\n|\Z))"
    r"|unaffected"
    rf"|uninvolved)\b|\b(?:absent|negative)(?=\W{{0,3}}(?:\n|\Z))|\bno(?=\W{{0,3}}(?:\n|\Z))"
    r"|错误|不正确|不对|不符合|不成立|有误"
)
"""A verdict anywhere in what is said of one option."""

CONCLUDING = re.compile(r"\s*(?:and )?(?:therefore|thus|hence|so|consequently|(?:in )?conclusion|overall|finally)\b")
"""How a sentence begins that concludes."""

CONDITION = re.compile(
    words(
        r"if|unless|would have|assuming(?! (?:\w+[ -]){0,4}(?:lumbar|vertebra[el]?|numbering|segmentation|sacrum)\b)",
        r"suppose|supposing|in case|in (?:that|which) case",
    )
    + "|如果|假如|若"
)
"""Before a declaration in its sentence: it holds only under a condition."""

TENTATIVE = re.compile(
    words(
        r"depends|let (?:me|us)|let's|tempting|about to say|at first|first thought|initially|originally|preliminary"
        r"|might|unless"
        r"|in which case"
    )
)
"""Words of a first sentence that says nothing for certain."""

FOREIGN = re.compile(
    words(
        r"depends?|depending|whether|least sure|less sure|not sure|least certain|your answer|in the form|mistake"
        r"|answer key|e\.g"
        r"|for example|such as|please"
        r"|some(?:one| people)? (?:might|may|could|would)|others? (?:might|may|could|would)"
        r"|one (?:might|may|could|would)|people (?:might|may|could|would)"
        r"|you (?:can|could|should|may|might|must|would)"
    )
)
"""Before a declaration in its sentence: it is not the model's own."""

_BELIEVING = (
    r"(?:[a-z]+ly )?(?:be )?(?:true|the case|certain|sure|convinced|clear|right to|correct to|believe|think|agree|say"
    r"|said|claim|maintain|mean|conclude|choose|select|pick)"
)
DOUBT = (
    words(
        r"doubt(?<!no doubt)(?<!without doubt)(?<!without a doubt)(?<!without any doubt)s?",
        r"unsure|uncertain|unconvinced|untrue|disagree|deny|denies|denied|far from|anything but|wrong to|mistake[ns]?",
        r"i(?: first| initially| originally)? (?:thought|assumed|believed|suspected|would have)",
        r"we(?: first| initially| originally)? (?:thought|assumed|believed|suspected|would have)",
        r"first thought|initially thought|originally thought|unlikely|false (?:that|to)|nobody|no one|under no",
        r"by no means|hard to believe|hesitate|fails? to|less (?:likely|plausible|probable)",
        r"least (?:likely|plausible|probable)",
        *(f"{no} {_BELIEVING}" for no in ("not", "never", "hardly", "cannot")),
    )
    + rf"|n't {_BELIEVING}\b|怀疑|不认为|并非"
)
"""Words with which what follows is doubted or denied."""
OTHERS_SAY = words(
    *(
        rf"{who} (?:[a-z]+ )?(?:would|will|might|may|could|claims?|say|says|said|suggests?|believes?|thinks?)"
        for who in (
            *("many", "some", "most", "others?", "people", "novices?", "students?", "users?", "somebody", "someone"),
            *("they", "he", "she", "you"),
        )
    )
)
"""Words with which it is what others say."""
UNBELIEVED = re.compile(rf"(?:{DOUBT}|{OTHERS_SAY})[^,.;:]{{0,40}}\Z")
"""Before a declaration in its sentence: it is doubted, denied, or what others say."""

NEGATED = re.compile(
    words("not|cannot|neither|never|wrong|incorrect|false") + rf"|{CROSS}|n't\b|不是|不选|不正确|不符合|错误|并非|排除"
)

INSTEAD = re.compile(r",? (?:but|rather)(?: rather| instead)? (?:it is |it's )?|,?\s?而(?:是|应)(?:选)?")
"""Between what a declaration denies and what it declares: "not B but C"."""

LACKING = re.compile(words("no|without|absence|absent|free of|negative for|ruled? out|excludes?d?"))
"""Words with which a clinical sentence denies what it names."""

OR = re.compile(words("or|either") + "|或|还是")

CONTRAST = re.compile(words("less|other hand|whereas|unlike|contrast|however|but|although"))
"""Words of a sentence that sets an option against the one chosen before."""

REVISED = re.compile(
    words(
        r"wait|hold on|scratch that|on reflection|actually,? no|edit(?=:)|sorry, i meant|on (?:second|further) thought",
        r"correction(?=:)|i (?:was|made) (?:wrong|a mistake|an error)|on re-?(?:reading|examination|inspection)",
        r"i(?:'m| am) revising|let me (?:re-?check|re-?consider|re-?think|re-?examine|correct)",
        r"that(?:'s| is) (?:not right|wrong|incorrect)",
    )
    + "|等等|不对,"
)
"""Words with which a model takes back what it said."""

_UNTRUE = (
    r"(?:'s| is| was| would be) (?:[a-z]+ly )?(?:false|wrong|incorrect|untrue"
    r"|not (?:true|right|correct|so|the case|it))"
)
RETRACTED = re.compile(
    REVISED.pattern
    + "|"
    + words(
        *(f"{what}{_UNTRUE}" for what in ("this", "that", "it", "which")),
        r"or (?:maybe |perhaps )?not|kidding|no idea|take (?:it|that|this) back|never ?mind|strike that|forget that",
    )
)
"""Words that take back what was said before."""

JOINS = re.compile(words("and") + "|&|和|与")
"""Between labels that are chosen together, and not only listed."""

MAYBE = re.compile(words("or|possibly|maybe|perhaps|either") + "|或|还是")
"""Between two labels: alternatives, or a doubt about the second."""

EXCLUDED = re.compile(
    words(
        r"normal|unaffected|spared|preserved|unremarkable|intact|absent|without|except|no|incorrect|wrong|false"
        r"|fail(?:s|ed)?|rejected|eliminated|discarded|ruled out|excluded|irrelevant|unsuitable|inappropriate"
    )
)
"""Words with which a sentence excludes some of what it names."""

UNFIT = re.compile(rf"{EXCLUDED.pattern}|{words('not|never|unlikely')}|n't\b|{CROSS}|[不没无非]|错误|有误")
"""What a line may not say of an option that it lists as an answer."""

SURVEY = re.compile(
    words(
        r"differential|considerations?|candidates?|possibilities|options (?:refer|mean|stand)",
        r"let me|let's|analy[sz](?:e|ing)|examin(?:e|ing)|evaluat(?:e|ing)|consider(?:ing)?|going through|each",
        r"asks?|question|whether|which of",
    )
    + "|是否|分析"
)
"""Words of a sentence that announces what is to be looked at, and does not say what is the case."""


DENIED_THOUGHT = re.compile(r"(?:n't|\bnot) (?:think|believe|see|say)\b[^,.;]{0,30}\Z")
"""Before a verdict in its sentence: it is denied."""


DENIAL = re.compile(
    r"\b(?:is|are|was|were|does|do|did|has|have|had|can|could|will|would)(?:n't| not)\b(?! (?:only|just|merely"
    r"|simply)\b)"
)
"""A verb that is denied."""

ASIDE = re.compile(
    words(
        r"if|whether|but|although|though|however|except|unless|enough|sufficient|information|context|data|details?"
        r"|clear(?:ly)?|unclear|possible|specif[a-z]+|provid[a-z]+|mention[a-z]*|given|show[a-z]*|contain[a-z]*"
        r"|determin[a-z]+"
        r"|know[a-z]*|sure|certain|visible|see|seen|question|options?|choices?|answers?|statements?|correct|right|true"
        r"|false"
        r"|yes|no|i|we|you"
    )
)
"""Words of a sentence that is about what can be told, or about the question, and not about what is asked."""

AFFIRMED = re.compile(words(r"yes|no|however|but|therefore|thus|so|hence|true|false|although|wait"))
"""Words with which a text goes on from its first sentence to another conclusion."""

SETTLING = re.compile(
    words(
        r"actually|total|altogether|in all|so|thus|therefore|hence|makes (?:it|this|that)|gives|that(?:'s| is)"
        r"|it(?:'s| is)"
        r"|this is|leaves|left with|rather|is (?:known as|called|termed)"
    )
)
"""Words with which a last sentence settles what the first left unsettled."""

RIVAL = re.compile(
    r"\b(?:alternative(?:ly)?\b|second choice\b|equally (?:plausible|likely|possible)\b|or (?:else )?possibly\b)"
)
"""Words that go on to an answer that may be as right as the one before."""

BROKEN_OFF = re.compile(
    r"[ )]?(?:\s?[,;/&]|\s(?:and|or)\b)[^.!?。\n\])]{0,8}\s*|[^\n]{0,80}\n\s{0,4}(?:[-+*]|\d{1,2}[.)])\s*"
)
"""What stands after the last of a list that goes on and breaks off, up to the end of the text."""

DANGLING = re.compile(
    r"\b(?:has|have|that|the|or|of|are|was|with|in|at|to|an?|for|by|which|but|on|as|from|because|since|its|their|may"
    r"|can"
    r"|would|should|will|than|and|(?<!it )is|appears?|shows?|looks?|seems?|demonstrates?)\s*\Z|[:,(/-]\s*\Z"
)
"""The last word of a text that breaks off."""
