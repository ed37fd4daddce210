"""How ordinary words conclude, deny, place and take leave, on single- and multi-answer items."""

from __future__ import annotations

import pytest

from orchestrator.grading.parse import parse
from orchestrator.records import Answer

SPINE = {
    "A": "Healthy",
    "B": "Spondylolisthesis",
    "C": "Osteophytes",
    "D": "Spinal canal stenosis",
    "E": "Disc space narrowing",
}
LEVELS = {"A": "L1/L2", "B": "L2/L3", "C": "L3/L4", "D": "L4/L5", "E": "L5/S1"}
VERTEBRAE = {"A": "L1", "B": "L2", "C": "L3", "D": "L4", "E": "L5"}
BLEEDING = {"A": "Epidural hematoma", "B": "Cerebral oedema", "C": "Esophageal tumor"}
STATEMENTS = {
    "A": "The spinal cord is compressed",
    "B": "There is cord signal change",
    "C": "The alignment is normal",
    "D": "A fracture of the odontoid is present",
}


def letters(text: str, options: dict[str, str], *, multi: bool) -> str:
    """Return the letters read, joined; nothing where none are."""
    answer = parse(text, options, multi=multi)
    return "".join(answer.letters) if isinstance(answer, Answer) else ""


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("I'd classify this film as C.", "C"),
        ("I would call this osteophytes.", "C"),
        ("A and B do not fit. By exclusion, C.", "C"),
        ("The margins bear spurs, which makes C the most likely answer.", "C"),
        ("Of the two, C is more likely.", "C"),
        ("I think that the image most closely resembles C. The margins bear spurs.", "C"),
        ("Of the five options, C stands out. The margins bear spurs.", "C"),
        ("There is no slip. Option C explains the image better than the rest.", "C"),
        ("Look at the margins. With no slip, they are most consistent with osteophytes of old age.", "C"),
        ("There is no slip.\n\n**Conclusion**\nThe main abnormality is osteophytes at L4, with a thin disc.", "C"),
        ("There is no slip.\n\n=> Osteophytes.", "C"),
        ("I'd say C.", "C"),
        ("The margins bear spurs. These point to C.", "C"),
        ("The margins bear spurs. Option C is the dominant abnormality.", "C"),
        ("Initially, I'd say it is healthy. Hmm, the margins bear spurs. I'll revise: osteophytes.", "C"),
        ("There is no slip, the margins bear spurs.\n1. C", "C"),
        ("Look at the margins. Although the film is dark, these are osteophytes.", "C"),
        ("One may think of a slip at first. The film is dark, but these are osteophytes! 🦴", "C"),
        ("The margins are rounded, the spine can't be called straight. So osteophytes are what is seen.", "C"),
        ("Heights, discs and margins are as they should be. I would say the spine is normal.", "A"),
        ("I don't see anything abnormal, so I would classify this as a healthy spine.", "A"),
        ("I would choose osteophytes.\n\nPlease note that this is not a diagnosis. Consult a radiologist.", "C"),
        ("These are osteophytes.\n\nI am an AI and cannot replace a radiologist. Would you like to know more?", "C"),
        (f"These are osteophytes.{' Always consult a doctor.' * 6}", "C"),
        ("A: no. B: no. C: yes. D: no. E: no.", "C"),
        ("A: unlikely, no.\nB: unlikely, no slip.\nC: likely, spurs.\nD: unlikely.\nE: unlikely.", "C"),
        ("Option A: smooth. Not supported.\nOption B: Not supported.\nOption C: rough. Supported.\n"
         "Option D: Not supported.\nOption E: Not supported.", "C"),
    ],
)  # fmt: skip
def test_ordinary_words_that_conclude_are_read(text: str, letter: str) -> None:
    """By letter or text, with what stands around them."""
    assert letters(text, SPINE, multi=False) == letter


