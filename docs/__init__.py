"""The documentation: pages in Markdown, and what makes its reference from the code."""
