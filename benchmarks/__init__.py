"""How fast fhir-blina is, beside other programs that do the same: ``python -m benchmarks``.

A task is done by contenders, each run in a process of its own, in turns, with the same seeded data; what they
answer is compared. ``measured.json`` holds the run of which ``docs/benchmarks.md`` tells. Some modules are
scripts as well, which measure one thing in depth: ``push``, ``pull``, ``run``, ``validation``, ``views``.
"""
