"""WHAT to do: plans, rulebooks, the recommendation. Pure Python: no torch, no streamlit."""
