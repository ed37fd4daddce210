"""Readers of the source datasets, a module a source, each exactly on its published layout.

A reader takes the folder and yields a `Finding` for every picture it keeps and a `Dropped` for everything it leaves
out, in an order that depends on names alone. A folder that is not the dataset, or a label that is not in the table,
raises BenchmarkError; a single broken row or file does not.
"""
