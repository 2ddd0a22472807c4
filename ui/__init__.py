"""SHOWING it: Streamlit pages, pictures and the live chart, a room a page. Never imports torch."""
