"""SHOWING it: Streamlit pages, charts and the live-chart component. Never imports torch."""
