"""The cache: the only package that knows SQLite.

`database` opens the file and runs work in durable group commits; the other modules are plain functions that such work
is made of, a table family each: `ledger` (claims, attempts, money, replies), `runs` (runs and what they asked),
`processes` (who is alive), `pictures` (known images), `status` (what there is to tell).
"""
