"""Words with which an output gives no answer: it declines, finds no option right, or cannot tell.

Always holds: patterns read lower-case text and never nest unbounded repetitions; none names a label or an option.
"""

from __future__ import annotations

import re

from orchestrator.grading.patterns import words

_OPEN = r"(?:open|access|load|view) (?:the|your|this|any|that) "
REFUSAL = re.compile(
    r"i(?<![a-z]i)(?:'m| am)? ?(?:just )?(?:(?:sorry|apologi[sz]e)\b|must decline|refuse to"
    r"|(?:(?:am |'m )?(?:unable|not able) to|cannot|can't|can not|won't|will not|do not feel|don't feel"
    r"|would rather not)"
    r" (?:\w{1,12} ){0,2}?(?:answer|analy[sz]e|provide|assist"
    r"|(?:choose|select|pick)(?! (?:it|this|that|them)\b)|give|help|comply|offer|make(?! out)"
    r"|express|engage"
    r"|discuss"
    r"|identify|diagnose|interpret|participate|respond|fulfil|comfortable|recommend|share|take)"
    r"|(?:do not|don't) (?:\w{1,12} ){0,2}?(?:personal|opinions?|beliefs?|feelings|experiences?|emotions|preferences"
    r"|the ability|the capacity|the capability)"
    r"|an? (?:\w{1,12} ){0,2}(?:ai\b|artificial intelligence|language model|assistant\b))"
    rf"|unable to {_OPEN}|not able to {_OPEN}|can(?:not|'t) {_OPEN}"
    r"|do(?: not|n't) have access to (?:the|your|this|any|that) "
    r"|as an? (?:\w{1,12} ){0,3}(?:ai\b|language model|assistant\b)"
    r"|作为一个?(?:ai|人工智能|语言模型)|我(?:无法|不能)(?:回答|提供|选择|判断)|抱歉|对不起"
)
"""That the model declines to answer."""

GOES_ON = re.compile(
    r"[^.\n]{0,120}[.,;]?\s(?:but|however|that said|nevertheless)\b"
    r"[^.\n]{0,100}\b(?:(?:can|could|will|would)\b(?!'t| not)|let me\b|based on\b)"
)
"""After words that decline something: the model goes on to answer all the same."""

YET = re.compile(words("while|although|though|but|however|nevertheless|still"))
"""Words of a sentence that declines one thing and goes on to another."""

AS_MODEL = re.compile(
    r"(?:i(?:'m| am)? ?(?:just )?|as )an? (?:\w{1,12} ){0,3}(?:ai|artificial intelligence|language model|assistant)"
)
"""That the model says what it is, which by itself declines nothing."""

NONE = re.compile(
    r"n(?<![a-z]n)(?:one of (?:the (?:above|options?|choices?|answers?|given|provided|listed(?! (?:patholog|finding"
    r"|condition|disease|abnormalit))|available|following|statements?"
    r"|(?:three|four|five)(?! (?:is|are) (?:spared|normal)))|these|those"
    r"|them\b(?! (?:is|are|has|have|shows?|retains?|keeps?|looks?|appears?) (?:\w+ ){0,2}?(?:normal|bright|spared"
    r"|healthy|preserved|intact|un\w+)\b)|above)"
    r"|either (?:of the )?(?:options?|choices?|answers?)\b"
    r"|o (?:correct|right|valid|suitable|appropriate) (?:answer|option|choice)\b"
    r"|ot (?:listed|among|included|one of|present|given|available|mentioned) (?:in |among |as |of )?"
    r"(?:the |any |these )?(?:given |provided |available )?(?:options?|choices?|answers?|list)"
    r"|(?:ot|'t) (?:think |believe |see )?(?:that )?any of the (?:given |provided |available |listed )?(?:options?"
    r"|choices?)"
    r"|o(?:t any)? (?:of the )?(?:options?|choices?) (?:is|are|that|match|provided|given|listed)|ot any of the\b)"
    r"|n't (?:\w{1,12} ){0,2}(?:at|in|by) any of the (?:\w{1,12} )?(?:options?|choices?|levels?)"
    r"|以上(?:选项|答案)?(?:都|皆|均)(?:不|错)|没有(?:正确|合适|符合|一个)|选项(?:都|均)(?:不|错)"
)
"""That no option is right."""

NOT_LISTED = re.compile(r"not (?:listed|among|included|one of|present|given|available|mentioned)")
"""A match of `NONE` that free prose may say of something else than an answer."""

UNKNOWN = re.compile(
    r"torn between\b|undecided\b|can(?:not|'t| not)\b(?! be (?:called|considered|classified|regarded))"
    r"|could not\b|unable to\b"
    r"|not (?:possible to|able to|enough information)\b"
    r"|impossible to\b|difficult to\b|insufficient information\b|无法(?:确定|判断|得出)|不能确定|信息不足"
)
"""That the answer cannot be told."""

UNTELLABLE = re.compile(
    r"(?:cannot|can't|can not|could not|couldn't|unable to|not possible to|impossible to|difficult to|hard to"
    r"|challenging to"
    r"|not able to)"
    r"(?: \w{1,14}){0,2}? (?:determine|tell|told|say|said|decide|answer|know|conclude|identify|judge|settle|resolve"
    r"|choose|be sure)"
    r"|(?:might|may) depend on|if you (?:tell|show|send|give) me|(?:not|n't) commit"
    r"|(?:not enough|insufficient) information|无法(?:确定|判断|得出)|不能确定|信息不足"
)
"""That the answer cannot be told, in so many words."""
