"""What a clause of free prose says of the options it names: that it chooses, tells, excludes or doubts them.

Always holds: patterns read lower-case text and never nest unbounded repetitions; none names a label or an option.
"""

from __future__ import annotations

import re

from orchestrator.grading.normalise import CROSS, TICK
from orchestrator.grading.patterns import words

ANNOUNCING = re.compile(
    words(
        # what is to be looked at
        r"let me|let's|e(?:ach|very) (?:of|option|one|statement|level|choice)(?! (?:from|between|except)\b)"
        r"(?![^.]{0,30}\b(?:selected|applies|qualifies))|i(?:'ll| will)? (?:test|check)",
        r"examin(?:e|ed|ing)|look(?:ing)? at|analy[sz](?:e|ing)|compar(?:e|ed|ing)(?! (?:with|to))",
        r"going (?:through|over)",
        # what was asked and offered
        r"asks?|asked|asking|wants|the question|which of|out of (?:the|these|those|all)|is the list(?=:)",
        r"options (?:given|include)",
        r"the(?<!among the)(?<!of the) options are|these options are|following options are|given options are",
        r"available options are|possible options are|answer options are",
        r"should be(?! (?:also )?(?:select|chos|tick|pick|mark|includ|report|mention|added|noted))",
        # what was thought before, and examples
        r"first (?:thought|took|read|saw|suspected|guessed|considered|assumed)",
        r"at first|preliminary|initially|originally|considered|tempting",
        r"for example|e\.g|such as|differential|considerations?|candidates?",
    )
    + r"|\A\W*(?:options|choices)(?=:)|分析|比较"
)
"""Words of a sentence that says nothing yet of what is the case."""

_NO = (
    r"no|nil|nothing|not(?! (?:only|just|merely))|never|neither|nor|none|without|wrong|incorrect|false"
    r"|cannot be(?! (?:excluded|ruled))"
)
FINE = (
    r"normal(?<!loss of normal)(?<!loss of the normal)|within normal|physiological|unremarkable|unaffected|uninvolved"
    r"|spared"
    r"|preserved|maintained|intact|patent|borderline|absent|negative|capacious|roomy|acceptable|retain(?:ed|s)?"
    r"|free of|lacks?|fails?|unlikely|improbable"
    r"|less (?:likely|probable|convincing|typical)|un(?:marked|selected|ticked|checked)"
)
"""Words for what is as it should be."""
NOT = re.compile(words(r"not|never|neither|nor") + r"|n't\b")
"""A denial."""
EXCLUDING = re.compile(
    words(
        _NO,
        FINE,
        r"non(?<!the non)|least(?<!at least)|wide open|open(?= at)|fine(?= at)|aligned(?= at)",
        r"instead of|unlike|except|exception of|save for|aside from|relative to|in relation to",
        r"in comparison (?:to|with)|excluding|apart from|compared (?:with|to)|against",
        r"other (?:two|three|four|five|six|options?|choices?|ones|statements?)",
        r"rules? out|ruled out|ruling out|leaves? out|left out|leaving out|cross\w* off|take back",
        r"well[- ]hydrated|spar(?:e|es|ing)|skip\w*|contradict\w*|exclud\w+|eliminat\w+|remov\w+|drop\w*|reject\w*"
        r"|discard\w*",
    )
    + rf"|n't\b|{CROSS}|[不没无非未]|错|有误|排除"
)
"""What stands before an option that is excluded, in its clause."""

