"""WHAT to do: the data room's front door, the rulebooks and the recommendation.

Pure Python and fast: nothing here may import torch, streamlit, `training` or `ui`
(import-linter holds this). Everything that is measured elsewhere arrives as `DatasetFacts`.
"""
