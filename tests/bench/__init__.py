"""Measurements: each a documented command that writes its figures, with seeds and settings, to ``results/``.

``python -m tests.bench.speed``      gangfinder beside two other pipelines and the bare self-join, in one run
``python -m tests.bench.founding``   gangfinder with the founding typologies only; a row of speed
``python -m tests.bench.towns``      what is found in synthetic towns, and what is not
``python -m tests.bench.partition``  which partition algorithm is the default, and why
``python -m tests.bench.tables``     the tables of the READMEs, from those figures
"""