_SOUND = (
    r"(?:good|clear(?! on)|clean|healthy|regular|remote|wide|open|fine|aligned|bright(?:er)?|(?:well )?hydrated"
    r"|continuous(?! with)|uninterrupted|homogeneous|smooth|spacious|straight|ample|abundant|uniform|adequate|ok(?:ay)?"
    r"|symmetric(?:al)?)"
    r"(?=[^ \w]|\Z| (?:and|but|at|in|on|with|without|as|too|here|throughout|for|so|again|except|apart|by)\b"
    r"| (?:t[12]|heights?|signals?|margins?|shape|contours?|discs?|appearance|alignment|fat|endplates?|outlines?"
    r"|marrow)\b)"
)
EXCLUDED_AFTER = re.compile(
    words(
        _NO,
        FINE,
        r"out(?<!make out)(?<!made out)(?<!stand out)(?<!stands out)(?<!be ruled out)(?=\W*\Z)|is out|are out"
        r"|stays? out",
        r"leav(?:e|es|ing)(?: \w+){0,3} out|left out|ruled(?<!not be ruled) out|crossed out|taken out",
        r"cannot(?=\W*\Z)|off|miss(?:es|ed)|falls? short|fell short|exclude|excluded(?<!not be excluded)",
        r"eliminated|rejected|dropped|irrelevant|normally|incompatible|nothing to do",
        r"outside (?:of )?the (?:\w+ )?(?:region|field|image|frame|view|picture|crop|slice)",
        # what would be seen if it were so
        r"would(?<!i would)(?<!we would)(?! (?:[a-z]{2,12}ly |also |then |thus |best )?"
        r"(?:be (?:the|my|a|correct|right|considered|consistent"
        r"|compatible|affected|involved|[a-z]+ed)\b|apply|fit|qualify|count|include|say|select|choose|pick|go|explain"
        r"|account|match|correspond|describe|answer)\b)|would be (?:displayed|expected)",
        r"you(?:'d| would) (?:see|find)|one would (?:see|find)",
    )
    + rf"|\b{_SOUND}|n't\b|{CROSS}|[不没无非未]|错|有误|排除"
)
"""What stands after it."""

DOUBTING = re.compile(
    words(
        r"might|may|could|perhaps|possibl[ey]|possibility|either|whether|if|unless|unclear|questionable|equivocal",
        r"cannot|hard to",
        r"can (?:also )?be(?! (?:seen|noted|identified|found|observed|appreciated|recogni[sz]ed|detected|made|said"
        r"|used))"
        r"(?! (?:considered|called|counted|classified|described|selected|ticked|marked|chosen))",
        r"doubt|premature|insufficient|artifact|artefact|suspect\w*|suspicious for|concern for",
        r"recommended for|recommend (?:consulting|clinical|further|an?)|consult\w*|correlation|verify",
        r"have expected|had expected|expected if",
    )
    + r"|可能|或|是否|也许"
)
"""What leaves an option open, in its clause."""

FAINT = re.compile(words(r"mild(?:ly)?(?!\))|minor|minimal(?:ly)?|slight(?:ly)?"))
"""What leaves an option open where nothing is concluded: a low degree."""

_CHOOSING = (
    r"answers?|select(?<!-select)(?:ed|ion|s|ing)?|picks (?:are|would)|choos(?:e|ing)|chosen|choices?|pick(?:ed)?"
    r"|my picks|tick(?:s|ed|ing)?|marked"
    r"|check off|left with|leav(?:es|ing)|go with|go for|i(?:'d| would) say"
)
CHOOSING = re.compile(words(_CHOOSING))
"""Words of a sentence that speaks of choosing."""

DECISIVE = re.compile(
    r"\A\s{0,4}(?:and |so )?(?:therefore|thus|hence|so|consequently|overall|finally|final|which|this|that|these|those"
    r"|in short|in sum|as such|on this basis|all in all)\b|(?<=\S )→|->|"
    + words(
        _CHOOSING,
        r"therefore|thus|hence|consequently|accordingly|namely|then(?<=, then)|taken together|summar\w+|sum up",
        r"conclu\w+|impression|diagnos[ie]s(?=:)|correct|applies|qualif(?:y|ies)|affected(?<!less affected)|involved",
        r"matching|supported",
        r"putting (?:this|it|these|everything) together|with that said|based on (?:this|these|that)|you want",
        r"gives? (?:us|me)|makes (?:it|them|this|that|these|those|the)",
        r"the (?:right|correct|true) ones?|is the one|are the ones|the (?:one|only) \w+(?: \w+)? (?:is|are)",
        r"in total(?=,)|altogether(?=,)|in all(?=,)|only (?:one|two|three)|what remains|what is left"
        r"|what's left|my (?:read|take|call|verdict)(?=:)"
        r"|it is(?=[.!]?\s*\Z)|is the (?:only |two |three )?(?:levels?|dis[ck]s?)",
        r"are the (?:only |two |three )?(?:levels?|dis[ck]s?)|we want|we need|i want|i see|i can see",
        r"i(?:'d| would| will|'ll) (?:also )?(?:say|include|mark|report)",
        r"from the (?:given |listed )?(?:options|choices|list)|among (?:these|the listed)",
        r"of the [a-z]+ (?:depicted|shown|listed|given|offered)",
    )
)
"""Words of a sentence that concludes."""

