"""What the commands do, as functions that a notebook can call as well; `cli` only parses, builds and reports."""
