// plotly's script, loaded once a browser window: by the chart itself, or ahead of it by ui/train/live_chart.py's `load_ahead`.
function thawLoadPlotly(url) {
  // Kept under its own name: Streamlit bundles another plotly, which must not be disturbed.
  window.__thawPlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => { window.__thawPlotly = undefined; script.remove(); reject(new Error("plotly.js did not load")); };
    document.head.append(script);
  });
  return window.__thawPlotly;
}
