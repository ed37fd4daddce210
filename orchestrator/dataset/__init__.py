"""Benchmark files and their pictures; `load` reads the items, `images` prepares what is sent of them."""