PREDICATE = re.compile(
    r"(?::|\b(?:are|is|be|were|was|being|(?<=it')s|(?<=that')s|looks?(?: like)?|seems?|appears?|namely"
    r"|spans?|bridges?|occup(?:ies|y)|extends? (?:in)?to|covers?|includes?|comprises?|consists? of"
    r"|contains?|involves?|features?|notice|see|find|observe|spot|shows?|demonstrates?|depicts?|displays?|exhibits?|represents?|reflects?|reveals?"
    r"|identify|supports?|suggests?|(?:call|label|term|nam|deem)l?ed"
    r"|indicates?|corresponds? to|consistent with|compatible with|fits?(?: with)?|points? to|in keeping with"
    r"|(?:typical|classic|characteristic|pathognomonic) (?:of|for)|exists? (?:on|in)"
    r"|evidence of|[a-z]{2,12}ed by|(?:label|call|deem|consider)(?: \w+){0,3}"
    r"|(?:classif|describ|regard|label|rat|interpret)\w{0,5} (?:\w+ ){0,3}as))"
    r"(?: (?:both|all|also|then|thus|therefore|presumably|probably|likely))?(?: (?:the|an?))?(?: options?)?"
    r"(?: (?:grade [iv\d]+|severe|marked|definite|clear|degenerative))?\W{0,3}\Z"
)
"""What stands before options that a sentence says of something, and not before those that it says something of."""

SIGN_OF = re.compile(
    r"\b(?:points? (?:to(?:wards?)?|at)|(?:consistent|compatible|in keeping|in line) with|suggest(?:s|ive of|ing)"
    r"|indicat(?:es?|ive of|ing)|(?:diagnostic|typical|characteristic|pathognomonic) (?:of|for)|reflect(?:s|ing)"
    r"|represent(?:s|ing)?)(?: (?:an?|the))?\W{0,3}\Z"
)
"""What stands before options of which the sentence names a sign, which may be that something else is normal."""

LOST = re.compile(
    r"\b(?:los(?:t|es?|ing|s of)|lack(?:s|ing)?|replac(?:es?|ed|ing)|no longer (?:has|have|shows?)|reduced from"
    r"|without)(?: (?:all|some|much|most) of)?(?: (?:its|their|the))?"
    r"(?: (?:bright|normal|regular|physiological)){1,2}\b"
)
"""What is said not to be as it should be."""

ALONG_WITH = re.compile(
    r"[^.;]{12,}\b(?:accompanied by|along with|together with|as well as|combined with)"
    r"(?: (?:an?|the|some))?\W{0,3}\Z"
)
"""What stands before options beside which the sentence names something else first."""

PLACE = re.compile(
    r"\b(?:at|in|of|from|between|around|near|involving|affecting|involves?|affects?|levels?)"
    r"(?: (?:both|the|levels?))?\W{0,3}\Z"
)
"""What stands before levels at which something is."""

REST = re.compile(words("others?|rest|remaining|everything else|nothing else"))
"""Words for the options that a text has not named."""

IN_GENERAL = re.compile(words("usually|commonly|typically|frequent(?:ly)?|often|in general|generally"))
"""Words of a sentence that may say only what is so in general."""

GENERAL = re.compile(
    r"\W*(?:statistically|typically|usually|commonly|often|in general|generally|for example|frequently)\b"
    r"|[^.\n]{0,60}?(?:%|\bpercent|\bmost) of (?:all |the |these )?(?:herniations|cases|patients|people|lesions)\b"
)
"""How a sentence begins that tells what is so in general, or how often."""

ADDING = re.compile(r"\W*(?:and )?(?:also|in addition|additionally|besides|moreover|furthermore|likewise)\b")
"""How a sentence begins that adds to what was said before."""

