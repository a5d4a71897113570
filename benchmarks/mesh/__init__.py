"""The program and the documented way on clusters of the sandbox, measured in turn: a table and a picture.

`plan` says what is measured and `command` goes through it; `ours` and `documented` are the ways, `measure`
watches one command; `records` keeps the results, and `table` and `plot` show them.
"""
