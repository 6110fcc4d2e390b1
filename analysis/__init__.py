"""Analysis tools of bkgen: templates, the published Belle II likelihood and fits to it.

Importing the package is cheap; `likelihood` and `fit` need the extra `analysis` (pyhf, jax).
"""