ALSO = re.compile(
    words("also|as well|too(?=\\W*(?:\\Z|[.,;:]))|in addition|additionally|likewise|besides|moreover|furthermore")
)
"""Words with which a sentence adds to what was said before."""

COUNT = re.compile(
    r"\b(?<!of the )(?P<number>two|three|four|five) (?:(?:\w+ ){0,2}(?:findings?|levels?|options?|items|abnormalities"
    r"|things|conditions|variants|lesions|features|signs|changes|diagnoses|anomalies|complications|injuries"
    r"|answers|discs?|documents|apply|fit|qualify)|of (?:them|these|the))\b"
)
"""How many options a text says that it names."""

NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5}
"""What `COUNT` finds, as numbers."""

DEGREE = re.compile(words("worse|worst|most|more|greater|larger|severe(?:ly|st)?|predominant(?:ly)?|main(?:ly)?"))
"""Words that set more against less of the same, and not something against nothing."""

AGAINST = re.compile(words("whereas|while|unlike|in contrast|by contrast"))
"""Words that set what follows against what stands before."""

HEADING = re.compile(
    r"[\s\d.)]{0,5}(?:step \d{1,2}\s?[:.)-]\s?)?(?:my |the )?(?:final |overall |(?:most )?likely |primary )?"
    r"(?:conclusions?|answers?|impression|summary|decision|verdict"
    r"|results?"
    r"|assessment|diagnos[ie]s|selection|choices?|conclude|interpretation)(?: in words)?\s?[:.]?\s{0,2}\Z"
)
"""A line that only announces the conclusion."""

DENIES = re.compile(
    r"\s*(?:(?:it|this|that|so) )?(?:does|is|do|are|was|were|has|have|can)(?:n't| not\b)"
    r"(?! (?:an? (?:substitute|replacement)|intended|meant))|\s*not [^.:\n]{1,30}\."
)
"""A sentence that denies something of the option named last."""

SETTLES = re.compile(
    rf"\W*(?:(?P<right>{TICK}|yes|selected|included?|chosen|applies|correct|true"
    rf"|i(?:'d| would) (?:select|choose|pick|tick|include|mark) (?:this|it|that)(?: option| one)?)"
    rf"|{CROSS}|no|not (?:selected|included|chosen|applicable|correct|present)|excluded?|incorrect|false"
    r"|i(?:'d| would) not (?:select|choose|pick|tick|include|mark) (?:this|it|that)(?: option| one)?)\W*"
)
"""A verdict by itself, on the option named last."""

HEADED = re.compile(
    r"\s*(?:[a-z]+ ){0,4}(?:present|absent|supported|unsupported|visible|seen|affected|unaffected|involved"
    r"|uninvolved|abnormal|normal"
    r"|correct|incorrect|selected|chosen|positive|negative|applicable|included|excluded|identified)(?: [a-z]+){0,4}\s*"
    r"|\s*(?:levels?|findings?|options?|items?|conditions?) (?:with|that|in|on|of)(?: [a-z]+){1,6}\s*"
)
"""A heading without a colon that says what the list below it is."""

REVIEW = re.compile(r"\b(?:each|every|one by one|in turn|breakdown|rundown|compare|classify|sort|locate)\b")
"""Words of a line that announces that all is gone through."""

OF_THE_REST = re.compile(
    r"\b(?:(?:everything|nothing) else|nothing (?:[a-z]+ ){0,3}the others?|the (?:others?|rest|remaining))\b"
    r"[^.\n]{0,80}"
    r"|n't (?:[a-z]+ ){1,4}(?:any of )?the others?\b"
)
"""What is said of the options that were not named."""

CHOSEN = re.compile(
    r"\b(?:answers?|choices?|selections?|select|choose|pick|tick|takes? in|includes?|are|is)(?: (?:both|options?"
    r"|all of))?\W{0,3}\Z"
)
"""What stands before letters that are chosen."""

ARE_THE = re.compile(
    r"[\s)]{1,2}(?:(?:is|are)(?: also| then| [a-z]{2,12}ly)? (?:present|seen|visible|noted|identified|evident|found"
    r"|observed)|are(?: also| then| [a-z]{2,12}ly)? the"
    r"|is the (?:only|correct|right|one|answer|level|finding|diagnosis))\b"
)
"""What stands after options that a sentence says of something."""
