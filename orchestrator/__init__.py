"""Asynchronous evaluation of multimodal models on multiple-choice image benchmarks."""
