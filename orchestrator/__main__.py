"""`python -m orchestrator`: the same program as the `orchestrator` command."""

from orchestrator.cli import main

main()
