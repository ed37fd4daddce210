"""The rows the SpineBench paper prints, to be read beside a run: published, never re-measured.

Source: "SpineBench: Benchmarking Multimodal LLMs for Spinal Pathology Analysis", arXiv 2510.12267 (ACM MM 2025).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from orchestrator.records import Json

CITATION = "published in arXiv 2510.12267 (SpineBench, ACM MM 2025), not re-measured"


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One row of the paper's table, in percent as printed; None where the paper prints nothing."""

    model: str
    sdd_accuracy: float
    sll_accuracy: float | None
    sll_precision: float | None
    sll_recall: float | None
    overall: float | None


PUBLISHED = (
    PublishedRow("Random", 20.00, None, None, None, None),
    PublishedRow("Gemini-2.5-pro-exp-03-25", 32.37, 9.35, 48.61, 63.55, 20.86),
    PublishedRow("GPT-4o-2024-11-20", 23.64, 9.69, 46.66, 38.16, 16.67),
    PublishedRow("Claude-3-5-sonnet-20241022", 23.58, 12.64, 48.86, 31.56, 18.11),
    PublishedRow("Llama-3.2-11b-vision-instruct", 19.24, 10.00, 44.65, 21.64, 14.62),
    PublishedRow("Grok 3", 21.45, 10.02, 46.78, 33.40, 15.74),
    PublishedRow("Doubao-1.5-vision-pro-32k", 17.46, 6.14, 44.16, 49.33, 11.80),
    PublishedRow("DeepSeek-VL2", 23.25, 11.39, 45.89, 27.09, 17.32),
    PublishedRow("Qwen2.5-VL-7B-Instruct", 18.26, 12.14, 46.72, 29.73, 15.20),
    PublishedRow("LLaVA-Med v1.5", 21.32, 9.25, 47.92, 24.33, 15.29),
    PublishedRow("HuatuoGPT-Vision-7B", 22.28, 8.80, 40.00, 23.82, 15.84),
    PublishedRow("Med-Flamingo", 19.49, 4.08, 44.60, 8.51, 11.79),
    PublishedRow("MedGemma-4B", 12.15, 5.30, 46.94, 39.14, 8.73),
)


def inconsistencies() -> Iterator[str]:
    """Yield which rows print an overall accuracy that is not the mean of their two tasks."""
    for row in PUBLISHED:
        if row.sll_accuracy is not None and row.overall is not None:
            mean = (row.sdd_accuracy + row.sll_accuracy) / 2
            if abs(mean - row.overall) > 0.0051:
                printed = f"The paper prints {row.overall:.2f} as the mean of {row.model}"
                yield f"{printed}; its two accuracies give {mean:.2f}."


def published_json() -> Json:
    """Return the rows, in percent as printed, and where they come from."""
    return {"source": CITATION, "rows": [asdict(row) for row in PUBLISHED], "notes": list(inconsistencies())}
