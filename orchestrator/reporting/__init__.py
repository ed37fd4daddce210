"""What a researcher is shown: the JSON object of a run, tables, reports, progress."""