@pytest.mark.parametrize(
    "text",
    [
        # denied, doubted, or what others say
        "I don't think the answer is C.",
        "I doubt the answer is C.",
        "It is not true that the answer is C.",
        "It would be wrong to say that the answer is C.",
        "Many would say the answer is C.",
        "It is unlikely that the answer is C.",
        "I wouldn't classify this as C.",
        "Radiologists call it C.",
        "The answer is C. Just kidding, it's B.",
        # thrown out
        "Not option C.",
        "Anything but (C).",
        "I reject option C.",
        "Option C does not fit.",
        "Option C is a trap.",
        "C - not this one",
        "C, no.",
        "C. Osteophytes - No",
        "C. Osteophytes: excluded",
        "C: no, B: yes",
        "My final option: [C] is wrong.",
        "Osteophytes seems less likely.",
        "Osteophytes do not explain this image.",
        "Hardly osteophytes.",
        "This argues against osteophytes.",
        "The spine lacks osteophytes.",
        "Nothing suggests osteophytes.",
        "You asked whether there are osteophytes.",
        "Osteophytes are unlikely here.",
        "Osteophytes? No.",
        "The height is kept, which makes osteophytes unlikely. It is a tumour.",
        "- Osteophytes: I see none.\n- Spondylolisthesis: I see none.\n- Healthy: the film is dark.",
        # placed, compared, given a share
        "The arrow points at the part that lies posterolateral to osteophytes and beneath the skin.",
        "A: 20%, B: 60%, C: 20%",
        "1. C\n2. B",
        # only begun, only offered
        "Let me weigh each of them.\n\n**Option C, osteophytes.** For these one would need to see bony spurs at the",
        "Let me consider each of the options:\n\nC. Osteophytes: these are bony spurs. In this image the margins",
        "What is seen?\nOptions:\nA. Healthy\nB. Spondylolisthesis\nC. Osteophytes\nD. Spinal canal stenosis\nAnswer:",
        "选项分析：\nA 健康：不符合",
        "Elimination: C",
    ],
)
def test_what_is_denied_thrown_out_placed_or_only_begun_is_no_answer(text: str) -> None:
    """However close a letter or a text stands to words of choosing."""
    assert letters(text, SPINE, multi=False) == ""


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("It looks like an epidural haematoma.", "A"),
        ("It looks like cerebral edema.", "B"),
        ("It looks like an oesophageal tumour.", "C"),
    ],
)
def test_words_are_the_same_as_spelled_in_britain_and_america(text: str, letter: str) -> None:
    """In the output and in the options."""
    assert letters(text, BLEEDING, multi=False) == letter


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        # set apart from all others
        ("All discs are normal except L4/L5.", "D"),
        ("All levels are normal except for L4/L5 and L5/S1.", "DE"),
        ("Apart from L4/L5 and L5/S1, the discs are unremarkable.", "DE"),
        ("With the exception of L5/S1, all discs look healthy.", "E"),
        ("Every disc but L5/S1 is normal.", "E"),
        ("No level apart from L5/S1 is affected.", "E"),
        ("All levels are affected except L1/L2.", "BCDE"),
        ("Every level except L3/L4 therefore shows osteophyte formation.", "ABDE"),
        ("Apart from L1/L2, which is normal, the levels L4/L5 and L5/S1 are worn.", "DE"),
        # what was as it should be
        ("The discs at L4/L5 and L5/S1 have lost their bright signal.", "DE"),
        ("Marrow lesions replace the normal fat at L4/L5.", "D"),
        ("Dark signal is seen at L4/L5. The column at L1/L2 and L5/S1 is continuous.", "D"),
        # more and less of the same, something and nothing
        ("L5/S1 is the worse of the two, whereas L4/L5 shows a moderate protrusion.", "DE"),
        ("L5/S1 shows a protrusion, whereas L4/L5 does not.", "E"),
        ("L5/S1 is the most worn level. The disc above, L4/L5, is less affected but worn.", "DE"),
        ("Degeneration spares L3/L4 but involves L4/L5.", "D"),
        ("I would pick L4/L5 over L5/S1.", "D"),
        # ranges, several, all
        ("The answer is C to E.", "CDE"),
        ("Wear is seen at every level from L2/L3 to L5/S1.", "BCDE"),
        ("Two discs are worn: the one between L4 and L5 and the one between L5 and the sacrum.", "DE"),
        ("L1/L2, L2/L3, L3/L4, L4/L5 and L5/S1 all show wear.", "ABCDE"),
        ("L1/L2, L2/L3, L3/L4, L4/L5 and L5/S1 all need to be looked at.", ""),
        ("Of the five discs, just one—L4/L5—shows a tear.", "D"),
        # steps to a conclusion
        ("**Step 1: Look.** L1/L2 shows a thin line.\n\n**Step 2: Conclude.** The tears are at L4/L5 and L5/S1.", "DE"),
        ("L4/L5 is torn. L3/L4 I first took to be fine. Final assessment: L3/L4, L4/L5 and L5/S1.", "CDE"),
        ("Assuming five lumbar vertebrae, the torn discs are L3/L4 and L5/S1.", "CE"),
        ("Assuming that he fell, the torn discs are L3/L4 and L5/S1.", ""),
        ("Final answer: D and E are normal", ""),
        ("Wear is visible at L3/L4 and L4/L5. At L5/S1 it is thin, which is normal for this level.", "CD"),
        ("The options are A: L1/L2, B: L2/L3, C: L3/L4, D: L4/L5, E: L5/S1. More than one may be correct.", ""),
        ("A. L1/L2 - a line of fluid. Present.\nB. L2/L3 - dry. Absent.\nC. L3/L4 - fluid. Present.", "AC"),
    ],
)  # fmt: skip
def test_levels_are_read_as_a_report_tells_them(text: str, wanted: str) -> None:
    """Apart from others, by what they lost, against each other, as ranges, and step by step."""
    assert letters(text, LEVELS, multi=True) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("T12 is fine. L1 through L3 all show reduced height.", "ABC"),
        ("- L1: wedge-shaped\n- L2: dented as well\n- L3: intact\n\nThe fractured vertebrae are L1 and L2.", "AB"),
    ],
)
def test_vertebrae_are_levels_too(text: str, wanted: str) -> None:
    """With their ranges."""
    assert letters(text, VERTEBRAE, multi=True) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Apart from some disc space narrowing, this study is unremarkable.", "E"),
        ("The film is normal except for osteophytes and disc space narrowing.", "CE"),
        ("The spine looks healthy: alignment is normal, there are no spurs.", "A"),
        ("Wear with preserved disc spaces points to spondylolisthesis.", "B"),
        ("These are most consistent with osteophytes. Spinal canal stenosis would be less likely.", "C"),
        ("A tear of the annulus is evident, accompanied by disc space narrowing.", ""),
        ("I first took it for osteophytes, but it is a spondylolisthesis.", "B"),
        ("It should rather be called a spondylolisthesis.", "B"),
        ("I would interpret these spurs as osteophytes. Both sides seem unaffected.", "C"),
        ("So there is spondylolisthesis (B). Its canal is tight, so stenosis is present (D). Overall, B and D.", "BD"),
    ],
)
def test_findings_are_read_as_a_report_tells_them(text: str, wanted: str) -> None:
    """What a sign is of, what is set apart, what was thought first; not what stands beside something unnamed."""
    assert letters(text, SPINE, multi=True) == wanted


def test_options_that_are_whole_sentences_are_read_one_after_another() -> None:
    """Each is chosen."""
    assert letters("The spinal cord is compressed. There is cord signal change.", STATEMENTS, multi=True) == "AB"
