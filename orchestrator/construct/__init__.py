"""Builds a multiple-choice image benchmark from source datasets, the way the SpineBench paper did.

    sources -> Findings -> prepared pictures -> Cases -> embeddings -> similarity table -> Items -> files

Same inputs, seed, locked versions and cached embeddings give byte-identical files. Nothing here pays for anything: a
model that paraphrases is handed in as a `Complete`.
"""
