"""Checks whether a finished PDF is what it claims to be: PDF/A (ISO 19005), PDF/UA (ISO 14289).

`variants.py` has the standards that `pdf_variant` names; `checking.py` runs what is in `checks/`.
Each check is a function of the file, names the clauses that it reads, and yields what breaks them.
`docs/rendering/archive-and-accessibility.md` lists what is checked and what is not.
"""
